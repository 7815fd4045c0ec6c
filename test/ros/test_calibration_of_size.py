"""Which camera_info belongs to a picture."""

import pytest
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from fourier_depth_ros.ros.camera import Camera


def info(width: int, height: int, fx: float) -> CameraInfo:
    return CameraInfo(
        width=width, height=height, k=[fx, 0.0, width / 2, 0.0, fx, height / 2, 0.0, 0.0, 1.0]
    )


def test_a_picture_of_the_old_size_keeps_its_calibration():
    camera = Camera()
    camera.update(info(640, 480, 500.0))
    camera.update(info(1280, 720, 900.0))
    assert camera.intrinsics(640, 480).fx == 500
    assert camera.scaled_info((640, 480), 320, 240, Header()).k[0] == 250
    assert camera.intrinsics(1280, 720).fx == 900
    camera.update(info(640, 480, 510.0))
    assert camera.intrinsics(640, 480).fx == 510


def test_another_size_is_scaled_from_the_latest_or_refused():
    camera = Camera()
    with pytest.raises(ValueError, match="no camera_info yet"):
        camera.intrinsics(640, 480)
    camera.update(info(1280, 720, 900.0))
    camera.update(info(640, 480, 500.0))
    assert camera.intrinsics(320, 240).fx == 250
    with pytest.raises(ValueError, match="the calibration is for 640x480"):
        camera.intrinsics(320, 200)


def test_what_is_remembered_is_bounded():
    camera = Camera()
    for i in range(100):
        camera.update(info(640 + i, 480, 500.0))
    with pytest.raises(ValueError, match="the calibration is for 739x480"):
        camera.intrinsics(640, 480)
