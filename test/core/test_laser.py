"""Scans of depth maps that are known: by hand, and of a wall."""

import math

import pytest
import torch

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.core.laser import laser_scan

NAN, INF = math.nan, math.inf
CAMERA = Intrinsics(fx=1.0, fy=1.0, cx=1.0, cy=1.0, width=3, height=4)
REACH = {"nearest": 0.5, "farthest": 5.0, "beyond": INF}


def scan(depth, camera=CAMERA, row=-1, rows=1, **changes):
    return laser_scan(torch.tensor(depth), camera, row, rows, **{**REACH, **changes})


def test_three_beams_by_hand():
    beams = scan([[9.0] * 3, [1.0, 2.0, 3.0], [9.0] * 3, [9.0] * 3])
    # columns at x / z = -1, 0, 1: 45 degrees, the left one is the last beam
    assert beams.angle_min == pytest.approx(-math.pi / 4)
    assert beams.angle_max == pytest.approx(math.pi / 4)
    assert beams.angle_increment == pytest.approx(math.pi / 4)
    torch.testing.assert_close(beams.ranges, torch.tensor([3 * 2**0.5, 2.0, 2**0.5]))


def test_of_a_band_the_nearest_counts_and_nan_only_alone():
    rows = [[1.0, NAN, 1.0], [2.0, NAN, INF], [4.0, INF, NAN], [0.9, NAN, NAN]]
    # rows 1 and 2 of 4: 0 to 1 is 2 / 2 above row 1; then NaN and inf, inf and NaN
    ranges = scan(rows, row=2, rows=2).ranges
    torch.testing.assert_close(ranges, torch.tensor([INF, INF, 2 * 2**0.5]))
    assert scan(rows, row=3).ranges.isnan().tolist() == [True, True, False]
    assert scan(rows, row=0).ranges.isnan().tolist() == [False, True, False]


@pytest.mark.parametrize("beyond", [INF, NAN])
def test_what_is_out_of_reach(beyond):
    ranges = scan([[4.0, 0.4, 0.5]], row=0, beyond=beyond).ranges  # 5.7, 0.4, 0.7 m away
    expected = torch.tensor([0.5 * 2**0.5, NAN, beyond])
    torch.testing.assert_close(ranges, expected, equal_nan=True)


def test_rows_outside_the_picture():
    depth = [[1.0] * 3, [2.0] * 3]
    assert scan(depth, row=0, rows=100).ranges[1] == 1
    with pytest.raises(ValueError, match="rows 2 to 2 of a 3x2 depth map are no scan"):
        scan(depth, row=2)
    with pytest.raises(ValueError, match="1x1 depth map"):
        scan([[1.0]], row=0)


@pytest.mark.parametrize("cx", [319.5, 100.0, -20.0])
@pytest.mark.parametrize("fx", [150.0, 525.0])
def test_a_wall_is_straight_and_no_beam_is_empty(fx, cx):
    camera = Intrinsics(fx=fx, fy=fx, cx=cx, cy=2.0, width=640, height=4)
    beams = laser_scan(torch.full((4, 640), 2.0), camera, -1, 3, 0.1, 100.0, INF)
    assert 180 < len(beams.ranges) <= 640
    angles = beams.angle_min + beams.angle_increment * torch.arange(len(beams.ranges))
    assert beams.angle_min == pytest.approx(-math.atan((639 - cx) / fx))
    assert beams.angle_max == pytest.approx(math.atan(cx / fx))
    # a column is at most half a beam beside its beam
    ahead = beams.ranges * angles.cos()
    slack = (angles.tan().abs() * beams.angle_increment / 2 * 2).max().item() + 1e-4
    torch.testing.assert_close(ahead, torch.full_like(ahead, 2.0), rtol=0, atol=1.5 * slack)
