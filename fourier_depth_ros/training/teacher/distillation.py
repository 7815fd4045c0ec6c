"""A teacher's features and depth as auxiliary targets: any teacher, cached on disk.

Ours, not the paper's. The trunk's layer3 and layer4 learn, through a 1x1 convolution each, to hold
what the teacher sees there; the convolutions are thrown away after the training. Its depth is one
more target for the network's map, and the only one for photographs without truth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fourier_depth_ros.core.networks import DepthNetwork
from fourier_depth_ros.core.vit import VitDepthNetwork
from fourier_depth_ros.training.cache import Pair
from fourier_depth_ros.training.config import TeacherConfig

TAPS = ("layer3", "layer4")
#: Weight of the smooth L1 distance beside the cosine distance.
_L1_WEIGHT = 0.1


@dataclass(frozen=True)
class TeacherMaps:
    """Folders of maps NAME.npy of whole pictures, floating point; None: without.

    features: (channels, h, w). depth: (h, w) [canonical m], NaN unknown.
    """

    features: Path | None
    depth: Path | None
    channels: int | None

    @staticmethod
    def open(config: TeacherConfig, pairs: Sequence[Pair]) -> TeacherMaps:
        """The maps of these pairs.

        Raises:
            ValueError: some pairs have no map, or share one; or the first file's shape is wrong.
        """
        names = [pair.name for pair in pairs]
        if len(set(names)) < len(names):
            twice = next(name for name, count in Counter(names).items() if count > 1)
            raise ValueError(f"teacher: two pictures of `data` are named {twice}; rename one")
        for folder in filter(None, (config.features, config.depth)):
            missing = [name for name in names if not (folder / f"{name}.npy").is_file()]
            if missing:
                raise ValueError(
                    f"teacher: {len(missing)} of {len(names)} pictures have no map, the first is "
                    f"{folder / missing[0]}.npy; make them for all of `data`"
                )
        if config.depth is not None:
            _read(config.depth, names[0], 2)
        channels = None if config.features is None else len(_read(config.features, names[0], 3))
        return TeacherMaps(config.features, config.depth, channels)

    def read_features(self, name: str) -> np.ndarray:
        """The feature map of one picture, (channels, h, w)."""
        assert self.features is not None
        features = _read(self.features, name, 3)
        if len(features) != self.channels:
            raise ValueError(
                f"teacher: {self.features / name}.npy has {len(features)} channels, the first one "
                f"{self.channels}"
            )
        return features

    def read_depth(self, name: str) -> np.ndarray:
        """The depth of one picture, (h, w) [canonical m]."""
        assert self.depth is not None
        return _read(self.depth, name, 2)


def _read(folder: Path, name: str, dimensions: int) -> np.ndarray:
    try:
        values: np.ndarray = np.load(folder / f"{name}.npy")
    except (ValueError, EOFError) as error:
        raise ValueError(f"teacher: {folder / name}.npy is broken ({error})") from error
    if values.ndim != dimensions:
        expected = "(channels, h, w)" if dimensions == 3 else "(h, w)"
        raise ValueError(
            f"teacher: {folder / name}.npy has shape {values.shape}, expected {expected}"
        )
    return values


class Student(nn.Module):
    """The network while it learns: its output, and what its layers answer to a teacher.

    Under autocast the head stays in float32: its output is depth, which bfloat16 would round to
    steps of 6 cm at 8 m.
    """

    def __init__(self, network: DepthNetwork, teacher_channels: int | None) -> None:
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

    def forward(
        self, crops: Tensor, taps: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """(n, rows, columns) float32 in the output space, and each tap's (n, channels, h, w).

        ``taps``: as Batch has them.
        """
        output = forward_float32_head(self.network, crops, taps)
        maps = {name: conv(self._maps.pop(name)) for name, conv in self.to_teacher.items()}
        return output, maps


def forward_float32_head(
    network: DepthNetwork, crops: Tensor, taps: Tensor | None = None
) -> Tensor:
    """network(crops), with the head in float32 whatever autocast does to the rest.

    ``taps``: of a vision transformer, what its frozen layers answer, if that is known.
    """
    if taps is None:
        maps = network.maps(crops)
    else:
        assert isinstance(network, VitDepthNetwork)
        maps = network.maps_above(crops, taps)
    with torch.autocast(crops.device.type, enabled=False):
        return network.head.answer(maps, 0)


def feature_loss(maps: dict[str, Tensor], target: Tensor) -> Tensor:
    """Cosine distance and smooth L1 between each map and the teacher's, averaged to its size."""
    losses = []
    for student in maps.values():
        answer = student.float()
        teacher = F.adaptive_avg_pool2d(target, (answer.shape[-2], answer.shape[-1]))
        cosine = F.cosine_similarity(answer, teacher, dim=1)
        losses.append((1.0 - cosine).mean() + _L1_WEIGHT * F.smooth_l1_loss(answer, teacher))
    return torch.stack(losses).sum()
