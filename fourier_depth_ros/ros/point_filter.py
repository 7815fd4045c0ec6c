"""Which points of depth/points stay; the camera's pose over the floor is TF's or a parameter."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool
from rclpy.node import Node
from std_msgs.msg import Header

from fourier_depth_ros.core.geometry import Intrinsics, scale_intrinsics
from fourier_depth_ros.core.point_filter import (
    has_neighbours,
    strided_intrinsics,
    within_heights,
)
from fourier_depth_ros.ros.settings import NodeParameters
from fourier_depth_ros.ros.transforms import Transforms


class PointFilter:
    """The settings' filters: ``follow`` and ``close`` are the executor's, ``keep`` the worker's."""

    def __init__(self, node: Node) -> None:
        self._transforms = Transforms(node, "height_transform")
        self._listening = False

    def follow(self, settings: NodeParameters) -> None:
        """Listen to TF if heights are filtered by it; nothing happens where that is so already."""
        wanted = settings.limits_height and not settings.height_pose
        if wanted == self._listening:
            return
        self.close()
        if wanted:
            self._transforms.listen()
        self._listening = wanted

    def close(self) -> None:
        """Listen no longer."""
        self._transforms.close()
        self._listening = False

    def keep(
        self, depth: np.ndarray, intrinsics: Intrinsics, header: Header, settings: NodeParameters
    ) -> Bool[np.ndarray, "rows columns"]:
        """Which of every points_stride-th row and column of the depth map are points.

        Args:
            depth: (height, width) float32 [m], NaN where invalid.
            intrinsics: of the picture, of any size.
            header: the picture's.
            settings: of the frame.

        Raises:
            ValueError: heights are filtered, and nothing says where the camera is.
        """
        height, width = depth.shape
        stride = settings.points_stride
        picked = torch.from_numpy(depth)[::stride, ::stride]
        kept = picked.isfinite()
        if settings.limits_height:
            pose = self._transforms.between(
                settings.height_frame, header.frame_id, settings.height_pose
            ).inverse()
            camera = strided_intrinsics(scale_intrinsics(intrinsics, width, height), stride)
            kept &= within_heights(picked, camera, pose, *settings.height_range)
        if settings.outlier_neighbours:
            # neighbours count whatever their height: an obstacle's lowest rows stay
            kept &= has_neighbours(picked, settings.outlier_neighbours, settings.outlier_distance)
        return kept.numpy()
