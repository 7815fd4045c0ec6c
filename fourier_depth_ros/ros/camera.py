"""What the node knows of the camera: which camera_info a picture has, and what follows from it."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from fourier_depth_ros.core.geometry import Intrinsics, fit_intrinsics
from fourier_depth_ros.ros.conversions import intrinsics_from_msg, scale_camera_info

#: How many camera_infos are remembered: those that came while one picture waited for its turn.
REMEMBERED = 8


class Camera:
    """Caches camera_info. A picture's own has its stamp; without one the latest counts.

    ``update`` is called by the executor, the rest by the worker: one reference is swapped.
    """

    def __init__(self) -> None:
        self._infos: tuple[CameraInfo, ...] = ()  # the latest first

    def update(self, info: CameraInfo) -> None:
        """Take a new camera_info."""
        self._infos = (info, *self._infos[: REMEMBERED - 1])

    @property
    def distorted(self) -> bool:
        """Whether the latest camera_info names a distortion: the picture must come rectified."""
        return bool(self._infos) and any(self._infos[0].d)

    def info(self, stamp: Time) -> CameraInfo | None:
        """The camera_info of this stamp, else the latest; None before the first.

        A camera that changes its size or zoom sends the next one while a picture is computed.
        """
        infos = self._infos
        latest = infos[0] if infos else None
        return next((info for info in infos if info.header.stamp == stamp), latest)


def intrinsics_of(info: CameraInfo | None, width: int, height: int) -> Intrinsics:
    """The intrinsics of a picture of this size [px], scaled where it was resized.

    Raises:
        ValueError: no camera_info yet, an uncalibrated one, or one of another aspect.
    """
    if info is None:
        raise ValueError("no camera_info yet; remap camera_info to the camera driver's topic")
    return fit_intrinsics(intrinsics_from_msg(info), width, height)


def scaled_info(
    info: CameraInfo | None, width: int, height: int, header: Header
) -> CameraInfo | None:
    """``info`` for an output of this size [px], with ``header``; None without a size of its own."""
    if info is None or not (info.width and info.height):
        return None
    scaled = scale_camera_info(info, width, height)
    scaled.header = header
    return scaled
