"""Evaluating checkpoints on RGB-D pictures: every row of the ablation table, in both protocols.

The network runs once a picture and checkpoint; all rows are combinations of the same candidates.
Where shared crops are fitted too, it runs once more for theirs.
Errors are measured at the resolution of the truth, on valid pixels, in the metres of the camera.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from fourier_depth_ros.adapter import AdapterConfig
from fourier_depth_ros.core.checkpoint import Checkpoint, Fit
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.data.collection import RgbdCollection
from fourier_depth_ros.data.processes import Processes
from fourier_depth_ros.data.sample import RgbdSample
from fourier_depth_ros.evaluation.metrics import DepthMetrics, PictureSums
from fourier_depth_ros.evaluation.protocols import Protocol, protocols
from fourier_depth_ros.evaluation.zoom import ZoomRecorder, ZoomRule
from fourier_depth_ros.fitting.candidates import CandidateMaker
from fourier_depth_ros.fitting.rows import NETWORK_ONLY, ablation, best_row, combiners, mean_row
from fourier_depth_ros.signals import Stop

#: What the rows of shared crops begin with.
SHARED = "shared crops: "


@dataclass(frozen=True)
class Method:
    """A row of the table: a combination of a checkpoint's candidates."""

    checkpoint: str
    row: str


@dataclass(frozen=True)
class Subject:
    """A checkpoint under evaluation: its rows, and those that the others are measured by.

    ``best`` combines all of the corners' candidates, ``shared_best`` of shared crops', if fitted.
    """

    name: str
    loss: str
    rows: tuple[str, ...]
    best: str
    mean: str
    shared_best: str | None = None
    network_only: str = NETWORK_ONLY


@dataclass(frozen=True)
class Interruption:
    """The number of the signal that came, and after how many of how many pictures it came."""

    signal: int
    seen: int
    pictures: int


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was measured.

    ``sums`` holds, for each protocol, a column for each of ``methods``. ``maps`` holds for the
    pictures by their numbers the first checkpoint's network-only and best depth on the 72 x 96 grid
    [m], of this process's pictures. ``zooms``: of each checkpoint the corners' rule, and shared
    crops' where they are fitted, over all pictures. ``without_truth`` pictures had no valid pixel.
    ``interrupted``: what is measured is not all there is.
    """

    nyu: bool
    subjects: tuple[Subject, ...]
    methods: tuple[Method, ...]
    protocols: tuple[Protocol, ...]
    sums: Mapping[str, PictureSums]
    maps: Mapping[int, Float[Tensor, "2 72 96"]]
    zooms: tuple[ZoomRule, ...]
    without_truth: int
    unreadable: int
    interrupted: Interruption | None = None

    def column(self, subject: Subject, row: str) -> int:
        """The column of a checkpoint's row."""
        return self.methods.index(Method(subject.name, row))


class _WayPredictor:
    """All rows of one way of making crops."""

    def __init__(self, estimator: DepthEstimator, fit: Fit) -> None:
        rows = ablation(fit)
        self.rows = tuple(rows)
        self.maker = CandidateMaker(estimator, fit.ratios, fit.crops)
        self.zoom = ZoomRecorder(fit.ratios, fit.crops)
        device = estimator.device
        self._combiners = [(c, m.to(device)) for c, m in combiners(fit, rows)]

    def __call__(self, sample: RgbdSample, number: int, room: int) -> Float[Tensor, "rows 72 96"]:
        """Depth of each row on the grid [canonical m]."""
        candidates = self.maker(sample).to(self.maker.estimator.device)
        self.zoom.add(candidates, number, room)
        return torch.stack([combiner(candidates[c]) for c, combiner in self._combiners])


class _Predictor:
    """All rows of one checkpoint, on its device: the corners', then shared crops' if fitted."""

    def __init__(self, name: str, checkpoint: Checkpoint, device: str, precision: str) -> None:
        corners = checkpoint.fit_of("corners")
        estimator = DepthEstimator(checkpoint, device, precision)
        self.device = estimator.device
        self._ways = [_WayPredictor(estimator, corners)]
        rows = self._ways[0].rows
        shared = checkpoint.fit_of("shared")
        shared_best = None
        if shared.statistics is not None:
            shared_best = f"{SHARED}{best_row(shared)}"
            other = DepthEstimator(checkpoint, backend=estimator.backend)
            self._ways.append(_WayPredictor(other, shared))
            rows += tuple(f"{SHARED}{row}" for row in self._ways[1].rows)
        balanced = checkpoint.config.space.output_space == "balanced"
        adapted = isinstance(checkpoint.config.network, AdapterConfig)
        self.subject = Subject(
            name=name,
            loss="its own" if adapted else "DBE" if balanced else "Euclidean",
            rows=rows,
            best=best_row(corners),
            mean=mean_row(corners),
            shared_best=shared_best,
        )

    @torch.inference_mode()
    def __call__(self, sample: RgbdSample, number: int, room: int) -> Float[Tensor, "rows 72 96"]:
        """Depth of each row on the grid [m]."""
        depth = torch.cat([way(sample, number, room) for way in self._ways])
        return depth * self._ways[0].maker.focal_factor(sample)

    def zooms(self, processes: Processes) -> list[ZoomRule]:
        """The zoom rule of each way that has several ratios, over all processes' pictures."""
        recorders = [way.zoom for way in self._ways if len(way.zoom.ratios) > 1]
        return [recorder.rule(self.subject.name, processes) for recorder in recorders]


def evaluate_checkpoints(
    checkpoints: Mapping[str, Checkpoint],
    samples: RgbdCollection,
    nyu: bool,
    device: str = "auto",
    precision: str = "float32",
    processes: Processes = Processes(),  # noqa: B008 (frozen)
    stop: Stop | None = None,
) -> Evaluation:
    """Run every checkpoint on every picture; all ``processes`` return the same sums.

    Where ``stop`` comes meanwhile, these are of the pictures so far.

    Raises:
        ValueError: no picture has valid depth, or ``nyu`` and a picture is not of NYUv2's size.
        KeyboardInterrupt: ``stop`` came before the first picture was measured.
    """
    device = processes.device(device)
    predictors = [_Predictor(name, c, device, precision) for name, c in checkpoints.items()]
    methods = tuple(Method(p.subject.name, row) for p in predictors for row in p.subject.rows)
    both = protocols(nyu)
    # without NYUv2's crops both protocols see the same pixels
    metrics = {p.name: DepthMetrics(len(methods)) for p in (both if nyu else both[:1])}
    maps: dict[int, Tensor] = {}
    first = predictors[0].subject
    shown = [first.rows.index(row) for row in (first.network_only, first.best)]
    seen = 0
    for number, room, sample in samples:
        if stop is not None and stop.came:
            break
        if not processes.takes(number):
            continue
        seen += 1
        grids = [predictor(sample, number, room) for predictor in predictors]
        maps[number] = grids[0][shown].cpu().half()
        depth = enlarge(torch.cat(grids), sample.depth.shape)
        truth = torch.from_numpy(sample.depth).to(depth.device)
        for protocol in both:
            if protocol.name in metrics:
                rows, columns = protocol.region(depth.shape[1], depth.shape[2], nyu)
                metrics[protocol.name].update(
                    depth[:, rows, columns], truth[rows, columns], number, room
                )
    signal = max(processes.gather(0 if stop is None else stop.number))
    seen = sum(processes.gather(seen))
    if signal and not seen:
        raise KeyboardInterrupt
    sums = {name: metric.compute() for name, metric in metrics.items()}
    return Evaluation(
        nyu=nyu,
        subjects=tuple(p.subject for p in predictors),
        methods=methods,
        protocols=both,
        sums={p.name: sums.get(p.name, sums[both[0].name]) for p in both},
        maps=maps,
        zooms=tuple(zoom for p in predictors for zoom in p.zooms(processes)),
        without_truth=seen - len(sums[both[0].name].numbers),
        unreadable=samples.skipped,
        interrupted=Interruption(signal, seen, len(samples)) if signal else None,
    )


def enlarge(
    grids: Float[Tensor, "maps rows columns"], size: tuple[int, int]
) -> Float[Tensor, "maps height width"]:
    """Depth at the picture's size, just as DepthEstimator.predict enlarges it."""
    return F.interpolate(grids[None], size, mode="bilinear", align_corners=False, antialias=True)[0]
