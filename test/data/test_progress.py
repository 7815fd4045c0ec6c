"""How far a long run is: on a terminal, and in a log."""

import os
import sys

import pytest
from terminals import open_terminal

from fourier_depth_ros.data import progress
from fourier_depth_ros.data.progress import track


@pytest.fixture
def clock(monkeypatch):
    """Four seconds pass with each item."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_in_a_log_it_is_a_line_every_ten_seconds(clock, capsys):
    for _ in track(range(8), "to fit on", 9):
        clock.now += 4.0
    # 12 s are over after 3 pictures, 24 s after 6
    assert capsys.readouterr().err.splitlines() == [
        "fourier-depth: to fit on: 3 of 9 pictures, 00:24 left",
        "fourier-depth: to fit on: 6 of 9 pictures, 00:12 left",
    ]


def test_nobody_may_know_how_many_there_are(clock, capsys):
    for _ in track(range(4), "predicted", None):
        clock.now += 4.0
    assert capsys.readouterr().err == "fourier-depth: predicted: 3 pictures in 00:12\n"


def test_what_is_quick_leaves_no_line(capsys):
    assert list(track("abc", "decoded", 3)) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""


def test_the_other_processes_say_nothing(clock, capsys):
    for _ in track(range(8), "evaluated", 8, shown=False):
        clock.now += 4.0
    assert capsys.readouterr().err == ""


def test_on_a_terminal_it_is_a_bar_with_the_time_left(monkeypatch):
    reader, writer = open_terminal()
    with open(writer, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        for _ in track(range(3), "evaluated", 3):
            pass
    shown = os.read(reader, 10000).decode()
    os.close(reader)
    assert "evaluated: 100%" in shown
    assert "3/3 [00:00<00:00" in shown
