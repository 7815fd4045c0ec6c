"""The scale from pairs of depths: by hand, with outliers, and without support."""

import math

import pytest
import torch

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.core.scale import (
    ScaleFit,
    estimate_scale,
    linear_consensus,
    paired_depths,
)

NAN, INF = math.nan, math.inf


def doubles(*values):
    return torch.tensor(values, dtype=torch.float64)


def test_the_median_of_those_that_agree():
    """Ratios 1.7, 1.8, 1.9, and two that are far away; NaN and zero are no pairs."""
    estimated = doubles(1, 2, 1, 1, 2, NAN, 1, 0)
    measured = doubles(1.7, 3.6, 1.9, 5, 0.4, 1.8, NAN, 1.8)
    fit = estimate_scale(estimated, measured, 0.1)
    assert fit.scale == pytest.approx(1.8)
    assert (fit.inliers, fit.points) == (3, 5)
    # 1.8 / 1.7 = 1.0588 and 1.9 / 1.8 = 1.0556; the median of those two and 0
    assert fit.residual == pytest.approx(1.9 / 1.8 - 1)
    assert not fit.supported  # three points


def test_the_larger_of_two_clusters_counts():
    estimated = torch.ones(70, dtype=torch.float64)
    measured = torch.cat((torch.full((40,), 1.8), torch.full((30,), 1.0))).double()
    fit = estimate_scale(estimated, measured, 0.15)
    assert fit == (pytest.approx(1.8), 40, 70, pytest.approx(0.0, abs=1e-9))
    assert fit.supported


@pytest.mark.parametrize("share", [0.3, 0.5, 0.6])
def test_outliers_do_not_move_it(share):
    """A network 1.8 x too near with 5 % of noise; the others are anywhere from 0.1 to 10 m."""
    g = torch.Generator().manual_seed(3)
    true = 1 + 4 * torch.rand(400, generator=g, dtype=torch.float64)
    estimated = true / 1.8 * (0.05 * torch.randn(400, generator=g, dtype=torch.float64)).exp()
    wrong = torch.rand(400, generator=g) < share
    anywhere = 0.1 + 9.9 * torch.rand(400, generator=g, dtype=torch.float64)
    fit = estimate_scale(estimated, torch.where(wrong, anywhere, true), 0.15)
    assert fit.scale == pytest.approx(1.8, rel=0.02)
    assert fit.supported
    # the median of |noise| is 0.674 sigma, a little more with the outliers that fell among them
    assert fit.residual == pytest.approx(0.0337, abs=0.015)


@pytest.mark.parametrize(
    ("fit", "supported"),
    [
        (ScaleFit(1.8, 20, 60, 0.1), True),
        (ScaleFit(1.8, 19, 19, 0.1), False),  # too few
        (ScaleFit(1.8, 29, 100, 0.1), False),  # under 30 %
        (ScaleFit(1000.0, 90, 100, 0.1), False),  # millimetres
        (ScaleFit(NAN, 0, 0, NAN), False),
    ],
)
def test_what_is_support(fit, supported):
    assert fit.supported is supported


def test_nothing_to_compare_is_no_support():
    for estimated, measured in ((doubles(), doubles()), (doubles(NAN, 1), doubles(1, INF))):
        fit = estimate_scale(estimated, measured, 0.1)
        assert (math.isnan(fit.scale), fit.inliers, fit.points) == (True, 0, 0)


def test_points_are_paired_with_the_nearest_pixel():
    """fx = fy = 2, centre (1, 1): (0.5, 0, 1) is at u = 2; the rest is beside the picture."""
    camera = Intrinsics(fx=2.0, fy=2.0, cx=1.0, cy=1.0, width=3, height=2)
    depth = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, NAN]])
    points = doubles(
        (0, 0, 4),  # u 1, v 1
        (0.5, -0.5, 1),  # u 2, v 0
        (0.4, -0.4, 1),  # u 1.8, v 0.2: the same
        (0.5, 0, 1),  # u 2, v 1: NaN there
        (1, 0, 1),  # u 3: outside
        (0, 0, -4),  # behind
        (0, 0, 0.01),  # the sensor itself
        (NAN, 0, 1),
        (INF, 0, 1),
        (0, 0, NAN),
    )
    estimated, measured = paired_depths(points, depth, camera)
    torch.testing.assert_close(estimated, doubles(5, 3, 3, NAN), equal_nan=True)
    torch.testing.assert_close(measured, doubles(4, 1, 1, 1))


def test_too_few_rows_have_no_consensus():
    def any_(trials):
        return torch.ones(len(trials), dtype=torch.bool)

    assert linear_consensus(torch.ones(1, 2, dtype=torch.float64), 0.1, any_) is None
    # one row thrice: no trial can be solved
    assert linear_consensus(torch.ones(3, 2, dtype=torch.float64), 0.1, any_) is None
