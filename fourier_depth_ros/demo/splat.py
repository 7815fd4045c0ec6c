"""A picture of a point cloud from a moved viewpoint, in numpy: no display and no GPU needed."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8


def splat_points(
    xyz: Float32[np.ndarray, "height width 3"],
    rgb: UInt8[np.ndarray, "height width 3"],
    size: tuple[int, int] = (480, 640),
    yaw: float = 25.0,
    pitch: float = -12.0,
) -> UInt8[np.ndarray, "rows columns 3"]:
    """The cloud [m, optical frame] turned about its middle, the nearest point in front.

    Convention: positive yaw [degrees] moves the viewer to the left, negative pitch lifts them.
    """
    rows, columns = size
    canvas = np.full((rows, columns, 3), 24, np.uint8)
    finite = np.isfinite(xyz).all(axis=-1)
    if not finite.any():
        return canvas
    points, colors = xyz[finite].astype(np.float64), rgb[finite]
    middle = np.median(points, axis=0)
    turned = (points - middle) @ _rotation(yaw, pitch).T + middle
    turned[:, 2] += 0.35 * middle[2]  # a step back, to see the sides
    front = turned[:, 2] > 0.05
    turned, colors = turned[front], colors[front]
    # the focal length that fits the untouched cloud's width into the canvas
    focal = 0.45 * columns / max(np.percentile(np.abs(points[:, 0] / points[:, 2]), 98), 1e-3)
    u = np.rint(focal * turned[:, 0] / turned[:, 2] + columns / 2).astype(int)
    v = np.rint(focal * turned[:, 1] / turned[:, 2] + rows / 2).astype(int)
    order = np.argsort(-turned[:, 2])  # far first: later writes win
    for dv in (0, 1):
        for du in (0, 1):
            inside = (u + du >= 0) & (u + du < columns) & (v + dv >= 0) & (v + dv < rows)
            shown = order[inside[order]]
            canvas[v[shown] + dv, u[shown] + du] = colors[shown]
    return canvas


def _rotation(yaw: float, pitch: float) -> np.ndarray:
    """Rotation about y (down) by yaw, then about x (right) by pitch [degrees]."""
    cy, sy = np.cos(np.radians(yaw)), np.sin(np.radians(yaw))
    cp, sp = np.cos(np.radians(pitch)), np.sin(np.radians(pitch))
    about_y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    about_x = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    return about_x @ about_y
