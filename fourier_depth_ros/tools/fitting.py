"""Fitting the Fourier combination of a checkpoint on RGB-D pairs: closed form, CPU or GPU.

The network's candidates of every picture are streamed once into statistics; the hierarchy, the
ridges and the presets then follow by cross-validation over rooms. Held-out pictures say what error
to expect, and calibrate the standard deviation. Several processes take turns at the pictures and
merge their statistics.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import reduce

import torch

from fourier_depth_ros.config import PAPER_RATIOS, CombinationSettings, Hierarchy, Preset
from fourier_depth_ros.core.checkpoint import Checkpoint
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.core.statistics import CombinerStatistics
from fourier_depth_ros.core.subsets import (
    Folds,
    Ranked,
    choose_hierarchy,
    choose_presets,
    forward_selection,
)
from fourier_depth_ros.tools.ablation import ablation
from fourier_depth_ros.tools.calibration import CalibrationReport, PixelCollector
from fourier_depth_ros.tools.candidates import (
    DROPPED,
    CandidateMaker,
    GridSample,
    stream_candidates,
)
from fourier_depth_ros.tools.data.collection import NumberedSample
from fourier_depth_ros.tools.processes import Processes

BATCH = 32
_ALONE = Processes()


@dataclass(frozen=True)
class HeldOutReport:
    """What held-out pictures say of a fit. RMSE in canonical metres on the 72 x 96 grid."""

    pictures: int
    rooms: int
    dropped: int
    ablation: dict[str, float]
    calibration: dict[str, CalibrationReport]


@dataclass(frozen=True)
class FitReport:
    """What a fit found; ``dropped`` pictures had under 70 % valid depth.

    ``ranked`` holds the cross-validated subsets; ``network_share`` is the share of the time, from
    the first picture to the last figure, that this process spent in the network's passes.
    """

    pictures: int
    rooms: int
    dropped: int
    hierarchy: Hierarchy
    presets: dict[str, Preset]
    ranked: list[Ranked]
    held_out: HeldOutReport
    seconds: float
    network_share: float = field(compare=False)


def collect_statistics(
    samples: Iterable[GridSample], ratios: tuple[float, ...], folds: int
) -> list[CombinerStatistics]:
    """Statistics of ``folds`` folds; the n-th room is in fold n mod ``folds``."""
    statistics = [CombinerStatistics.empty(ratios) for _ in range(folds)]
    waiting: list[list[GridSample]] = [[] for _ in range(folds)]

    def flush(fold: int) -> None:
        if waiting[fold]:
            candidates = torch.stack([sample.candidates for sample in waiting[fold]])
            truths = torch.stack([sample.truth for sample in waiting[fold]])
            statistics[fold].update(candidates, truths)
            waiting[fold].clear()

    for sample in samples:
        fold = sample.room % folds
        waiting[fold].append(sample)
        if len(waiting[fold]) == BATCH:
            flush(fold)
    for fold in range(folds):
        flush(fold)
    return statistics


def fit_combination(
    checkpoint: Checkpoint,
    fit: Iterable[NumberedSample],
    held_out: Iterable[NumberedSample],
    device: str = "auto",
    folds: int = 4,
    ratios: tuple[float, ...] = PAPER_RATIOS,
    say: Callable[[str], None] = lambda _: None,
    processes: Processes = _ALONE,
) -> tuple[Checkpoint, FitReport]:
    """A checkpoint with statistics, hierarchy and presets fitted, and a report.

    Everything is chosen by cross-validation over the rooms of ``fit``; ``held_out`` is only looked
    at for the expected RMSE and the standard deviation. All ``processes`` return the same.

    Raises:
        ValueError: fewer than two rooms to fit on, or too few usable held-out pictures.
    """
    maker = CandidateMaker(DepthEstimator(checkpoint, processes.device(device)), ratios)
    start = time.perf_counter()
    used: Counter[int] = Counter()
    stream = stream_candidates(maker, fit, used, processes)
    parts = _merged(collect_statistics(stream, ratios, folds), processes)
    validation = Folds.of(parts)
    whole = CombinationSettings(crop_ratios=ratios, use_flips=True)
    say("choosing the hierarchy by cross-validation over rooms")
    hierarchy = choose_hierarchy(validation, whole)
    say("ranking subsets of the crops")
    ranked = forward_selection(validation, ratios, hierarchy)
    config = checkpoint.config.model_copy(
        update={
            "fitted_ratios": ratios,
            "hierarchy": hierarchy,
            "presets": choose_presets(ranked),
        }
    )
    everything = reduce(CombinerStatistics.merge, parts)
    fitted, report = assess(
        replace(checkpoint, config=config, fit=everything), maker, held_out, processes
    )
    rooms, dropped = _counts(used, processes)
    seconds = time.perf_counter() - start
    return fitted, FitReport(
        pictures=everything.count,
        rooms=rooms,
        dropped=dropped,
        hierarchy=hierarchy,
        presets=fitted.config.presets,
        ranked=ranked,
        held_out=report,
        seconds=seconds,
        network_share=maker.seconds / seconds,
    )


def assess(
    checkpoint: Checkpoint,
    maker: CandidateMaker,
    held_out: Iterable[NumberedSample],
    processes: Processes = _ALONE,
) -> tuple[Checkpoint, HeldOutReport]:
    """A fitted checkpoint with its presets' expected RMSE and standard deviation from new pictures.

    Raises:
        ValueError: the checkpoint is not fitted, or too few pictures are usable.
    """
    fit, config = checkpoint.fit, checkpoint.config
    if fit is None:
        raise ValueError("the checkpoint is not fitted; fit it with 'fourier-depth fit'")
    whole = CombinationSettings(crop_ratios=config.fitted_ratios, use_flips=True)
    wanted = {name: preset.combination(whole) for name, preset in config.presets.items()}
    weights = {name: fit.solve(settings, config.hierarchy) for name, settings in wanted.items()}
    collector = PixelCollector({name: fit.select(s) for name, s in wanted.items()}, weights)
    used: Counter[int] = Counter()
    stream = collector.watch(stream_candidates(maker, held_out, used, processes))
    (held,) = _merged(collect_statistics(stream, config.fitted_ratios, folds=1), processes)
    if held.count == 0:
        raise ValueError("no held-out picture has 70 % valid depth; the error cannot be stated")
    collector.gather(processes)
    presets, calibration = {}, {}
    for name, preset in config.presets.items():
        model, calibration[name] = collector.calibrate(name)
        presets[name] = preset.model_copy(
            update={"expected_rmse": held.expected_rmse(weights[name]), "uncertainty": model}
        )
    rows = {
        name: held.expected_rmse(fit.solve(settings, config.hierarchy))
        for name, settings in ablation(checkpoint).items()
    }
    report = HeldOutReport(held.count, *_counts(used, processes), rows, calibration)
    config = config.model_copy(update={"presets": presets})
    return replace(checkpoint, config=config, held_out=held), report


def _merged(parts: list[CombinerStatistics], processes: Processes) -> list[CombinerStatistics]:
    """Each fold's statistics of all processes together."""
    return [
        reduce(CombinerStatistics.merge, of_fold)
        for of_fold in zip(*processes.gather(parts), strict=True)
    ]


def _counts(used: Counter[int], processes: Processes) -> tuple[int, int]:
    """The number of rooms, and of dropped pictures, over all processes."""
    total = sum(processes.gather(used), Counter())
    return len(total.keys() - {DROPPED}), total[DROPPED]
