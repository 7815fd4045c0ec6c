"""Reading a CameraInfo, be it rclpy's message or rosbags': both have the same fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from fourier_depth_ros.core.geometry import Intrinsics


def intrinsics_from_camera_info(info: Any) -> Intrinsics:
    """The pinhole camera of the rectified images that come with ``info``.

    Convention: P's focal lengths and principal point, or K's where P is not filled in. Both are of
    the whole sensor: the intrinsics are of the image, that is the region of interest, binned.

    Raises:
        ValueError: uncalibrated (fx or fy is zero or NaN in both P and K), or a size of zero.
    """
    if not (info.width and info.height):
        raise ValueError(
            f"camera_info of {info.header.frame_id!r} has size {info.width}x{info.height}, "
            f"expected the image's; the camera driver has to fill in width and height"
        )
    matrix = np.reshape(info.k, (3, 3))
    if is_filled_in(info.p):
        matrix = np.reshape(info.p, (3, 4))[:, :3]
    if not (matrix[0, 0] > 0 and matrix[1, 1] > 0 and np.isfinite(matrix).all()):
        raise ValueError(
            f"camera_info of {info.header.frame_id!r} is uncalibrated: P has fx = {info.p[0]:g}, "
            f"fy = {info.p[5]:g}, K has fx = {info.k[0]:g}, fy = {info.k[4]:g}, expected positive "
            f"pixels; calibrate (ros2 run camera_calibration cameracalibrator) and give the driver "
            f"the file (camera_info_url)"
        )
    width = (info.roi.width or info.width) // max(info.binning_x, 1)
    height = (info.roi.height or info.height) // max(info.binning_y, 1)
    (fx, _, cx), (_, fy, cy), _ = image_from_sensor(info, width, height, matrix).tolist()
    return Intrinsics(fx=fx, fy=fy, cx=cx, cy=cy, width=width, height=height)


def is_filled_in(projection: Sequence[float]) -> bool:
    """Whether P (twelve numbers, row by row) counts: of the rectified picture, as depth needs it.

    Else K does, of the picture as it is: ROS leaves P zero where nothing is rectified.
    """
    return projection[0] > 0


def image_from_sensor(
    info: Any, width: int, height: int, matrix: Float64[np.ndarray, "3 columns"]
) -> Float64[np.ndarray, "3 columns"]:
    """``info``'s K or P, of the sensor, for its region of interest at another size.

    Not finite where an absurd calibration overflows; Intrinsics refuses that.
    """
    roi = info.roi
    sx, sy = width / (roi.width or info.width), height / (roi.height or info.height)
    # u' = (u - x_offset + 0.5) sx - 0.5: pixel centres are integers
    dx, dy = (0.5 - roi.x_offset) * sx - 0.5, (0.5 - roi.y_offset) * sy - 0.5
    change = np.array([[sx, 0, dx], [0, sy, dy], [0, 0, 1]])
    with np.errstate(over="ignore", invalid="ignore"):
        return change @ matrix
