"""The live scale over time: smoothed, frozen while nothing measures it, slow to believe a jump."""

from __future__ import annotations

import math
import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

#: A jump is believed on so many measurements at least, however short the patience.
ENOUGH = 3
#: As many of the latest speak for what a jump leads to.
REMEMBERED = 101

FilterState = Literal["waiting", "tracking", "refusing", "frozen"]


@dataclass(frozen=True)
class Smoothing:
    """How quickly the filter follows.

    time_constant: of the exponential average of log scale [s]; 0: the latest measurement counts.
    max_jump: a measurement off by more than this factor - 1 is refused. patience: how long one has
    to be measured again and again until it is taken, and support to be missing until the state is
    called frozen [s].
    """

    time_constant: float
    max_jump: float
    patience: float


class ScaleFilter:
    """A scale from measurements of it, once a frame.

    The first is taken at once, and the first few are averaged alike, so that it is right soon; then
    the average is exponential in time. Without measurements it stays. A measurement that would
    jump changes nothing; others near it, for ``patience`` seconds without one that would not jump,
    put the filter there.

    Args:
        clock: seconds, never backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        #: What there is; None before the first measurement.
        self.scale: float | None = None
        self._count = 0
        self._taken = self._supported = clock()
        self._refused: deque[float] = deque(maxlen=REMEMBERED)
        self._refused_since = 0.0

    def update(self, measured: float | None, smoothing: Smoothing) -> None:
        """A frame measured this scale; None: it had no support."""
        if measured is None:
            return
        now = self._supported = self._clock()
        jump = math.log1p(smoothing.max_jump)
        if self.scale is None:
            self._restart(measured, now)
        elif _apart(measured, self.scale) <= jump:
            self._refused.clear()
            self._blend(measured, now, smoothing.time_constant)
        else:
            self._refuse(measured, now, jump, smoothing.patience)

    def state(self, smoothing: Smoothing) -> FilterState:
        """What it does now."""
        if self.scale is None:
            return "waiting"
        if self.unsupported_seconds > smoothing.patience:
            return "frozen"
        return "refusing" if self._refused else "tracking"

    @property
    def unsupported_seconds(self) -> float:
        """The time since the last measurement, taken or not; before the first since the start."""
        return self._clock() - self._supported

    @property
    def refused(self) -> float | None:
        """Where the measurements are that would jump; None while there are none."""
        latest = tuple(self._refused)  # another thread may clear it
        return statistics.median(latest) if latest else None

    def _restart(self, scale: float, now: float) -> None:
        self.scale, self._count, self._taken = scale, 1, now
        self._refused.clear()

    def _blend(self, measured: float, now: float, time_constant: float) -> None:
        assert self.scale is not None
        self._count += 1
        elapsed = now - self._taken
        share = -math.expm1(-elapsed / time_constant) if time_constant > 0 else 1.0
        share = max(share, 1 / self._count)
        self.scale *= (measured / self.scale) ** share
        self._taken = now

    def _refuse(self, measured: float, now: float, jump: float, patience: float) -> None:
        agreed = self.refused
        if agreed is None or _apart(measured, agreed) > jump:
            self._refused.clear()
            self._refused_since = now
        self._refused.append(measured)
        if len(self._refused) >= ENOUGH and now - self._refused_since >= patience:
            self._restart(statistics.median(self._refused), now)


def _apart(scale: float, other: float) -> float:
    return abs(math.log(scale / other))
