"""What the path of RGB-D data does not tell: the flags of 'fit' and 'evaluate', keys of a training.

Quick to import, for it is what ``--help`` shows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, kw_only=True)
class RgbdOptions:
    """How to read RGB-D data; each kind of data looks at its own.

    Raises:
        ValueError: a value is out of range.
    """

    depth_unit: float = 0.001
    """folder: metres that a depth of 1 means (0.001: millimetres); 0 is invalid"""
    split: Literal["train", "test", "all"] = "train"
    """NYUv2: which part"""
    splits: Path | None = None
    """NYUv2: splits.mat, if it is not beside the data"""
    topic: str | None = None
    """bag: colour topic, if it is not the first"""
    depth_topic: str | None = None
    """bag: depth topic, if it is not the one registered to colour"""
    tolerance: float = 0.02
    """bag: time between picture and depth, at most [s]"""

    def __post_init__(self) -> None:
        if not 0 < self.depth_unit < math.inf:
            raise ValueError(f"depth_unit is {self.depth_unit:g}, expected a positive number [m]")
        if not 0 <= self.tolerance < math.inf:
            raise ValueError(f"tolerance is {self.tolerance:g}, expected 0 or more [s]")
