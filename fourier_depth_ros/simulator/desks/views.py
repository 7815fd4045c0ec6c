"""Cameras near a desk: what a sitting person, a standing one or a robot's wrist sees of its top."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from fourier_depth_ros.images.calibration import intrinsics_from_hfov
from fourier_depth_ros.simulator.renderer import Camera
from fourier_depth_ros.simulator.scene import Room
from fourier_depth_ros.simulator.views import FIELD_OF_VIEW, MIN_VALID, View, free, pose

DISTANCE = (0.22, 1.25)  # from the camera to what it is aimed at [m]
NEAREST = 0.1  # of hardly any pixel [m]
MEDIAN = (0.2, 1.5)  # depth of a view [m]
STEPS = 1.03  # far over near, at least: a bare top from above is no use
LOOKED_AT = ("monitor", "laptop", "keyboard")  # more than other things, and these than flat ones
TILTED = 0.25  # share of the views, by up to TILT
TILT = 0.52  # [rad]


@dataclass(frozen=True)
class Stance:
    """How steeply a camera looks down, from and to, and how far aside of the desk's user [rad]."""

    low: float
    high: float
    aside: float


SITTING, STANDING = Stance(0.25, 0.9, 0.5), Stance(0.6, 1.3, 0.9)
WRIST, ALONG = Stance(0.9, 1.55, 3.0), Stance(0.03, 0.3, 0.8)
REACH = 0.8  # farther away there is no wrist, and along the top nothing but the room [m]


class DeskView(View):
    """A view of a desk from near."""


def sample_desk_view(rnd: random.Random, room: Room, width: int, height: int) -> DeskView | None:
    """A camera aimed at a thing on a desk of ``room``, which has some; None: no place found."""
    intrinsics = intrinsics_from_hfov(width, height, rnd.uniform(*FIELD_OF_VIEW))
    for _ in range(60):
        desk = rnd.choice(room.desks)
        things = [room.placements[k] for k in desk.things]
        weights = [
            5.0 if p.name in LOOKED_AT else 1.0 if p.model.size[2] > 0.02 else 0.3 for p in things
        ]
        box = np.array(rnd.choices(things, weights)[0].box)
        aim = (box[:3] + box[3:]) / 2 + [rnd.gauss(0, 0.05), rnd.gauss(0, 0.05), 0.0]
        distance = math.exp(rnd.uniform(*map(math.log, DISTANCE)))
        near = (SITTING, STANDING, WRIST, ALONG)
        stance = rnd.choice(near if distance < REACH else near[:2])
        lift = rnd.uniform(stance.low, stance.high)
        # the user sits at the desk's -y
        turn = desk.yaw - math.pi / 2 + max(-3.0, min(3.0, rnd.gauss(0, stance.aside)))
        flat = math.cos(lift)
        eye = aim + distance * np.array(
            [math.cos(turn) * flat, math.sin(turn) * flat, math.sin(lift)]
        )
        if eye[2] > desk.top[2] + 0.06 and free(room, eye, 0.05):
            break
    else:
        return None
    roll = rnd.uniform(-TILT, TILT) if rnd.random() < TILTED else rnd.gauss(0, 0.05)
    yaw = turn + math.pi + rnd.gauss(0, 0.12) / math.sqrt(flat)
    return DeskView(Camera(intrinsics, pose(eye, yaw, rnd.gauss(-lift, 0.1), roll)), True)


def reject_desk_view(depth: Float32[np.ndarray, "24 32"]) -> str:
    """Why a view's coarse depth [m] makes it no use; empty if it is one.

    near: in front of or inside something; missed: mostly of what is behind the desk; flat: all at
    one distance; open: mostly outdoors. One plane alone is welcome: a top from above.
    """
    hit = np.isfinite(depth)
    if hit.mean() < MIN_VALID:
        return "open"
    z = np.where(hit, depth, 20.0).astype(np.float64)
    low, median, high = np.percentile(z, [5, 50, 95])
    if low < NEAREST or median < MEDIAN[0]:
        return "near"
    if median > MEDIAN[1]:
        return "missed"
    return "flat" if high / low < STEPS else ""
