"""Heights and neighbours worked out by hand, and by loops over points."""

import math

import numpy as np
import pytest
import torch

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.core.point_filter import (
    has_neighbours,
    strided_intrinsics,
    within_heights,
)
from fourier_depth_ros.core.rigid import transform_from_numbers

NAN, INF = math.nan, math.inf
CAMERA = Intrinsics(fx=2.0, fy=2.0, cx=1.0, cy=1.0, width=3, height=3)
#: 0.5 m over the floor, looking along the floor's x.
LEVEL = transform_from_numbers((0.0, 0.0, 0.5, -math.pi / 2, 0.0, -math.pi / 2))


def test_a_stride_keeps_the_first_pixel():
    camera = strided_intrinsics(Intrinsics(6.0, 9.0, 4.5, 3.0, width=7, height=6), 3)
    assert camera == Intrinsics(2.0, 3.0, 1.5, 1.0, width=3, height=2)


def test_heights_of_a_level_camera():
    depth = torch.tensor([[0.2] * 3, [1.0, NAN, INF], [0.2, 1.0, 2.0]])
    # a row up or down is half the depth: 0.6; 0.5; 0.4, 0, -0.5
    kept = within_heights(depth, CAMERA, LEVEL, 0.05, 0.55)
    assert kept.tolist() == [[False] * 3, [True, False, False], [True, False, False]]
    kept = within_heights(depth, CAMERA, LEVEL, -INF, INF)
    assert kept.tolist() == [[True] * 3, [True, False, False], [True] * 3]
    kept = within_heights(depth, CAMERA, LEVEL, -0.49, INF)
    assert kept.tolist() == [[True] * 3, [True, False, False], [True, True, False]]


def test_heights_of_a_camera_that_looks_down_and_leans():
    """By the point itself, through the whole transform."""
    pose = transform_from_numbers((0.3, -0.2, 1.1, -2.0, 0.3, -1.2))
    depth = torch.rand(9, 12, generator=torch.Generator().manual_seed(3)) * 3 + 0.2
    camera = Intrinsics(fx=10.0, fy=12.0, cx=5.0, cy=4.2, width=12, height=9)
    kept = within_heights(depth, camera, pose, 0.1, 0.9)
    for v in range(9):
        for u in range(12):
            z = depth[v, u].item()
            point = torch.tensor([[(u - 5.0) / 10 * z, (v - 4.2) / 12 * z, z]]).double()
            assert kept[v, u] == (0.1 <= pose.apply(point)[0, 2] <= 0.9)
    assert 0 < kept.sum() < kept.numel()


def neighbours_by_loop(depth, distance):
    count = np.zeros(depth.shape, int)
    for v, u in np.ndindex(depth.shape):
        for y in range(max(0, v - 2), min(depth.shape[0], v + 3)):
            for x in range(max(0, u - 2), min(depth.shape[1], u + 3)):
                near, far = sorted((depth[v, u], depth[y, x]))
                count[v, u] += (y, x) != (v, u) and near > 0 and far <= (1 + distance) * near
    return count


@pytest.mark.parametrize("shape", [(7, 9), (2, 6), (1, 5), (6, 1), (1, 1)])
@pytest.mark.parametrize("neighbours", [0, 1, 5, 14])
def test_neighbours_as_a_loop_counts_them(shape, neighbours):
    depth = np.random.default_rng(5).choice([1.0, 1.02, 1.2, 3.0, NAN, INF], shape)
    expected = (neighbours_by_loop(depth, 0.1) >= neighbours) & np.isfinite(depth)
    kept = has_neighbours(torch.from_numpy(depth), neighbours, 0.1)
    np.testing.assert_array_equal(kept.numpy(), expected)


def test_a_flying_pixel_goes_and_edges_stay():
    depth = torch.full((20, 20), 1.0)
    depth[:, 10:] = 3.0
    depth[7, 10] = 2.0  # between the thing and the wall
    kept = has_neighbours(depth, 8, 0.05)  # 8 are what a corner has
    assert (~kept).nonzero().tolist() == [[7, 10]]
    assert has_neighbours(depth, 9, 0.05)[0, 0].item() is False
