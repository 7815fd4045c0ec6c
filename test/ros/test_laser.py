"""The frame of a scan, by REP 103's names."""

import pytest

from fourier_depth_ros.ros.laser import level_frame

# rclpy reads type support through lark, which imports a deprecated module of Python's own
pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")


@pytest.mark.parametrize(
    ("optical", "level"),
    [
        ("camera_optical_frame", "camera_frame"),
        ("camera_color_optical_frame", "camera_color_frame"),
        ("robot/left_optical", "robot/left"),
    ],
)
def test_the_level_frame_is_the_optical_one_s_neighbour(optical, level):
    assert level_frame(optical) == level


@pytest.mark.parametrize("name", ["camera", "", "optical_bench", "_optical_2"])
def test_another_name_has_to_be_given(name):
    with pytest.raises(ValueError, match="set scan_frame to a frame at the camera with x forward"):
        level_frame(name)
