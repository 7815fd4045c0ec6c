"""The camera's height over a floor that is drawn by hand: z = height / (y down the ray)."""

import math

import pytest
import torch

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.core.ground import down_of, heights_over, surface_of
from fourier_depth_ros.core.scale import estimate_scale

CAMERA = Intrinsics(fx=128.0, fy=128.0, cx=79.5, cy=59.5, width=160, height=120)


def room(height, pitch=0.0, roll=0.0, wall=4.0, table=None):
    """Depth of a floor and of a wall [m], and what is down, of a camera pitched down [rad].

    ``table``: rows and columns whose surface is only 0.5 m under the camera.
    """
    down = torch.tensor(
        [math.sin(roll), math.cos(roll) * math.cos(pitch), math.cos(roll) * math.sin(pitch)],
        dtype=torch.float64,
    )
    ahead = torch.tensor([0, -math.sin(pitch), math.cos(pitch)], dtype=torch.float64)
    v, u = torch.meshgrid(torch.arange(120.0), torch.arange(160.0), indexing="ij")
    rays = torch.stack(((u - 79.5) / 128, (v - 59.5) / 128, torch.ones_like(u)), dim=-1).double()
    floor = height / (rays @ down)
    floor[floor < 0] = math.inf
    if table is not None:
        floor[table] = (0.5 / (rays @ down))[table]
    away = wall / (rays @ ahead)
    return torch.minimum(floor, away).float(), down


@pytest.mark.parametrize(("pitch", "roll"), [(0, 0), (0.3, 0), (-0.1, 0.05), (0.6, -0.1)])
def test_height_and_down_by_the_floor_itself(pitch, roll):
    depth, down = room(1.2, pitch, roll, wall=8.0)
    surface = surface_of(depth, CAMERA)
    found = down_of(surface, 0.05)
    assert found is not None
    torch.testing.assert_close(found, down, atol=0.01, rtol=0)
    heights = heights_over(surface, found)
    assert float(heights.median()) == pytest.approx(1.2, rel=0.01)
    assert found.tolist() == down_of(surface, 0.05).tolist()  # seeded


def test_a_known_height_gives_the_scale_whatever_stands_there():
    """A network that sees 1.8 times too near: 1.2 m are 0.667 m; and a table in a corner."""
    depth, down = room(1.2, 0.3, table=(slice(80, 120), slice(0, 50)))
    surface = surface_of(depth / 1.8, CAMERA)
    heights = heights_over(surface, down)
    fit = estimate_scale(heights, torch.full_like(heights, 1.2), 0.1)
    assert fit.scale == pytest.approx(1.8, rel=0.01)
    assert fit.supported
    assert fit.inliers < fit.points  # the table's


def test_a_wall_a_ceiling_and_holes_are_no_floor():
    depth, down = room(50.0)  # nothing but the wall, 4 m ahead
    assert len(heights_over(surface_of(depth, CAMERA), down)) == 0
    assert down_of(surface_of(depth, CAMERA), 0.05) is None
    ceiling, down = room(1.2)
    upside_down = surface_of(ceiling.flip(0), CAMERA)
    assert len(heights_over(upside_down, down)) == 0
    assert down_of(upside_down, 0.05) is None
    nothing = surface_of(torch.full((120, 160), math.nan), CAMERA)
    assert nothing.points.shape == (0, 3)
    assert down_of(nothing, 0.05) is None


@pytest.mark.parametrize("size", [(120, 160), (480, 640), (33, 32), (1, 1), (2, 500)])
def test_a_map_of_any_size_has_a_coarse_cloud(size):
    height, width = size
    camera = Intrinsics(fx=10.0, fy=10.0, cx=0.0, cy=0.0, width=width, height=height)
    points, normals = surface_of(torch.ones(size), camera)
    assert points.shape == normals.shape
    assert len(points) <= 64 * 64
    if len(normals):  # of what is a metre ahead everywhere
        torch.testing.assert_close(
            normals, torch.tensor([[0, 0, 1.0]]).double().expand(normals.shape)
        )
