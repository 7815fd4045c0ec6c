"""The one protocol of RGB-D data: fitting and evaluation see nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fourier_depth_ros.core.geometry import Intrinsics


@dataclass(frozen=True)
class RgbdSample:
    """One picture with true depth.

    rgb: (height, width, 3) uint8. depth: (height, width) float32, Z [m], NaN invalid.
    group: what must not be split between fit and test (a room, a scene, a bag).
    """

    name: str
    group: str
    rgb: np.ndarray
    depth: np.ndarray
    intrinsics: Intrinsics


class RgbdDataset(Protocol):
    """A sized, re-iterable set of samples; unreadable ones are skipped and counted."""

    skipped: int

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[RgbdSample]: ...
