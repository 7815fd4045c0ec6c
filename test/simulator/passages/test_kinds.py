import random

import numpy as np
import pytest

from fourier_depth_ros.simulator.lighting import Caster
from fourier_depth_ros.simulator.models import ModelStore
from fourier_depth_ros.simulator.passages.kinds import (
    build_passage,
    corridor,
    doorway,
    hall,
    is_passage,
    light,
)
from fourier_depth_ros.simulator.passages.stairs import build_stairs
from fourier_depth_ros.simulator.views import coarse_depth, reject_shape, sample_view

pytestmark = pytest.mark.usefixtures("embree")
SEEDS = range(4)


@pytest.fixture(scope="module")
def store(assets):
    return ModelStore(assets.cache)


def rays(room, origins, direction):
    origins = np.array(origins, float)
    return Caster(room).distance(origins, np.tile(direction, (len(origins), 1)).astype(float))


def test_the_share_of_seeds_is_as_asked_and_a_larger_one_keeps_the_smaller_ones():
    chosen = {
        share: {seed for seed in range(2000) if is_passage(seed, share)}
        for share in (0.0, 0.25, 0.5, 1.0)
    }
    assert not chosen[0.0]
    assert len(chosen[1.0]) == 2000
    assert 440 < len(chosen[0.25]) < 560
    assert chosen[0.25] < chosen[0.5]


@pytest.mark.parametrize("seed", range(6))
def test_the_same_seed_is_the_same_place_whatever_was_built_before(assets, store, seed, tmp_path):
    room = build_passage(seed, assets, store)
    again = build_passage(seed, assets, ModelStore(tmp_path))
    for name in ("size", "theme", "surfaces", "lights", "windows", "solids", "outlooks"):
        assert getattr(room, name) == getattr(again, name), name
    assert [(p.name, p.position) for p in room.placements] == [
        (p.name, p.position) for p in again.placements
    ]
    assert room.theme.split()[-1] in ("corridor", "hall", "doorway", "stairs")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_corridor_is_narrow_long_and_has_doors_as_rays_see_it(assets, store, seed):
    room = corridor(random.Random(seed), assets, store)
    x0, y0, _, x1, y1, z = room.cells[0]
    middle = (y0 + y1) / 2
    assert 2.3 <= z <= 3.2
    # above the doors, below the ceiling's lamps
    starts = [(x, middle, z - 0.12) for x in np.linspace(x0 + 0.2, x1 - 0.2, 40)]
    width = rays(room, starts, (0, 1, 0)) + rays(room, starts, (0, -1, 0))
    assert 1.2 <= np.median(width) <= 3.0
    assert np.median(width) == pytest.approx(y1 - y0, abs=0.01)
    # at the knee, doors lie back in the wall: farther away than the wall itself
    low = [(x, middle, 0.3) for x in np.linspace(x0 + 0.2, x1 - 0.2, 200)]
    aside = np.concatenate([rays(room, low, (0, side, 0)) for side in (1, -1)])
    assert (aside > (y1 - y0) / 2 + 0.015).mean() > 0.05


@pytest.mark.parametrize("seed", SEEDS)
def test_through_the_doorway_depth_goes_on_into_the_second_room(assets, store, seed):
    room = doorway(random.Random(seed), assets, store)
    door = room.outlooks[0].aim
    y, x = (door[1] + door[4]) / 2, room.cells[0][3]
    through = rays(room, [(x - 0.5, y, 1.0)], (1, 0, 0))[0]
    assert through > 0.5 + 0.14 + 0.9  # nothing stands within 0.9 m behind the doorway
    # as far as the second room's end, or what stands before it
    assert through <= room.size[0] - (x - 0.5) + 0.3 or np.isinf(through)


@pytest.mark.parametrize("kind", [corridor, hall, doorway, build_stairs])
def test_cameras_stand_inside_and_mostly_see_something_worth_it(assets, store, kind):
    heights, good, looked = [], 0, 0
    for seed in SEEDS:
        room = kind(random.Random(seed), assets, store)
        caster = Caster(room)
        for attempt in range(12):
            view = sample_view(random.Random(f"{seed} {attempt}"), room, 64, 48)
            if view is None:
                continue
            eye = view.camera.eye
            cells = np.array(room.cells)
            assert ((eye > cells[:, :3]) & (eye < cells[:, 3:])).all(1).any()
            for box in room.solids:
                assert not all(box[k] < eye[k] < box[k + 3] for k in range(3))
            heights.append(eye[2])
            looked += 1
            good += not reject_shape(coarse_depth(caster, view.camera), view.close_up)
    assert looked > 40
    assert good / looked > 0.5
    assert min(heights) < 0.6
    assert max(heights) > 1.0


def test_the_sun_comes_in_by_windows_never_by_ceiling_panels(assets, store):
    for seed in range(12):
        room = light(random.Random(seed), corridor(random.Random(seed), assets, store))
        if max(room.lights.sun) > 0:
            assert any(window.inward[2] == 0 for window in room.windows)
            assert abs(room.lights.sun_direction[2]) < 0.9
        assert max(room.lights.sky) >= 0.5 or max(room.lights.lamp_intensity) > 0.1
