import math

import pytest
import torch

from fourier_depth_ros.core.geometry import (
    Intrinsics,
    focal_factor,
    limit_depth,
    scale_intrinsics,
    unproject_depth,
)

CAMERA = Intrinsics(fx=500.0, fy=400.0, cx=319.5, cy=239.5, width=640, height=480)


def test_points_by_hand():
    depth = torch.full((480, 640), 2.0)
    depth[0, 0] = torch.nan
    depth[0, 1] = torch.inf
    points = unproject_depth(depth, CAMERA)
    assert torch.isnan(points[0, :2]).all()
    # u = 569.5 would be 250 px right of the centre: x = 250 * 2 / 500
    torch.testing.assert_close(
        points[439, 569], torch.tensor([(569 - 319.5) * 2 / 500, (439 - 239.5) * 2 / 400, 2.0])
    )


def test_scaling_keeps_the_rays():
    half = scale_intrinsics(CAMERA, 320, 240)
    assert (half.fx, half.fy) == (250.0, 200.0)
    assert (half.cx, half.cy) == (159.5, 119.5)
    assert scale_intrinsics(half, 640, 480) == CAMERA


def test_the_left_edge_stays_the_left_edge():
    third = scale_intrinsics(CAMERA, 213, 160)
    assert (-0.5 - third.cx) / third.fx == pytest.approx((-0.5 - CAMERA.cx) / CAMERA.fx)


def test_focal_factor_is_phi_over_phi_c():
    assert focal_factor(CAMERA, 0.5) == pytest.approx(500 / 640 / 0.5)
    assert focal_factor(scale_intrinsics(CAMERA, 64, 48), 0.5) == pytest.approx(500 / 640 / 0.5)


@pytest.mark.parametrize("bad", [{"fx": 0.0}, {"fy": -1.0}, {"cx": math.nan}, {"width": 0}])
def test_an_uncalibrated_camera_is_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        Intrinsics(**{**CAMERA.__dict__, **bad})


def test_intrinsics_of_another_size_are_refused():
    with pytest.raises(ValueError, match="use scale_intrinsics first"):
        unproject_depth(torch.ones(10, 10), CAMERA)


def test_range_limits():
    depth = torch.tensor([[0.05, 0.1, 5.0, 10.0, 10.1, math.nan]])
    nan, inf = math.nan, math.inf
    torch.testing.assert_close(
        limit_depth(depth, 0.1, 10.0, "nan"),
        torch.tensor([[nan, 0.1, 5.0, 10.0, nan, nan]]),
        equal_nan=True,
    )
    torch.testing.assert_close(
        limit_depth(depth, 0.1, 10.0, "inf"),
        torch.tensor([[nan, 0.1, 5.0, 10.0, inf, nan]]),
        equal_nan=True,
    )
