"""depth.launch.py under the real launch: a picture in, its depth out, and a clean end.

Skipped where launch_testing is not installed, and where the package is not (colcon build, source).
"""

import time
import unittest

import pytest

pytest.importorskip("launch_testing")

import launch
import launch_testing.actions
import launch_testing.asserts
import rclpy
from ament_index_python.packages import PackageNotFoundError, get_package_share_directory
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CameraInfo, Image

PATIENCE = 90.0  # the weights are read and the first frame compiled on one slow core
WIDTH, HEIGHT = 64, 48

try:
    SHARE = get_package_share_directory("fourier_depth_ros")
except PackageNotFoundError:
    pytest.skip("fourier_depth_ros is not in AMENT_PREFIX_PATH", allow_module_level=True)


@pytest.mark.launch_test
def generate_test_description():
    depth = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(f"{SHARE}/launch/depth.launch.py"),
        launch_arguments={
            "namespace": "tested",
            "image": "front/image_rect",
            "device": "cpu",
            "preset": "fast",
        }.items(),
    )
    return launch.LaunchDescription([depth, launch_testing.actions.ReadyToTest()])


class TestDepth(unittest.TestCase):
    """While the node runs."""

    def setUp(self):
        rclpy.init()
        self.node = rclpy.create_node("test", namespace="tested")

    def tearDown(self):
        self.node.destroy_node()
        rclpy.shutdown()

    def test_a_picture_comes_back_as_its_depth(self):
        got = []
        self.node.create_subscription(Image, "depth/image", got.append, 1)
        images = self.node.create_publisher(Image, "front/image_rect", qos_profile_sensor_data)
        infos = self.node.create_publisher(CameraInfo, "front/camera_info", 1)
        picture = Image(height=HEIGHT, width=WIDTH, step=3 * WIDTH, encoding="rgb8")
        picture.header.frame_id = "front_optical_frame"
        picture.data.frombytes(bytes(range(256)) * (3 * WIDTH * HEIGHT // 256))
        info = CameraInfo(height=HEIGHT, width=WIDTH)
        info.p = [50.0, 0.0, 32.0, 0.0, 0.0, 50.0, 24.0, 0.0, 0.0, 0.0, 1.0, 0.0]

        end = time.monotonic() + PATIENCE
        sent = []
        while not got and time.monotonic() < end:
            picture.header.stamp = self.node.get_clock().now().to_msg()
            info.header = picture.header
            sent.append((picture.header.stamp.sec, picture.header.stamp.nanosec))
            infos.publish(info)
            images.publish(picture)
            rclpy.spin_once(self.node, timeout_sec=0.2)

        assert got, f"no depth within {PATIENCE:g} s"
        depth = got[0]
        assert (depth.height, depth.width, depth.encoding) == (HEIGHT, WIDTH, "32FC1")
        assert depth.header.frame_id == "front_optical_frame"
        assert (depth.header.stamp.sec, depth.header.stamp.nanosec) in sent


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    """After Ctrl-C."""

    def test_every_process_ended_without_an_error(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
