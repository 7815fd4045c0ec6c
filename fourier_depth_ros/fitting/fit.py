"""Fitting the Fourier combination of a checkpoint on RGB-D pairs: closed form, CPU or GPU.

The network's candidates of every picture are streamed once into statistics; the hierarchy, the
ridges and the presets then follow by cross-validation over rooms. Held-out pictures say what error
to expect, and calibrate the standard deviation. Several processes take turns at the pictures and
merge their statistics. Each way of making crops (corners, shared) has a fit of its own; fitted
together, they see the same pictures.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Literal

import torch

from fourier_depth_ros.config import (
    PAPER_RATIOS,
    CombinationSettings,
    CropsName,
    Hierarchy,
    Preset,
    shared_ratios,
)
from fourier_depth_ros.core.checkpoint import Checkpoint, Fit
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.core.statistics import CombinerStatistics, select_candidates
from fourier_depth_ros.core.subsets import (
    Folds,
    Ranked,
    choose_hierarchy,
    choose_presets,
    forward_selection,
)
from fourier_depth_ros.data.collection import NumberedSample
from fourier_depth_ros.data.processes import Processes
from fourier_depth_ros.fitting.calibration import CalibrationReport, PixelCollector
from fourier_depth_ros.fitting.candidates import (
    DROPPED,
    CandidateMaker,
    GridSample,
    stream_candidates,
)
from fourier_depth_ros.fitting.metres import is_relative, with_metres
from fourier_depth_ros.fitting.rows import ablation

BATCH = 32
Errors = Literal["metres", "relative"]
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
    """What a fit of one way of making crops found; ``dropped`` pictures had under 70 % valid depth.

    ``ranked`` holds the cross-validated subsets; ``network_share`` is the share of the run's time,
    from the first picture to the last figure, that this process spent in the network's passes.
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


class FoldCollector:
    """Statistics of ``folds`` folds, BATCH pictures at a time; the n-th room is in n mod folds.

    ``errors``: how a picture's square error counts, see fit_combination.
    """

    def __init__(self, ratios: tuple[float, ...], folds: int, errors: Errors = "metres") -> None:
        self._errors = errors
        self._statistics = [CombinerStatistics.empty(ratios) for _ in range(folds)]
        self._waiting: list[list[GridSample]] = [[] for _ in range(folds)]

    def add(self, sample: GridSample) -> None:
        """Count a picture in."""
        fold = sample.room % len(self._waiting)
        self._waiting[fold].append(sample)
        if len(self._waiting[fold]) == BATCH:
            self._flush(fold)

    def finish(self) -> list[CombinerStatistics]:
        """Each fold's statistics of all pictures so far."""
        for fold in range(len(self._waiting)):
            self._flush(fold)
        return self._statistics

    def _flush(self, fold: int) -> None:
        waiting = self._waiting[fold]
        if waiting:
            candidates = torch.stack([sample.candidates for sample in waiting])
            truths = torch.stack([sample.truth for sample in waiting])
            relative = truths.mean(dim=(1, 2)) ** -2 if self._errors == "relative" else None
            self._statistics[fold].update(candidates, truths, relative)
            waiting.clear()


def fit_combination(
    checkpoint: Checkpoint,
    fit: Iterable[NumberedSample],
    held_out: Iterable[NumberedSample],
    device: str = "auto",
    folds: int = 4,
    ratios: tuple[float, ...] = PAPER_RATIOS,
    ways: Sequence[CropsName] = ("corners",),
    say: Callable[[str], None] = lambda _: None,
    processes: Processes = _ALONE,
    errors: Errors = "relative",
) -> tuple[Checkpoint, dict[CropsName, FitReport]]:
    """A checkpoint with statistics, hierarchy and presets fitted, and a report of each way.

    Everything is chosen by cross-validation over the rooms of ``fit``; ``held_out`` is only looked
    at for the expected RMSE and the standard deviation. All ``processes`` return the same. A way
    that is not among ``ways`` keeps the fit it has.

    Args:
        checkpoint: whose network is fitted; it stays as it is.
        fit: pictures to fit on; for a relative network they are read twice.
        held_out: pictures of other rooms.
        device: of the network.
        folds: of the cross-validation.
        ratios: of the corners; shared crops have all that are possible.
        ways: of making crops, fitted out of one run through the pictures.
        say: told what is being done.
        processes: which share the pictures.
        errors: what is made small over the pictures, "metres", the square error of depth as in the
            paper, or "relative" (ours): each picture's over the square of its mean depth, so that
            a near scene counts as much as a far one.

    Raises:
        ValueError: fewer than two rooms to fit on, or too few usable held-out pictures; or the
            network takes no crops made in one of the ways.
    """
    for way in ways:
        checkpoint.config.network.check_crops(way)
    if is_relative(checkpoint):
        say("finding the scale and shift of the network's disparity")
        checkpoint = with_metres(checkpoint, fit, device, processes)
    possible = {"corners": ratios, "shared": shared_ratios(checkpoint.config.network.input_size)}
    first = DepthEstimator(checkpoint, processes.device(device))
    makers = [
        CandidateMaker(DepthEstimator(checkpoint, backend=first.backend), possible[way], way)
        for way in ways
    ]
    start = time.perf_counter()
    used: Counter[int] = Counter()
    collectors = [FoldCollector(maker.ratios, folds, errors) for maker in makers]
    for samples in stream_candidates(makers, fit, used, processes):
        for collector, sample in zip(collectors, samples, strict=True):
            collector.add(sample)
    ranked: dict[CropsName, list[Ranked]] = {}
    for maker, collector in zip(makers, collectors, strict=True):
        parts = _merged(collector.finish(), processes)
        chosen, ranked[maker.crops] = _choose(maker, parts, say)
        checkpoint = checkpoint.with_fit(chosen)
    checkpoint, reports = assess(checkpoint, makers, held_out, processes)
    pictures, rooms, dropped = _counts(used, processes)
    seconds = time.perf_counter() - start
    return checkpoint, {
        found.crops: FitReport(
            pictures=pictures,
            rooms=rooms,
            dropped=dropped,
            hierarchy=found.hierarchy,
            presets=found.presets,
            ranked=ranked[found.crops],
            held_out=reports[found.crops],
            seconds=seconds,
            network_share=sum(maker.seconds for maker in makers) / seconds,
        )
        for found in (checkpoint.fit_of(way) for way in ways)
    }


def _choose(
    maker: CandidateMaker, parts: list[CombinerStatistics], say: Callable[[str], None]
) -> tuple[Fit, list[Ranked]]:
    """Hierarchy and presets by cross-validation over the ``parts``, and the ranked subsets."""
    validation = Folds.of(parts)
    whole = CombinationSettings(crops=maker.crops, crop_ratios=maker.ratios, use_flips=True)
    say(f"{maker.crops}: choosing the hierarchy by cross-validation over rooms")
    hierarchy = choose_hierarchy(validation, whole)
    say(f"{maker.crops}: ranking subsets of the crops")
    ranked = forward_selection(validation, maker.ratios, hierarchy, maker.crops)
    return Fit(
        crops=maker.crops,
        ratios=maker.ratios,
        hierarchy=hierarchy,
        presets=choose_presets(ranked),
        statistics=reduce(CombinerStatistics.merge, parts),
        held_out=None,
    ), ranked


def assess(
    checkpoint: Checkpoint,
    makers: Sequence[CandidateMaker],
    held_out: Iterable[NumberedSample],
    processes: Processes = _ALONE,
) -> tuple[Checkpoint, dict[CropsName, HeldOutReport]]:
    """A fitted checkpoint with its presets' expected RMSE and standard deviation from new pictures.

    Raises:
        ValueError: the checkpoint is not fitted, or too few pictures are usable.
    """
    assessors = [_Assessor(checkpoint.fit_of(maker.crops)) for maker in makers]
    used: Counter[int] = Counter()
    for samples in stream_candidates(makers, held_out, used, processes):
        for assessor, sample in zip(assessors, samples, strict=True):
            assessor.add(sample)
    reports: dict[CropsName, HeldOutReport] = {}
    counts = _counts(used, processes)
    for assessor in assessors:
        fit, reports[assessor.fit.crops] = assessor.finish(counts, processes)
        checkpoint = checkpoint.with_fit(fit)
    return checkpoint, reports


class _Assessor:
    """What held-out pictures say of one way's fit."""

    def __init__(self, fit: Fit) -> None:
        self.fit = fit
        whole = CombinationSettings(crops=fit.crops, crop_ratios=fit.ratios, use_flips=True)
        wanted = {name: preset.combination(whole) for name, preset in fit.presets.items()}
        fit.solve(whole)  # refuses what is not fitted
        self._weights = {name: fit.solve(settings) for name, settings in wanted.items()}
        columns = {name: select_candidates(fit.ratios, each) for name, each in wanted.items()}
        self._pixels = PixelCollector(columns, self._weights)
        self._collector = FoldCollector(fit.ratios, folds=1)

    def add(self, sample: GridSample) -> None:
        """Look at one picture."""
        self._collector.add(sample)
        self._pixels.add(sample)

    def finish(
        self, counts: tuple[int, int, int], processes: Processes
    ) -> tuple[Fit, HeldOutReport]:
        """The fit with what its presets are expected to do, out of all processes' pictures."""
        (held,) = _merged(self._collector.finish(), processes)
        if held.count == 0:
            raise ValueError("no held-out picture has 70 % valid depth; the error cannot be stated")
        self._pixels.gather(processes)
        presets, calibration = {}, {}
        for name, preset in self.fit.presets.items():
            model, calibration[name] = self._pixels.calibrate(name)
            expected = held.expected_rmse(self._weights[name])
            presets[name] = preset.model_copy(
                update={"expected_rmse": expected, "uncertainty": model}
            )
        rows = {
            name: held.expected_rmse(self.fit.solve(settings))
            for name, settings in ablation(self.fit).items()
        }
        report = HeldOutReport(*counts, rows, calibration)
        return replace(self.fit, presets=presets, held_out=held), report


def _merged(parts: list[CombinerStatistics], processes: Processes) -> list[CombinerStatistics]:
    """Each fold's statistics of all processes together."""
    return [
        reduce(CombinerStatistics.merge, of_fold)
        for of_fold in zip(*processes.gather(parts), strict=True)
    ]


def _counts(used: Counter[int], processes: Processes) -> tuple[int, int, int]:
    """The number of pictures, rooms, and dropped pictures over all processes."""
    total = sum(processes.gather(used), Counter())
    dropped = total.pop(DROPPED, 0)
    return sum(total.values()), len(total), dropped
