"""A module of this package in a process of its own, as the demo and the benchmark run the node."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def child(module: list[str], quiet: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """``[NAME, ARGUMENTS...]`` of this package, ended by Ctrl-C's signal; ``quiet``: unheard."""
    name, *arguments = module
    command = [sys.executable, "-m", f"fourier_depth_ros.{name}", *arguments]
    sink = subprocess.DEVNULL if quiet else None
    process = subprocess.Popen(command, stdout=sink, stderr=sink)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
