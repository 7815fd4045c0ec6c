import random
from itertools import combinations

import numpy as np
import pytest

from fourier_depth_ros.simulator.desks.layout import STYLES, lay_out, make_desk
from fourier_depth_ros.simulator.models import ModelStore
from fourier_depth_ros.simulator.rooms import build_room

pytestmark = pytest.mark.usefixtures("embree")


@pytest.fixture(scope="module")
def rooms(assets):
    store = ModelStore(assets.cache)
    return [build_room(seed, assets, store) for seed in range(10)]


def test_desks_are_of_real_size():
    for seed in range(20):
        width, depth, height = make_desk(random.Random(seed), ()).size
        assert 0.6 <= width <= 1.8
        assert 0.5 <= depth <= 0.9
        assert 0.68 <= height <= 0.7801


@pytest.mark.parametrize("style", STYLES)
def test_what_lies_on_a_desk_is_on_it_and_in_nothing_else(style):
    kinds = set()
    for seed in range(4):
        things = lay_out(random.Random(seed), 1.4, 0.75, style)
        assert len(things) >= 8
        kinds |= {thing.kind for thing in things}
        for thing in things:
            x0, y0, z0, x1, y1, _ = thing.box
            assert min(x0 + 0.7, 0.7 - x1, y0 + 0.375, 0.375 - y1) >= -1e-6
            below = [o.box[5] for o in things if o is not thing and o.box[5] <= z0]
            # on the top, or a hair above something else
            assert z0 == 0 or min(abs(z0 - top) for top in below) < 0.002
        for a, b in combinations([thing.box for thing in things], 2):
            shared = [min(a[k + 3], b[k + 3]) - max(a[k], b[k]) for k in range(3)]
            assert min(shared) <= 0
    wanted = {"screens": "monitor", "laptop": "laptop", "both": "keyboard", "bench": "mug"}
    assert wanted[style] in kinds


def test_every_room_that_has_space_has_desks_with_things_at_the_height_of_desks(rooms):
    assert sum(bool(room.desks) for room in rooms) >= 8
    for room in rooms:
        for desk in room.desks:
            assert len(desk.things) >= 5
            for index in desk.things:
                box = room.placements[index].box
                assert desk.top[2] <= box[2] < desk.top[2] + 0.25
                assert np.hypot(box[0] - desk.top[0], box[1] - desk.top[1]) < 1.3
            assert 0.68 <= desk.top[2] <= 0.79
