"""True depth on the network's and the combination's grids: masked resizing, and holes filled."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

#: A cell whose pixels are valid for less than this share stays a hole.
MIN_CELL_SHARE = 0.3
#: Pictures with less valid depth than this are no use to the combination's fit.
MIN_VALID_SHARE = 0.7


def resize_depth(
    depth: Float[Tensor, "height width"], size: tuple[int, int], farthest: float = math.inf
) -> Float[Tensor, "rows columns"]:
    """Depth [m] on a smaller grid, averaged (antialiased bilinear) over VALID pixels only.

    Invalid is anything not finite, not positive or beyond ``farthest``; a cell with under 30 %
    valid weight is NaN.
    """
    valid = (depth > 0) & (depth <= farthest) & (depth < math.inf)
    stacked = torch.stack((depth.where(valid, 0.0), valid.to(depth.dtype)))
    total, share = F.interpolate(
        stacked[None], size, mode="bilinear", align_corners=False, antialias=True
    )[0]
    return (total / share.clamp(min=1e-6)).where(share >= MIN_CELL_SHARE, torch.nan)


def canonical_truth(
    depth: Float[Tensor, "height width"],
    factor: float,
    size: tuple[int, int],
    farthest: float = math.inf,
) -> Float[Tensor, "rows columns"]:
    """A picture's true depth [m] on a smaller grid [canonical m]: as a camera of phi_c sees it.

    d phi_c / phi. ``factor`` is the picture's phi / phi_c, as core.geometry.focal_factor gives it;
    beyond ``farthest`` [canonical m] depth is invalid. See resize_depth.
    """
    return resize_depth(depth, size, farthest * factor) / factor


def fill_holes(
    truth: Float[Tensor, "height width"], guess: Float[Tensor, "height width"]
) -> Float[Tensor, "height width"]:
    """True depth [m] with its NaN holes filled, for a DFT has none: metrics never see this.

    The filling is ``guess`` (the network's r = 1 mean), scaled by the median ratio to the truth,
    plus a smooth interpolation of what it misses around the hole.

    Raises:
        ValueError: nothing is valid.
    """
    valid = torch.isfinite(truth)
    if valid.all():
        return truth
    if not valid.any():
        raise ValueError("the true depth has no valid pixel; drop the picture")
    aligned = guess * (truth[valid] / guess[valid].clamp(min=1e-3)).median()
    residual = (truth - aligned).where(valid, 0.0)
    return truth.where(valid, aligned + _pull_push(residual, valid.to(truth.dtype)))


def _pull_push(
    values: Float[Tensor, "height width"], weight: Float[Tensor, "height width"]
) -> Float[Tensor, "height width"]:
    """Means over ever larger cells, each hole taking the finest mean that saw a valid pixel."""
    known = weight > 0
    if known.all() or min(values.shape) == 1:
        return (values / weight.clamp(min=1e-6)).where(known, 0.0)
    half = ((values.shape[0] + 1) // 2, (values.shape[1] + 1) // 2)
    pooled = F.adaptive_avg_pool2d(torch.stack((values, weight)), half)
    coarse = _pull_push(pooled[0], pooled[1])
    smooth = F.interpolate(coarse[None, None], values.shape, mode="bilinear", align_corners=False)[
        0, 0
    ]
    return (values / weight.clamp(min=1e-6)).where(known, smooth)
