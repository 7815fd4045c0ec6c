"""Pinhole geometry: intrinsics, their scaling, and depth to points.

Convention: pixel centres have integer coordinates (ROS, OpenCV): the left-most pixel's centre is
u = 0 and the picture spans u in [-0.5, width - 0.5]. Camera frame: x right, y down, z forward
(REP 103 optical frame); depth is z, not the length of the ray.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class Intrinsics:
    """A rectified pinhole camera: focal lengths and principal point [px] of a picture's size [px].

    Raises:
        ValueError: a focal length or a size is not positive and finite (an uncalibrated camera).
    """

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    def __post_init__(self) -> None:
        for name in ("fx", "fy", "width", "height"):
            value = getattr(self, name)
            if not 0 < value < float("inf"):
                raise ValueError(f"{name} is {value!r}, expected a positive number of pixels")
        for name in ("cx", "cy"):
            value = getattr(self, name)
            if not abs(value) < float("inf"):
                raise ValueError(f"{name} is {value!r}, expected a finite number of pixels")


def scale_intrinsics(intrinsics: Intrinsics, width: int, height: int) -> Intrinsics:
    """The intrinsics of the same picture resized to ``width`` x ``height`` [px].

    Convention: pixel centres are integers, so the principal point scales about -0.5:
    cx' = (cx + 0.5) width' / width - 0.5.
    """
    sx, sy = width / intrinsics.width, height / intrinsics.height
    return Intrinsics(
        fx=intrinsics.fx * sx,
        fy=intrinsics.fy * sy,
        cx=(intrinsics.cx + 0.5) * sx - 0.5,
        cy=(intrinsics.cy + 0.5) * sy - 0.5,
        width=width,
        height=height,
    )


def focal_factor(intrinsics: Intrinsics, canonical_focal: float) -> float:
    """What canonical depth is multiplied by to become this camera's metric depth: phi / phi_c.

    phi = fx / width of the picture that the network sees; ``canonical_focal`` is the checkpoint's
    phi_c. A camera with twice the focal length shows the same object twice as large.
    """
    return intrinsics.fx / intrinsics.width / canonical_focal


def unproject_depth(
    depth: Float[Tensor, "height width"], intrinsics: Intrinsics
) -> Float[Tensor, "height width 3"]:
    """Points (x, y, z) [m] in the optical frame of a depth map [m]; NaN where depth is not finite.

    Raises:
        ValueError: the depth map's size is not the intrinsics' (scale them first).
    """
    height, width = depth.shape
    if (width, height) != (intrinsics.width, intrinsics.height):
        raise ValueError(
            f"depth is {width}x{height}, the intrinsics are for {intrinsics.width}x"
            f"{intrinsics.height}; use scale_intrinsics first"
        )
    u = torch.arange(width, dtype=depth.dtype, device=depth.device)
    v = torch.arange(height, dtype=depth.dtype, device=depth.device)
    z = torch.where(torch.isfinite(depth), depth, torch.nan)
    x = z * ((u - intrinsics.cx) / intrinsics.fx)
    y = z * ((v - intrinsics.cy) / intrinsics.fy)[:, None]
    return torch.stack((x, y, z), dim=-1)


def limit_depth(
    depth: Float[Tensor, "height width"], min_depth: float, max_depth: float, far_policy: str
) -> Float[Tensor, "height width"]:
    """Depth [m] with NaN below ``min_depth``, and NaN or +inf beyond ``max_depth`` by the policy.

    Convention: REP 117: +inf says "nothing within range", NaN says "not known".
    """
    far = torch.inf if far_policy == "inf" else torch.nan
    return torch.where(depth > max_depth, far, depth).where(depth >= min_depth, torch.nan)
