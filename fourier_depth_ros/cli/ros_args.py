"""ROS's own arguments, which end a command line: ``fourier-depth camera PATH --ros-args ...``."""

from __future__ import annotations

import sys
from collections.abc import Sequence

MARK = "--ros-args"


def split_ros_args(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """``argv`` before the first ``--ros-args``, and from it on."""
    argv = list(argv)
    cut = argv.index(MARK) if MARK in argv else len(argv)
    return argv[:cut], argv[cut:]


def ros_args() -> list[str]:
    """What this process was given for ROS, for ``rclpy.init(args=...)``."""
    return split_ros_args(sys.argv[1:])[1]
