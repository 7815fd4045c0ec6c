"""Streaming a data set through the network: candidates and truth of each picture on the grid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fourier_depth_ros.config import CombinationSettings
from fourier_depth_ros.core.crops import GRID
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.core.geometry import focal_factor
from fourier_depth_ros.core.truth import MIN_VALID_SHARE, fill_holes, resize_depth
from fourier_depth_ros.tools.data.sample import RgbdSample


@dataclass(frozen=True, eq=False)
class GridSample:
    """One picture's candidates and truth [canonical m]; the truth's holes are filled."""

    group: str
    candidates: Float[Tensor, "candidates 72 96"]
    truth: Float[Tensor, "72 96"]
    valid: Bool[Tensor, "72 96"]


def stream_candidates(
    estimator: DepthEstimator,
    samples: Iterable[RgbdSample],
    ratios: tuple[float, ...],
    used: Counter[str],
) -> Iterator[GridSample]:
    """All 2 len(ratios) candidates of each picture, plain first.

    ``used`` counts pictures by group; those with under 70 % valid depth on the grid are left out
    and counted under ''. The estimator's combination is changed.
    """
    estimator.set_combination(
        CombinationSettings(crop_ratios=ratios, use_flips=True, combination="mean")
    )
    for sample in samples:
        factor = focal_factor(sample.intrinsics, estimator.config.space.canonical_focal)
        truth = resize_depth(torch.from_numpy(sample.depth / factor), GRID)
        valid = torch.isfinite(truth)
        if valid.float().mean() < MIN_VALID_SHARE:
            used[""] += 1
            continue
        used[sample.group] += 1
        image = torch.from_numpy(sample.rgb).permute(2, 0, 1)
        # a copy: tensors of inference mode may not be changed outside it
        candidates = estimator.predict(image).candidates.cpu().clone()
        largest = (candidates[0] + candidates[len(ratios)]) / 2
        yield GridSample(sample.group, candidates, fill_holes(truth, largest), valid)
