import random

import numpy as np
import pytest

from fourier_depth_ros.simulator.lighting import Caster
from fourier_depth_ros.simulator.passages.cells import (
    EAST,
    NORTH,
    SOUTH,
    STYLES,
    WEST,
    Cell,
    choose_finish,
    join,
    place_together,
)
from fourier_depth_ros.simulator.scene import overlap

pytestmark = pytest.mark.usefixtures("embree")


@pytest.fixture
def finish(assets):
    return choose_finish(random.Random(1), assets, "office")


def reach(room, origin, direction):
    return float(Caster(room).distance(np.array([origin]), np.array([direction], float))[0])


def test_through_a_doorway_depth_goes_on_to_the_far_wall_of_the_next_room(finish):
    """y 1.5 to 2.5 of a 4 x 3 m room's wall x = 4, which is y 1 to 2 of the next, 2 m deep."""
    near, far = Cell((4.0, 3.0, 2.5), finish), Cell((2.0, 5.0, 2.5), finish)
    offset = join(near, EAST, (0.5, 0.0, 1.5, 2.0), far, 1.0)
    assert offset == pytest.approx((4.14, 0.5, 0.0))
    for cell in (near, far):
        cell.lay()
    room = place_together([(near.room, (0.0, 0.0, 0.0)), (far.room, offset)], "two")
    assert room.size == pytest.approx((6.14, 5.5, 2.5))
    ahead = (1.0, 0.0, 0.0)
    for y in (1.52, 2.0, 2.48):
        assert reach(room, (2.0, y, 1.0), ahead) == pytest.approx(4.14, abs=1e-4)
    for y, z in ((1.4, 1.0), (2.6, 1.0), (2.0, 2.1)):  # beside it and above it: the wall
        assert reach(room, (2.0, y, z), ahead) == pytest.approx(2.0, abs=0.01)


@pytest.mark.parametrize(
    ("side", "way", "far"),
    [
        (SOUTH, (0.0, -1.0, 0.0), 1.5 + 0.14 + 3.0),
        (EAST, (1.0, 0.0, 0.0), 2.0 + 0.14 + 2.0),
        (NORTH, (0.0, 1.0, 0.0), 1.5 + 0.14 + 3.0),
        (WEST, (-1.0, 0.0, 0.0), 2.0 + 0.14 + 2.0),
    ],
)
def test_rooms_join_on_every_side_and_the_whole_begins_at_zero(finish, side, way, far):
    """From the middle of a 4 x 3 m room through its doorway to the end of one of 2 x 3 m."""
    near, other = Cell((4.0, 3.0, 2.5), finish), Cell((2.0, 3.0, 2.5), finish)
    half = near.walls[side].length / 2
    near.room.solids.append((1.0, 1.0, 0.0, 1.5, 1.5, 1.0))
    offset = join(near, side, (half - 0.5, 0.0, half + 0.5, 2.0), other, 0.4)
    near.lay()
    other.lay()
    room = place_together([(near.room, (0.0, 0.0, 0.0)), (other.room, offset)], "two")
    moved = np.maximum(-np.array(offset), 0)
    np.testing.assert_allclose(room.lights.lamp, np.array([2.0, 1.5, 2.35]) + moved)
    np.testing.assert_allclose(room.solids[0][:3], np.array([1.0, 1.0, 0.0]) + moved)
    corners = np.array([s.origin for s in room.surfaces])
    assert corners.min() >= -1e-9
    assert (corners <= np.array(room.size) + 1e-9).all()
    middle = np.array([2.0, 1.5, 1.0]) + moved
    assert reach(room, middle, way) == pytest.approx(far, abs=1e-4)


def test_a_spot_on_a_wall_is_clear_of_doors_and_of_what_stands_there(finish):
    cell = Cell((6.0, 2.0, 2.5), finish)
    wall = cell.walls[NORTH]  # its a is x
    wall.openings.append((1.0, 0.0, 2.0, 2.0))
    cell.room.solids.append((3.0, 1.5, 0.0, 4.0, 2.0, 1.0))
    for seed in range(60):
        a = cell.spot(random.Random(seed), wall, 0.5, 0.2, 0.8, 0.1)
        if a is None:
            continue
        assert a + 0.5 < 1.0 or a > 2.0
        assert not overlap((a, 1.9, 0.2, a + 0.5, 2.0, 0.8), cell.room.solids[0])
    assert cell.spot(random.Random(0), wall, 5.9, 0.2, 0.8, 0.1) is None


@pytest.mark.parametrize("style", STYLES)
def test_panels_light_as_much_as_they_are_large(assets, style):
    """A 9 m corridor with a panel each 3 m: what shines has the area of three panels."""
    cell = Cell((9.0, 2.0, 2.5), choose_finish(random.Random(3), assets, style))
    cell.panels(random.Random(0), 1, 3.0)
    length, width = cell.finish.panel
    assert sum(window.area for window in cell.room.windows) == pytest.approx(3 * length * width)
    assert all(window.inward == (0.0, 0.0, -1.0) for window in cell.room.windows)
    below = [s for s in cell.room.surfaces if s.axes[2][2] < -0.9]
    assert sorted(s.origin[0] + length / 2 for s in below) == pytest.approx([1.5, 4.5, 7.5])
