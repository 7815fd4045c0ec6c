"""The depth-balanced Euclidean (DBE) loss and its companions (Lee et al. 2018, sec. 3.2)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from fourier_depth_ros.config import DepthSpace
from fourier_depth_ros.core.space import balance, to_depth

#: The smallest depth [canonical m] with a logarithm of its own.
_NEAREST = 0.05
#: Under the root of the scale-invariant loss, whose slope would be infinite at 0 without it.
_ROOT = 1e-6


def euclidean_loss(
    predicted: Float[Tensor, "*shape"],
    truth: Float[Tensor, "*shape"],
    valid: Bool[Tensor, "*shape"],
) -> Float[Tensor, ""]:
    """1 / (2N) sum (p - t)^2 over the N valid elements; invalid ones (NaN allowed) add no gradient.

    N is at least 1, so that a batch without a valid element has loss 0.
    """
    error = (predicted - truth).where(valid, 0.0)
    return 0.5 * error.square().sum() / valid.sum().clamp(min=1)


def depth_balanced_euclidean_loss(
    output: Float[Tensor, "*shape"],
    depth: Float[Tensor, "*shape"],
    valid: Bool[Tensor, "*shape"],
    space: DepthSpace,
) -> Float[Tensor, ""]:
    """L = 1 / (2N) sum (g(d^) - g(d))^2, where ``output`` is the head's u = g(d^) (sec. 3.2).

    Its gradient with respect to d^ is (1/N) (g(d^) - g(d)) (a1 + a2 d^).
    """
    return euclidean_loss(output, balance(depth, space), valid)


def log_depth_loss(
    output: Float[Tensor, "*shape"],
    depth: Float[Tensor, "*shape"],
    valid: Bool[Tensor, "*shape"],
    space: DepthSpace,
) -> Float[Tensor, ""]:
    """1 / N sum |log d^ - log d|, of the d^ behind the head's ``output``; ours, not the paper's.

    It weighs relative errors alike, and unlike a squared loss it lets a cell that may be near or
    far answer one of the two. Below 0.05 m d^ counts as 0.05 m and has no gradient: the loss that
    this one is added to has one there.
    """
    predicted = to_depth(output, space).clamp(min=_NEAREST)
    error = (predicted.log() - depth.log()).where(valid, 0.0)
    return error.abs().sum() / valid.sum().clamp(min=1)


def scale_invariant_log_loss(
    output: Float[Tensor, "n rows columns"],
    depth: Float[Tensor, "n rows columns"],
    space: DepthSpace,
    mean_weight: float | Float[Tensor, " n"],
) -> Float[Tensor, ""]:
    """The mean over pictures of sqrt(var(e) + w mean(e)^2 + 1e-6), e = log d^ - log d.

    Eigen et al. 2014, eq. 4 (1 - lambda is w here), under the root as Lee et al. 2019 (BTS) take
    it; ours, not the paper's. A picture whose depth is right up to a factor c costs about
    sqrt(w) |log c|: nothing where w is 0, which is for pictures of unknown scale.

    Args:
        output: the head's. Below 0.05 m d^ counts as 0.05 m and has no gradient.
        depth: [canonical m], NaN where unknown, which adds nothing, nor a gradient.
        mean_weight: w >= 0, of all pictures or of each.

    Returns:
        The mean over the pictures that have a known cell; 0 if there is none.
    """
    error, known = _log_error(output, depth, space)
    cells = known.sum(dim=(1, 2)).clamp(min=1)
    mean = error.sum(dim=(1, 2)) / cells
    spread = (error - mean[:, None, None]).where(known, 0.0)
    variance = spread.square().sum(dim=(1, 2)) / cells
    losses = (variance + mean_weight * mean.square() + _ROOT).sqrt()
    return _mean_over_pictures(losses, known)


def gradient_matching_loss(
    output: Float[Tensor, "n rows columns"],
    depth: Float[Tensor, "n rows columns"],
    space: DepthSpace,
    scales: int = 4,
) -> Float[Tensor, ""]:
    """The mean over pictures of |e - e'| between neighbours, e = log d^ - log d.

    Li & Snavely 2018 and Ranftl et al. 2020, on log depth; ours, not the paper's. It is
    the loss of an edge in a wrong place or of a wrong height, whatever the scale. At scale s every
    2^s-th row and column is taken, and the mean is over the pairs across and down of which both
    are known; then over the scales that have such a pair.

    Args:
        output: the head's. Below 0.05 m d^ counts as 0.05 m and has no gradient.
        depth: [canonical m], NaN where unknown, which adds nothing, nor a gradient.
        scales: from the map's own (s = 0) on.

    Returns:
        The mean over the pictures that have a known cell, as scale_invariant_log_loss has it; one
        without a pair counts as 0.
    """
    error, known = _log_error(output, depth, space)
    losses = error.new_zeros(len(error))
    levels = known.new_zeros(len(known), dtype=torch.int64)
    for step in (2**s for s in range(scales)):
        e, k = error[:, ::step, ::step], known[:, ::step, ::step]
        across, both = (e[:, :, 1:] - e[:, :, :-1]).abs(), k[:, :, 1:] & k[:, :, :-1]
        down, above = (e[:, 1:] - e[:, :-1]).abs(), k[:, 1:] & k[:, :-1]
        sums = across.where(both, 0.0).sum(dim=(1, 2)) + down.where(above, 0.0).sum(dim=(1, 2))
        pairs = both.sum(dim=(1, 2)) + above.sum(dim=(1, 2))
        losses = losses + sums / pairs.clamp(min=1)
        levels = levels + (pairs > 0)
    return _mean_over_pictures(losses / levels.clamp(min=1), known)


def _log_error(output: Tensor, depth: Tensor, space: DepthSpace) -> tuple[Tensor, Tensor]:
    """log d^ - log d, 0 where d is unknown, and where it is known."""
    known = depth.isfinite()
    predicted = to_depth(output, space).clamp(min=_NEAREST)
    # masked before the logarithm: NaN times a gradient of 0 is NaN
    return (predicted.log() - depth.where(known, 1.0).log()).where(known, 0.0), known


def _mean_over_pictures(losses: Tensor, known: Tensor) -> Tensor:
    has = known.flatten(1).any(dim=1)
    return losses.where(has, 0.0).sum() / has.sum().clamp(min=1)


def depth_loss(output: Tensor, depth: Tensor, space: DepthSpace) -> Tensor:
    """The DBE loss (Lee et al. 2018, sec. 3.2), or the Euclidean one of a head that emits depth.

    ``depth`` [canonical m], NaN where unknown, which adds nothing.
    """
    if space.output_space == "balanced":
        return depth_balanced_euclidean_loss(output, depth, depth.isfinite(), space)
    return euclidean_loss(output, depth, depth.isfinite())
