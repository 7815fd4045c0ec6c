"""Where the time goes."""

from __future__ import annotations

import time


class StageClock:
    """Seconds spent in each stage of some work, in the order of their first end."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def mark(self, stage: str) -> None:
        """The time since the last mark was ``stage``."""
        now = time.perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now
