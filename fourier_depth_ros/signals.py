"""Ending in order: SIGINT and SIGTERM set a flag, and whoever works looks at it between two things.

An exception in the middle (Python's KeyboardInterrupt, rclpy's own handler) would leave a step half
done, or shut a ROS context down under whatever callback is running then.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether SIGINT or SIGTERM came.

    A plain flag: a handler that sets a threading.Event deadlocks where it interrupts that event's
    ``wait``, which holds the lock that ``set`` takes.
    """

    def __init__(self) -> None:
        self.number = 0

    @property
    def came(self) -> bool:
        """Whether a signal came; ``number`` is the first one's, 0 before."""
        return self.number != 0

    def wait(self, until: float) -> bool:
        """Sleep ``until`` that time of time.monotonic() [s] or a signal; whether one came."""
        while not self.came and (seconds := until - time.monotonic()) > 0:
            time.sleep(min(seconds, 0.1))  # a signal's handler runs at once, but the sleep goes on
        return self.came

    def set(self, number: int, *_: object) -> None:
        """Handle a signal; a later one changes nothing."""
        self.number = self.number or number


@contextmanager
def stop_on_signals(message: str | None = None) -> Iterator[Stop]:
    """Within the block a signal sets the flag, and a second, impatient one changes nothing.

    With ``message``, for work that takes long to come to an end: the first signal writes it to
    stderr, and a second ends the process at once.

    Signals reach only a process's main thread; in another, nothing stops.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    process = os.getpid()

    def handle(number: int, *_: object) -> None:
        stop.set(number)
        if message is not None:
            for each in _NUMBERS:
                signal.signal(each, signal.SIG_DFL)
            # a forked worker gets Ctrl-C as well, and works on until this process ends it; no
            # print, which the signal may have interrupted
            if os.getpid() == process:
                os.write(2, f"\nfourier-depth: {message}\n".encode())

    before = {number: signal.signal(number, handle) for number in _NUMBERS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
