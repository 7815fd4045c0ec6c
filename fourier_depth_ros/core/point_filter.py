"""Which points of an organised cloud stay: by their height, and by their neighbours.

Ours, not the paper's. Both take the depth map that the cloud is made of and answer with a mask of
its size; what is not finite, NaN or infinite, never stays.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.core.rigid import RigidTransform

#: Rows and columns to either side of a point that its neighbours are looked for in.
REACH = 2
#: How many neighbours a point has, invalid ones and those outside the picture included.
NEIGHBOURS = (2 * REACH + 1) ** 2 - 1


def strided_intrinsics(intrinsics: Intrinsics, stride: int) -> Intrinsics:
    """The intrinsics of every ``stride``-th row and column, the first one included.

    Convention: points are picked, not averaged, so pixel 0 stays pixel 0: cx' = cx / stride.
    """
    return Intrinsics(
        fx=intrinsics.fx / stride,
        fy=intrinsics.fy / stride,
        cx=intrinsics.cx / stride,
        cy=intrinsics.cy / stride,
        width=-(-intrinsics.width // stride),
        height=-(-intrinsics.height // stride),
    )


def within_heights(
    depth: Float[Tensor, "height width"],
    intrinsics: Intrinsics,
    pose: RigidTransform,
    lowest: float,
    highest: float,
) -> Bool[Tensor, "height width"]:
    """Whether a point's height lies in [lowest, highest] [m].

    Args:
        depth: Z depth [m].
        intrinsics: of the depth map.
        pose: of the optical frame in one whose z axis is up; the height is z there.
        lowest: -inf for no limit.
        highest: +inf for no limit.
    """
    u, v = (torch.arange(side, device=depth.device) for side in (depth.shape[1], depth.shape[0]))
    along_x, along_y, along_z = pose.rotation[2].tolist()
    # z (a (u - cx) / fx + b (v - cy) / fy + c): how fast each pixel's ray rises, times its depth
    rise = along_x / intrinsics.fx * (u - intrinsics.cx) + along_z
    rise = rise + (along_y / intrinsics.fy * (v - intrinsics.cy))[:, None]
    heights = depth * rise + pose.translation[2].item()
    return depth.isfinite() & (heights >= lowest) & (heights <= highest)


def has_neighbours(
    depth: Float[Tensor, "height width"], neighbours: int, distance: float
) -> Bool[Tensor, "height width"]:
    """Whether at least ``neighbours`` of a point's NEIGHBOURS lie at about its depth.

    Args:
        depth: Z depth [m].
        neighbours: a corner has 8 at most, an edge 14.
        distance: relative: the larger of two depths is at most ``1 + distance`` times the smaller.

    Convention: only depth is compared. Across, REACH columns are a few hundredths of the depth at
    most, so what hovers between a thing and the wall behind it is what goes.
    """
    logs = depth.log()  # NaN of a negative depth; differences of anything but numbers compare false
    height, width = depth.shape
    count = torch.zeros(depth.shape, dtype=torch.uint8, device=depth.device)
    for down in range(min(REACH, height - 1) + 1):
        for right in range(-REACH, REACH + 1):
            if (down, right) <= (0, 0) or abs(right) >= width:
                continue  # of two neighbours one is the other's: each pair once
            here = (slice(height - down), slice(max(0, -right), width - max(0, right)))
            there = (slice(down, height), slice(max(0, right), width - max(0, -right)))
            near = (logs[here] - logs[there]).abs_() <= math.log1p(distance)
            count[here] += near
            count[there] += near
    return depth.isfinite() & (count >= neighbours)
