"""What a sensor measures of the scale: messages to points or to what is up, each with its time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from builtin_interfaces.msg import Time
from jaxtyping import Float64
from sensor_msgs.msg import CameraInfo, Image, Imu, LaserScan, PointCloud2
from torch import Tensor

from fourier_depth_ros.core.geometry import fit_intrinsics
from fourier_depth_ros.core.rigid import rotation_from_quaternion
from fourier_depth_ros.ros.conversions import depth_from_msg, intrinsics_from_msg, xyz_from_msg

#: Points of a message that are kept, evenly; more make a scale no surer.
POINTS = 4096
#: An accelerometer at rest or in even motion reads about 9.81 upwards [m/s^2].
REST = (7.0, 13.0)


@dataclass(frozen=True)
class Measurement:
    """Points (n, 3) [m], or what is up as (1, 3) of unit length, in ``frame_id``; stamp in s."""

    stamp: float
    frame_id: str
    vectors: Float64[Tensor, "n 3"]


class Recent:
    """The latest measurements. ``add`` is the executor's, the rest the worker's: swapped as one.

    Args:
        length: how many are remembered: those that came while a picture was computed.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._items: tuple[Measurement, ...] = ()

    def add(self, item: Measurement) -> None:
        """Remember one more."""
        self._items = (item, *self._items[: self._length - 1])

    @property
    def empty(self) -> bool:
        """Whether nothing ever came."""
        return not self._items

    def nearest(self, stamp: float) -> Measurement | None:
        """The one whose time is nearest; None before the first."""
        return min(self._items, key=lambda item: abs(item.stamp - stamp), default=None)


def seconds(stamp: Time) -> float:
    """Not rclpy's Time: it raises at stamps before 1970."""
    return stamp.sec + stamp.nanosec * 1e-9


def scan_from_msg(msg: LaserScan) -> Measurement:
    """The points that a scan hit, in its plane z = 0; REP 117's inf and NaN are none.

    Raises:
        ValueError: an angle that is not finite.
    """
    if not (math.isfinite(msg.angle_min) and math.isfinite(msg.angle_increment)):
        raise ValueError(
            f"scan from {msg.angle_min:g} rad in steps of {msg.angle_increment:g}: not finite"
        )
    ranges = np.asarray(msg.ranges, np.float64)
    angles = msg.angle_min + msg.angle_increment * np.arange(len(ranges))
    # NaN compares false; a range_max of zero is one that the driver left out
    hit = (ranges > 0) & (ranges >= msg.range_min) & (ranges <= (msg.range_max or math.inf))
    hit &= np.isfinite(ranges)
    ranges, angles = ranges[hit], angles[hit]
    points = np.stack((ranges * np.cos(angles), ranges * np.sin(angles), 0 * ranges), axis=1)
    return _measurement(msg, points)


def points_from_cloud(msg: PointCloud2) -> Measurement:
    """The finite points of a cloud.

    Raises:
        ValueError: see `xyz_from_msg`.
    """
    points = xyz_from_msg(msg)
    return _measurement(msg, points[np.isfinite(points).all(axis=1)])


def points_from_depth(msg: Image, info: CameraInfo | None) -> Measurement:
    """The points of a depth image's valid pixels, in its optical frame.

    Raises:
        ValueError: no camera_info of it yet, or see `depth_from_msg`, `fit_intrinsics`.
    """
    if info is None:
        raise ValueError("no camera_info of the measured depth yet")
    depth = depth_from_msg(msg)
    intrinsics = fit_intrinsics(intrinsics_from_msg(info), msg.width, msg.height)
    v, u = np.nonzero(np.isfinite(depth) & (depth > 0))
    v, u = _some(v), _some(u)
    z = depth[v, u].astype(np.float64)
    x = (u - intrinsics.cx) / intrinsics.fx * z
    y = (v - intrinsics.cy) / intrinsics.fy * z
    return _measurement(msg, np.stack((x, y, z), axis=1))


def up_from_imu(msg: Imu) -> Measurement:
    """What is up in the IMU's frame: by its orientation, else by its accelerometer.

    Convention: REP 145: the orientation is the IMU's in a world whose z is up; a covariance that
    begins with -1 says that there is none. An accelerometer at rest reads +g upwards.

    Raises:
        ValueError: neither is there, or the acceleration is far from g.
    """
    q = msg.orientation
    if msg.orientation_covariance[0] != -1 and abs(math.hypot(q.x, q.y, q.z, q.w) - 1) < 0.1:
        up = rotation_from_quaternion(q.x, q.y, q.z, q.w)[2].numpy()  # R^T applied to z
        return _measurement(msg, up[None])
    a = msg.linear_acceleration
    acceleration = math.hypot(a.x, a.y, a.z)
    if msg.linear_acceleration_covariance[0] == -1 or not REST[0] < acceleration < REST[1]:
        raise ValueError(
            f"the imu has no orientation, and an acceleration of {acceleration:g} m/s^2 is no "
            f"gravity"
        )
    return _measurement(msg, np.array([[a.x, a.y, a.z]]) / acceleration)


def _measurement(msg: LaserScan | PointCloud2 | Image | Imu, vectors: np.ndarray) -> Measurement:
    values = torch.from_numpy(_some(vectors).astype(np.float64))
    return Measurement(seconds(msg.header.stamp), msg.header.frame_id, values)


def _some(values: np.ndarray) -> np.ndarray:
    """At most POINTS rows, evenly."""
    return values[:: max(1, math.ceil(len(values) / POINTS))]
