"""target_rate: as good a depth as there is time for, found out while frames flow."""

from __future__ import annotations

import math
import statistics
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fourier_depth_ros.config import CombinationSettings
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.ros.settings import NodeParameters

#: Frames after a step that tell nothing: graphs are captured, caches are filled.
SETTLE = 2
#: Frames whose median speaks for a rung ...
FRAMES = 5
#: ... or as many as fill this time where the rate that is wanted is slow [s]; at least LATE. Of an
#: even number the faster speaks for staying and the slower for a step up: no rung is left, and none
#: is reached, for one frame's sake.
SECONDS = 1.0
#: A step up is made if it is expected to take at most this share of the period ...
HEADROOM = 0.85
#: ... or, from the bottom, where nothing is known yet, if a frame takes at most this share: what
#: more crops cost (on a GPU far less than their number says) only a trial tells. A trial is the
#: first time on any rung.
TRIAL = 0.7
#: A trial ends at so many late frames; one alone may have had other reasons.
LATE = 2
#: Frames after which what a trial told is forgotten: the machine may have been busy just then.
FORGET = 3000


class Pacer:
    """Climbs and descends a ladder of growing costs, so that a frame takes at most ``period``.

    It starts at the bottom and knows nothing of depth: the times of frames in, a rung out.

    Args:
        costs: of each rung, in any unit; growing.
        period: what a frame may take [s].
    """

    def __init__(self, costs: Sequence[float], period: float) -> None:
        self.period = period
        self.rung = 0
        #: What a frame takes on the present rung [s]; None while that is not known.
        self.seconds: float | None = None
        self._costs = costs
        self._frames = 0
        self._recent: deque[float] = deque(maxlen=FRAMES)
        self._settling = self._settle
        #: Where the last step up began, and what a frame took there [s]; None once it is judged.
        self._below: tuple[int, float] | None = None
        #: Rung -> (how many times the rung below it takes, the frame at which that was seen).
        self._growth: dict[int, tuple[float, int]] = {}

    def frame(self, seconds: float) -> bool:
        """A frame took so long; whether the next one is on another rung."""
        self._frames += 1
        if self._settling:
            self._settling -= 1
            return False
        self._recent.append(seconds)
        if len(self._recent) >= self._enough:
            self.seconds = statistics.median_low(self._recent)
        late = [each for each in self._recent if each > self.period]
        took = min(late) if self._on_trial and len(late) == LATE else self.seconds
        if took is None:
            return False
        slow = statistics.median_high(self._recent)
        if self._below is not None:
            self._learn(*self._below, slow)
            self._below = None
        if took > self.period:
            return self._step(self._rung_within(took))
        return self._step(self._rung_above(slow), slow)

    def step_back(self) -> bool:
        """A frame could not be computed on this rung; whether there is a lower one."""
        self._growth[self.rung] = (math.inf, self._frames)
        return self._step(max(self.rung - 1, 0))

    @property
    def _enough(self) -> int:
        """The frames that are judged: fewer of a slow rate's, or a step would take long."""
        return min(FRAMES, max(LATE, round(SECONDS / self.period)))

    @property
    def _settle(self) -> int:
        return min(SETTLE, self._enough - 1)

    def _step(self, rung: int, took: float | None = None) -> bool:
        """To another rung; ``took``: what a frame takes on this one, if the step is up."""
        if rung == self.rung:
            return False
        self._below = None if took is None else (self.rung, took)
        self.rung = rung
        self._settling = self._settle
        self._recent.clear()
        self.seconds = None
        return True

    @property
    def _on_trial(self) -> bool:
        return self._below is not None and self._known_growth(self.rung) is None

    def _learn(self, start: int, before: float, took: float) -> None:
        """A step up from ``start`` is judged; rungs leapt over lie on a line through both ends."""
        slope = (took / before - 1) / (self._costs[self.rung] - self._costs[start])
        times = [1 + slope * (cost - self._costs[start]) for cost in self._costs]
        for rung in range(start + 1, self.rung + 1):
            self._growth[rung] = (times[rung] / times[rung - 1], self._frames)

    def _rung_above(self, took: float) -> int:
        """The highest rung that is expected to take no longer than it should; this one if none is.

        Above the next rung, time that is not known is taken to grow as the cost does: crops share
        what they cost, so that a leap over several rungs is rather too short than too far.
        """
        above = self.rung + 1
        if above == len(self._costs):
            return self.rung
        unknown = self.rung == 0 and self._known_growth(above) is None
        lowest = above if unknown and took <= TRIAL * self.period else self.rung
        took *= self._expected_growth(above)
        while took <= HEADROOM * self.period:
            lowest, above = above, above + 1
            if above == len(self._costs):
                break
            took *= self._known_growth(above) or self._costs[above] / self._costs[above - 1]
        return lowest

    def _rung_within(self, took: float) -> int:
        """The highest rung below this one that is expected to take no longer than it should."""
        for rung in range(self.rung, 0, -1):
            took /= self._known_growth(rung) or self._costs[rung] / self._costs[rung - 1]
            if took <= HEADROOM * self.period:
                return rung - 1
        return 0

    def _expected_growth(self, above: int) -> float:
        """As once seen; else each unit of cost takes what it took at the last step up."""
        ahead = self._costs[above] / self._costs[self.rung]
        if (known := self._known_growth(above)) is not None:
            return known
        if self.rung == 0 or (last := self._known_growth(self.rung)) is None:
            return ahead
        behind = self._costs[self.rung - 1] / self._costs[self.rung]
        return 1 + (1 - 1 / last) * (ahead - 1) / (1 - behind)

    def _known_growth(self, rung: int) -> float | None:
        growth, seen = self._growth.get(rung, (None, 0))
        return growth if self._frames - seen <= FORGET else None


class PacedEstimator:
    """An estimator and its combination: the parameters' own, or what target_rate has time for.

    `apply` is called from the executor's thread, `frame` and `step_back` from the worker's, which
    solves and warms up a step itself: frames wait for it, parameter calls that come just then, and
    nothing else.
    """

    def __init__(self, estimator: DepthEstimator) -> None:
        self.estimator = estimator
        self._lock = threading.Lock()
        self._ladder: _PacedLadder | None = None

    def apply(self, settings: NodeParameters) -> None:
        """Use these settings from the next frame on; a pace is kept where only its rate changes.

        Raises:
            ValueError, RuntimeError: see DepthEstimator.set_combination; nothing changes then.
        """
        wanted = settings.combination_settings
        with self._lock:
            if settings.target_rate == 0:
                if wanted != self.estimator.combination:
                    self.estimator.set_combination(wanted)
                self._ladder = None
                return
            period = 1 / settings.target_rate
            if self._ladder is not None and self._ladder.fits(wanted):
                self._ladder.pacer.period = period
                return
            rungs = self.estimator.ladder(wanted)
            self.estimator.set_combination(rungs[0])
            self._ladder = _PacedLadder(rungs, Pacer([rung.cost for rung in rungs], period))

    def frame(self, seconds: float) -> bool:
        """A frame took so long; whether the next one has other ratios."""
        return self._climb(lambda pacer: pacer.frame(seconds))

    def step_back(self) -> bool:
        """A frame could not be computed, as without memory; whether the next has fewer crops."""
        return self._climb(Pacer.step_back)

    def _climb(self, step: Callable[[Pacer], bool]) -> bool:
        with self._lock:
            if self._ladder is None or not step(self._ladder.pacer):
                return False
            self.estimator.set_combination(self._ladder.combination)
            return True

    @property
    def pace(self) -> str:
        """How target_rate is kept, for people; '' if it is off."""
        ladder = self._ladder
        if ladder is None:
            return ""
        took = "?" if ladder.pacer.seconds is None else f"{1e3 * ladder.pacer.seconds:.0f}"
        return (
            f"{ladder.combination.cost:g} of at most {ladder.rungs[-1].cost:g} crops, "
            f"{took} of {1e3 * ladder.pacer.period:.0f} ms a frame"
        )

    @property
    def trouble(self) -> str:
        """Why target_rate cannot be kept; '' if it is, or is off."""
        ladder = self._ladder
        took = None if ladder is None or ladder.pacer.rung else ladder.pacer.seconds
        if ladder is None or took is None or took <= ladder.pacer.period:
            return ""
        return (
            f"target_rate: {1 / ladder.pacer.period:g} Hz cannot be kept, a frame of one crop "
            f"takes {1e3 * took:.0f} ms here; lower it, or see backend and precision"
        )


@dataclass(frozen=True)
class _PacedLadder:
    """The combinations that target_rate may choose, and the pacer that does; swapped as a whole."""

    rungs: list[CombinationSettings]
    pacer: Pacer

    @property
    def combination(self) -> CombinationSettings:
        return self.rungs[self.pacer.rung]

    def fits(self, wanted: CombinationSettings) -> bool:
        """Whether this is the ladder of these settings, whatever their own ratios."""
        candidates = {"crop_ratios": wanted.crop_ratios, "use_flips": wanted.use_flips}
        return self.combination.model_copy(update=candidates) == wanted
