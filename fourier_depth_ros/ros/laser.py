"""depth/laserscan: the scan of a frame, and the frame that it is in."""

from __future__ import annotations

import math
import re

import numpy as np
import torch
from sensor_msgs.msg import LaserScan
from std_msgs.msg import Header

from fourier_depth_ros.core.geometry import Intrinsics, scale_intrinsics
from fourier_depth_ros.core.laser import laser_scan
from fourier_depth_ros.ros.conversions import scan_to_msg
from fourier_depth_ros.ros.settings import NodeParameters


def scan_of(
    depth: np.ndarray, intrinsics: Intrinsics, header: Header, settings: NodeParameters
) -> LaserScan:
    """The scan of a depth map (height, width) [m], NaN or inf where invalid.

    ``intrinsics`` are of the picture, of any size; ``header`` is the picture's.

    Raises:
        ValueError: the band of rows is not in the picture, or the scan's frame is not known.
    """
    height, width = depth.shape
    beams = laser_scan(
        torch.from_numpy(depth),
        scale_intrinsics(intrinsics, width, height),
        settings.scan_row,
        settings.scan_height,
        settings.min_depth,
        settings.max_depth,
        math.inf if settings.far_policy == "inf" else math.nan,
    )
    frame_id = settings.scan_frame or level_frame(header.frame_id)
    return scan_to_msg(beams, header, frame_id, settings.min_depth, settings.max_depth)


def level_frame(optical: str) -> str:
    """The frame beside an optical one with x forward, y left and z up, by REP 103's suffix.

    'camera_optical_frame' -> 'camera_frame', 'left_optical' -> 'left'.

    Raises:
        ValueError: it has no such suffix, and LaserScan's angles would be about the view's axis.
    """
    beside = re.sub(r"_optical(?=$|_frame$)", "", optical)
    if beside == optical:
        raise ValueError(
            f"the picture's frame_id {optical!r} does not end with _optical or _optical_frame; set "
            f"scan_frame to a frame at the camera with x forward and z up"
        )
    return beside
