import random

import numpy as np

from fourier_depth_ros.images.calibration import intrinsics_from_hfov
from fourier_depth_ros.simulator.people.views import (
    HANDS,
    PORTRAIT,
    PersonView,
    reject_person_view,
    sample_person_view,
)
from fourier_depth_ros.simulator.renderer import Camera
from fourier_depth_ros.simulator.scene import Figure, Lights, Room
from fourier_depth_ros.simulator.views import pose

MARKS = {
    "eyes": (2.0, 1.9, 1.6),
    "neck": (2.0, 2.0, 1.45),
    "hand.L": (2.1, 1.55, 1.2),
    "hand.R": (1.9, 1.55, 1.2),
}


def _sampled(kind):
    room = Room((4, 4, 2.5), Lights((2, 2, 2.4)), people=[Figure(kind, MARKS, (0, -1, 0))])
    return [sample_person_view(random.Random(k), room, 64, 48) for k in range(300)]


def test_who_reaches_is_seen_in_portraits_and_hands_at_their_distances():
    views = _sampled("reach")
    for view in views:
        far = np.linalg.norm(view.marks - view.camera.eye, axis=1)
        if view.kind == "portrait":
            assert PORTRAIT[0] - 0.1 < far[0] < PORTRAIT[1] + 0.1
        else:
            assert far.min() < HANDS[1]
    assert 20 < sum(view.kind == "portrait" for view in views) < 100


def test_who_stands_with_hands_down_is_seen_in_portraits_only():
    assert {view.kind for view in _sampled("stand")} == {"portrait"}


def _view(kind, mark):
    """From (0, 0, 1) along x, 90 degrees wide; ``mark`` in the world."""
    camera = Camera(intrinsics_from_hfov(64, 48, 90.0), pose(np.array([0, 0, 1.0]), 0, 0, 0))
    return PersonView(camera, True, kind, np.array([mark]))


def test_a_hand_has_to_be_where_the_depth_says():
    view = _view("hands", (0.5, 0.0, 1.0))  # in the middle of the picture
    depth = np.full((24, 32), 2.0, np.float32)
    assert reject_person_view(depth, view) == "missed"
    depth[8:18, 12:22] = 0.48
    assert reject_person_view(depth, view) == ""
    depth[8:18, 12:22] = 0.3  # something before it
    assert reject_person_view(depth, view) == "missed"
    assert reject_person_view(depth, _view("hands", (0.5, 2.0, 1.0))) == "missed"  # outside
    assert reject_person_view(depth, _view("hands", (-0.5, 0.0, 1.0))) == "missed"  # behind


def test_a_hand_may_not_fill_the_picture_nor_touch_the_camera():
    view = _view("hands", (0.5, 0.0, 1.0))
    assert reject_person_view(np.full((24, 32), 0.5, np.float32), view) == "missed"
    depth = np.full((24, 32), 2.0, np.float32)
    depth[8:18, 12:22], depth[20:] = 0.5, 0.1
    assert reject_person_view(depth, view) == "near"
    assert reject_person_view(np.full((24, 32), np.inf, np.float32), view) == "open"


def test_a_portrait_needs_the_face():
    view = _view("portrait", (1.0, 0.0, 1.0))
    depth = np.full((24, 32), 3.0, np.float32)
    assert reject_person_view(depth, view) == "missed"
    depth[8:18, 12:22] = 0.95
    assert reject_person_view(depth, view) == ""
    depth[:, 24:] = 0.3
    depth[:, :8] = 0.3
    assert reject_person_view(depth, view) == "near"
