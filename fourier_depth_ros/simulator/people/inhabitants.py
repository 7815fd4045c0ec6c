"""People put into a furnished room: on free floor, and on chairs.

Convention: world frame as scene.py's. Random numbers of their own: a room's furniture is the same
with and without people.
"""

from __future__ import annotations

import math
import random
from pathlib import Path

import numpy as np

from fourier_depth_ros.simulator.assets import Assets
from fourier_depth_ros.simulator.models import ModelStore
from fourier_depth_ros.simulator.people.person import Person, make_person
from fourier_depth_ros.simulator.rooms import CHAIR, TABLE, Furnisher
from fourier_depth_ros.simulator.scene import (
    Box,
    Figure,
    Placement,
    Room,
    overlap,
    standing_box,
    vector,
)

MOST = 3  # people a room
TRIES = 12  # places for one who stands
STANDING = ("stand", "stand", "walk", "reach", "reach", "reach", "reach")
SEATS = (0.38, 0.58)  # heights that people sit on [m]
HELD = 0.17  # longest side of what a hand holds [m]


def add_people(room: Room, seed: int, assets: Assets, store: ModelStore, share: float) -> None:
    """Give ``share`` of the rooms 1 to MOST people; none without bodies, nor on stairs."""
    rnd = random.Random(f"people {seed}")
    folder = assets.bodies
    if folder is None or "stair" in room.theme.lower() or rnd.random() >= share:
        return
    furnisher = Furnisher(rnd, assets, store, room, [])
    chairs = [p for p in furnisher.room.placements if CHAIR.search(p.name)]
    for _ in range(rnd.randint(1, MOST)):
        chair = rnd.choice(chairs) if chairs and rnd.random() < 0.6 else None
        if chair is None or not _seat(rnd, furnisher, folder, chair):
            _stand(rnd, furnisher, folder)


def _stand(rnd: random.Random, furnisher: Furnisher, folder: Path) -> None:
    """Someone on the floor, where there is room."""
    person = make_person(rnd, folder, rnd.choice(STANDING))
    room = furnisher.room
    for _ in range(TRIES):
        cell = rnd.choice(room.cells or [(0.0, 0.0, 0.0, *room.size)])
        position = (rnd.uniform(cell[0], cell[3]), rnd.uniform(cell[1], cell[4]), 0.0)
        yaw = rnd.uniform(-math.pi, math.pi)
        box = standing_box(person.model.size, position, yaw)
        inside = all(cell[k] <= box[k] and box[k + 3] <= cell[k + 3] for k in range(3))
        if inside and furnisher.fits(box):
            figure = _enter(
                furnisher.room, person, Placement("person", person.model, position, yaw)
            )
            if person.kind == "reach" and rnd.random() < 0.5:
                _hold(rnd, furnisher, figure)
            return


def _seat(rnd: random.Random, furnisher: Furnisher, folder: Path, chair: Placement) -> bool:
    """Someone on a chair, if it is one to sit on, and free of others."""
    room = furnisher.room
    middle = len(chair.model.heights) // 2
    levels = chair.model.heights[middle, middle] * chair.stretch[2] + chair.position[2]
    seat = float(levels[0]) if np.isfinite(levels[0]) else 0.0
    if not SEATS[0] < seat < SEATS[1]:
        return False
    ahead = np.array(chair.position) + chair.rotation @ np.array([0.0, -0.55, 0.0])
    tables = [p.box for p in room.placements if TABLE.search(p.name)]
    desk = any(b[0] < ahead[0] < b[3] and b[1] < ahead[1] < b[4] and b[5] > 0.6 for b in tables)
    person = make_person(rnd, folder, "desk" if desk else "sit", seat=seat)
    hips = person.marks["hips"] * [1, 1, 0] + [0.0, -0.02, 0.0]
    position = vector(np.array(chair.position) * [1, 1, 0] - chair.rotation @ hips)
    placed = Placement("person", person.model, position, chair.yaw)
    trunk = np.array(chair.position)
    upper: Box = (
        trunk[0] - 0.2, trunk[1] - 0.2, seat + 0.1, trunk[0] + 0.2, trunk[1] + 0.2, placed.box[5],
    )  # fmt: skip
    x, y, _ = room.size
    if not (placed.box[0] > 0 and placed.box[1] > 0 and placed.box[3] < x and placed.box[4] < y):
        return False
    below = (chair.box, *tables)  # legs go there
    for solid in room.solids:
        legs = overlap(placed.box, solid) and solid not in below
        if legs or (solid != chair.box and overlap(upper, solid)):
            return False
    _enter(room, person, placed)
    return True


def _enter(room: Room, person: Person, placed: Placement) -> Figure:
    position, rotation = np.array(placed.position), placed.rotation
    marks = {name: vector(position + rotation @ place) for name, place in person.marks.items()}
    figure = Figure(person.kind, marks, vector(rotation @ person.face))
    room.placements.append(placed)
    room.solids.append(placed.box)
    room.people.append(figure)
    return figure


def _hold(rnd: random.Random, furnisher: Furnisher, figure: Figure) -> None:
    """A small thing of the catalogue in the right hand."""
    items = [i for i in furnisher.small if max(i.size) < HELD]
    model = furnisher.model(rnd.choice(items)) if items else None
    if model is None:
        return
    hand = np.array(figure.marks["hand.R"]) - [0, 0, 0.6 * model.size[2]]
    position = vector(hand + 0.04 * np.array(figure.face) * [1, 1, 0])
    yaw = rnd.uniform(-math.pi, math.pi)
    furnisher.room.placements.append(Placement("held", model, position, yaw))
