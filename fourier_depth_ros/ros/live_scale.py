"""scale_from: the scale of each frame, measured by another sensor or by the camera's height."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image, Imu, LaserScan, PointCloud2
from std_msgs.msg import Header
from torch import Tensor

from fourier_depth_ros.core.geometry import Intrinsics, scale_intrinsics
from fourier_depth_ros.core.ground import Surface, down_of, heights_over, surface_of
from fourier_depth_ros.core.rigid import RigidTransform, transform_from_numbers
from fourier_depth_ros.core.scale import ScaleFit, estimate_scale, paired_depths
from fourier_depth_ros.core.scale_filter import ScaleFilter
from fourier_depth_ros.ros.inputs import Inputs
from fourier_depth_ros.ros.log import THROTTLE, brief
from fourier_depth_ros.ros.measurements import (
    Measurement,
    Recent,
    points_from_cloud,
    points_from_depth,
    scan_from_msg,
    seconds,
    up_from_imu,
)
from fourier_depth_ros.ros.settings import NodeParameters
from fourier_depth_ros.ros.transforms import Transforms

#: Message, topic and conversion of each source. An imu only helps the height: it may be missing.
SOURCES: dict[str, tuple[type, str, Callable[[Any], Measurement]]] = {
    "scan": (LaserScan, "~/scan", scan_from_msg),
    "points": (PointCloud2, "~/scale_points", points_from_cloud),
    "height": (Imu, "~/imu", up_from_imu),
}
#: Measurements remembered: a fast scanner's, or an IMU's, of some seconds.
REMEMBERED = {"scan": 128, "points": 64, "depth": 64, "height": 1024}
NOTHING = ScaleFit(scale=math.nan, inliers=0, points=0, residual=math.nan)


class LiveScale:
    """Subscribes to what scale_from names; gives each frame its scale.

    ``follow``, ``unsubscribe`` and ``forget`` are the executor's, ``update`` is the worker's.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._inputs = Inputs(node)
        self._transforms = Transforms(node, "scale_transform")
        self._filter = ScaleFilter()
        self._following: tuple[str, bool] | None = None
        self._recent = Recent(1)
        self._depth_info: CameraInfo | None = None
        self._refusal = ""
        #: The last that was measured, with support or without.
        self._fit = NOTHING
        #: Why the scale is not tracked; '' while it is, or is off.
        self.trouble = ""
        #: What /diagnostics says of it: name -> text.
        self.facts: dict[str, str] = {}

    def follow(self, settings: NodeParameters) -> None:
        """Listen to what these settings name; nothing happens where that is so already.

        Raises:
            Exception: of rclpy's, where a QoS override makes no sense.
        """
        source = settings.scale_from
        wanted = (source, not settings.scale_pose)
        if wanted == self._following:
            return
        self.unsubscribe()
        self.trouble, self.facts, self._refusal, self._fit = "", {}, "", NOTHING
        self._following = wanted
        if source == "none":
            self.forget()
            return
        self._recent = Recent(REMEMBERED[source])
        if not settings.scale_pose:
            self._transforms.listen()
        if source == "depth":
            self._inputs.add(CameraInfo, "~/scale_depth/camera_info", self._on_depth_info)
            self._inputs.add(Image, "~/scale_depth", partial(self._on_message, self._depth))
            return
        kind, topic, convert = SOURCES[source]
        self._inputs.add(kind, topic, partial(self._on_message, convert))

    def unsubscribe(self) -> None:
        """Listen to nothing; the scale stays."""
        self._inputs.unsubscribe()
        self._transforms.close()
        self._following = self._depth_info = None

    def forget(self) -> None:
        """The scale was another network's, or is not wanted."""
        self._filter = ScaleFilter()

    def update(
        self,
        depth: Tensor,
        intrinsics: Intrinsics | None,
        header: Header,
        settings: NodeParameters,
    ) -> float | None:
        """The scale of this frame; None while there is none.

        Args:
            depth: (height, width) as the network answers it [m], NaN where invalid.
            intrinsics: of the picture, of any size.
            header: the picture's.
            settings: of the frame.
        """
        if settings.scale_from == "none":
            self.trouble, self.facts = "", {}
            return None
        filter_ = self._filter
        measured, reason = None, ""
        try:
            fit = self._fit = self._measure(depth, intrinsics, header, settings)
            if fit.supported:
                measured = fit.scale
            else:
                percent = 100 * settings.scale_tolerance
                reason = f"{fit.inliers} of {fit.points} points agree within {percent:.0f} %"
        except ValueError as error:
            reason = str(error)
        filter_.update(measured, settings.scale_smoothing)
        self._explain(filter_, reason, settings)
        return filter_.scale

    # ---- measuring -----------------------------------------------------------------------------

    def _measure(
        self,
        depth: Tensor,
        intrinsics: Intrinsics | None,
        header: Header,
        settings: NodeParameters,
    ) -> ScaleFit:
        """What this frame says.

        Raises:
            ValueError: it says nothing, with a reason.
        """
        if intrinsics is None:
            raise ValueError("it takes the camera_info of the picture")
        height, width = depth.shape
        intrinsics = scale_intrinsics(intrinsics, width, height)
        if settings.scale_from == "height":
            return self._by_height(depth, intrinsics, header, settings)
        found, transform = self._nearest(header, settings)
        points = transform.apply(found.vectors)
        return estimate_scale(*paired_depths(points, depth, intrinsics), settings.scale_tolerance)

    def _by_height(
        self, depth: Tensor, intrinsics: Intrinsics, header: Header, settings: NodeParameters
    ) -> ScaleFit:
        if not settings.camera_height:
            raise ValueError("set camera_height, that of the camera over the floor [m]")
        surface = surface_of(depth, intrinsics)
        heights = heights_over(surface, self._down(surface, header, settings))
        true_height = torch.full_like(heights, settings.camera_height)
        return estimate_scale(heights, true_height, settings.scale_tolerance)

    def _down(self, surface: Surface, header: Header, settings: NodeParameters) -> Tensor:
        """What is down in the optical frame: by an imu, the camera's mount, or the floor itself.

        Raises:
            ValueError: none of them knows.
        """
        if not self._recent.empty or self._refusal:  # somebody has an imu
            found, transform = self._nearest(header, settings)
            return -transform.rotation @ found.vectors[0]
        if settings.scale_pose:  # in a frame that stands level
            return -transform_from_numbers(settings.scale_pose).rotation[2]
        down = down_of(surface, settings.scale_tolerance)
        if down is None:
            raise ValueError("no floor in the picture, and no imu to say what is down")
        return down

    def _nearest(
        self, header: Header, settings: NodeParameters
    ) -> tuple[Measurement, RigidTransform]:
        """The measurement of the picture's time, and the transform into its frame.

        Raises:
            ValueError: there is none, or no transform.
        """
        stamp = seconds(header.stamp)
        found = self._recent.nearest(stamp)
        if found is None:
            raise ValueError(self._refusal or f"nothing has come on {self._topic(settings)}")
        if (apart := abs(found.stamp - stamp)) > settings.scale_max_delay:
            reason = self._refusal or (
                f"the nearest is {apart:.2f} s from the picture's stamp, scale_max_delay is "
                f"{settings.scale_max_delay:g}"
            )
            raise ValueError(f"nothing on {self._topic(settings)} at the picture's time: {reason}")
        pose = settings.scale_pose
        return found, self._transforms.between(found.frame_id, header.frame_id, pose)

    def _topic(self, settings: NodeParameters) -> str:
        name = "~/scale_depth"
        if settings.scale_from in SOURCES:
            name = SOURCES[settings.scale_from][1]
        return self._node.resolve_topic_name(name)

    # ---- messages ------------------------------------------------------------------------------

    def _on_message(self, convert: Callable[[Any], Measurement], msg: Any) -> None:
        """Remember what a message measured; one throttled line if it is of no use."""
        try:
            self._recent.add(convert(msg))
            self._refusal = ""
        except ValueError as error:
            self._refusal = brief(f"{type(msg).__name__} ignored: {error}")
            self._node.get_logger().warning(
                f"scale_from: {self._refusal}", throttle_duration_sec=THROTTLE
            )

    def _depth(self, msg: Image) -> Measurement:
        return points_from_depth(msg, self._depth_info)

    def _on_depth_info(self, info: CameraInfo) -> None:
        self._depth_info = info

    # ---- telling -------------------------------------------------------------------------------

    def _explain(self, filter_: ScaleFilter, reason: str, settings: NodeParameters) -> None:
        source, smoothing = settings.scale_from, settings.scale_smoothing
        state, scale = filter_.state(smoothing), filter_.scale
        value = "" if scale is None else f"{scale:.4f}"
        self.facts = {
            "scale": value,
            "scale state": f"{state}, from {source}",
            "scale inliers": f"{self._fit.inliers} of {self._fit.points}",
            "scale residual [%]": f"{100 * self._fit.residual:.1f}",
        }
        troubles = {
            "tracking": "",
            "waiting": f"no scale yet, depth_scale {settings.depth_scale:g} counts: {reason}",
            "frozen": f"scale {value} is frozen for {filter_.unsupported_seconds:.0f} s: {reason}",
            "refusing": f"scale {value} stays, a jump to {filter_.refused or 0:.3g} is refused",
        }
        trouble = brief(troubles[state])
        self.trouble = trouble and f"scale_from {source}: {trouble}"
        if self.trouble:
            self._node.get_logger().warning(self.trouble, throttle_duration_sec=THROTTLE)
