"""Messages of sensors to points and to what is up, by hand."""

import math

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import CameraInfo, Imu, LaserScan
from std_msgs.msg import Header

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.ros.conversions import depth_to_msg, intrinsics_to_msg, points_to_msg
from fourier_depth_ros.ros.measurements import (
    POINTS,
    Measurement,
    Recent,
    points_from_cloud,
    points_from_depth,
    scan_from_msg,
    up_from_imu,
)

HEADER = Header(stamp=Time(sec=5, nanosec=250_000_000), frame_id="sensor")
NAN, INF = math.nan, math.inf
CAMERA = Intrinsics(fx=2.0, fy=2.0, cx=1.0, cy=0.0, width=3, height=2)


def scan(ranges, **changes):
    msg = LaserScan(header=HEADER, angle_min=-math.pi / 2, angle_increment=math.pi / 2)
    msg.range_min, msg.range_max, msg.ranges = 0.1, 10.0, ranges
    for name, value in changes.items():
        setattr(msg, name, value)
    return msg


def test_a_scan_s_points_lie_in_its_plane():
    """To the right, ahead, to the left, behind."""
    found = scan_from_msg(scan([1.0, 2.0, 3.0, 4.0]))
    expected = [[0, -1, 0], [2, 0, 0], [0, 3, 0], [-4, 0, 0]]
    np.testing.assert_allclose(found.vectors, expected, atol=1e-6)
    assert (found.stamp, found.frame_id) == (5.25, "sensor")


@pytest.mark.parametrize(
    ("ranges", "changes", "left"),
    [
        ([NAN, INF, -INF, 0.0, -1.0, 0.05, 10.5], {}, 0),
        ([], {}, 0),
        ([10.5, INF, 2.0], {"range_max": 0.0}, 2),  # left out by the driver
        ([1.0, 2.0], {"range_min": NAN}, 0),
        ([1.0] * 10_000, {}, 3334),  # every third: at most 4096
    ],
)
def test_what_a_scan_did_not_hit_is_left_out(ranges, changes, left):
    vectors = scan_from_msg(scan(ranges, **changes)).vectors
    assert vectors.shape == (left, 3)
    assert vectors.isfinite().all()


@pytest.mark.parametrize("changes", [{"angle_min": NAN}, {"angle_increment": INF}])
def test_a_scan_without_angles_is_refused(changes):
    with pytest.raises(ValueError, match="not finite"):
        scan_from_msg(scan([1.0], **changes))


def test_points_of_a_cloud_and_of_a_depth_image_are_the_valid_ones():
    """x = (u - 1) z / 2, y = v z / 2."""
    depth = np.float32([[2, NAN, 4], [0, 6, INF]])
    expected = [[-1, 0, 2], [2, 0, 4], [0, 3, 6]]
    info = intrinsics_to_msg(CAMERA, HEADER)
    found = points_from_depth(depth_to_msg(depth, HEADER), info)
    np.testing.assert_allclose(found.vectors, expected)
    np.testing.assert_allclose(
        points_from_depth(depth_to_msg(depth, HEADER, "16UC1"), info).vectors, expected
    )
    depth[1, 0] = NAN  # 0 m is a point too
    cloud = points_to_msg(depth, np.zeros((2, 3, 3), np.uint8), CAMERA, HEADER)
    found = points_from_cloud(cloud)
    np.testing.assert_allclose(found.vectors, expected)
    assert (found.stamp, found.frame_id) == (5.25, "sensor")


def test_a_depth_image_of_any_size_gives_few_points():
    depth = np.ones((480, 640), np.float32)
    info = intrinsics_to_msg(Intrinsics(500.0, 500.0, 319.5, 239.5, 640, 480), HEADER)
    points = points_from_depth(depth_to_msg(depth, HEADER), info).vectors
    assert len(points) == POINTS == 4096  # 307200 / 75


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (None, "no camera_info of the measured depth yet"),
        (CameraInfo(width=3, height=2), "uncalibrated"),
        (intrinsics_to_msg(Intrinsics(2.0, 2.0, 1.0, 0.0, 90, 20), HEADER), "is for 90x20"),
    ],
)
def test_a_depth_image_without_a_camera_is_refused(info, reason):
    with pytest.raises(ValueError, match=reason):
        points_from_depth(depth_to_msg(np.ones((2, 3), np.float32), HEADER), info)


def imu(orientation=(0.0, 0.0, 0.0, 0.0), acceleration=(0.0, 0.0, 0.0), unknown=()):
    msg = Imu(header=HEADER)
    q, a = msg.orientation, msg.linear_acceleration
    q.x, q.y, q.z, q.w = orientation
    a.x, a.y, a.z = acceleration
    for name in unknown:
        getattr(msg, f"{name}_covariance")[0] = -1.0
    return msg


HALF = math.sqrt(0.5)


@pytest.mark.parametrize(
    ("msg", "up"),
    [
        (imu((0.0, 0.0, 0.0, 1.0)), (0, 0, 1)),
        (imu((0.0, 0.0, HALF, HALF)), (0, 0, 1)),  # yaw alone
        # rolled by 90 degrees, its right side down: y, once left, is up
        (imu((HALF, 0.0, 0.0, HALF)), (0, 1, 0)),
        (imu((0.0, HALF, 0.0, HALF)), (-1, 0, 0)),  # pitched by 90 degrees, nose down
        (imu((0.0, HALF, 0.0, HALF), (0.0, 0.0, 9.8), ["orientation"]), (0, 0, 1)),
        (imu(acceleration=(6.0, 0.0, 8.0)), (0.6, 0, 0.8)),  # an orientation left empty
    ],
)
def test_up_by_orientation_or_by_the_accelerometer(msg, up):
    np.testing.assert_allclose(up_from_imu(msg).vectors, [up], atol=1e-9)


@pytest.mark.parametrize(
    "msg",
    [
        imu(),
        imu(acceleration=(0.0, 0.0, 1.0)),  # in g
        imu(acceleration=(NAN, 0.0, 9.8)),
        imu(acceleration=(0.0, 0.0, 9.8), unknown=["linear_acceleration"]),
        imu((NAN, 0.0, 0.0, 1.0)),
    ],
)
def test_an_imu_that_knows_nothing_is_refused(msg):
    with pytest.raises(ValueError, match="no orientation"):
        up_from_imu(msg)


def test_the_nearest_in_time_of_the_latest():
    recent = Recent(3)
    assert recent.empty
    assert recent.nearest(0.0) is None
    vectors = scan_from_msg(scan([])).vectors
    for stamp in (1.0, 2.0, 3.0, 4.0):
        recent.add(Measurement(stamp, "", vectors))
    for stamp, expected in ((0.0, 2.0), (2.4, 2.0), (2.6, 3.0), (9.0, 4.0)):
        assert recent.nearest(stamp).stamp == expected
