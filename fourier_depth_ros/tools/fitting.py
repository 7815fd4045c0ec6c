"""Fitting the Fourier combination of a checkpoint on RGB-D pairs: closed form, CPU or GPU.

The network's candidates of every picture are streamed once into statistics; the hierarchy, the
ridges and the presets then follow by cross-validation over groups (rooms).
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import reduce

import torch

from fourier_depth_ros.config import (
    PAPER_RATIOS,
    CombinationSettings,
    Hierarchy,
    Preset,
)
from fourier_depth_ros.core.checkpoint import Checkpoint
from fourier_depth_ros.core.crops import GRID
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.core.geometry import focal_factor
from fourier_depth_ros.core.statistics import CombinerStatistics
from fourier_depth_ros.core.subsets import (
    Folds,
    choose_hierarchy,
    choose_presets,
    forward_selection,
)
from fourier_depth_ros.core.truth import MIN_VALID_SHARE, fill_holes, resize_depth
from fourier_depth_ros.tools.data.sample import RgbdSample

BATCH = 32


@dataclass(frozen=True)
class FitReport:
    """What a fit found. RMSE in canonical metres on the 72 x 96 grid, of held-out pictures."""

    pictures: int
    held_out_pictures: int
    dropped: int
    groups: int
    hierarchy: Hierarchy
    presets: dict[str, Preset]
    ablation: dict[str, float]


def collect_statistics(
    estimator: DepthEstimator,
    samples: Iterable[RgbdSample],
    folds: int,
    ratios: tuple[float, ...] = PAPER_RATIOS,
) -> tuple[list[CombinerStatistics], Counter[str]]:
    """Stream samples through the network into the statistics of ``folds`` folds, split by group.

    Returns the folds and the number of pictures used of each group. Pictures with under 70 % valid
    depth on the grid are dropped (counted under the group ''). The fold of a group is a hash of
    its name: the same in every process and on every day.
    """
    settings = CombinationSettings(crop_ratios=ratios, use_flips=True, combination="mean")
    estimator.set_combination(settings)
    statistics = [CombinerStatistics.empty(ratios) for _ in range(folds)]
    waiting: list[list[tuple[torch.Tensor, torch.Tensor]]] = [[] for _ in range(folds)]
    used: Counter[str] = Counter()

    def flush(fold: int) -> None:
        if waiting[fold]:
            candidates, truths = zip(*waiting[fold], strict=True)
            statistics[fold].update(torch.stack(candidates), torch.stack(truths))
            waiting[fold].clear()

    for sample in samples:
        pair = _candidates_and_truth(estimator, sample)
        used[sample.group if pair else ""] += 1
        if pair is None:
            continue
        fold = zlib.crc32(sample.group.encode()) % folds
        waiting[fold].append(pair)
        if len(waiting[fold]) == BATCH:
            flush(fold)
    for fold in range(folds):
        flush(fold)
    return statistics, used


def fit_combination(
    checkpoint: Checkpoint,
    fit: Iterable[RgbdSample],
    held_out: Iterable[RgbdSample],
    device: str = "auto",
    folds: int = 4,
    ratios: tuple[float, ...] = PAPER_RATIOS,
    say: Callable[[str], None] = lambda _: None,
) -> tuple[Checkpoint, FitReport]:
    """A checkpoint with statistics, hierarchy and presets fitted, and a report.

    Everything is chosen by cross-validation over the groups of ``fit``; ``held_out`` is only looked
    at for the expected RMSE.

    Raises:
        ValueError: fewer than two groups to fit on, or no usable held-out picture.
    """
    estimator = DepthEstimator(checkpoint, device)
    parts, used = collect_statistics(estimator, fit, folds, ratios)
    validation = Folds.of(parts)
    (held,), held_used = collect_statistics(estimator, held_out, 1, ratios)
    if held.count == 0:
        raise ValueError("no held-out picture has 70 % valid depth; the error cannot be stated")
    whole = CombinationSettings(crop_ratios=ratios, use_flips=True)
    say("choosing the hierarchy by cross-validation")
    hierarchy = choose_hierarchy(validation, whole)
    say("ranking subsets of the crops")
    chosen = choose_presets(forward_selection(validation, ratios, hierarchy))
    everything = reduce(CombinerStatistics.merge, parts)

    def rmse(settings: CombinationSettings) -> float:
        return held.expected_rmse(everything.solve(settings, hierarchy))

    presets = {
        name: preset.model_copy(update={"expected_rmse": rmse(preset.combination(whole))})
        for name, preset in chosen.items()
    }
    unflipped = CombinationSettings(crop_ratios=ratios, use_flips=False)
    single = CombinationSettings(crop_ratios=ratios[:1], use_flips=False, combination="mean")
    rows = {
        "network only (r = 1)": single,
        "r = 1 and its mirror, mean": single.model_copy(update={"use_flips": True}),
        "mean of the plain candidates": unflipped.model_copy(update={"combination": "mean"}),
        "mean of all candidates": whole.model_copy(update={"combination": "mean"}),
        "paper, no flips": unflipped.model_copy(update={"combination": "paper"}),
        "paper": whole.model_copy(update={"combination": "paper"}),
        "hierarchical": whole,
    }
    config = checkpoint.config.model_copy(
        update={"fitted_ratios": ratios, "hierarchy": hierarchy, "presets": presets}
    )
    report = FitReport(
        pictures=everything.count,
        held_out_pictures=held.count,
        dropped=used[""] + held_used[""],
        groups=len(used.keys() - {""}),
        hierarchy=hierarchy,
        presets=presets,
        ablation={name: rmse(settings) for name, settings in rows.items()},
    )
    return replace(checkpoint, config=config, fit=everything, held_out=held), report


def _candidates_and_truth(
    estimator: DepthEstimator, sample: RgbdSample
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Candidates and hole-free truth [canonical m] on the grid; None where too little is valid."""
    factor = focal_factor(sample.intrinsics, estimator.config.space.canonical_focal)
    truth = resize_depth(torch.from_numpy(sample.depth / factor), GRID)
    if torch.isfinite(truth).float().mean() < MIN_VALID_SHARE:
        return None
    image = torch.from_numpy(sample.rgb).permute(2, 0, 1)
    candidates = estimator.predict(image).candidates.cpu().clone()
    largest = (candidates[0] + candidates[len(candidates) // 2]) / 2
    return candidates, fill_holes(truth, largest)
