"""What a planar laser scanner at the camera's place would have measured; ours, not the paper's.

In the way of the ROS package depthimage_to_laserscan: of a band of rows the nearest counts. That
package has as many beams as the picture has columns, which leaves beams without a column near the
middle; here each beam has one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from fourier_depth_ros.core.geometry import Intrinsics


class Beams(NamedTuple):
    """A scan from right to left.

    Convention: angles [rad] about an axis that points up, 0 straight ahead, positive to the left;
    ranges [m] in the plane of the scan, +inf for nothing within reach, NaN for not known.
    """

    angle_min: float
    angle_increment: float
    ranges: Float32[Tensor, " beams"]

    @property
    def angle_max(self) -> float:
        """Of the last beam [rad]."""
        return self.angle_min + self.angle_increment * (len(self.ranges) - 1)


def laser_scan(
    depth: Float[Tensor, "height width"],
    intrinsics: Intrinsics,
    row: int,
    rows: int,
    nearest: float,
    farthest: float,
    beyond: float,
) -> Beams:
    """The scan that a band of the depth map gives.

    Args:
        depth: Z depth [m], NaN where invalid, +inf where too far.
        intrinsics: of the depth map, of 2 columns at least.
        row: the band's middle; -1: the principal point's, where a level camera looks level.
        rows: how many the band has; those outside the picture are not there.
        nearest: a range that is less is not known.
        farthest: a range that is more is ``beyond``.
        beyond: +inf or NaN.

    Convention: a range is hypot(x, z): how far away, not along which ray of the band.

    Raises:
        ValueError: no row of the band is in the picture, or the picture is one column.
    """
    height, width = depth.shape
    if row < 0:
        row = round(intrinsics.cy)
    top = row - rows // 2
    band = depth[max(0, top) : max(0, top + rows)]
    if not len(band) or width < 2:
        raise ValueError(
            f"rows {top} to {top + rows - 1} of a {width}x{height} depth map are no scan"
        )
    across = (torch.arange(width, dtype=torch.float64) - intrinsics.cx) / intrinsics.fx
    angles = -across.atan()
    span = (angles[0] - angles[-1]).item()
    # no finer than the columns are where they are coarsest: no beam is between two
    coarsest = (angles[:-1] - angles[1:]).max().item()
    beams = math.floor(span / coarsest + 1e-9) + 1
    increment = span / (beams - 1)
    index = ((angles - angles[-1]) / increment).round().long().to(depth.device)

    ranges = band.float() * torch.hypot(across, torch.ones(())).to(depth.device, torch.float32)
    ranges = ranges.where(ranges <= farthest, torch.where(ranges.isnan(), torch.nan, beyond))
    ranges = ranges.where(ranges >= nearest, torch.nan)
    column = _nearest(ranges, dim=0)
    found = torch.full((beams,), math.inf, device=depth.device)
    found = found.scatter_reduce(0, index, column.nan_to_num(math.inf, math.inf), "amin")
    known = torch.zeros(beams, dtype=torch.bool, device=depth.device)
    known[index[~column.isnan()]] = True
    return Beams(angles[-1].item(), increment, found.where(known, torch.nan))


def _nearest(ranges: Tensor, dim: int) -> Tensor:
    """The least, NaN only where nothing else is there."""
    least = ranges.nan_to_num(math.inf, math.inf).amin(dim)
    return least.where(~ranges.isnan().all(dim), torch.nan)
