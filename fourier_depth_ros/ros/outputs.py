"""The node's publishers, each computed only while somebody listens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rclpy.lifecycle import LifecycleNode
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan, PointCloud2
from std_msgs.msg import Float32, Float64MultiArray, Header

from fourier_depth_ros.core.geometry import Intrinsics, scale_intrinsics
from fourier_depth_ros.images.encodings import colorize_depth
from fourier_depth_ros.ros.conversions import (
    compressed_depth_to_msg,
    depth_to_msg,
    image_to_msg,
    points_to_msg,
)
from fourier_depth_ros.ros.settings import NodeParameters
from fourier_depth_ros.ros.transport import latched_qos, output_qos


@dataclass(frozen=True)
class DepthFrame:
    """One finished frame.

    header: the input image's. rgb: (h, w, 3) uint8, the input image. depth: (H, W) float32 [m],
    NaN (or inf by far_policy) outside the range. std: (H, W) float32 [m], NaN where depth is not
    finite; None if nobody asked, or the checkpoint is not calibrated. intrinsics: of the input
    image, None if unknown; camera_info: of the depth image. scale: the live one, if there is one.
    kept: which points of the cloud stay, None where there is none; scan: None where there is none.
    """

    header: Header
    rgb: np.ndarray
    depth: np.ndarray
    std: np.ndarray | None
    intrinsics: Intrinsics | None
    camera_info: CameraInfo | None
    scale: float | None
    kept: np.ndarray | None = None
    scan: LaserScan | None = None


class DepthOutputs:
    """depth/image, and compressed, camera_info, std, color, points, laserscan; ~/scale and more."""

    def __init__(self, node: LifecycleNode) -> None:
        self._node = node

        def create(kind: type, topic: str):  # type: ignore[no-untyped-def]
            return node.create_lifecycle_publisher(
                kind,
                topic,
                output_qos(),
                qos_overriding_options=QoSOverridingOptions.with_default_policies(),
            )

        self._image = create(Image, "depth/image")
        self._compressed = create(CompressedImage, "depth/image/compressedDepth")
        self._camera_info = create(CameraInfo, "depth/camera_info")
        self._std = create(Image, "depth/std")
        self._color = create(Image, "depth/color")
        self._points = create(PointCloud2, "depth/points")
        # not depth/scan: that is ~/scan, which live scale listens to
        self._scan = create(LaserScan, "depth/laserscan")
        # plain: sensor_msgs and std_msgs have no number with a header; one comes before each depth
        self._scale = create(Float32, "~/scale")
        self._lazy = (
            self._image,
            self._compressed,
            self._camera_info,
            self._std,
            self._color,
            self._points,
            self._scan,
        )
        # not a lifecycle publisher: what will be active is known before activation
        self._ratios = node.create_publisher(Float64MultiArray, "~/active_ratios", latched_qos())

    def wanted(self, settings: NodeParameters) -> bool:
        """Whether anybody listens to anything; if not, the network may rest."""
        scale_wanted = settings.scale_from != "none" and self._scale.get_subscription_count()
        return (
            settings.publish_points
            or bool(scale_wanted)
            or any(p.get_subscription_count() for p in self._lazy)
        )

    def publish(self, frame: DepthFrame, settings: NodeParameters) -> None:
        """Publish what is listened to, and there is; points need intrinsics as well."""
        if frame.scale is not None:
            self._scale.publish(Float32(data=frame.scale))
        if self._image.get_subscription_count():
            self._image.publish(depth_to_msg(frame.depth, frame.header, settings.depth_encoding))
        if self._compressed.get_subscription_count():
            self._compressed.publish(
                compressed_depth_to_msg(
                    frame.depth,
                    frame.header,
                    settings.depth_encoding,
                    settings.compressed_depth_format,
                    settings.max_depth,
                )
            )
        if frame.scan is not None:
            self._scan.publish(frame.scan)
        if frame.camera_info is not None and self._camera_info.get_subscription_count():
            self._camera_info.publish(frame.camera_info)
        if frame.std is not None and self.std_wanted():
            self._std.publish(depth_to_msg(frame.std, frame.header))
        if self._color.get_subscription_count():
            color = colorize_depth(frame.depth, settings.min_depth, settings.max_depth)
            self._color.publish(image_to_msg(color, frame.header))
        if frame.intrinsics is not None and frame.kept is not None:
            height, width = frame.depth.shape
            intrinsics = scale_intrinsics(frame.intrinsics, width, height)
            self._points.publish(
                points_to_msg(
                    frame.depth,
                    frame.rgb,
                    intrinsics,
                    frame.header,
                    settings.points_stride,
                    frame.kept,
                )
            )

    def points_wanted(self, settings: NodeParameters) -> bool:
        """Whether a cloud is asked for."""
        return settings.publish_points or self._points.get_subscription_count() > 0

    def scan_wanted(self) -> bool:
        """Whether a scan is asked for."""
        return bool(self._scan.get_subscription_count())

    def std_wanted(self) -> bool:
        """Whether a standard deviation is asked for."""
        return bool(self._std.get_subscription_count())

    def announce_ratios(self, ratios: tuple[float, ...]) -> None:
        """Tell late and early listeners alike which crop ratios are active."""
        self._ratios.publish(Float64MultiArray(data=list(ratios)))

    def destroy(self) -> None:
        """Take all publishers down."""
        for publisher in (*self._lazy, self._scale):
            self._node.destroy_lifecycle_publisher(publisher)
        self._node.destroy_publisher(self._ratios)
