import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourier_depth_ros.simulator.scene import Lights, Outlook, Room
from fourier_depth_ros.simulator.views import (
    COARSE,
    develop,
    reject_picture,
    reject_shape,
    sample_view,
)

ROWS, COLUMNS = COARSE
V, U = np.mgrid[-1 : 1 : ROWS * 1j, -1 : 1 : COLUMNS * 1j]
CORNER = np.where(U < 0, 3 + 1.5 * U, 3 - 1.0 * U).astype(np.float32)  # two walls that meet


@pytest.fixture
def room():
    table = (2.0, 1.0, 0.0, 4.0, 2.0, 0.9)
    return Room((5.0, 4.0, 2.5), Lights((2.5, 2.0, 2.4)), solids=[table])


def test_cameras_are_in_the_room_outside_furniture_at_all_heights_and_fields_of_view(room):
    eyes, fields, pitches, rolls = [], [], [], []
    for seed in range(300):
        camera = sample_view(random.Random(seed), room, 640, 480).camera
        right, down, forward, eye = camera.world_from_camera[:3].T
        assert (eye > 0.12).all()
        assert (eye < np.array(room.size) - 0.12).all()
        assert not (1.8 < eye[0] < 4.2 and 0.8 < eye[1] < 2.2 and eye[2] < 1.1)
        assert down[2] < 0  # never upside down
        eyes.append(eye[2])
        fields.append(math.degrees(2 * math.atan(320 / camera.intrinsics.fx)))
        pitches.append(math.degrees(math.asin(forward[2])))
        rolls.append(math.degrees(math.asin(right[2])))
    for values, low, high, spread in (
        (eyes, 0.3, 1.7, 1.2),
        (fields, 50, 75, 23),
        (pitches, -41, 18, 30),
        (rolls, -40, 40, 10),
    ):
        assert min(values) >= low - 1e-6
        assert max(values) <= high + 1e-6
        assert max(values) - min(values) > spread


def test_no_camera_where_furniture_fills_the_room(room):
    room.solids.append((0, 0, 0, 5, 4, 2.5))
    assert sample_view(random.Random(0), room, 640, 480) is None


@pytest.mark.parametrize(
    ("depth", "close_up", "reason"),
    [
        (CORNER, False, ""),
        (np.where(np.abs(U) < 0.4, CORNER, np.inf), False, "open"),
        (np.where(U < -0.8, 0.1, CORNER), False, "near"),  # stands inside something
        (CORNER / 6, False, "near"),
        (CORNER / 4, True, ""),  # a close-up may be that near
        (CORNER, True, "missed"),
        (3 + 0.2 * U, False, "flat"),
        (1 / (0.3 + 0.12 * U + 0.05 * V), False, "wall"),  # one slanted plane
        (np.where((U > 0.2) & (V > 0), 1.0, 1 / (0.3 + 0.12 * U)), False, ""),  # and a cupboard
    ],
)
def test_what_geometry_is_no_use(depth, close_up, reason):
    assert reject_shape(depth.astype(np.float32), close_up) == reason


@pytest.mark.parametrize(
    ("rgb", "valid", "reason"),
    [
        (lambda grain: grain, 1.0, ""),
        (lambda grain: grain, 0.6, "holes"),
        (lambda grain: grain * 0.03, 1.0, "dark"),
        (lambda grain: 253 + 0 * grain, 1.0, "bright"),
        (lambda grain: 128 + 0 * grain, 1.0, "dull"),
    ],
)
def test_what_pictures_are_no_use(rgb, valid, reason):
    grain = np.random.default_rng(0).integers(20, 230, (96, 128, 3)).astype(np.float32)
    depth = np.where(np.arange(128)[None] < 128 * valid, 2.0, 0.0) + np.zeros((96, 1))
    assert reject_picture(rgb(grain).astype(np.uint8), depth.astype(np.float32)) == reason


@given(seed=st.integers(0, 10**6), scale=st.floats(1e-3, 1e3))
def test_exposure_follows_the_light_whatever_its_strength(seed, scale):
    """The same scene, lit a thousand times stronger or weaker, gives about the same picture."""
    light = np.full((48, 64, 4), 1.0)
    light[:, :32] = 0.2
    rgb, scaled = (
        develop(random.Random(seed), (light * k).astype(np.float16)).astype(int) for k in (1, scale)
    )
    assert np.abs(rgb - scaled).max() <= 2
    dim, bright = rgb[10, 10], rgb[10, 50]
    assert (bright > dim + 25).all()
    assert bright.min() > 60
    assert np.ptp(bright) < 40  # grey stays about grey


def test_more_light_than_a_16_bit_float_holds_is_white_and_none_is_black():
    light = np.full((48, 64, 4), 0.5, np.float16)
    light[0, 0], light[0, 1] = np.inf, 0.0
    rgb = develop(random.Random(0), light)
    assert rgb[0, 0].tolist() == [255] * 3
    assert rgb[0, 1].tolist() == [0] * 3


def test_a_room_with_outlooks_is_seen_from_there_and_from_inside_its_cells_only(room):
    """Eyes in x 0.5 to 4.5, but a cell ends at 1.5; they look at what is up and behind."""
    room.cells = [(0.0, 0.0, 0.0, 1.5, 4.0, 2.5)]
    room.outlooks = [Outlook((0.5, 0.5, 0.2, 4.5, 3.5, 0.4), (0.0, 1.9, 2.4, 0.1, 2.1, 2.5))]
    for seed in range(100):
        camera = sample_view(random.Random(seed), room, 64, 48).camera
        assert 0.5 <= camera.eye[0] <= 1.38
        assert 0.2 <= camera.eye[2] <= 0.4
        assert camera.forward[2] > 0.2
