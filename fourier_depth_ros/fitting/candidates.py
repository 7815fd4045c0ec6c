"""Streaming a data set through the network: candidates and truth of each picture on the grid."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fourier_depth_ros.config import CombinationSettings, CropsName
from fourier_depth_ros.core.crops import GRID
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.data.collection import NumberedSample
from fourier_depth_ros.data.processes import Processes
from fourier_depth_ros.data.sample import RgbdSample
from fourier_depth_ros.data.truth import MIN_VALID_SHARE, canonical_truth, fill_holes

#: Key of the pictures that stream_candidates left out.
DROPPED = -1


@dataclass(frozen=True, eq=False)
class GridSample:
    """One picture's candidates and truth [canonical m]; the truth's holes are filled."""

    number: int
    room: int
    candidates: Float[Tensor, "candidates 72 96"]
    truth: Float[Tensor, "72 96"]
    valid: Bool[Tensor, "72 96"]


class CandidateMaker:
    """Runs an estimator's network once a picture, for all 2 len(ratios) candidates, plain first.

    ``seconds`` is the time spent in it. The estimator's combination is changed; give each maker
    its own.
    """

    def __init__(
        self, estimator: DepthEstimator, ratios: tuple[float, ...], crops: CropsName = "corners"
    ) -> None:
        estimator.set_combination(
            CombinationSettings(crops=crops, crop_ratios=ratios, use_flips=True, combination="mean")
        )
        self.estimator = estimator
        self.ratios = ratios
        self.crops = crops
        self.seconds = 0.0

    def __call__(self, sample: RgbdSample) -> Float[Tensor, "candidates 72 96"]:
        """The candidates [canonical m], on the CPU."""
        start = time.perf_counter()
        image = torch.from_numpy(sample.rgb).permute(2, 0, 1)
        # a network that answers any camera's metres may have to be told the camera
        camera = sample.intrinsics if self.estimator.config.space.any_camera else None
        candidates = self.estimator.predict(image, camera, output_size=GRID).candidates.cpu()
        self.seconds += time.perf_counter() - start
        return candidates.clone()  # tensors of inference mode may not be changed outside it

    def focal_factor(self, sample: RgbdSample) -> float:
        """What turns canonical depth into the metres of the sample's camera."""
        return self.estimator.focal_factor(sample.intrinsics)


def stream_candidates(
    makers: Sequence[CandidateMaker],
    samples: Iterable[NumberedSample],
    used: Counter[int],
    processes: Processes = Processes(),  # noqa: B008 (frozen)
) -> Iterator[list[GridSample]]:
    """Candidates and truth of this process's share of the pictures, a sample of each maker.

    ``used`` counts pictures by room; those with under 70 % valid depth on the grid are left out
    and counted under DROPPED.
    """
    for number, room, sample in samples:
        if not processes.takes(number):
            continue
        depth = torch.from_numpy(sample.depth)
        truth = canonical_truth(depth, makers[0].focal_factor(sample), GRID)
        valid = torch.isfinite(truth)
        if valid.float().mean() < MIN_VALID_SHARE:
            used[DROPPED] += 1
            continue
        used[room] += 1
        made = []
        for maker in makers:
            candidates = maker(sample)
            largest = (candidates[0] + candidates[len(maker.ratios)]) / 2
            made.append(GridSample(number, room, candidates, fill_holes(truth, largest), valid))
        yield made
