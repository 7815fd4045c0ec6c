"""Depth boundaries: which pixels lie near one, and how many of them a depth map finds.

Convention: truth is valid where it is finite and positive; a boundary that a wide hole hides does
not count, neither as missed nor as invented.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Int8
from torch import Tensor

#: A depth edge lies between neighbouring pixels whose true depths differ by this factor.
EDGE_RATIO = 1.1
#: Boundary errors are over pixels this near to an edge, and boundary F1 compares pixels this far
#: apart [share of the width].
EDGE_BAND = 0.01
#: Factors from which on a pair of pixels counts as a boundary; F1 is averaged over them.
BOUNDARY_RATIOS = (1.1, 1.15, 1.2, 1.25)


def edge_reach(width: int) -> int:
    """EDGE_BAND in pixels of a picture of this width."""
    return max(1, round(EDGE_BAND * width))


def near_edges(truth: Float[Tensor, "height width"]) -> Bool[Tensor, "height width"]:
    """Pixels within EDGE_BAND of a depth edge of the truth.

    An edge is between two valid neighbours, one of them 1.1 times as far; a hole that lies between
    them hides it.
    """
    edge = torch.zeros_like(truth)
    for dim in (0, 1):
        a, b = _pairs(truth, dim, 1)
        jump = _known(a) & _known(b) & (torch.maximum(a / b, b / a) > EDGE_RATIO)
        edge.narrow(dim, 0, truth.shape[dim] - 1)[jump] = 1.0
        edge.narrow(dim, 1, truth.shape[dim] - 1)[jump] = 1.0
    reach = edge_reach(truth.shape[1])
    return F.max_pool2d(edge[None, None], 2 * reach + 1, 1, reach)[0, 0] > 0


def boundary_counts(
    depth: Float[Tensor, "maps height width"], truth: Float[Tensor, "height width"]
) -> Int[Tensor, "maps 3 ratios"]:
    """Boundaries of each map at each of BOUNDARY_RATIOS: true ones, the map's, and those in both.

    After "evaluation metrics for sharp boundaries" in Bochkovskii et al., Depth Pro, 2024: a
    boundary is a pair of pixels of one row or column whose depths differ by a factor over t, and it
    is found if the map's do so too, with the same one in front. Only ratios of depths count, so a
    map that is wrong by a factor loses nothing. A pair counts where its truth is valid at both
    ends.

    Ours, not theirs: the pixels of a pair are EDGE_BAND apart, not direct neighbours. A map of
    72 x 96 hardly ever jumps within a pixel of VGA: the truth itself, reduced to 72 x 96 and
    enlarged again, has an F1 under 0.01 by neighbours and of 0.5 by such pairs (144 x 192: 0.06
    and 0.8). And the narrow hole that a sensor leaves at a boundary lies within the pair. The
    ratios begin at 1.1, theirs at 1.05, which a floor seen at a flat angle has over such a
    distance. The four directions are counted together, theirs averaged.

    ``depth`` must be positive everywhere [m].
    """
    maps, ends = len(depth), len(BOUNDARY_RATIOS)
    side = 2 * ends + 1  # levels from -ends to ends
    table = torch.zeros(maps * side * side, dtype=torch.int64, device=depth.device)
    first = (side * side * torch.arange(maps, device=depth.device) + side * ends + ends)[:, None]
    reach = edge_reach(truth.shape[1])
    for dim in (0, 1):
        if truth.shape[dim] <= reach:
            continue
        a, b = _pairs(truth, dim, reach)
        known = _known(a) & _known(b)
        theirs = _level(a[known], b[known])
        near, far = _pairs(depth, dim + 1, reach)
        mine = _level(near[:, known], far[:, known])
        table += torch.bincount((first + side * theirs + mine).flatten(), minlength=len(table))
    pairs = table.reshape(maps, side, side)
    level = torch.arange(-ends, ends + 1, device=depth.device)
    counts = []
    for reached in range(1, ends + 1):  # a pair over the third ratio is over the first two as well
        true, found = pairs[:, level.abs() >= reached], pairs[..., level.abs() >= reached]
        ahead, behind = level >= reached, level <= -reached
        both = pairs[:, ahead][..., ahead].sum((1, 2)) + pairs[:, behind][..., behind].sum((1, 2))
        counts.append(torch.stack((true.sum((1, 2)), found.sum((1, 2)), both), dim=1))
    return torch.stack(counts, dim=-1)


def _level(a: Float[Tensor, "*pairs"], b: Float[Tensor, "*pairs"]) -> Int8[Tensor, "*pairs"]:
    """How many of BOUNDARY_RATIOS b / a is over; negative where a / b is."""
    ratios = torch.tensor(BOUNDARY_RATIOS, dtype=a.dtype, device=a.device)
    level = torch.bucketize(torch.maximum(b / a, a / b), ratios).to(torch.int8)
    return torch.where(b > a, level, -level)


def _pairs(maps: Tensor, dim: int, apart: int) -> tuple[Tensor, Tensor]:
    count = maps.shape[dim] - apart
    return maps.narrow(dim, 0, count), maps.narrow(dim, apart, count)


def _known(depth: Float[Tensor, "*pixels"]) -> Bool[Tensor, "*pixels"]:
    return torch.isfinite(depth) & (depth > 0)
