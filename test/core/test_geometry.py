import math

import pytest

from fourier_depth_ros.core.geometry import (
    Intrinsics,
    fit_intrinsics,
    focal_factor,
    scale_intrinsics,
)

CAMERA = Intrinsics(fx=500.0, fy=400.0, cx=319.5, cy=239.5, width=640, height=480)


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


def test_a_resized_picture_fits_and_a_cropped_one_does_not():
    assert fit_intrinsics(CAMERA, 320, 240) == scale_intrinsics(CAMERA, 320, 240)
    assert fit_intrinsics(CAMERA, 322, 240).width == 322  # 0.6 % wider: rounding
    assert fit_intrinsics(CAMERA, 33, 24).width == 33  # 24.75 rows, rounded down
    for size in [(1280, 720), (640, 400), (648, 480), (32, 26)]:
        with pytest.raises(ValueError, match="for 640x480, the picture is {}x{}".format(*size)):
            fit_intrinsics(CAMERA, *size)
