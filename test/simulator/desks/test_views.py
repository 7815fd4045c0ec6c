import random

import numpy as np
import pytest

from fourier_depth_ros.simulator.desks.views import reject_desk_view, sample_desk_view
from fourier_depth_ros.simulator.lighting import Caster
from fourier_depth_ros.simulator.models import ModelStore
from fourier_depth_ros.simulator.rooms import build_room
from fourier_depth_ros.simulator.views import COARSE, coarse_depth

V, U = np.mgrid[-1 : 1 : COARSE[0] * 1j, -1 : 1 : COARSE[1] * 1j]
TOP = 1 / (2 + 0.5 * V)  # a slanted plane, 0.4 to 0.67 m away


@pytest.mark.parametrize(
    ("depth", "reason"),
    [
        (TOP, ""),
        (np.where((U > 0.2) & (V > 0), 0.45, 0.5), ""),  # a box on a desk, from above
        (0.5 + 0.001 * U, "flat"),
        (np.where(U < -0.8, 0.05, TOP), "near"),
        (TOP / 4, "near"),
        (TOP * 4, "missed"),
        (np.where(np.abs(U) < 0.4, TOP, np.inf), "open"),
    ],
)
def test_what_geometry_is_no_use(depth, reason):
    assert reject_desk_view(depth.astype(np.float32)) == reason


@pytest.mark.usefixtures("embree")
def test_desk_views_are_near_and_come_from_their_seed(assets):
    store = ModelStore(assets.cache)
    rooms = [build_room(seed, assets, store) for seed in range(10)]
    medians, rolls, downs = [], [], []
    for number, room in enumerate(rooms):
        if not room.desks:
            continue
        caster = Caster(room)
        for seed in range(16):
            view = sample_desk_view(random.Random(f"{number} {seed}"), room, 428, 321)
            again = sample_desk_view(random.Random(f"{number} {seed}"), room, 428, 321)
            if view is None:
                continue
            np.testing.assert_array_equal(
                view.camera.world_from_camera, again.camera.world_from_camera
            )
            depth = coarse_depth(caster, view.camera)
            if reject_desk_view(depth) == "":
                right, _, forward, eye = view.camera.world_from_camera[:3].T
                medians.append(np.median(depth[np.isfinite(depth)]))
                rolls.append(abs(np.degrees(np.arcsin(right[2]))))
                downs.append(np.degrees(np.arcsin(-forward[2])))
                assert (eye[:2] > 0.1).all()
                assert (eye < np.array(room.size)).all()
    assert len(medians) > 100
    assert 0.19 < min(medians) < 0.3
    assert max(medians) <= 1.5
    counts = np.histogram(medians, np.geomspace(0.25, 1.3, 5))[0] / len(medians)
    assert counts.min() > 0.1, counts
    assert max(rolls) > 20
    assert max(downs) > 70
    assert min(downs) < 10
