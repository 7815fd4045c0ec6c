"""The simulator's own dependencies, imported when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

HINT = (
    "the simulator takes moderngl and embreex: pip install 'fourier_depth_ros[sim]' "
    "(or pip install moderngl embreex)"
)
EGL_HINT = (
    "no OpenGL 3.3 context could be made on EGL; on Debian or Ubuntu: "
    "apt install libegl1 libgl1-mesa-dri (software rendering, no GPU or display needed)"
)


def optional(module: str) -> Any:
    """The module of that name.

    Raises:
        ImportError: not installed; says what to install.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(f"{HINT}: {error}") from error
