import random

import numpy as np
import pytest

from fourier_depth_ros.simulator.desks.screens import shape
from fourier_depth_ros.simulator.desks.things import THINGS, make_thing
from fourier_depth_ros.simulator.prints import PRINTS, draw, extent, keyboard_keys

pytestmark = pytest.mark.usefixtures("embree")

# what a tape measure says of such things: shortest and longest of width, depth, height [cm]
REAL = {
    "monitor": ((31, 82), (16, 27), (28, 62)),
    "laptop": ((25, 42), (16, 45), (15, 31)),
    "keyboard": ((28, 46), (10, 16), (0.8, 5)),
    "mouse": ((5.5, 7.2), (9.5, 12.6), (3, 4.8)),
    "mouse pad": ((21, 40), (15, 36), (0.3, 0.3)),
    "mug": ((7.5, 14), (7.5, 9.6), (8, 11)),
    "bottle": ((6, 8.6), (6, 8.6), (18, 30)),
    "can": ((5.5, 7.5), (5.5, 7.5), (10.5, 13.5)),
    "book": ((11, 22.5), (14, 36), (0.8, 4.6)),
    "sheet": ((14, 22), (20, 30), (0.05, 0.1)),
    "phone": ((5.3, 7.8), (12, 17), (0.7, 1)),
    "tablet": ((12, 21), (17, 28), (0.7, 1)),
    "pen": ((13, 18.2), (0.6, 1.2), (0.6, 1.2)),
    "plate": ((16, 27), (16, 27), (1.5, 3)),
    "bowl": ((11.5, 24), (11.5, 24), (5, 9)),
    "fruit": ((5, 9), (5, 9), (5, 9)),
    "note": ((5, 7.7), (5, 7.7), (0.1, 1.5)),
    "carton": ((6, 30), (5, 20), (3, 20)),
}


@pytest.mark.parametrize("kind", REAL)
def test_things_are_as_large_as_real_ones(kind):
    sizes = 100 * np.array([make_thing(kind, seed).size for seed in range(12)])
    low, high = np.array(REAL[kind]).T
    assert (sizes >= low - 0.05).all(), sizes.min(0)
    assert (sizes <= high + 0.05).all(), sizes.max(0)


@pytest.mark.parametrize("kind", THINGS)
def test_things_come_from_their_seed_and_stand_in_the_middle(kind):
    first, again, other = (make_thing(kind, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.positions, again.positions)
    assert first.palette == again.palette
    assert first.positions.shape != other.positions.shape or (
        (first.positions != other.positions).any() or first.palette != other.palette
    )
    low, high = first.positions.min(0), first.positions.max(0)
    np.testing.assert_allclose(low[:2], -high[:2], atol=1e-4)
    assert low[2] == pytest.approx(0, abs=1e-4)
    np.testing.assert_allclose(np.linalg.norm(first.normals, axis=1), 1, atol=1e-3)


@pytest.mark.parametrize("kind", ["fruit", "can", "carton", "mouse", "tape"])
def test_normals_point_outwards(kind):
    """The signed volume that triangles wind around is positive, and normals are on that side."""
    model = make_thing(kind, 5)
    corners = model.positions[model.triangles].astype(float)
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    assert (corners[:, 0] * cross).sum() > 0
    agree = (cross * model.normals[model.triangles].sum(1)).sum(1) > 0
    assert agree.mean() > 0.97


def test_a_24_inch_screen_is_53_cm_wide_and_a_full_keyboard_43():
    """24 inch, 16:9: 531 x 299 mm; 22.5 keys of 19.05 mm are 429 mm."""
    assert shape(24, 16 / 9) == pytest.approx((0.5313, 0.2989), abs=1e-3)
    assert extent(keyboard_keys("full")) == pytest.approx((22.5, 6.3))
    assert extent(keyboard_keys("tenkeyless"))[0] == 18.25
    assert extent(keyboard_keys("compact"))[0] == pytest.approx(15)


@pytest.mark.parametrize("layout", ["compact", "tenkeyless", "full"])
def test_keys_do_not_overlap(layout):
    keys = keyboard_keys(layout)
    assert {key.label for key in keys} >= {*"QWERTYUIOPASDFGHJKLZXCVBNM"}
    for i, a in enumerate(keys):
        for b in keys[:i]:
            apart = (
                min(a.x + a.width, b.x + b.width) - max(a.x, b.x) < 1e-6
                or min(a.y + a.depth, b.y + b.depth) - max(a.y, b.y) < 1e-6
            )
            assert apart, (a, b)


@pytest.mark.parametrize("kind", PRINTS)
def test_prints_come_from_their_seed_and_show_something(kind):
    seed = random.Random(kind).randrange(1000)
    picture = draw(kind, seed)
    np.testing.assert_array_equal(draw(kind, seed), picture)
    assert picture.dtype == np.uint8
    assert picture.std() > 3
    assert any(draw(kind, other).std() > 20 for other in range(5))
