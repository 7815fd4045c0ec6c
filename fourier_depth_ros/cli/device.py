"""The --device flag of every command that runs a network."""

from __future__ import annotations

import re
from typing import Annotated

from tyro.constructors import PrimitiveConstructorSpec

from fourier_depth_ros.config import DEVICE_PATTERN


def _device(name: str) -> str:
    """``name``, checked before torch is imported. Raises: ValueError: it cannot be a device."""
    if not re.fullmatch(DEVICE_PATTERN, name):
        raise ValueError(f"{name!r} is none of auto, cpu, cuda and cuda:N")
    return name


Device = Annotated[
    str,
    PrimitiveConstructorSpec(
        nargs=1,
        metavar="{auto,cpu,cuda,cuda:N}",
        instance_from_str=lambda given: _device(given[0]),
        is_instance=lambda value: isinstance(value, str),
        str_from_instance=lambda value: [value],
    ),
]
