"""The filter's states in a time of its own, each value worked out by hand."""

import math

import pytest

from fourier_depth_ros.core.scale_filter import ScaleFilter, Smoothing

SMOOTHING = Smoothing(time_constant=1.0, max_jump=0.25, patience=2.0)


class Run:
    """A filter, and a clock that only moves here."""

    def __init__(self):
        self.now = 100.0
        self.filter = ScaleFilter(lambda: self.now)

    def after(self, seconds, measured, smoothing=SMOOTHING):
        self.now += seconds
        self.filter.update(measured, smoothing)
        return self.filter.scale

    @property
    def state(self):
        return self.filter.state(SMOOTHING)


@pytest.fixture
def run():
    return Run()


def test_nothing_before_the_first_which_is_taken_at_once(run):
    assert (run.after(5, None), run.state) == (None, "waiting")
    assert (run.after(0.1, 1.8), run.state) == (1.8, "tracking")


def test_the_first_few_are_averaged_in_log_scale(run):
    """At 10 ms the exponential average alone would take 1 % of each."""
    run.after(0, 1.6)
    assert run.after(0.01, 1.8) == pytest.approx(math.sqrt(1.6 * 1.8))
    assert run.after(0.01, 2.0) == pytest.approx((1.6 * 1.8 * 2.0) ** (1 / 3))


def test_then_the_average_is_exponential_in_time(run):
    for _ in range(500):
        run.after(0.01, 1.0)
    # one time constant in one step: 1 - 1 / e of the way, in log
    assert run.after(1.0, 1.2) == pytest.approx(1.2 ** (1 - math.exp(-1)))
    fast = Smoothing(time_constant=0.0, max_jump=0.25, patience=2.0)
    assert run.after(0.01, 1.1, fast) == pytest.approx(1.1)


def test_frozen_and_never_lost(run):
    run.after(0, 1.8)
    assert (run.after(2.0, None), run.state) == (1.8, "tracking")
    assert (run.after(0.1, None), run.state) == (1.8, "frozen")
    assert (run.after(1e6, None), run.state) == (1.8, "frozen")
    assert run.filter.unsupported_seconds == pytest.approx(1e6 + 2.1)
    run.after(0.1, 1.9)
    assert run.state == "tracking"
    assert run.filter.scale == pytest.approx(1.9)


def test_a_jump_is_refused_and_forgotten(run):
    run.after(0, 1.8)
    assert (run.after(0.1, 1.8 * 1.26), run.state) == (1.8, "refusing")
    assert run.filter.refused == pytest.approx(1.8 * 1.26)
    run.after(0.1, 1.8)
    assert (run.filter.scale, run.state, run.filter.refused) == (1.8, "tracking", None)
    # the clock of a jump begins anew
    assert run.after(1.95, 3.0) == pytest.approx(1.8)
    assert run.after(0.1, 3.0) == pytest.approx(1.8)


@pytest.mark.parametrize("new", [0.9, 3.6])
def test_a_jump_that_persists_is_taken(run, new):
    run.after(0, 1.8)
    run.after(0.1, new)
    assert run.after(1.0, None) == 1.8
    run.after(0.5, 1.1 * new)
    assert run.after(0.4, new) == 1.8  # 1.9 s: not yet
    assert run.after(0.1, new) == pytest.approx(new)  # the median of new, 1.1 new, new, new
    assert run.state == "tracking"


def test_jumps_to_here_and_there_never_persist(run):
    run.after(0, 1.8)
    for _ in range(50):
        assert run.after(0.5, 4.0) == 1.8
        assert run.after(0.5, 0.5) == 1.8


def test_one_or_two_measurements_are_no_persistence(run):
    impatient = Smoothing(time_constant=1.0, max_jump=0.25, patience=0.0)
    run.after(0, 1.8, impatient)
    assert run.after(1, 4.0, impatient) == 1.8
    assert run.after(1, 4.0, impatient) == 1.8
    assert run.after(1, 4.0, impatient) == 4.0
