"""The floor in a depth map: how high the camera is over it, in the depth's own metres.

Ours, not the paper's. Where the true height is known, the two give a scale.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.core.scale import linear_consensus

#: Columns of the coarse cloud that is searched, at most.
COLUMNS = 64
#: How far the surface under a point may lean and still be level [rad]: a wall is at 90 degrees.
LEVEL = math.radians(30)
#: How far the camera may be tilted where nothing but the floor tells what is down [rad]: beyond
#: it a wall seen from below would do as well.
MAX_TILT = math.radians(45)


class Surface(NamedTuple):
    """Points [m] in the optical frame, and unit normals of the surface, away from the camera."""

    points: Float64[Tensor, "points 3"]
    normals: Float64[Tensor, "points 3"]


def surface_of(depth: Float[Tensor, "height width"], intrinsics: Intrinsics) -> Surface:
    """A coarse organised cloud of the depth map [m], where depth and its neighbours' are finite.

    ``intrinsics`` are of the depth map. A normal is the cross product of the differences across and
    down: of a floor it points down, of a ceiling up.
    """
    stride = max(1, math.ceil(depth.shape[1] / COLUMNS))
    z = depth[::stride, ::stride].double().cpu()
    u, v = (
        torch.arange(0, side, stride, dtype=z.dtype) for side in (depth.shape[1], depth.shape[0])
    )
    x = (u - intrinsics.cx) / intrinsics.fx * z
    y = (v[:, None] - intrinsics.cy) / intrinsics.fy * z
    cloud = torch.stack((x, y, z), dim=-1)
    across = cloud[1:-1, 2:] - cloud[1:-1, :-2]
    down = cloud[2:, 1:-1] - cloud[:-2, 1:-1]
    normals = torch.nn.functional.normalize(torch.linalg.cross(across, down), dim=-1)
    points = cloud[1:-1, 1:-1]
    valid = points.isfinite().all(dim=-1) & normals.isfinite().all(dim=-1)
    return Surface(points[valid], normals[valid])


def heights_over(surface: Surface, down: Float64[Tensor, " 3"]) -> Float64[Tensor, " points"]:
    """How far [m] the camera is above each point of a level surface below it.

    ``down``: unit vector in the optical frame. Floors, tables, seats: the largest consensus among
    them is the floor, as a rule.
    """
    heights = surface.points @ down
    level = surface.normals @ down > math.cos(LEVEL)
    return heights[level & (heights > 0)]


def down_of(surface: Surface, tolerance: float, seed: int = 0) -> Float64[Tensor, " 3"] | None:
    """What is down [unit vector, optical frame] by the floor itself: the plane that most fits.

    Args:
        surface: the coarse cloud.
        tolerance: relative error of a depth that agrees.
        seed: of the trials.

    Returns:
        None where no plane within MAX_TILT of the picture's own down has three points.
    """
    upright = math.cos(MAX_TILT)
    points = surface.points[surface.normals[:, 1] > upright]

    def allowed(planes: Tensor) -> Tensor:
        """Planes p @ X = 1 below a camera that is not tilted too far; y is the picture's down."""
        return planes[:, 1] > upright * planes.norm(dim=1)

    found = linear_consensus(points, tolerance, allowed, seed)
    return None if found is None else found.solution / found.solution.norm()
