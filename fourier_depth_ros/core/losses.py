"""The depth-balanced Euclidean loss, and the change of variable behind it (sec. 3.2).

g(d) = a1 d + (a2 / 2) d^2 maps depth d to the balanced space in which the network answers; its
slope a1 + a2 d is large where depth is small, so that near and far errors weigh alike.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor

from fourier_depth_ros.config import DepthSpace

#: Keeps u below g(max_depth) in float32, so that the root below never sees a negative number.
_EPSILON = 1e-4

#: The smallest depth [canonical m] with a logarithm of its own.
_NEAREST = 0.05


def balance(depth: Float[Tensor, "*shape"], space: DepthSpace) -> Float[Tensor, "*shape"]:
    """u = g(d) = a1 d + (a2 / 2) d^2, of depth d [canonical m] (sec. 3.2)."""
    return depth * (space.a1 + 0.5 * space.a2 * depth)


def unbalance(balanced: Float[Tensor, "*shape"], space: DepthSpace) -> Float[Tensor, "*shape"]:
    """d = g^-1(u) [canonical m], the inverse of balance for d in [0, max_depth].

    u is clamped to [0, g(max_depth) - eps] first: beyond the vertex -a1/a2 g has no inverse, and a
    network may answer anything. Written as 2u / (a1 + sqrt(a1^2 + 2 a2 u)), which equals
    (-a1 + sqrt(a1^2 + 2 a2 u)) / a2 without its cancellation and holds for a2 = 0 too.
    """
    largest = space.max_depth * (space.a1 + 0.5 * space.a2 * space.max_depth)
    u = balanced.clamp(0.0, largest - _EPSILON)
    return 2.0 * u / (space.a1 + (space.a1**2 + 2.0 * space.a2 * u).sqrt())


def to_depth(output: Float[Tensor, "*shape"], space: DepthSpace) -> Float[Tensor, "*shape"]:
    """Depth [canonical m] in [0, max_depth] from what the network's head emitted."""
    if space.output_space == "balanced":
        return unbalance(output, space)
    return output.clamp(0.0, space.max_depth)


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
