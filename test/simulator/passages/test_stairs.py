import random

import numpy as np
import pytest

from fourier_depth_ros.simulator.lighting import Caster
from fourier_depth_ros.simulator.meshes import Material
from fourier_depth_ros.simulator.models import ModelStore
from fourier_depth_ros.simulator.passages.cells import Cell, choose_finish
from fourier_depth_ros.simulator.passages.stairs import (
    Flight,
    build_stairs,
    choose_flight,
    closed_steps,
    open_steps,
    railings,
)

pytestmark = pytest.mark.usefixtures("embree")
# 4 risers of 20 cm, 30 cm deep: the first at x = 1, the upper floor 80 cm up at x = 1.9
FLIGHT = Flight(foot=1.0, side=0.0, treads=4, rise=0.2, going=0.3, width=1.0)
AHEAD, DOWN = (1.0, 0.0, 0.0), (0.0, 0.0, -1.0)


@pytest.fixture
def cell(assets):
    cell = Cell((4.0, 2.0, 3.0), choose_finish(random.Random(0), assets, "office"))
    cell.lay()
    return cell


def reach(room, origin, direction):
    return float(Caster(room).distance(np.array([origin]), np.array([direction], float))[0])


def test_steps_are_as_high_and_deep_as_said(cell):
    assert FLIGHT.top == pytest.approx((1.9, 0.0, 0.8))
    closed_steps(cell, FLIGHT, Material(), nosing=False)
    for x, height in ((0.9, 0.0), (1.01, 0.2), (1.29, 0.2), (1.31, 0.4), (1.75, 0.6)):
        assert 2.5 - reach(cell.room, (x, 0.5, 2.5), DOWN) == pytest.approx(height, abs=1e-4)
    for z, riser in ((0.1, 1.0), (0.3, 1.3), (0.5, 1.6), (0.7, 1.9)):
        assert reach(cell.room, (0.2, 0.5, z), AHEAD) == pytest.approx(riser - 0.2, abs=0.003)
    assert reach(cell.room, (1.45, 1.9, 0.3), (0.0, -1.0, 0.0)) == pytest.approx(0.9, abs=1e-4)


def test_one_sees_through_open_steps_between_the_boards(cell):
    open_steps(cell, FLIGHT, Material())
    assert reach(cell.room, (0.2, 0.5, 0.1), AHEAD) == pytest.approx(3.8, abs=0.02)
    assert 2.5 - reach(cell.room, (1.45, 0.5, 2.5), DOWN) == pytest.approx(0.4, abs=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_the_handrail_follows_the_flight_at_hand_height(cell, seed):
    railings(random.Random(seed), cell, FLIGHT, free=True)
    for x in (1.2, 1.5, 1.8):
        nosings = 0.2 + (x - 1.0) * 0.2 / 0.3  # the line through the steps' edges
        rail = 2.5 - reach(cell.room, (x, 0.95, 2.5), DOWN)
        assert 0.85 < rail - nosings < 1.0


def test_steps_are_of_real_sizes():
    flights = [choose_flight(random.Random(seed), 2.0, 0.0) for seed in range(200)]
    for flight in flights:
        assert 0.15 <= flight.rise <= 0.2
        assert 0.24 <= flight.going <= 0.32
        assert 0.8 <= flight.width <= 1.6
    storeys = [f.treads * f.rise for f in flights if f.treads > 8]
    assert 90 < len(storeys) < 170
    assert 2.3 < min(storeys) < max(storeys) < 3.3


@pytest.mark.parametrize("seed", range(8))
def test_from_its_foot_one_sees_the_flight_and_heads_touch_nothing(assets, seed):
    room = build_stairs(random.Random(seed), assets, ModelStore(assets.cache))
    steps = next(o.aim for o in room.outlooks)
    foot, middle = steps[0], (steps[1] + steps[4]) / 2
    knee = reach(room, (foot - 0.35, middle, 0.1), AHEAD)
    assert knee == pytest.approx(0.35, abs=0.02) or knee > 0.5  # a riser, or open steps
    caster = Caster(room)
    x = np.arange(foot + 0.1, 2 * steps[3] - foot, 0.1)
    # up from just above the line through the steps' edges: at least 1.7 m of air
    starts = np.stack([x, np.full_like(x, middle), 0 * x], 1)
    top = room.size[2] - 0.1
    down = caster.distance(
        np.stack([x, np.full_like(x, middle), np.full_like(x, top)], 1),
        np.tile(DOWN, (len(x), 1)).astype(float),
    )
    seen = np.flatnonzero(down > 1.9)  # not where the slab or a lamp is met first
    starts[:, 2] = top - down + 0.02
    up = caster.distance(starts[seen], np.tile((0.0, 0.0, 1.0), (len(seen), 1)))
    assert len(seen) > 3
    assert up.min() > 1.7
