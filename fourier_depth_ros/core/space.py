"""What the head's number means: g and its inverse (Lee et al. 2018, sec. 3.2).

g(d) = a1 d + (a2 / 2) d^2 maps depth d to the balanced space in which the network answers; its
slope a1 + a2 d is large where depth is small, so that near and far errors weigh alike.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from fourier_depth_ros.config import DepthSpace

#: Keeps u below g(max_depth) in float32, so that the root below never sees a negative number.
_EPSILON = 1e-4


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
