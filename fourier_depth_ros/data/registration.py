"""Depth of a camera beside the colour camera, as the colour camera sees it."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float32

from fourier_depth_ros.core.geometry import Intrinsics


def register_depth(
    depth: Float32[np.ndarray, "height width"],
    camera: Intrinsics,
    color: Intrinsics,
    translation: tuple[float, float, float],
) -> Float32[np.ndarray, "rows columns"]:
    """Depth [m] in the colour camera's picture; NaN where no point comes to lie.

    Args:
        depth: Z [m] of ``camera``, NaN invalid.
        camera: the depth camera's, of exactly this size.
        color: the colour camera's.
        translation: of the depth camera's origin in the colour camera's frame [m]; the two look the
            same way.

    Convention: a pixel becomes as many points, spread over it, as it takes to leave no gaps where
    the colour camera has more pixels; of those in one pixel the nearest counts.
    """
    v, u = np.nonzero(depth > 0)
    z = depth[v, u]
    new = z + np.float32(translation[2])
    nearest = np.full(color.height * color.width, np.inf, np.float32)
    count = math.ceil(max(color.fx / camera.fx, color.fy / camera.fy, 1)) + 1
    steps = (np.arange(count) + 0.5) / count - 0.5
    for du in steps:
        x = (u + du - camera.cx) / camera.fx * z + translation[0]
        column = np.rint(color.fx * x / new + color.cx).astype(int)
        for dv in steps:
            y = (v + dv - camera.cy) / camera.fy * z + translation[1]
            row = np.rint(color.fy * y / new + color.cy).astype(int)
            seen = (column >= 0) & (column < color.width) & (row >= 0) & (row < color.height)
            seen &= new > 0
            np.minimum.at(nearest, row[seen] * color.width + column[seen], new[seen])
    nearest[np.isinf(nearest)] = np.nan
    return nearest.reshape(color.height, color.width)
