"""Flags of every command that reads RGB-D data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from fourier_depth_ros.data.sample import RgbdDataset


@dataclass(frozen=True)
class RgbdFlags:
    """What the path of RGB-D data does not tell; each kind of data looks at its own."""

    depth_unit: float = 0.001
    """folder: metres that a depth of 1 means (0.001: millimetres); 0 is invalid."""
    split: Literal["train", "test", "all"] = "train"
    """NYUv2: which part."""
    splits: Path | None = None
    """NYUv2: splits.mat, if it is not beside the data."""
    topic: str | None = None
    """bag: colour topic, if it is not the first."""
    depth_topic: str | None = None
    """bag: depth topic, if it is not the one registered to colour."""
    tolerance: float = 0.02
    """bag: time between picture and depth, at most [s]."""

    def open(self, paths: Sequence[Path]) -> list[RgbdDataset]:
        """The data sets at ``paths``.

        Raises:
            ValueError: no paths. FileNotFoundError, ValueError, ImportError: as open_rgbd.
        """
        from fourier_depth_ros.data.opening import RgbdOptions, open_rgbd

        if not paths:
            raise ValueError("no data given; give --data PATH, a folder of pairs, a bag or NYUv2")
        options = RgbdOptions.model_validate(vars(self))
        return [open_rgbd(path, options) for path in paths]
