"""One frame's way: message -> picture -> depth -> messages, in the worker's thread."""

from __future__ import annotations

import numpy as np
import torch
from rclpy.clock import Clock
from rclpy.impl.rcutils_logger import RcutilsLogger
from rclpy.time import Time
from sensor_msgs.msg import CompressedImage, Image

from fourier_depth_ros.config import NodeParameters
from fourier_depth_ros.core.estimator import DepthEstimator, limit_depth
from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.core.imaging import ImageError
from fourier_depth_ros.ros.camera import Camera
from fourier_depth_ros.ros.conversions import image_from_msg
from fourier_depth_ros.ros.monitor import Monitor, StageClock
from fourier_depth_ros.ros.outputs import DepthFrame, DepthOutputs

#: Seconds between two log lines of the same kind.
THROTTLE = 5.0


class FrameProcessor:
    """Turns images into published depth with one set of settings, estimator and outputs a frame."""

    def __init__(
        self, camera: Camera, monitor: Monitor, clock: Clock, logger: RcutilsLogger
    ) -> None:
        self._camera = camera
        self._monitor = monitor
        self._clock = clock
        self._logger = logger
        self.camera_trouble = ""

    def process(
        self,
        msg: Image | CompressedImage,
        settings: NodeParameters,
        estimator: DepthEstimator,
        outputs: DepthOutputs,
    ) -> None:
        """Decode, predict, publish.

        Raises:
            ValueError: an image that cannot be used (ImageError, or too small); no output then.
        """
        stages = StageClock()
        rgb = image_from_msg(msg)
        stages.mark("decode")
        height, width = rgb.shape[:2]
        intrinsics = self._intrinsics(width, height, settings, outputs)
        output_size = settings.output_shape or (height, width)
        prediction = estimator.predict(
            torch.from_numpy(np.require(rgb, requirements="W")).permute(2, 0, 1),
            intrinsics if settings.focal_correction else None,
            output_size,
        )
        limited = limit_depth(
            prediction.depth * settings.depth_scale,
            settings.min_depth,
            settings.max_depth,
            settings.far_policy,
        )
        depth = limited.cpu().numpy()  # waits for the device: the stage's time is honest
        stages.mark("predict")
        info = None
        if intrinsics is not None:
            info = self._camera.scaled_info(output_size[1], output_size[0], msg.header)
        outputs.publish(DepthFrame(msg.header, rgb, depth, intrinsics, info), settings)
        stages.mark("publish")
        age = (self._clock.now() - Time.from_msg(msg.header.stamp)).nanoseconds * 1e-9
        self._monitor.published(age, stages.seconds, 1 - float(np.isfinite(depth).mean()))

    def failed(self, error: Exception) -> None:
        """Report an exception of process: one throttled line; the next frame is tried."""
        if isinstance(error, ImageError):
            reason = f"image dropped: {error}"
            self._logger.error(reason, throttle_duration_sec=THROTTLE)
        else:
            reason = f"frame dropped: {type(error).__name__}: {error}"
            self._logger.error(reason, throttle_duration_sec=THROTTLE)
        self._monitor.failed(reason)

    def _intrinsics(
        self, width: int, height: int, settings: NodeParameters, outputs: DepthOutputs
    ) -> Intrinsics | None:
        """The picture's intrinsics, or None and a word about what that costs."""
        self.camera_trouble = ""
        try:
            return self._camera.intrinsics(width, height)
        except ValueError as error:
            costs = []
            if settings.focal_correction:
                costs.append("depth assumes the training camera's field of view")
            if outputs.points_wanted(settings):
                costs.append("depth/points waits")
            if costs:
                self.camera_trouble = f"{error}; until then {' and '.join(costs)}"
                self._logger.warning(self.camera_trouble, throttle_duration_sec=THROTTLE)
            return None
