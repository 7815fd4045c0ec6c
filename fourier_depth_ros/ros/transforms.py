"""Where a sensor's points are in the camera's optical frame: by a parameter, or by TF."""

from __future__ import annotations

from typing import Any

import torch
from rclpy.node import Node
from rclpy.time import Time

from fourier_depth_ros.core.rigid import (
    RigidTransform,
    rotation_from_quaternion,
    transform_from_numbers,
)


class Transforms:
    """From another frame to the optical one; listens to TF only between listen and close.

    ``parameter`` names the one whose pose stands for TF.
    """

    def __init__(self, node: Node, parameter: str) -> None:
        self._node = node
        self._parameter = parameter
        self._buffer: Any = None
        self._listener: Any = None

    def listen(self) -> None:
        """Listen to TF, if the robot's tf2_ros is there."""
        try:
            from tf2_ros import Buffer, TransformListener
        except Exception:  # not installed, or its extension is for another Python
            return
        self._buffer = Buffer()
        self._listener = TransformListener(self._buffer, self._node)

    def close(self) -> None:
        """Listen no longer."""
        if self._listener is not None:
            self._listener.unregister()
        self._buffer = self._listener = None

    def between(self, sensor: str, optical: str, pose: tuple[float, ...]) -> RigidTransform:
        """The transform of points from the frame ``sensor`` to the frame ``optical``.

        Args:
            sensor: frame_id of the measurement.
            optical: frame_id of the picture.
            pose: of the optical frame in the sensor's, as `transform_from_numbers` takes it;
                empty: equal frames are one, others are looked up in TF, as they are now.

        Raises:
            ValueError: TF does not know, or there is no TF.
        """
        if pose:
            return transform_from_numbers(pose).inverse()
        if sensor == optical:
            return transform_from_numbers((0.0,) * 6)
        if self._buffer is None:
            raise ValueError(
                f"no way from frame {sensor!r} to {optical!r}: there is no tf2_ros; set "
                f"{self._parameter}"
            )
        try:
            found = self._buffer.lookup_transform(optical, sensor, Time()).transform
        except Exception as error:  # tf2's: unknown frames, two trees
            raise ValueError(f"no way from frame {sensor!r} to {optical!r}: {error}") from error
        t, q = found.translation, found.rotation
        return RigidTransform(
            rotation_from_quaternion(q.x, q.y, q.z, q.w),
            torch.tensor([t.x, t.y, t.z], dtype=torch.float64),
        )
