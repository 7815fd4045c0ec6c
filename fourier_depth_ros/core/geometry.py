"""Pinhole geometry: intrinsics and their scaling; plain arithmetic, quick to import.

Convention: pixel centres have integer coordinates (ROS, OpenCV): the left-most pixel's centre is
u = 0 and the picture spans u in [-0.5, width - 0.5]. Camera frame: x right, y down, z forward
(REP 103 optical frame); depth is z, not the length of the ray.
"""

from __future__ import annotations

from dataclasses import dataclass


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


def fit_intrinsics(intrinsics: Intrinsics, width: int, height: int) -> Intrinsics:
    """The intrinsics of a picture of this size [px] of the same view, resized at most.

    Raises:
        ValueError: the aspect ratio differs by 1 % or more, beyond the rounding of one pixel.
    """
    expected = intrinsics.height * width / intrinsics.width
    if abs(expected - height) > max(1.0, 0.01 * height):
        raise ValueError(
            f"the calibration is for {intrinsics.width}x{intrinsics.height}, the picture is "
            f"{width}x{height}: cropped, or another camera's; give the calibration of just these "
            f"pictures (a ROS node that crops has to publish its own camera_info)"
        )
    return scale_intrinsics(intrinsics, width, height)


def focal_factor(intrinsics: Intrinsics, canonical_focal: float) -> float:
    """What canonical depth is multiplied by to become this camera's metric depth: phi / phi_c.

    phi = fx / width of the picture that the network sees; ``canonical_focal`` is the checkpoint's
    phi_c. A camera with twice the focal length shows the same object twice as large.
    """
    return intrinsics.fx / intrinsics.width / canonical_focal
