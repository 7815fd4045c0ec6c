"""The depth-balanced Euclidean (DBE) loss and its companions (Lee et al. 2018, sec. 3.2)."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from fourier_depth_ros.config import DepthSpace
from fourier_depth_ros.core.space import balance, to_depth

#: The smallest depth [canonical m] with a logarithm of its own.
_NEAREST = 0.05


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


def depth_loss(output: Tensor, depth: Tensor, space: DepthSpace) -> Tensor:
    """The DBE loss (Lee et al. 2018, sec. 3.2), or the Euclidean one of a head that emits depth.

    ``depth`` [canonical m], NaN where unknown, which adds nothing.
    """
    if space.output_space == "balanced":
        return depth_balanced_euclidean_loss(output, depth, depth.isfinite(), space)
    return euclidean_loss(output, depth, depth.isfinite())
