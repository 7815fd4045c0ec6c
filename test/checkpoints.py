"""Small checkpoints with a known answer, for every room's tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from fourier_depth_ros.config import (
    DEFAULT_PRESETS,
    CheckpointConfig,
    DepthSpace,
    NetworkConfig,
    Uncertainty,
)
from fourier_depth_ros.core.checkpoint import Checkpoint, save_checkpoint
from fourier_depth_ros.core.network import DepthEstimationNetwork
from fourier_depth_ros.core.statistics import CombinerStatistics

RATIOS = (1.0, 0.8, 0.6)
CANONICAL_FOCAL = 0.8
SPACE = DepthSpace(canonical_focal=CANONICAL_FOCAL)


def balanced(depth: float) -> float:
    """g(depth) of the default space, by hand: 1.5 d - 0.05 d^2."""
    return 1.5 * depth - 0.05 * depth * depth


def constant_checkpoint(depth: float = 2.0, *, fitted: bool = True) -> Checkpoint:
    """A network that answers ``depth`` [canonical m] whatever it sees.

    Fitted on pictures where candidate r is truth / r, so that the best combination of any subset
    is truth itself, while the network's answer d gives a mean of d / r before the fit.
    """
    config = CheckpointConfig(
        network=NetworkConfig(trunk="resnet18", input_size=64),
        space=SPACE,
        fitted_ratios=RATIOS if fitted else (),
    )
    torch.manual_seed(0)
    network = DepthEstimationNetwork(config.network).eval().requires_grad_(False)
    network.head.weight.zero_()
    network.head.bias.fill_(balanced(depth))
    return Checkpoint(config, network, fit=_statistics() if fitted else None)


def _statistics() -> CombinerStatistics:
    g = torch.Generator().manual_seed(0)
    truth = 3 + torch.randn(40, 72, 96, generator=g, dtype=torch.float64)
    scale = torch.tensor(RATIOS * 2, dtype=torch.float64).reciprocal()[:, None, None]
    noise = torch.randn(40, 6, 72, 96, generator=g, dtype=torch.float64)
    statistics = CombinerStatistics.empty(RATIOS)
    statistics.update(truth[:, None] * scale + 0.02 * noise, truth)
    return statistics


def save_constant(path: Path, depth: float = 2.0, *, fitted: bool = True) -> Path:
    """constant_checkpoint on disk, weights in float32 so that the answer is exact."""
    save_checkpoint(path, constant_checkpoint(depth, fitted=fitted), dtype=torch.float32)
    return path


def save_calibrated(path: Path, sigma: Uncertainty) -> Path:
    """save_constant with this calibration in every preset."""
    checkpoint = constant_checkpoint()
    presets = {
        name: preset.model_copy(update={"uncertainty": sigma})
        for name, preset in DEFAULT_PRESETS.items()
    }
    config = checkpoint.config.model_copy(update={"presets": presets})
    save_checkpoint(path, replace(checkpoint, config=config), dtype=torch.float32)
    return path
