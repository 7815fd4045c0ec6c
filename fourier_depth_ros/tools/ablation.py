"""The rows of the paper's ablation table, and ours: all are combinations of the same candidates."""

from __future__ import annotations

from fourier_depth_ros.config import PAPER_RATIOS, CombinationSettings
from fourier_depth_ros.core.checkpoint import Checkpoint
from fourier_depth_ros.core.fourier import FourierCombiner
from fourier_depth_ros.core.statistics import select_candidates

NETWORK_ONLY = "network only (r = 1)"
PAIR = "r = 1 and its mirror, mean"


def ablation(checkpoint: Checkpoint) -> dict[str, CombinationSettings]:
    """Names and combinations; without a fit, only the means.

    The names say M, the number of candidates: of the paper's nine ratios 9 without flips, 18 with.
    """
    ratios = checkpoint.config.fitted_ratios or PAPER_RATIOS

    def row(combination: str, flips: bool, chosen: tuple[float, ...] = ratios) -> dict[str, object]:
        return {"combination": combination, "use_flips": flips, "crop_ratios": chosen}

    plain, all_of_them = len(ratios), 2 * len(ratios)
    rows = {
        NETWORK_ONLY: row("mean", False, (max(ratios),)),
        PAIR: row("mean", True, (max(ratios),)),
        f"mean of {plain}": row("mean", False),
        mean_row(checkpoint): row("mean", True),
    }
    if checkpoint.fit is not None:
        rows |= {
            f"paper's Fourier, {plain}": row("paper", False),
            f"paper's Fourier, {all_of_them}": row("paper", True),
            best_row(checkpoint): row("hierarchical", True),
        }
        rows |= {
            f"preset {name} ({preset.crops} crops)": row(
                "hierarchical", preset.use_flips, preset.crop_ratios
            )
            for name, preset in checkpoint.config.presets.items()
        }
    return {name: CombinationSettings.model_validate(values) for name, values in rows.items()}


def mean_row(checkpoint: Checkpoint) -> str:
    """The name of the mean of all candidates."""
    return f"mean of {2 * len(checkpoint.config.fitted_ratios or PAPER_RATIOS)}"


def best_row(checkpoint: Checkpoint) -> str:
    """The name of this project's own combination of all candidates, or of their mean unfitted."""
    if checkpoint.fit is None:
        return mean_row(checkpoint)
    return f"hierarchical, {2 * len(checkpoint.config.fitted_ratios)}"


def combiners(
    checkpoint: Checkpoint, rows: dict[str, CombinationSettings]
) -> list[tuple[list[int], FourierCombiner]]:
    """For each row, its columns among all candidates (plain first), and what combines them."""
    ratios = checkpoint.config.fitted_ratios or PAPER_RATIOS
    made = []
    for settings in rows.values():
        columns = select_candidates(ratios, settings)
        if settings.combination == "mean" or checkpoint.fit is None:
            combiner = FourierCombiner.mean(len(columns))
        else:
            combiner = checkpoint.fit.solve(settings, checkpoint.config.hierarchy).combiner()
        made.append((columns, combiner))
    return made
