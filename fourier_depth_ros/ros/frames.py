"""One frame's way: message -> picture -> depth -> messages, in the worker's thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import torch
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from fourier_depth_ros.clock import StageClock
from fourier_depth_ros.core.estimator import DepthEstimator, DepthPrediction, limit_depth
from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.images.encodings import ImageError
from fourier_depth_ros.ros.camera import Camera, intrinsics_of, scaled_info
from fourier_depth_ros.ros.conversions import image_from_msg
from fourier_depth_ros.ros.laser import scan_of
from fourier_depth_ros.ros.live_scale import LiveScale
from fourier_depth_ros.ros.log import THROTTLE, brief
from fourier_depth_ros.ros.monitor import Monitor
from fourier_depth_ros.ros.outputs import DepthFrame, DepthOutputs
from fourier_depth_ros.ros.parameters import NOT_CALIBRATED
from fourier_depth_ros.ros.point_filter import PointFilter
from fourier_depth_ros.ros.settings import NodeParameters

Made = TypeVar("Made")


class FrameProcessor:
    """Turns images into published depth with one set of settings, estimator and outputs a frame."""

    def __init__(self, node: Node, camera: Camera, scale: LiveScale, monitor: Monitor) -> None:
        self._camera = camera
        self._scale = scale
        self._monitor = monitor
        self._filter = PointFilter(node)
        self._clock = node.get_clock()
        self._logger = node.get_logger()
        self.camera_trouble = ""
        self.std_trouble = ""
        #: Why points or a scan are not made though a camera_info is there.
        self.derived_trouble = ""

    def follow(self, settings: NodeParameters) -> None:
        """Listen to what these settings need besides pictures; in the executor's thread.

        Raises:
            Exception: of rclpy's, where a QoS override makes no sense.
        """
        self._scale.follow(settings)
        self._filter.follow(settings)

    def unsubscribe(self) -> None:
        """Listen to nothing more."""
        self._scale.unsubscribe()
        self._filter.close()

    def process(
        self,
        msg: Image | CompressedImage,
        settings: NodeParameters,
        estimator: DepthEstimator,
        outputs: DepthOutputs,
    ) -> float:
        """Decode, predict, publish; the seconds that it took.

        Raises:
            ValueError: an image that cannot be used (ImageError, or too small); no output then.
        """
        stages = StageClock()
        rgb = image_from_msg(msg)
        stages.mark("decode")
        height, width = rgb.shape[:2]
        info = self._camera.info(msg.header.stamp)
        intrinsics = self._intrinsics(info, width, height, settings, outputs)
        output_size = settings.output_shape or (height, width)
        std_wanted = outputs.std_wanted()
        prediction = estimator.predict(
            torch.from_numpy(np.require(rgb, requirements="W")).permute(2, 0, 1),
            intrinsics if settings.focal_correction else None,
            output_size,
            with_std=std_wanted or settings.max_relative_std > 0,
        )
        scale = self._scale.update(prediction.depth, intrinsics, msg.header, settings)
        depth, std = finish(prediction, settings, std_wanted, scale)
        stages.mark("predict")
        output_info = None
        if intrinsics is not None:
            output_info = scaled_info(info, output_size[1], output_size[0], msg.header)
        frame = DepthFrame(msg.header, rgb, depth, std, intrinsics, output_info, scale)
        outputs.publish(self._derived(frame, settings, outputs), settings)
        stages.mark("publish")
        self._explain_std(std_wanted and std is None)
        # not rclpy's Time: it raises at stamps before 1970, and a stamp is only passed on here
        stamp = msg.header.stamp.sec + msg.header.stamp.nanosec * 1e-9
        age = self._clock.now().nanoseconds * 1e-9 - stamp
        invalid = 1 - np.count_nonzero(np.isfinite(depth)) / depth.size
        self._monitor.published(age, stages.seconds, invalid)
        return sum(stages.seconds.values())

    def _derived(
        self, frame: DepthFrame, settings: NodeParameters, outputs: DepthOutputs
    ) -> DepthFrame:
        """The frame with the points that stay, and with its scan, where somebody listens."""
        self.derived_trouble = ""
        if frame.intrinsics is None:
            return frame
        given = (frame.depth, frame.intrinsics, frame.header, settings)
        kept = scan = None
        if outputs.points_wanted(settings):
            kept = self._attempt("depth/points", lambda: self._filter.keep(*given))
        if outputs.scan_wanted():
            scan = self._attempt("depth/laserscan", lambda: scan_of(*given))
        return replace(frame, kept=kept, scan=scan)

    def _attempt(self, topic: str, make: Callable[[], Made]) -> Made | None:
        """What is made, or None and a word about why that topic waits."""
        try:
            return make()
        except ValueError as error:
            self.derived_trouble = brief(f"{topic} waits: {error}")
            self._logger.warning(self.derived_trouble, throttle_duration_sec=THROTTLE)
            return None

    def failed(self, error: Exception) -> None:
        """Report an exception of process: one throttled line; the next frame is tried."""
        if isinstance(error, ImageError):
            reason = brief(f"image dropped: {error}")
            self._logger.error(reason, throttle_duration_sec=THROTTLE)
        else:
            reason = brief(f"frame dropped: {type(error).__name__}: {error}")
            self._logger.error(reason, throttle_duration_sec=THROTTLE)
        self._monitor.failed(reason)

    def _explain_std(self, missing: bool) -> None:
        self.std_trouble = ""
        if missing:
            self.std_trouble = f"depth/std waits: {NOT_CALIBRATED}"
            self._logger.warning(self.std_trouble, throttle_duration_sec=THROTTLE)

    def _intrinsics(
        self,
        info: CameraInfo | None,
        width: int,
        height: int,
        settings: NodeParameters,
        outputs: DepthOutputs,
    ) -> Intrinsics | None:
        """The picture's intrinsics, or None and a word about what that costs."""
        self.camera_trouble = ""
        try:
            return intrinsics_of(info, width, height)
        except ValueError as error:
            costs = []
            if settings.focal_correction:
                costs.append("depth assumes the training camera's field of view")
            if outputs.points_wanted(settings):
                costs.append("depth/points waits")
            if outputs.scan_wanted():
                costs.append("depth/laserscan waits")
            if costs:
                self.camera_trouble = brief(f"{error}; until then {' and '.join(costs)}")
                self._logger.warning(self.camera_trouble, throttle_duration_sec=THROTTLE)
            return None


def finish(
    prediction: DepthPrediction,
    settings: NodeParameters,
    with_std: bool,
    live_scale: float | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Depth and, if asked for and known, its standard deviation [m], as they are published.

    Convention: depth that is too uncertain is not known, NaN, even where far depth is inf; std is
    NaN where depth is not finite. Both are scaled by the live scale, by depth_scale without one.
    """
    scale = settings.depth_scale if live_scale is None else live_scale
    depth, std = prediction.depth, prediction.std
    if settings.max_relative_std > 0 and std is not None:
        depth = depth.where(std <= settings.max_relative_std * depth, torch.nan)
    if scale != 1:  # as a rule it is, and a new map is 8 MB at 1080p
        depth = depth * scale
    limited = limit_depth(depth, settings.min_depth, settings.max_depth, settings.far_policy)
    if not with_std or std is None:
        return limited.cpu().numpy(), None  # waits for the device: the stage's time is honest
    std = (std * scale).where(limited.isfinite(), torch.nan)
    return limited.cpu().numpy(), std.cpu().numpy()
