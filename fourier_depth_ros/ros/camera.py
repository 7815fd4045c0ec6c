"""What the node knows of the camera: the latest camera_info, and why there are no intrinsics."""

from __future__ import annotations

from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from fourier_depth_ros.core.geometry import Intrinsics, fit_intrinsics
from fourier_depth_ros.ros.conversions import intrinsics_from_msg, scale_camera_info

#: Sizes whose camera_info is remembered.
_SIZES = 8


class Camera:
    """Caches the latest camera_info, and that of each size; matching stamps are not asked for.

    A camera that changes its size in mid-stream has the next camera_info here while a picture of
    the old size is still waiting.

    ``update`` is called by the executor, the rest by the worker: references are swapped.
    """

    def __init__(self) -> None:
        self._info: CameraInfo | None = None
        self._of_size: dict[tuple[int, int], CameraInfo] = {}

    def update(self, info: CameraInfo) -> None:
        """Take a new camera_info."""
        kept = list(self._of_size.items())[-_SIZES:]
        self._of_size = {**dict(kept), (info.width, info.height): info}
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
        info = self._latest(width, height)
        if info is None:
            raise ValueError("no camera_info yet; remap camera_info to the camera driver's topic")
        return fit_intrinsics(intrinsics_from_msg(info), width, height)

    def scaled_info(
        self, picture: tuple[int, int], width: int, height: int, header: Header
    ) -> CameraInfo | None:
        """The camera_info of a depth image ``width`` x ``height`` [px], with ``header``.

        ``picture`` is the (width, height) [px] of the picture that it was made from. None before
        there is any camera_info.
        """
        info = self._latest(*picture)
        if info is None or not (info.width and info.height):
            return None
        scaled = scale_camera_info(info, width, height)
        scaled.header = header
        return scaled

    def _latest(self, width: int, height: int) -> CameraInfo | None:
        return self._of_size.get((width, height), self._info)
