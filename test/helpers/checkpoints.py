"""Small checkpoints with a known answer, for every room's tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import torch

from fourier_depth_ros.config import (
    DEFAULT_PRESETS,
    CheckpointConfig,
    CropsName,
    DepthSpace,
    FitConfig,
    NetworkConfig,
    Uncertainty,
)
from fourier_depth_ros.core import vit
from fourier_depth_ros.core.checkpoint import Checkpoint, FitStatistics, save_checkpoint
from fourier_depth_ros.core.network import IMAGENET_MEAN, IMAGENET_STD, DepthEstimationNetwork
from fourier_depth_ros.core.statistics import CombinerStatistics

RATIOS = (1.0, 0.8, 0.6)
#: All that windows of zoomed pictures can have at 64 pixels: 64 / 64 and 64 / 96.
SHARED_RATIOS = (1.0, 0.666667)
CANONICAL_FOCAL = 0.8
SPACE = DepthSpace(canonical_focal=CANONICAL_FOCAL)


def balanced(depth: float) -> float:
    """g(depth) of the default space, by hand: 1.5 d - 0.05 d^2."""
    return 1.5 * depth - 0.05 * depth * depth


def constant_checkpoint(
    depth: float = 2.0, *, fitted: bool = True, shared: bool = False
) -> Checkpoint:
    """A network that answers ``depth`` [canonical m] whatever it sees.

    Fitted on pictures where candidate r is truth / r, so that the best combination of any subset
    is truth itself, while the network's answer d gives a mean of d / r before the fit. ``shared``:
    so are shared crops.
    """
    fits: dict[CropsName, tuple[float, ...]] = {"corners": RATIOS} if fitted else {}
    if shared:
        fits["shared"] = SHARED_RATIOS
    config = CheckpointConfig(
        network=NetworkConfig(trunk="resnet18", input_size=64),
        space=SPACE,
        fits={crops: FitConfig(fitted_ratios=ratios) for crops, ratios in fits.items()},
    )
    torch.manual_seed(0)
    network = DepthEstimationNetwork(config.network).eval().requires_grad_(False)
    network.head.weight.zero_()
    network.head.bias.fill_(balanced(depth))
    statistics = {crops: FitStatistics(_statistics(ratios)) for crops, ratios in fits.items()}
    return Checkpoint(config, network, statistics)


def _statistics(ratios: tuple[float, ...]) -> CombinerStatistics:
    g = torch.Generator().manual_seed(0)
    truth = 3 + torch.randn(40, 72, 96, generator=g, dtype=torch.float64)
    scale = torch.tensor(ratios * 2, dtype=torch.float64).reciprocal()[:, None, None]
    noise = torch.randn(40, 2 * len(ratios), 72, 96, generator=g, dtype=torch.float64)
    statistics = CombinerStatistics.empty(ratios)
    statistics.update(truth[:, None] * scale + 0.02 * noise, truth)
    return statistics


def save_constant(
    path: Path, depth: float = 2.0, *, fitted: bool = True, shared: bool = False
) -> Path:
    """constant_checkpoint on disk, weights in float32 so that the answer is exact."""
    checkpoint = constant_checkpoint(depth, fitted=fitted, shared=shared)
    save_checkpoint(path, checkpoint, dtype=torch.float32)
    return path


def save_colors(path: Path, red: torch.Tensor, blue: torch.Tensor) -> Path:
    """A network whose answer to a picture of one colour is R x ``red`` + B x ``blue``, R, B 0..255.

    red, blue: (25, 32) [canonical m]. All that its trunk does is to hand the picture's mean colour
    on, in three channels: shortcuts let it pass, and all else is zero.
    """
    config = CheckpointConfig(
        network=NetworkConfig(trunk="resnet18", input_size=64, modified=False),
        space=DepthSpace(output_space="depth", canonical_focal=CANONICAL_FOCAL),
    )
    network = DepthEstimationNetwork(config.network).eval().requires_grad_(False)
    for name, weight in network.trunk.named_parameters():
        if "conv" in name or "downsample.0" in name:
            weight.zero_()
        if "downsample.0" in name:
            weight[:3, :3, 0, 0] = torch.eye(3)
    # colours come in less their mean and over their deviation: both are taken back
    network.trunk.conv1.weight[:3, :, 3, 3] = torch.diag(torch.tensor(IMAGENET_STD))
    network.trunk.bn1.bias[:3] = torch.tensor(IMAGENET_MEAN)
    network.head.weight.zero_()
    network.head.weight[:, 0], network.head.weight[:, 2] = 255 * red.ravel(), 255 * blue.ravel()
    network.head.bias.zero_()
    save_checkpoint(path, Checkpoint(config, network), dtype=torch.float32)
    return path


def save_calibrated(path: Path, sigma: Uncertainty) -> Path:
    """save_constant with this calibration in every preset."""
    checkpoint = constant_checkpoint()
    presets = {
        name: preset.model_copy(update={"uncertainty": sigma})
        for name, preset in DEFAULT_PRESETS.items()
    }
    fitted = replace(checkpoint.fit_of("corners"), presets=presets)
    save_checkpoint(path, checkpoint.with_fit(fitted), dtype=torch.float32)
    return path


VIT = NetworkConfig(trunk="vits14", input_size=70)


@contextmanager
def small_vits() -> Iterator[None]:
    """Meanwhile vits14 has a third of its channels, so that a test takes no seconds."""
    with patch.dict(vit.TRUNKS, vits14=(128, 12)):
        yield


def vit_checkpoint() -> Checkpoint:
    """A small vision transformer with random weights, whose depths are spread over metres.

    Not fitted. To build or load another one like it takes small_vits.
    """
    torch.manual_seed(2)
    with small_vits():
        network = vit.VitDepthNetwork(VIT).eval().requires_grad_(False)
    network.trunk.positions.normal_(0, 0.3)
    network.head.weight.normal_(0, 0.6)
    network.head.bias.fill_(balanced(4.0))
    return Checkpoint(CheckpointConfig(network=VIT, space=SPACE), network)
