"""SIGINT and SIGTERM as flags, in processes of their own."""

import signal
import subprocess
import sys

import pytest

WORK = """
import os, sys, time
from fourier_depth_ros.signals import stop_on_signals
with stop_on_signals({message!r}) as stop:
    worker = os.fork()
    print("ready", flush=True)
    while not stop.came:
        time.sleep(0.01)
    if not worker:
        os._exit(0)
    print("came", stop.number, flush=True)
    sys.stdin.read()
    print("second changed nothing", flush=True)
print("end", flush=True)
time.sleep(60)
"""


def work(message: str | None) -> subprocess.Popen:
    """Waits for a signal as its forked worker does, says so, and goes on at the end of stdin."""
    process = subprocess.Popen(
        [sys.executable, "-c", WORK.format(message=message)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_announced_and_the_second_ends_at_once(number):
    process = work("coming to an end")
    subprocess.run(["kill", f"-{int(number)}", "--", f"-{process.pid}"], check=True)
    assert process.stdout.readline() == f"came {int(number)}\n"
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == -number
    assert (out, err) == ("", "\nfourier-depth: coming to an end\n")  # not by the worker, too


def test_without_a_message_an_impatient_signal_changes_nothing_in_the_block():
    process = work(None)
    process.send_signal(signal.SIGTERM)
    assert process.stdout.readline() == f"came {int(signal.SIGTERM)}\n"
    process.send_signal(signal.SIGINT)
    process.stdin.close()
    assert process.stdout.readline() == "second changed nothing\n"
    assert process.stdout.readline() == "end\n"
    process.send_signal(signal.SIGTERM)  # after the block a signal is what it was before
    assert process.wait(timeout=30) == -signal.SIGTERM
