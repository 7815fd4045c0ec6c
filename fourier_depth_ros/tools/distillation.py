"""A teacher's features as an auxiliary target for the trunk: any teacher, cached on disk.

Ours, not the paper's. The trunk's layer3 and layer4 learn, through a 1x1 convolution each, to hold
what the teacher sees there; the convolutions are thrown away after the training.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fourier_depth_ros.core.network import DepthEstimationNetwork
from fourier_depth_ros.tools.data.cache import Pair

TAPS = ("layer3", "layer4")
#: Weight of the smooth L1 distance beside the cosine distance.
_L1_WEIGHT = 0.1


@dataclass(frozen=True)
class TeacherFeatures:
    """A folder of feature maps NAME.npy, (channels, h, w) of whole pictures, floating point."""

    folder: Path
    channels: int

    @staticmethod
    def open(folder: Path, pairs: Sequence[Pair]) -> TeacherFeatures:
        """The features of these pairs.

        Raises:
            ValueError: some have no file, or the first file is not (channels, h, w).
        """
        missing = [p.name for p in pairs if not (folder / f"{p.name}.npy").is_file()]
        if missing:
            raise ValueError(
                f"teacher: {len(missing)} of {len(pairs)} pictures have no features, the first is "
                f"{folder / missing[0]}.npy; make them for all of `data`"
            )
        first = np.load(folder / f"{pairs[0].name}.npy", mmap_mode="r")
        if first.ndim != 3:
            raise ValueError(
                f"teacher: {folder / pairs[0].name}.npy has shape {first.shape}, expected "
                f"(channels, h, w)"
            )
        return TeacherFeatures(folder, first.shape[0])

    def read(self, name: str) -> np.ndarray:
        """The feature map of one picture."""
        features = np.load(self.folder / f"{name}.npy")
        if features.ndim != 3 or len(features) != self.channels:
            raise ValueError(
                f"teacher: {self.folder / name}.npy has shape {features.shape}, the first one has "
                f"{self.channels} channels"
            )
        return features


class Student(nn.Module):
    """The network while it learns: its output, and what its layers answer to a teacher.

    Under autocast the head stays in float32: its output is depth, which bfloat16 would round to
    steps of 6 cm at 8 m.
    """

    def __init__(self, network: DepthEstimationNetwork, teacher_channels: int | None) -> None:
        super().__init__()
        self.network = network
        self.to_teacher = nn.ModuleDict()
        self._maps: dict[str, Tensor] = {}
        if teacher_channels is not None:
            for name in TAPS:
                # the network calls the blocks one by one: a layer's answer is its last block's
                last = getattr(network.trunk, name)[-1]
                norms = [m for m in last.modules() if isinstance(m, nn.BatchNorm2d)]
                self.to_teacher[name] = nn.Conv2d(norms[-1].num_features, teacher_channels, 1)
                last.register_forward_hook(self._keeper(name))

    def _keeper(self, name: str) -> Callable[[nn.Module, Any, Tensor], None]:
        def keep(_module: nn.Module, _args: Any, output: Tensor) -> None:
            self._maps[name] = output

        return keep

    def forward(self, crops: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """(n, rows, columns) float32 in the output space, and each tap's (n, channels, h, w)."""
        output = forward_float32_head(self.network, crops)
        maps = {name: conv(self._maps.pop(name)) for name, conv in self.to_teacher.items()}
        return output, maps


def forward_float32_head(network: DepthEstimationNetwork, crops: Tensor) -> Tensor:
    """network(crops), with the head in float32 whatever autocast does to the rest."""
    features = network.features(crops)
    with torch.autocast(crops.device.type, enabled=False):
        return network.head(features.float()).unflatten(1, network.config.map_size)


def feature_loss(maps: dict[str, Tensor], target: Tensor) -> Tensor:
    """Cosine distance and smooth L1 between each map and the teacher's, averaged to its size."""
    losses = []
    for student in maps.values():
        answer = student.float()
        teacher = F.adaptive_avg_pool2d(target, (answer.shape[-2], answer.shape[-1]))
        cosine = F.cosine_similarity(answer, teacher, dim=1)
        losses.append((1.0 - cosine).mean() + _L1_WEIGHT * F.smooth_l1_loss(answer, teacher))
    return torch.stack(losses).sum()
