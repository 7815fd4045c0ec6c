"""What the node knows of the camera: the latest camera_info, and why there are no intrinsics."""

from __future__ import annotations

from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from fourier_depth_ros.core.geometry import Intrinsics, fit_intrinsics
from fourier_depth_ros.ros.conversions import intrinsics_from_msg, scale_camera_info


class Camera:
    """Caches the latest camera_info; matching stamps are not asked for.

    ``update`` is called by the executor, the rest by the worker: one reference is swapped.
    """

    def __init__(self) -> None:
        self._info: CameraInfo | None = None

    def update(self, info: CameraInfo) -> None:
        """Take a new camera_info."""
        self._info = info

    @property
    def distorted(self) -> bool:
        """Whether the latest camera_info names a distortion: the picture must come rectified."""
        info = self._info
        return info is not None and any(info.d)

    def intrinsics(self, width: int, height: int) -> Intrinsics:
        """The intrinsics of a picture of this size [px], scaled where it was resized.

        Raises:
            ValueError: no camera_info yet, an uncalibrated one, or one of another aspect.
        """
        info = self._info
        if info is None:
            raise ValueError("no camera_info yet; remap camera_info to the camera driver's topic")
        return fit_intrinsics(intrinsics_from_msg(info), width, height)

    def scaled_info(self, width: int, height: int, header: Header) -> CameraInfo | None:
        """The latest camera_info for an output of this size [px], with ``header``; None before."""
        info = self._info
        if info is None or not (info.width and info.height):
            return None
        scaled = scale_camera_info(info, width, height)
        scaled.header = header
        return scaled
