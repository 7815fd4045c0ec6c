"""Cameras at people: portraits, one's own hands, and hands that others hold out.

Convention: views.py's.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float32

from fourier_depth_ros.images.calibration import intrinsics_from_hfov
from fourier_depth_ros.simulator.renderer import Camera
from fourier_depth_ros.simulator.scene import Figure, Room
from fourier_depth_ros.simulator.views import FIELD_OF_VIEW, MIN_VALID, View, pose

SHARE = 0.6  # of the views in a room with people
PORTRAIT = (0.5, 1.5)  # from the camera to a face [m]
HANDS = (0.25, 0.7)  # from the camera to hands [m]
HANDS_SHARE = (0.03, 0.6)  # of the rays that meet something so near
NEAR_MARK = 0.12  # from a mark inside a body to the surface that is seen, at most [m]
HANDS_KINDS = ("reach", "desk", "sit")  # poses whose hands can be seen by their owner


@dataclass(frozen=True, eq=False)
class PersonView(View):
    """A portrait, or hands; ``marks`` are what should be seen, (count, xyz) in the world [m]."""

    kind: Literal["portrait", "hands"]
    marks: np.ndarray


def sample_person_view(rnd: random.Random, room: Room, width: int, height: int) -> PersonView:
    """A portrait, or a view with hands before the camera; ``room`` has people."""
    intrinsics = intrinsics_from_hfov(width, height, rnd.uniform(*FIELD_OF_VIEW))
    figure = rnd.choice(room.people)
    chance = rnd.random()
    own = figure.kind in HANDS_KINDS and chance < 0.55
    hands = own or (figure.kind == "reach" and chance < 0.85)
    sample = _own_hands if own else _offered if hands else _portrait
    eye, aim = sample(rnd, figure)
    seen = ("hand.L", "hand.R") if hands else ("eyes",)
    way = aim - eye
    yaw = math.atan2(way[1], way[0]) + rnd.gauss(0, 0.1)
    pitch = math.atan2(way[2], math.hypot(way[0], way[1])) + rnd.gauss(0, 0.08)
    return PersonView(
        Camera(intrinsics, pose(eye, yaw, pitch, rnd.gauss(0, 0.06))),
        True,
        "hands" if hands else "portrait",
        np.array([figure.marks[name] for name in seen]),
    )


def _forward(figure: Figure, turn: float = 0.0) -> np.ndarray:
    """The way a person faces, level, turned by ``turn`` about z [rad]."""
    forward = np.array(figure.face) * [1, 1, 0]
    c, s = math.cos(turn), math.sin(turn)
    turned = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return np.asarray(turned @ (forward / max(float(np.linalg.norm(forward)), 1e-6)))


def _own_hands(rnd: random.Random, figure: Figure) -> tuple[np.ndarray, np.ndarray]:
    """Eye and aim: from the head or the chest, over the hands."""
    marks = {name: np.array(place) for name, place in figure.marks.items()}
    head = rnd.random() < 0.6
    eye = marks["eyes"] + 0.1 * _forward(figure)
    if not head:
        eye = marks["neck"] + 0.2 * _forward(figure) - [0, 0, rnd.uniform(0.02, 0.12)]
    hands = (marks["hand.L"] + marks["hand.R"]) / 2
    return eye, hands + rnd.uniform(0.0, 0.3) * _forward(figure) + [0, 0, rnd.uniform(0.0, 0.15)]


def _offered(rnd: random.Random, figure: Figure) -> tuple[np.ndarray, np.ndarray]:
    """Eye and aim: before someone's hand, near its height."""
    hand = np.array(figure.marks["hand.R"])
    forward = _forward(figure, turn=rnd.gauss(0, 0.5))
    eye = hand + rnd.uniform(0.3, 0.6) * forward + [0, 0, rnd.uniform(-0.05, 0.25)]
    return eye, hand + np.array([0, 0, rnd.gauss(0.05, 0.08)])


def _portrait(rnd: random.Random, figure: Figure) -> tuple[np.ndarray, np.ndarray]:
    """Eye and aim: from PORTRAIT before the face, mostly from the front."""
    eyes, neck = np.array(figure.marks["eyes"]), np.array(figure.marks["neck"])
    forward = _forward(figure, turn=rnd.gauss(0, 0.6))
    eye = eyes + rnd.uniform(*PORTRAIT) * forward + [0, 0, rnd.gauss(0, 0.12)]
    share = rnd.uniform(-0.8, 1.0)  # from the chest to the eyes
    return eye, neck + share * (eyes - neck)


def reject_person_view(depth: Float32[np.ndarray, "24 32"], view: PersonView) -> str:
    """Why a view's coarse depth [m] makes it no use; empty if it is one.

    near: in front of or inside something; open: mostly outdoors; missed: nobody where one should
    be.
    """
    hit = np.isfinite(depth)
    if hit.mean() < MIN_VALID:
        return "open"
    if (depth < 0.15).mean() > 0.01:
        return "near"
    low, high = HANDS if view.kind == "hands" else (PORTRAIT[0] - 0.1, PORTRAIT[1] + 0.1)
    if not any(low < z < high for z in _seen_marks(depth, view)):
        return "missed"
    if view.kind == "portrait":
        return "" if (depth < low).mean() < 0.3 else "near"
    share = float((depth < high).mean())
    return "" if HANDS_SHARE[0] < share < HANDS_SHARE[1] else "missed"


def _seen_marks(depth: np.ndarray, view: PersonView) -> list[float]:
    """Depths [m] of those of the view's marks that the picture shows, nothing before them."""
    k, world = view.camera.intrinsics, view.camera.world_from_camera
    rows, columns = depth.shape
    seen = []
    for x, y, z in (view.marks - world[:3, 3]) @ world[:3, :3]:
        if z > 0:
            row = math.floor((k.fy * y / z + k.cy + 0.5) / k.height * rows)
            column = math.floor((k.fx * x / z + k.cx + 0.5) / k.width * columns)
            shown = 0 <= row < rows and 0 <= column < columns
            if shown and abs(depth[row, column] - z) < NEAR_MARK:
                seen.append(float(z))
    return seen
