"""SIGINT and SIGTERM as flags, in processes of their own."""

import os
import signal
import subprocess
import sys

import pytest

WORK = """
import os, sys, time
from fourier_depth_ros.signals import stop_on_signals
with stop_on_signals({message!r}) as stop:
    worker = os.fork()
    os.write(1, b"ready\\n")
    while not stop.came:
        time.sleep(0.01)
    if not worker:
        os._exit(0)
    print("came", stop.number, flush=True)
    sys.stdin.readline()
    print("second changed nothing", flush=True)
print("end", flush=True)
time.sleep(60)
"""


def work(message: str | None) -> subprocess.Popen:
    """Waits for a signal as its forked worker does, says so, and goes on at a line of input."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORK.format(message=message)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert [process.stdout.readline() for _ in range(2)] == ["ready\n"] * 2
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_announced_and_the_second_ends_at_once(number):
    process = work("coming to an end")
    os.killpg(process.pid, number)
    assert process.stdout.readline() == f"came {int(number)}\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == -number
    assert (out, err) == ("", "\nfourier-depth: coming to an end\n")  # not by the worker, too


def test_without_a_message_an_impatient_signal_changes_nothing_in_the_block():
    process = work(None)
    os.killpg(process.pid, signal.SIGTERM)
    assert process.stdout.readline() == f"came {int(signal.SIGTERM)}\n"
    process.send_signal(signal.SIGINT)
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "second changed nothing\n"
    assert process.stdout.readline() == "end\n"
    process.send_signal(signal.SIGTERM)  # after the block a signal is what it was before
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGTERM
