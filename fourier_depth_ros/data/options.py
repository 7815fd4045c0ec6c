"""What the path of RGB-D data does not tell: the flags of 'fit' and 'evaluate', keys of a training.

Quick to import, for it is what ``--help`` shows.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter


@dataclass(frozen=True, kw_only=True)
class RgbdOptions:
    """How to read RGB-D data; each kind of data looks at its own."""

    depth_unit: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.001
    """folder: metres that a depth of 1 means (0.001: millimetres); 0 is invalid"""
    split: Literal["train", "test", "all"] = "train"
    """NYUv2: which part"""
    splits: Path | None = None
    """NYUv2: splits.mat, if it is not beside the data"""
    topic: str | None = None
    """bag: colour topic, if it is not the first"""
    depth_topic: str | None = None
    """bag: depth topic, if it is not the one registered to colour"""
    tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.02
    """bag: time between picture and depth, at most [s]"""


def check_options(options: RgbdOptions) -> None:
    """Raises: pydantic.ValidationError: a value is out of range, as pydantic would find reading."""
    TypeAdapter(RgbdOptions).validate_python(asdict(options))
