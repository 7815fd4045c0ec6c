import random
from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from fourier_depth_ros.simulator.desks.things import THINGS
from fourier_depth_ros.simulator.models import GRID, LEVELS, Model, ModelStore
from fourier_depth_ros.simulator.rooms import build_room, resting_place
from fourier_depth_ros.simulator.scene import Placement, overlap, standing_box

pytestmark = pytest.mark.usefixtures("embree")


@pytest.fixture(scope="module")
def rooms(assets):
    store = ModelStore(assets.cache)
    return [build_room(seed, assets, store) for seed in range(12)]


def test_the_same_seed_is_the_same_room_whatever_was_built_before(rooms, assets, tmp_path):
    room = build_room(7, assets, ModelStore(tmp_path))
    assert room.size == rooms[7].size
    assert room.surfaces == rooms[7].surfaces
    assert room.lights == rooms[7].lights
    assert [(p.name, p.position, p.yaw) for p in room.placements] == [
        (p.name, p.position, p.yaw) for p in rooms[7].placements
    ]
    assert len({room.size for room in rooms}) == 12


def test_rooms_are_furnished_with_what_works_and_the_rest_is_left_out(rooms):
    names = Counter(placed.name for room in rooms for placed in room.placements)
    made = {"desk", *THINGS}  # test_desks is of these
    assert set(names) - made == {"Table", "Mug", "Vase", "Cupboard", "Window"}
    assert all(len(room.placements) >= 4 for room in rooms)
    assert sum(bool(room.windows) for room in rooms) > 8


def test_furniture_is_inside_and_nothing_stands_in_anything(rooms):
    for room in rooms:
        on_desks = {index for desk in room.desks for index in desk.things}  # test_desks is of these
        standing = [
            p.box
            for index, p in enumerate(room.placements)
            if p.name != "Window" and index not in on_desks
        ]
        for box in standing:
            assert min(box[:3]) >= -1e-6
            assert (np.array(box[3:]) <= np.array(room.size) + 1e-6).all()
        # on a table: a hair above it, hence by real height; models are boxes here
        for a, b in combinations(standing, 2):
            apart = not overlap(a, b)
            on_top = abs(a[2] - b[5]) < 0.01 or abs(b[2] - a[5]) < 0.01
            assert apart or on_top


def test_small_things_stand_on_tables_not_in_the_air(rooms):
    raised = 0
    for room in rooms:
        below = [p for p in room.placements if p.name in ("Table", "Cupboard")]
        on_desks = {index for desk in room.desks for index in desk.things}
        for index in set(room.small) - on_desks:
            box = room.placements[index].box
            if box[2] < 0.01:
                continue
            raised += 1
            x, y = (box[0] + box[3]) / 2, (box[1] + box[4]) / 2
            tops = [p.box[5] for p in below if p.box[0] < x < p.box[3] and p.box[1] < y < p.box[4]]
            assert any(abs(top - box[2]) < 0.01 for top in tops)
    assert raised > 5


@pytest.mark.parametrize(("height", "levels"), [(0.05, {0.5, 0.7}), (0.25, {0.7})])
def test_on_a_shelf_things_stand_where_they_fit_below_the_next_board(height, levels):
    """Boards whose upper sides are at 0.5 and 0.7 m; the upper one is 2 cm thick."""
    heights = np.full((GRID, GRID, LEVELS), np.nan, np.float32)
    heights[..., :3] = 0.7, 0.68, 0.5
    none = np.zeros((0, 3), np.float32)
    shelf = Model(none, none, none[:, :2], none[:, :2], none[:, 0], none, (), (1, 1, 0.7), heights)
    standing = Placement("Shelf", shelf, (3.0, 2.0, 0.0), np.pi / 2, stretch=(1.0, 2.0, 1.0))
    spots = [
        resting_place(random.Random(seed), standing, 0.1, height, shelf=True) for seed in range(200)
    ]
    found = np.array([spot for spot in spots if spot])
    assert len(found) > 30
    assert {*np.round(found[:, 2], 2).tolist()} == levels
    # turned by 90 degrees its depth of 2 m lies along x: 0.1 m inside [2, 4] x [1.5, 2.5]
    assert (np.abs(found[:, :2] - (3, 2)) <= (0.9, 0.4)).all()
    assert (np.abs(found[:, 0] - 3) > 0.5).any()


def test_the_box_around_something_turned():
    half = np.sqrt(0.5)
    box = standing_box((2.0, 2.0, 1.0), (5.0, 6.0, 0.5), np.pi / 4)
    assert box == pytest.approx((5 - 2 * half, 6 - 2 * half, 0.5, 5 + 2 * half, 6 + 2 * half, 1.5))
    assert standing_box((2.0, 4.0, 1.0), (0.0, 0.0, 0.0), np.pi / 2) == pytest.approx(
        (-2, -1, 0, 2, 1, 1)
    )
