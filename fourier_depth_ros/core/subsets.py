"""Choosing by cross-validation: how far the hierarchy goes, and which crops are worth their cost.

Everything here works on the statistics of folds of the fit (split by room, never by picture); no
picture is read and the network is not run.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from typing import NamedTuple

from fourier_depth_ros.config import CombinationSettings, CropsName, Hierarchy, Preset
from fourier_depth_ros.core.checkpoint import Fit
from fourier_depth_ros.core.moments import Moments
from fourier_depth_ros.core.statistics import (
    CombinerStatistics,
    largest_ratio_mean,
    select_candidates,
)

RING_RIDGES = (0.03, 0.1, 0.3, 1.0, 3.0)
FREQUENCY_RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0)
BALANCED_CROPS = 9
#: "accurate" is where the curve goes flat: the fewest crops within this share of its lowest RMSE.
FLAT = 0.005


@dataclass(frozen=True)
class Folds:
    """Moments of each fold, and of everything but that fold."""

    ratios: tuple[float, ...]
    held: tuple[Moments, ...]
    rest: tuple[Moments, ...]

    @staticmethod
    def of(folds: list[CombinerStatistics]) -> Folds:
        """Merge the complements once.

        Raises:
            ValueError: fewer than two folds hold pictures.
        """
        filled = [fold for fold in folds if fold.count]
        if len(filled) < 2:
            raise ValueError(
                f"{len(filled)} folds hold pictures, cross-validation needs at least 2; give "
                f"pictures of more rooms (scenes, recordings)"
            )
        rest = [
            reduce(CombinerStatistics.merge, filled[:i] + filled[i + 1 :])
            for i in range(len(filled))
        ]
        return Folds(
            ratios=filled[0].ratios,
            held=tuple(fold.moments() for fold in filled),
            rest=tuple(fold.moments() for fold in rest),
        )

    def rmse(self, settings: CombinationSettings, hierarchy: Hierarchy) -> float:
        """Cross-validated RMSE [m] on the 72 x 96 grid of the hierarchical combination."""
        selected = select_candidates(self.ratios, settings)
        outside = largest_ratio_mean(settings)
        squares = 0.0
        for held, rest in zip(self.held, self.rest, strict=True):
            if hierarchy.levels == "ring":
                rings = rest.ring_weights(selected, hierarchy.ring_ridge)
                squares += held.ring_square_sum(selected, rings, outside)
            else:
                weights, offset = rest.hierarchical_weights(selected, hierarchy)
                squares += held.square_sum(selected, weights, offset, outside)
        return float((squares / sum(held.total for held in self.held)) ** 0.5)


def choose_hierarchy(folds: Folds, settings: CombinationSettings) -> Hierarchy:
    """The depth of the hierarchy and its ridges with the lowest cross-validated RMSE."""
    rings = [Hierarchy(levels="ring", ring_ridge=ridge) for ridge in RING_RIDGES]
    best = min(rings, key=lambda candidate: folds.rmse(settings, candidate))
    deeper = [
        Hierarchy(levels="frequency", ring_ridge=best.ring_ridge, frequency_ridge=ridge)
        for ridge in FREQUENCY_RIDGES
    ]
    return min([best, *deeper], key=lambda candidate: folds.rmse(settings, candidate))


class Ranked(NamedTuple):
    """A subset of the candidates and its cross-validated RMSE [m]."""

    settings: CombinationSettings
    rmse: float


def forward_selection(
    folds: Folds, ratios: tuple[float, ...], hierarchy: Hierarchy, crops: CropsName = "corners"
) -> list[Ranked]:
    """Subsets of growing cost: from the largest ratio on, always the ratio that helps most.

    One path without flips and one with. Ratios compete by the ring level alone, where most of the
    gain is and a comparison costs nothing; the errors given are the whole hierarchy's. All are
    cross-validated [m].
    """
    rings = hierarchy.model_copy(update={"levels": "ring"})
    ranked = []
    for flips in (False, True):
        chosen: tuple[float, ...] = ()
        while len(chosen) < len(ratios):
            # The largest ratio comes first: the others only see the corners of the picture.
            left = [r for r in ratios if r not in chosen] if chosen else [max(ratios)]
            options = [
                CombinationSettings(crops=crops, crop_ratios=(*chosen, ratio), use_flips=flips)
                for ratio in left
            ]
            best = min(options, key=lambda option: folds.rmse(option, rings))
            chosen = best.crop_ratios
            ranked.append(Ranked(best, folds.rmse(best, hierarchy)))
    return ranked


def choose_presets(ranked: list[Ranked]) -> dict[str, Preset]:
    """fast, balanced, accurate and paper out of the ranked subsets, by their cost in crops."""
    flat = (1 + FLAT) * min(subset.rmse for subset in ranked)

    def cost(subset: Ranked) -> float:
        return subset.settings.cost

    balanced = min((s for s in ranked if cost(s) <= BALANCED_CROPS), key=lambda s: s.rmse)
    accurate = min((s for s in ranked if s.rmse <= flat), key=cost)
    chosen = {
        "fast": min(ranked, key=cost),
        "balanced": balanced,
        "accurate": max(balanced, accurate, key=cost),
        "paper": max(ranked, key=cost),
    }
    return {
        name: Preset(
            crop_ratios=subset.settings.crop_ratios,
            use_flips=subset.settings.use_flips,
            cost=cost(subset),
            expected_rmse=subset.rmse,
        )
        for name, subset in chosen.items()
    }


def ladder(fit: Fit, settings: CombinationSettings) -> list[CombinationSettings]:
    """Subsets of the fitted ratios, each worth more than every cheaper one; the cheapest first.

    For a budget: whatever there is time for, the best is the last that fits. Ranked by the
    hierarchical combination's RMSE, from each half of the fit (the pictures fitted on, those held
    out) to the other. Without a fit: ever more ratios, the largest first.
    ``settings``: the combination and its ridge, for all of them.
    """

    def rung(ratios: tuple[float, ...], flips: bool) -> CombinationSettings:
        return settings.model_copy(update={"crop_ratios": ratios, "use_flips": flips})

    if fit.statistics is None:
        plain = [rung(fit.ratios[:n], False) for n in range(1, len(fit.ratios) + 1)]
        return [*plain, rung(fit.ratios, True)]
    folds = Folds.of([fit.statistics, fit.held_out or fit.statistics])
    ranked = forward_selection(folds, fit.ratios, fit.hierarchy, fit.crops)
    rungs: list[CombinationSettings] = []
    lowest = float("inf")
    for subset in sorted(ranked, key=lambda subset: (subset.settings.cost, subset.rmse)):
        if subset.rmse < lowest:
            lowest = subset.rmse
            rungs.append(rung(subset.settings.crop_ratios, subset.settings.use_flips))
    return rungs
