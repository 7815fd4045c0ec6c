"""Rigid transforms between a sensor's frame and the camera's; ours, not the paper's.

Convention: ``p_to = rotation @ p_from + translation``. The pose of frame A in frame B is the
transform of points from A to B, as in ROS (REP 105, geometry_msgs/Pose).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float64
from torch import Tensor


class RigidTransform(NamedTuple):
    """A rotation, and a translation [m] after it."""

    rotation: Float64[Tensor, "3 3"]
    translation: Float64[Tensor, " 3"]

    def apply(self, points: Float64[Tensor, "points 3"]) -> Float64[Tensor, "points 3"]:
        """The points [m] as the other frame sees them."""
        return points @ self.rotation.T + self.translation

    def inverse(self) -> RigidTransform:
        """The way back."""
        return RigidTransform(self.rotation.T, -self.rotation.T @ self.translation)


def rotation_from_quaternion(x: float, y: float, z: float, w: float) -> Float64[Tensor, "3 3"]:
    """The rotation of a quaternion, which need not be normalised.

    Raises:
        ValueError: it is zero, or not finite.
    """
    norm = math.hypot(x, y, z, w)
    if not 1e-6 < norm < math.inf:
        raise ValueError(f"quaternion ({x:g}, {y:g}, {z:g}, {w:g}) is no rotation")
    x, y, z, w = x / norm, y / norm, z / norm, w / norm
    return torch.tensor(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ],
        dtype=torch.float64,
    )


def rotation_from_rpy(roll: float, pitch: float, yaw: float) -> Float64[Tensor, "3 3"]:
    """Rz(yaw) Ry(pitch) Rx(roll) [rad], as tf2's static_transform_publisher and URDF have it."""
    (sr, cr), (sp, cp), (sy, cy) = ((math.sin(a), math.cos(a)) for a in (roll, pitch, yaw))
    return torch.tensor(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ],
        dtype=torch.float64,
    )


def transform_from_numbers(numbers: Sequence[float]) -> RigidTransform:
    """x y z [m], then roll pitch yaw [rad] or a quaternion qx qy qz qw.

    Raises:
        ValueError: neither six nor seven numbers, or a quaternion that is no rotation.
    """
    translation = torch.tensor(numbers[:3], dtype=torch.float64)
    if len(numbers) == 6:
        return RigidTransform(rotation_from_rpy(*numbers[3:]), translation)
    if len(numbers) == 7:
        return RigidTransform(rotation_from_quaternion(*numbers[3:]), translation)
    raise ValueError(f"{len(numbers)} numbers, expected x y z roll pitch yaw or x y z qx qy qz qw")
