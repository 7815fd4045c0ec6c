"""Rotations and poses, each expectation worked out by hand."""

import math

import pytest
import torch

from fourier_depth_ros.core.rigid import (
    rotation_from_quaternion,
    rotation_from_rpy,
    transform_from_numbers,
)

HALF = math.sqrt(0.5)
QUARTER = math.pi / 2


def vector(*values):
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize(
    ("rpy", "quaternion", "x_goes_to", "y_goes_to"),
    [
        ((0, 0, 0), (0, 0, 0, 1), (1, 0, 0), (0, 1, 0)),
        ((QUARTER, 0, 0), (HALF, 0, 0, HALF), (1, 0, 0), (0, 0, 1)),
        ((0, QUARTER, 0), (0, HALF, 0, HALF), (0, 0, -1), (0, 1, 0)),
        ((0, 0, QUARTER), (0, 0, HALF, HALF), (0, 1, 0), (-1, 0, 0)),
        # an optical frame (x right, y down) in a body (x forward, y left, z up)
        ((-QUARTER, 0, -QUARTER), (-0.5, 0.5, -0.5, 0.5), (0, -1, 0), (0, 0, -1)),
        ((0, 0, QUARTER), (0, 0, 2, 2), (0, 1, 0), (-1, 0, 0)),  # not of unit length
    ],
)
def test_both_spellings_turn_the_axes_alike(rpy, quaternion, x_goes_to, y_goes_to):
    for rotation in (
        rotation_from_rpy(*map(float, rpy)),
        rotation_from_quaternion(*map(float, quaternion)),
    ):
        torch.testing.assert_close(rotation[:, 0], vector(*x_goes_to), atol=1e-12, rtol=0)
        torch.testing.assert_close(rotation[:, 1], vector(*y_goes_to), atol=1e-12, rtol=0)
        torch.testing.assert_close(rotation @ rotation.T, torch.eye(3, dtype=torch.float64))


def test_a_pose_carries_points_into_the_other_frame_and_its_inverse_back():
    """A camera 0.2 m before and 0.1 m under a scanner, looking as it does: REP 103's frames."""
    optical_in_scanner = transform_from_numbers((0.2, 0.0, -0.1, -QUARTER, 0.0, -QUARTER))
    scanner = vector(3.0, 0.5, 0.0)[None]  # 3 m ahead, 0.5 m to the left
    optical = optical_in_scanner.inverse().apply(scanner)
    # 0.5 m left, 0.1 m up (y is down), 2.8 m ahead
    torch.testing.assert_close(optical, vector(-0.5, -0.1, 2.8)[None])
    torch.testing.assert_close(optical_in_scanner.apply(optical), scanner)


@pytest.mark.parametrize("numbers", [(0.0,) * 7, (1.0,) * 5, ()])
def test_what_is_no_pose_is_refused(numbers):
    with pytest.raises(ValueError, match=r"no rotation|expected x y z"):
        transform_from_numbers(numbers)
