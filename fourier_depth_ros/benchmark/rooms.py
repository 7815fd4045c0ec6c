"""What a precision costs in depth: RMSE on held-out RGB-D pictures, backend against backend."""

from __future__ import annotations

import math
from pathlib import Path

import torch

from fourier_depth_ros.core.checkpoint import Checkpoint
from fourier_depth_ros.core.crops import GRID
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.core.frame import Backend
from fourier_depth_ros.data.opening import open_rgbd
from fourier_depth_ros.data.truth import resize_depth


def rmse_on(
    data: Path, checkpoint: Checkpoint, backends: dict[str, Backend], preset: str, most: int
) -> dict[str, float]:
    """RMSE [m] on the 72 x 96 grid over all valid pixels of at most ``most`` pictures.

    Raises:
        ValueError: there is no picture with valid depth.
    """
    estimators = {}
    for name, backend in backends.items():
        estimator = estimators[name] = DepthEstimator(checkpoint, backend=backend)
        estimator.use(preset)
    squares, pixels = dict.fromkeys(backends, 0.0), 0
    samples = open_rgbd(data)
    step = max(1, len(samples) // most)  # from all rooms, not from the first
    for number, sample in enumerate(samples):
        if number % step:
            continue
        truth = resize_depth(torch.from_numpy(sample.depth), GRID)
        valid = torch.isfinite(truth)
        pixels += int(valid.sum())
        image = torch.from_numpy(sample.rgb).permute(2, 0, 1)
        for name, estimator in estimators.items():
            depth = estimator.predict(image, sample.intrinsics, GRID).depth.cpu().nan_to_num(0.0)
            squares[name] += float((depth - truth)[valid].square().sum())
    if not pixels:
        raise ValueError(f"{data}: no picture has valid depth")
    return {name: math.sqrt(square / pixels) for name, square in squares.items()}
