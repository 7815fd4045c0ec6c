"""The live scale: what estimated depth is multiplied by to agree with a few measured depths.

Ours, not the paper's. Measured and estimated depth are compared point by point; points that a
sensor sees and the camera does not, mirrors, edges and mistakes of the network are outliers, so a
consensus is sought and no mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Float64
from torch import Tensor

from fourier_depth_ros.core.geometry import Intrinsics

#: Fewer points that agree are no support, whatever their share.
MIN_INLIERS = 20
#: A smaller share that agrees isn't one either: ratios spread evenly over a factor of 3 in either
#: direction, which is how wrong extrinsics look, have 2 * 0.15 / 2.2 = 14 % within 15 % of one.
MIN_SHARE = 0.3
#: A larger scale, or one smaller than its inverse, is a mistake of units and no scale.
LARGEST = 100.0
#: Nearer than this, points are on the sensor itself or behind it [m].
NEAREST = 0.05
#: Random trials of linear_consensus: with 30 % inliers 1 - (1 - 0.3^3)^256 = 99.9 % find one.
HYPOTHESES = 256
#: Rounds of least squares after them, in which rows count less the less they agree.
REFINEMENTS = 5


class ScaleFit(NamedTuple):
    """A scale and what speaks for it.

    scale: what estimated depth is multiplied by; NaN without any pair. inliers: of ``points``
    pairs so many agree within the tolerance. residual: their median absolute error, relative.
    """

    scale: float
    inliers: int
    points: int
    residual: float

    @property
    def supported(self) -> bool:
        """Whether it may be one, and enough points agree for it to be believed."""
        enough = self.inliers >= max(MIN_INLIERS, MIN_SHARE * self.points)
        return enough and 1 / LARGEST < self.scale < LARGEST


def paired_depths(
    points: Float64[Tensor, "points 3"],
    depth: Float[Tensor, "height width"],
    intrinsics: Intrinsics,
) -> tuple[Float64[Tensor, " pairs"], Float64[Tensor, " pairs"]]:
    """Estimated and measured depth [m] of the ``points`` that fall into the picture.

    Args:
        points: measured, in the optical frame [m]; NaN where invalid. On any device.
        depth: estimated Z depth [m]; NaN where invalid, and NaN among the pairs then.
        intrinsics: of the depth map.

    Convention: the nearest pixel's depth counts: between pixels of a thing and of what is behind it
    there is nothing.
    """
    height, width = depth.shape
    x, y, z = points.to(depth.device).unbind(dim=1)
    u = (intrinsics.fx * x / z + intrinsics.cx).round()
    v = (intrinsics.fy * y / z + intrinsics.cy).round()
    # NaN compares false; compared before they become integers, which infinity can't
    seen = (z > NEAREST) & (u >= 0) & (u < width) & (v >= 0) & (v < height)
    estimated = depth[v[seen].long(), u[seen].long()]
    return estimated.double().cpu(), z[seen].cpu()


def estimate_scale(
    estimated: Float64[Tensor, " pairs"], measured: Float64[Tensor, " pairs"], tolerance: float
) -> ScaleFit:
    """The scale with which most pairs agree within ``tolerance``, relative; pairs of NaN are none.

    RANSAC with every hypothesis there is: one pair gives a scale, and among sorted log ratios each
    consensus set is an interval. So it is exact, the same each time, and needs no seed. The scale
    is the median of that set.
    """
    ratios = (measured / estimated).log()
    ratios = ratios[ratios.isfinite()].sort().values
    if not len(ratios):
        return ScaleFit(math.nan, 0, 0, math.nan)
    half = math.log1p(tolerance)
    ends = torch.searchsorted(ratios, ratios + 2 * half, right=True)
    first = int((ends - torch.arange(len(ratios))).argmax())
    center = ratios[first : int(ends[first])].quantile(0.5)
    errors = (ratios - center).abs()
    agreeing = errors[errors <= half]
    residual = math.expm1(float(agreeing.quantile(0.5)))
    return ScaleFit(math.exp(float(center)), len(agreeing), len(ratios), residual)


class Consensus(NamedTuple):
    """What most rows agree with, and which."""

    solution: Float64[Tensor, " unknowns"]
    inliers: Bool[Tensor, " rows"]


def linear_consensus(
    rows: Float64[Tensor, "rows unknowns"],
    tolerance: float,
    allowed: Callable[[Tensor], Tensor],
    seed: int = 0,
) -> Consensus | None:
    """RANSAC of ``rows @ solution = 1`` for most rows, then weighted least squares.

    Args:
        rows: finite.
        tolerance: of the 1, of a row that agrees.
        allowed: (trials, unknowns) solutions -> (trials,) bool, which of them make sense.
        seed: of the trials.

    Returns:
        None where no trial makes sense or has as many agreeing rows as unknowns.
    """
    count, unknowns = rows.shape
    if count < unknowns:
        return None
    generator = torch.Generator().manual_seed(seed)
    picked = rows[torch.randint(count, (HYPOTHESES, unknowns), generator=generator)]
    ones = torch.ones(HYPOTHESES, unknowns, 1, dtype=rows.dtype)
    trials = torch.linalg.solve_ex(picked, ones).result[..., 0]  # a row twice: not finite
    trials = trials[trials.isfinite().all(dim=1)]
    trials = trials[allowed(trials)]
    if not len(trials):
        return None
    agreeing = (trials @ rows.T - 1).abs() <= tolerance
    best = int(agreeing.sum(dim=1).argmax())
    inliers = agreeing[best]
    if int(inliers.sum()) < unknowns:
        return None
    solution = trials[best]
    for _ in range(REFINEMENTS):
        errors = (rows @ solution - 1) / tolerance
        weights = (1 - errors**2).clamp(min=0)[:, None]  # Tukey's biweight, its root
        refined = torch.linalg.lstsq(weights * rows, weights).solution[:, 0]
        if not bool(refined.isfinite().all() and allowed(refined[None])):
            break
        solution = refined
    return Consensus(solution, (rows @ solution - 1).abs() <= tolerance)
