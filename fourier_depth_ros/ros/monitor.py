"""What the node has seen lately: rates, ages, stage times, and the last reason for trouble."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field

import numpy as np

#: What happened longer ago than this is no longer reported [s].
WINDOW = 10.0


@dataclass(frozen=True)
class Snapshot:
    """The last WINDOW seconds. Ages [s] run from the image's stamp to the output's publication.

    seconds_since_image is None before the first image; trouble is the last failed frame's reason,
    '' once a later frame worked.
    """

    received_hz: float
    published_hz: float
    dropped: int
    failed: int
    seconds_since_image: float | None
    ages: list[float] = field(default_factory=list)
    stages: dict[str, list[float]] = field(default_factory=dict)
    invalid_share: float | None = None
    trouble: str = ""


class Monitor:
    """Counts from the executor's and the worker's thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._received: deque[float] = deque(maxlen=2000)
        self._published: deque[tuple[float, float, dict[str, float], float]] = deque(maxlen=2000)
        self._start = time.monotonic()
        self._dropped = self._failed = 0
        self._last_image: float | None = None
        self._trouble = ""

    def received(self) -> None:
        """An image arrived."""
        with self._lock:
            self._last_image = time.monotonic()
            self._received.append(self._last_image)

    def dropped(self) -> None:
        """A waiting image was replaced by a newer one."""
        with self._lock:
            self._dropped += 1

    def failed(self, reason: str) -> None:
        """A frame gave no depth."""
        with self._lock:
            self._failed += 1
            self._trouble = reason

    def published(self, age: float, stages: dict[str, float], invalid_share: float) -> None:
        """A frame's outputs are out."""
        with self._lock:
            self._published.append((time.monotonic(), age, stages, invalid_share))
            self._trouble = ""

    def snapshot(self) -> Snapshot:
        """The last WINDOW seconds."""
        with self._lock:
            now = time.monotonic()
            since = now - WINDOW
            span = min(WINDOW, max(now - self._start, 1e-3))
            frames = [frame for frame in self._published if frame[0] >= since]
            stages: dict[str, list[float]] = {}
            for _, _, seconds, _ in frames:
                for stage, value in seconds.items():
                    stages.setdefault(stage, []).append(value)
            return Snapshot(
                received_hz=sum(t >= since for t in self._received) / span,
                published_hz=len(frames) / span,
                dropped=self._dropped,
                failed=self._failed,
                seconds_since_image=None if self._last_image is None else now - self._last_image,
                ages=[age for _, age, _, _ in frames],
                stages=stages,
                invalid_share=float(np.mean([f[3] for f in frames])) if frames else None,
                trouble=self._trouble,
            )
