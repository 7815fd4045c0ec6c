import numpy as np

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.data.registration import register_depth

CAMERA = Intrinsics(fx=10.0, fy=10.0, cx=4.5, cy=2.0, width=10, height=5)


def test_the_same_camera_sees_the_same():
    depth = np.full((5, 10), 2, np.float32)
    depth[1, 3] = np.nan
    np.testing.assert_array_equal(register_depth(depth, CAMERA, CAMERA, (0, 0, 0)), depth)


def test_a_wall_and_a_thing_before_it_move_by_their_parallax():
    depth = np.full((5, 10), 2, np.float32)
    depth[2, 4] = 1
    # f t / Z: the wall 10 * 0.2 / 2 = 1 pixel to the right, the thing at 1 m by 2
    moved = register_depth(depth, CAMERA, CAMERA, (0.2, 0, 0))
    expected = np.full((5, 10), 2, np.float32)
    expected[:, 0] = np.nan  # nothing to see there
    expected[2, 5] = np.nan  # what the thing hid from the depth camera
    expected[2, 6] = 1
    np.testing.assert_array_equal(moved, expected)


def test_a_colour_camera_of_three_times_the_focal_length_has_no_gaps():
    color = Intrinsics(fx=30.0, fy=30.0, cx=14.5, cy=7.0, width=30, height=15)
    depth = np.full((5, 10), 2, np.float32)
    # a step of 10 cm forward: what is 2 m away is 1.9 m away
    near = register_depth(depth, CAMERA, color, (0, 0, -0.1))
    np.testing.assert_array_equal(near, np.full((15, 30), 1.9, np.float32))
