"""A thread with a slot for the latest item: what comes while it works replaces what waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class LatestWorker(Generic[Item]):
    """Calls ``work`` with the newest item put, in a thread of its own.

    The age of a result never grows under overload: an item that is replaced is never seen, and
    ``dropped`` is called. An exception of ``work`` goes to ``failed`` and the next item is taken.
    """

    def __init__(
        self,
        work: Callable[[Item], None],
        failed: Callable[[Exception], None],
        dropped: Callable[[], None],
        name: str,
    ) -> None:
        self._work = work
        self._failed = failed
        self._dropped = dropped
        self._item: Item | None = None
        self._stopping = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: Item) -> None:
        """Hand over an item; returns at once."""
        with self._changed:
            if self._item is not None:
                self._dropped()
            self._item = item
            self._changed.notify()

    def stop(self) -> None:
        """Let the item in work finish, drop the one that waits, and join the thread."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._stopping or self._item is not None)
                if self._stopping:
                    return
                item, self._item = self._item, None
            try:
                self._work(item)  # type: ignore[arg-type]
            except Exception as error:
                self._failed(error)
