import random

import numpy as np
import pytest

from fourier_depth_ros.simulator.lighting import Caster
from fourier_depth_ros.simulator.meshes import Material
from fourier_depth_ros.simulator.passages import fittings
from fourier_depth_ros.simulator.passages.cells import NORTH, STYLES, Cell, choose_finish
from fourier_depth_ros.simulator.scene import Lights, Room

pytestmark = pytest.mark.usefixtures("embree")


def reach(room, origins, direction):
    origins = np.array(origins, float)
    return Caster(room).distance(origins, np.tile(direction, (len(origins), 1)).astype(float))


@pytest.mark.parametrize("style", STYLES)
def test_a_closed_door_lies_back_in_the_wall_and_its_frame_before_it(assets, style):
    """The wall y = 2 seen from y = 1: what is 1 m away is the wall."""
    cell = Cell((4.0, 2.0, 2.5), choose_finish(random.Random(2), assets, style))
    wall = cell.walls[NORTH]  # its a is x
    fittings.closed_door(random.Random(0), cell, wall, (1.5, 0.0, 2.4, 2.05))
    cell.lay()
    heights = (0.4, 1.0, 1.9)
    door = reach(cell.room, [(1.95, 1.0, z) for z in heights], (0, 1, 0))
    assert (door > 1.01).all()
    assert (door <= 1.1 + 1e-4).all()
    frame = reach(cell.room, [(1.48, 1.0, z) for z in heights], (0, 1, 0))
    np.testing.assert_allclose(frame, 1 - 0.018, atol=1e-4)
    np.testing.assert_allclose(reach(cell.room, [(0.2, 1.0, 2.2)], (0, 1, 0)), 1.0, atol=1e-4)


@pytest.mark.parametrize(
    ("start", "end", "across"),
    [
        ((0.0, 0.0, 0.0), (0.0, 0.0, 1.0), (1.0, 0.0, 0.0)),
        ((0.0, 0.0, 0.0), (0.8, 0.0, 0.6), (0.0, 1.0, 0.0)),
    ],
)
def test_a_tube_is_as_thick_as_said(start, end, across):
    """16 sides: their middles are cos(pi / 16) = 0.981 of the radius from the axis."""
    room = Room((3.0, 3.0, 3.0), Lights((1.0, 1.0, 2.9)))
    room.surfaces += fittings.tube(start, end, 0.1, Material(), 16)
    middle = (np.array(start) + np.array(end)) / 2
    for side in (1, -1):
        far = reach(room, [middle + side * np.array(across)], -side * np.array(across))
        assert 0.0980 < 1.0 - far[0] < 0.1001


@pytest.mark.parametrize(
    ("fit", "out"),
    [(fittings.radiator, 0.105), (fittings.notice_board, 0.02), (fittings.extinguisher, 0.2)],
)
def test_what_is_fixed_to_a_wall_stands_out_from_it_and_keeps_furniture_off(assets, fit, out):
    cell = Cell((4.0, 2.0, 2.5), choose_finish(random.Random(2), assets, "office"))
    fit(random.Random(1), cell, cell.walls[NORTH])
    lows = [
        surface.points(*np.meshgrid(*map(np.array, zip((0, 0), surface.lengths, strict=True))))[
            ..., 1
        ]
        for surface in cell.room.surfaces
    ]
    assert 2.0 - out - 0.02 <= min(float(low.min()) for low in lows) < 2.0 - out + 0.05
    assert max(float(low.max()) for low in lows) <= 2.0 + 1e-6
    assert len(cell.room.solids) == 1
