"""Metric depth of single pictures: Lee et al., CVPR 2018, for ROS 2 and for plain Python.

import fourier_depth_ros

estimator = fourier_depth_ros.load("resnet18_rooms", preset="balanced")
depth = estimator.predict(image).depth
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fourier_depth_ros.core.estimator import DepthEstimator, DepthPrediction
    from fourier_depth_ros.core.geometry import Intrinsics

__all__ = ["DepthEstimator", "DepthPrediction", "Intrinsics", "load"]


def load(name_or_path: str = "auto", device: str = "auto", preset: str = "auto") -> DepthEstimator:
    """The estimator of a checkpoint, on the fastest backend that works here.

    Args:
        name_or_path: a checkpoint file, a name in models/ such as 'resnet18_rooms', or 'auto': what
            the node takes on this machine (docs/speed.md); a logged warning says which, and why.
        device: "auto" (CUDA if there is any), "cpu", "cuda" or "cuda:N".
        preset: fast, balanced, accurate or paper; "auto": fast on a CPU, accurate on CUDA.

    Raises:
        FileNotFoundError: no such checkpoint; the text lists the names that there are.
        CheckpointError: a file that is no checkpoint, see load_checkpoint.
        ValueError: the device is not there, or no such preset.
    """
    from fourier_depth_ros.runtime import choose_checkpoint, open_estimator

    path, why = choose_checkpoint(name_or_path, device)
    if why:  # a warning, for it is seen by default: on another machine depth would be another's
        logging.getLogger(__name__).warning("checkpoint: %s", why)
    estimator = open_estimator(path, device=device)
    estimator.use(preset)
    return estimator


def __getattr__(name: str) -> Any:
    """The names of __all__, imported when first asked for: torch takes a second."""
    if name in ("DepthEstimator", "DepthPrediction"):
        from fourier_depth_ros.core import estimator

        return getattr(estimator, name)
    if name == "Intrinsics":
        from fourier_depth_ros.core.geometry import Intrinsics

        return Intrinsics
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
