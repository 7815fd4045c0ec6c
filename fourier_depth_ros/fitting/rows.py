"""The rows of the paper's ablation table, and ours: all are combinations of the same candidates."""

from __future__ import annotations

from fourier_depth_ros.config import CombinationSettings
from fourier_depth_ros.core.checkpoint import Fit
from fourier_depth_ros.core.fourier import FourierCombiner
from fourier_depth_ros.core.statistics import select_candidates

NETWORK_ONLY = "network only (r = 1)"
PAIR = "r = 1 and its mirror, mean"


def ablation(fit: Fit) -> dict[str, CombinationSettings]:
    """Names and combinations; without a fit, only the means.

    The names say M, the number of candidates: of the paper's nine ratios 9 without flips, 18 with.
    """
    ratios = fit.ratios

    def row(combination: str, flips: bool, chosen: tuple[float, ...] = ratios) -> dict[str, object]:
        way = {"crops": fit.crops, "crop_ratios": chosen}
        return {"combination": combination, "use_flips": flips, **way}

    plain, all_of_them = len(ratios), 2 * len(ratios)
    rows = {
        NETWORK_ONLY: row("mean", False, (max(ratios),)),
        PAIR: row("mean", True, (max(ratios),)),
        f"mean of {plain}": row("mean", False),
        mean_row(fit): row("mean", True),
    }
    if fit.statistics is not None:
        rows |= {
            f"paper's Fourier, {plain}": row("paper", False),
            f"paper's Fourier, {all_of_them}": row("paper", True),
            best_row(fit): row("hierarchical", True),
        }
        rows |= {
            f"preset {name} ({preset.cost:g} crops)": row(
                "hierarchical", preset.use_flips, preset.crop_ratios
            )
            for name, preset in fit.presets.items()
        }
    return {name: CombinationSettings.model_validate(values) for name, values in rows.items()}


def mean_row(fit: Fit) -> str:
    """The name of the mean of all candidates."""
    return f"mean of {2 * len(fit.ratios)}"


def best_row(fit: Fit) -> str:
    """The name of this project's own combination of all candidates, or of their mean unfitted."""
    return mean_row(fit) if fit.statistics is None else f"hierarchical, {2 * len(fit.ratios)}"


def combiners(
    fit: Fit, rows: dict[str, CombinationSettings]
) -> list[tuple[list[int], FourierCombiner]]:
    """For each row, its columns among all candidates (plain first), and what combines them."""
    return [
        (select_candidates(fit.ratios, settings), fit.combiner(settings))
        for settings in rows.values()
    ]
