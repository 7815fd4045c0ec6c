"""The values of ROS parameters <-> those of NodeParameters: every spelling that means one.

`ros2 param set` sends "[1, 0.8]" as a string, [1, 1] as integers, and 8 as an integer; `ros2 param
load` sends 1e-05 as a string.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any, get_args

from fourier_depth_ros.config import PRESETS
from fourier_depth_ros.ros.settings import NodeParameters

_KINDS = {str: "text", int: "an integer", float: "a number", bool: "true or false"}
_NUMBER = r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?"


class ParameterError(ValueError):
    """A parameter has a wrong value; the text names it, and says what is accepted."""


def coerce(name: str, value: Any) -> Any:
    """The Python value that a ROS value means: its spellings of lists and of doubles.

    Raises:
        ParameterError: the text of crop_ratios is no list of numbers, a ratio is named twice, the
            value is of another kind, or the parameter was deleted.
    """
    if value is None:
        raise ParameterError(f"{name}: cannot be deleted or unset")
    kind = type(NodeParameters.model_fields[name].default)
    if kind is tuple:
        return _ratios(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is float and isinstance(value, str) and re.fullmatch(_NUMBER, value):
        return float(value)  # 1e-05, as Python writes it, is a word to YAML
    if kind is str and isinstance(value, float) and not math.isfinite(value):
        return str(value)  # YAML reads an unquoted nan or inf, as `ros2 param dump` writes it
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ParameterError(f"{name}: {value!r} is not {_KINDS[kind]}")
    return value


def to_ros(value: Any) -> Any:
    """What the parameter server shows: doubles for ratios, '' while there are none yet."""
    if isinstance(value, tuple):
        return list(value) if value else ""
    return value


_ACCEPTED = 'give numbers in (0.5, 1], such as "[1.0, 0.8]" or "1 .8", or one of ' + ", ".join(
    PRESETS
)


def _ratios(value: Any) -> tuple[float, ...] | str:
    if isinstance(value, str):
        text = value.strip()
        if text in PRESETS:
            return text
        items = text.strip("[]()").replace(",", " ").split()
        if not all(re.fullmatch(_NUMBER, item) for item in items):
            raise ParameterError(f"crop_ratios: {value!r} is no list of numbers; {_ACCEPTED}")
        return _each_once(float(item) for item in items)
    if isinstance(value, (bool, bytes)):
        raise ParameterError(f"crop_ratios: {value!r} is no list of numbers; {_ACCEPTED}")
    items = list(value) if hasattr(value, "__iter__") else [value]
    if not all(isinstance(item, (int, float)) and not isinstance(item, bool) for item in items):
        raise ParameterError(f"crop_ratios: {value!r} is no list of numbers; {_ACCEPTED}")
    return _each_once(float(item) for item in items)


def _each_once(ratios: Iterable[float]) -> tuple[float, ...]:
    """The ratios; one that is named twice may have been meant to be another."""
    once: list[float] = []
    for ratio in ratios:
        if round(ratio, 6) in once:
            raise ParameterError(f"crop_ratios: {ratio:g} is named twice; give each ratio once")
        once.append(round(ratio, 6))
    return tuple(once)


def accepted(name: str) -> str:
    """What a parameter of few words takes, in words; '' where its type or range says it."""
    words = {
        "crop_ratios": f"{_ACCEPTED}; '' (empty): the preset's",
        "device": "auto, cpu, cuda or cuda:N",
        "preset": f"{', '.join(PRESETS)}, auto, or '' (empty)",
        "output_size": "WIDTHxHEIGHT, or '' (empty)",
        "scale_transform": "x y z roll pitch yaw, x y z qx qy qz qw, or '' (empty)",
    }
    choices = get_args(NodeParameters.model_fields[name].annotation)
    return words.get(name, ", ".join(map(str, choices)))
