"""Ending in order: SIGINT and SIGTERM set a flag, and the ROS context lives until we take it down.

rclpy's own handler shuts the context down at once, under whatever callback is running then.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class Stop:
    """Whether SIGINT or SIGTERM came.

    A plain flag: a handler that sets a threading.Event deadlocks where it interrupts that event's
    ``wait``, which holds the lock that ``set`` takes.
    """

    def __init__(self) -> None:
        self.came = False

    def wait(self, until: float) -> bool:
        """Sleep ``until`` that time of time.monotonic() [s] or a signal; whether one came."""
        while not self.came and (seconds := until - time.monotonic()) > 0:
            time.sleep(min(seconds, 0.1))  # a signal's handler runs at once, but the sleep goes on
        return self.came

    def set(self, *_: object) -> None:
        """Handle a signal; a second, impatient one changes nothing."""
        self.came = True


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Signals reach only a process's main thread; in another, nothing stops."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.signal(number, stop.set) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
