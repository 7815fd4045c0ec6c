"""The middleware's shared memory, big enough for images, and the QoS of images.

Fast DDS's default segment (512 kB) loses almost every best-effort image over 0.5 MB between two
processes. config/fastdds_shm.xml gives the process that PUBLISHES a segment of 16 MB.
"""

from __future__ import annotations

import os
from importlib import metadata

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from fourier_depth_ros.resources import share_directory

#: Humble and Jazzy read the first; Kilted and later the second, and warn about the first.
_VARIABLES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")
_KILTED_RCLPY = 9


def shared_memory_environment() -> dict[str, str]:
    """The variable that points a process's Fast DDS to config/fastdds_shm.xml.

    Empty where the user has set a profile of their own, which stays. Other middlewares ignore it.
    """
    if any(os.environ.get(variable) for variable in _VARIABLES):
        return {}
    profile = str(share_directory() / "config" / "fastdds_shm.xml")
    kilted = int(metadata.version("rclpy").split(".")[0]) >= _KILTED_RCLPY
    return {_VARIABLES[kilted]: profile}


def use_shared_memory_profile() -> None:
    """Take that variable for this process; call it before rclpy.init()."""
    os.environ.update(shared_memory_environment())


def input_qos() -> QoSProfile:
    """BEST_EFFORT, the latest only: matches every camera driver, and never shows an old frame."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.BEST_EFFORT
    )


def output_qos() -> QoSProfile:
    """RELIABLE, the latest only: RViz and sensor-data subscribers both match."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST, depth=1, reliability=ReliabilityPolicy.RELIABLE
    )


def latched_qos() -> QoSProfile:
    """RELIABLE and TRANSIENT_LOCAL: a late subscriber gets the last message."""
    return QoSProfile(
        history=HistoryPolicy.KEEP_LAST,
        depth=1,
        reliability=ReliabilityPolicy.RELIABLE,
        durability=DurabilityPolicy.TRANSIENT_LOCAL,
    )
