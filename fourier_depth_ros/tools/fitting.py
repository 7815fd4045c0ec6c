"""Fitting the Fourier combination of a checkpoint on RGB-D pairs: closed form, CPU or GPU.

The network's candidates of every picture are streamed once into statistics; the hierarchy, the
ridges and the presets then follow by cross-validation over groups (rooms). Held-out pictures say
what error to expect, and calibrate the standard deviation.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import reduce

import torch

from fourier_depth_ros.config import PAPER_RATIOS, CombinationSettings, Hierarchy, Preset
from fourier_depth_ros.core.checkpoint import Checkpoint
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.core.statistics import CombinerStatistics
from fourier_depth_ros.core.subsets import (
    Folds,
    choose_hierarchy,
    choose_presets,
    forward_selection,
)
from fourier_depth_ros.tools.calibration import CalibrationReport, PixelCollector
from fourier_depth_ros.tools.candidates import GridSample, stream_candidates
from fourier_depth_ros.tools.data.sample import RgbdSample

BATCH = 32


@dataclass(frozen=True)
class HeldOutReport:
    """What held-out pictures say of a fit. RMSE in canonical metres on the 72 x 96 grid."""

    pictures: int
    groups: int
    dropped: int
    ablation: dict[str, float]
    calibration: dict[str, CalibrationReport]


@dataclass(frozen=True)
class FitReport:
    """What a fit found; ``dropped`` pictures had under 70 % valid depth."""

    pictures: int
    groups: int
    dropped: int
    hierarchy: Hierarchy
    presets: dict[str, Preset]
    held_out: HeldOutReport


def collect_statistics(
    samples: Iterable[GridSample], ratios: tuple[float, ...], folds: int
) -> list[CombinerStatistics]:
    """Statistics of ``folds`` folds, split by group.

    The fold of a group is a hash of its name: the same in every process and on every day.
    """
    statistics = [CombinerStatistics.empty(ratios) for _ in range(folds)]
    waiting: list[list[GridSample]] = [[] for _ in range(folds)]

    def flush(fold: int) -> None:
        if waiting[fold]:
            candidates = torch.stack([sample.candidates for sample in waiting[fold]])
            truths = torch.stack([sample.truth for sample in waiting[fold]])
            statistics[fold].update(candidates, truths)
            waiting[fold].clear()

    for sample in samples:
        fold = zlib.crc32(sample.group.encode()) % folds
        waiting[fold].append(sample)
        if len(waiting[fold]) == BATCH:
            flush(fold)
    for fold in range(folds):
        flush(fold)
    return statistics


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
    at for the expected RMSE and the standard deviation.

    Raises:
        ValueError: fewer than two groups to fit on, or too few usable held-out pictures.
    """
    estimator = DepthEstimator(checkpoint, device)
    used: Counter[str] = Counter()
    parts = collect_statistics(stream_candidates(estimator, fit, ratios, used), ratios, folds)
    validation = Folds.of(parts)
    whole = CombinationSettings(crop_ratios=ratios, use_flips=True)
    say("choosing the hierarchy by cross-validation")
    hierarchy = choose_hierarchy(validation, whole)
    say("ranking subsets of the crops")
    config = checkpoint.config.model_copy(
        update={
            "fitted_ratios": ratios,
            "hierarchy": hierarchy,
            "presets": choose_presets(forward_selection(validation, ratios, hierarchy)),
        }
    )
    everything = reduce(CombinerStatistics.merge, parts)
    fitted = replace(checkpoint, config=config, fit=everything)
    fitted, report = assess(fitted, held_out, device)
    dropped = used.pop("", 0)
    return fitted, FitReport(
        pictures=everything.count,
        groups=len(used),
        dropped=dropped,
        hierarchy=hierarchy,
        presets=fitted.config.presets,
        held_out=report,
    )


def assess(
    checkpoint: Checkpoint, held_out: Iterable[RgbdSample], device: str = "auto"
) -> tuple[Checkpoint, HeldOutReport]:
    """A fitted checkpoint with its presets' expected RMSE and standard deviation from new pictures.

    Raises:
        ValueError: the checkpoint is not fitted, or too few pictures are usable.
    """
    fit, config = checkpoint.fit, checkpoint.config
    if fit is None:
        raise ValueError("the checkpoint is not fitted; fit it with 'fourier-depth fit'")
    ratios = config.fitted_ratios
    whole = CombinationSettings(crop_ratios=ratios, use_flips=True)
    wanted = {name: preset.combination(whole) for name, preset in config.presets.items()}
    weights = {name: fit.solve(settings, config.hierarchy) for name, settings in wanted.items()}
    collector = PixelCollector({name: fit.select(s) for name, s in wanted.items()}, weights)
    used: Counter[str] = Counter()
    stream = stream_candidates(DepthEstimator(checkpoint, device), held_out, ratios, used)
    (held,) = collect_statistics(collector.watch(stream), ratios, folds=1)
    if held.count == 0:
        raise ValueError("no held-out picture has 70 % valid depth; the error cannot be stated")
    presets, calibration = {}, {}
    for name, preset in config.presets.items():
        model, calibration[name] = collector.calibrate(name)
        presets[name] = preset.model_copy(
            update={"expected_rmse": held.expected_rmse(weights[name]), "uncertainty": model}
        )
    ablation = {
        name: held.expected_rmse(fit.solve(settings, config.hierarchy))
        for name, settings in _ablation(whole).items()
    }
    dropped = used.pop("", 0)
    report = HeldOutReport(held.count, len(used), dropped, ablation, calibration)
    config = config.model_copy(update={"presets": presets})
    return replace(checkpoint, config=config, held_out=held), report


def _ablation(whole: CombinationSettings) -> dict[str, CombinationSettings]:
    """The rows of the paper's ablation, and ours."""

    def row(combination: str, flips: bool, ratios: int | None = None) -> CombinationSettings:
        return whole.model_copy(
            update={
                "combination": combination,
                "use_flips": flips,
                "crop_ratios": whole.crop_ratios[:ratios],
            }
        )

    return {
        "network only (r = 1)": row("mean", False, 1),
        "r = 1 and its mirror, mean": row("mean", True, 1),
        "mean of the plain candidates": row("mean", False),
        "mean of all candidates": row("mean", True),
        "paper, no flips": row("paper", False),
        "paper": row("paper", True),
        "hierarchical": whole,
    }
