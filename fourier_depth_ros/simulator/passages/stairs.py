"""Stairs: a flight between two floors or a few steps, seen from its foot and from above.

Convention: the flight rises along x, the lower floor is z = 0; metres.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from fourier_depth_ros.simulator.assets import Assets
from fourier_depth_ros.simulator.meshes import Material
from fourier_depth_ros.simulator.models import ModelStore
from fourier_depth_ros.simulator.passages.cells import (
    EAST,
    NORTH,
    SOUTH,
    STYLES,
    WEST,
    Cell,
    Finish,
    calm,
    choose_finish,
    place_together,
)
from fourier_depth_ros.simulator.passages.fittings import (
    closed_door,
    notice_board,
    radiator,
    tube,
    window,
)
from fourier_depth_ros.simulator.rooms import Furnisher
from fourier_depth_ros.simulator.scene import Outlook, Room, Surface, Vector, vector
from fourier_depth_ros.simulator.shell import colour, textured

STOREY = 2.2  # a rise from which on there is a floor above the foot [m]
SLAB = 0.3  # its thickness [m]
HEAD = 2.0  # between a step and the slab above it [m]


@dataclass(frozen=True)
class Flight:
    """A straight flight of equal steps.

    Attributes:
        foot: x of the first riser [m].
        side: y of its right edge as one goes up [m]; it lies to the left of it.
        treads: their number; the last one is level with the upper floor.
        rise, going, width: of a step [m].
    """

    foot: float
    side: float
    treads: int
    rise: float
    going: float
    width: float

    @property
    def top(self) -> Vector:
        """Where the upper floor begins, on the right."""
        return self.foot + (self.treads - 1) * self.going, self.side, self.treads * self.rise


def choose_flight(rnd: random.Random, foot: float, side: float) -> Flight:
    """A few steps, or a storey's flight."""
    rise = rnd.uniform(0.15, 0.2)
    few = rnd.random() < 0.35
    treads = rnd.randint(3, 8) if few else round(rnd.uniform(2.5, 3.1) / rise)
    return Flight(foot, side, treads, rise, rnd.uniform(0.24, 0.32), rnd.uniform(0.8, 1.6))


def build_stairs(rnd: random.Random, assets: Assets, store: ModelStore) -> Room:
    """A stairwell with one flight: the floor at its foot, and the one it leads to."""
    finish = choose_finish(rnd, assets, rnd.choice(STYLES))
    before, after = rnd.uniform(2.0, 4.5), rnd.uniform(1.2, 2.5)
    flight = choose_flight(rnd, before, 0.0)
    beside = 0.0 if rnd.random() < 0.45 else rnd.uniform(0.8, 2.0)
    top = flight.top
    size = (top[0] + after, flight.width + beside, top[2] + rnd.uniform(2.3, 2.8))
    cell = Cell(size, finish)
    _openings(rnd, assets, cell, flight)
    cell.lay()
    steps = _step_material(rnd, assets, finish)
    is_open = beside > 0 and flight.treads > 9 and rnd.random() < 0.4
    if is_open:
        open_steps(cell, flight, steps)
    else:
        closed_steps(cell, flight, steps, rnd.random() < 0.4)
    _upper_floor(cell, flight)
    railings(rnd, cell, flight, beside > 0)
    if beside > 0:
        radiator(rnd, cell, cell.walls[NORTH])
    if finish.style != "home":
        notice_board(rnd, cell, cell.walls[SOUTH])
    cell.panels(rnd, 1, 2.5)
    if before > 2.8 and size[1] > 1.7:
        Furnisher(rnd, assets, store, cell.room, [cell.walls[WEST]]).along_walls(1)
    _look_at(cell.room, flight)
    return place_together([(cell.room, (0.0, 0.0, 0.0))], f"{finish.style} stairs")


def _openings(rnd: random.Random, assets: Assets, cell: Cell, flight: Flight) -> None:
    """Doors at the foot and above, and a window above the upper floor."""
    upper = flight.top[2]
    for side in (WEST, EAST):
        wall = cell.walls[side]
        floor = upper if side == EAST else 0.0
        middle = wall.length / 2
        if side == EAST and rnd.random() < 0.5:
            half = min(0.6, middle - 0.2)
            opening = (middle - half, floor + 0.8, middle + half, floor + 2.0)
            window(rnd, assets, cell, wall, opening)
        elif middle > 0.5:
            half = min(0.43, middle - 0.15)
            closed_door(rnd, cell, wall, (middle - half, floor, middle + half, floor + 2.0))


def _step_material(rnd: random.Random, assets: Assets, finish: Finish) -> Material:
    """Wood, stone, carpet, concrete, or as the floor is."""
    kind = rnd.random()
    if kind < 0.35:
        wood = [name for name in assets.floors if "wood" in name.lower()]
        return textured(rnd, wood, (0.6, 1.0), 0.3)
    if kind < 0.65:
        stone = [name for name in assets.floors if "marble" in name or "concrete" in name]
        return textured(rnd, stone, (0.7, 1.0), 0.3)
    if kind < 0.85:
        return Material(colour(rnd, (0.5, 0.9), 0.5), calm(rnd, "weave"))
    return finish.floor[0]


def closed_steps(cell: Cell, flight: Flight, material: Material, nosing: bool) -> None:
    """Steps that are solid down to the floor; ``nosing``: a strip on each edge."""
    dark = Material((0.05, 0.05, 0.05))
    low, high = flight.side, flight.side + flight.width
    riser = material.tinted((0.85, 0.85, 0.85))
    for k in range(flight.treads - 1):
        x, z = flight.foot + k * flight.going, (k + 1) * flight.rise
        box = (x, low, 0.0, x + flight.going, high, z)
        cell.room.solids.append(box)
        along, back = (0.0, high - low, 0.0), (0.0, low - high, 0.0)
        depth = (flight.going, 0.0, 0.0)
        cell.room.surfaces += [
            Surface((x, high, z - flight.rise), back, (0, 0, flight.rise), riser, 1.0),
            Surface((x, low, z), depth, along, material, 1.0),
            Surface((x, low, 0), depth, (0, 0, z), cell.finish.walls[0], 1.0),
            Surface(
                (x + flight.going, high, 0), (-flight.going, 0, 0), (0, 0, z), *cell.finish.walls
            ),
        ]
        if nosing:
            strip = Surface((x, low, z + 0.002), (0.04, 0, 0), along, dark)
            front = Surface((x - 0.002, high, z - 0.03), back, (0, 0, 0.03), dark)
            cell.room.surfaces += [strip, front]
    start, _, top = flight.top
    last = Surface(
        (start - 0.002, high, top - flight.rise),
        (0, low - high, 0),
        (0, 0, flight.rise),
        riser,
        1.0,
    )
    cell.room.surfaces.append(last)  # before the upper floor's edge


def open_steps(cell: Cell, flight: Flight, material: Material) -> None:
    """Boards between two strings, with nothing below them."""
    low, high = flight.side, flight.side + flight.width
    for k in range(flight.treads - 1):
        x, z = flight.foot + k * flight.going, (k + 1) * flight.rise
        board = (x - 0.02, low + 0.03, z - 0.045, x + flight.going, high - 0.03, z)
        cell.block(board, material, 1.0)
    slope = np.array([flight.going, 0.0, flight.rise])
    unit = slope / np.linalg.norm(slope)
    up = vector(0.26 * np.array([-unit[2], 0.0, unit[0]]))
    begin = np.array([flight.foot - 0.05, 0.0, -0.12 + flight.rise / 2])
    length = vector(slope * (flight.treads - 0.6))
    paint = material.tinted((0.8, 0.8, 0.8))
    for y in (low, high - 0.03):
        for out in (0.0, 0.03):
            corner = vector(begin + np.array((0.0, y + out, 0.0)))
            cell.room.surfaces.append(Surface(corner, length, up, paint))
        edge = vector(begin + np.array((0.0, y, 0.0)) + np.array(up))
        cell.room.surfaces.append(Surface(edge, length, (0.0, 0.03, 0.0), paint))


def _upper_floor(cell: Cell, flight: Flight) -> None:
    """What is at the top of the flight, and of a storey's flight the slab above its foot."""
    x, y, _ = cell.room.size
    start, _, z = flight.top
    material, repeat = cell.finish.floor
    wall, wall_repeat = cell.finish.walls
    cell.room.surfaces += [
        Surface((start, 0, z), (x - start, 0, 0), (0, y, 0), material, repeat),
        Surface((start, y, 0), (0, -y, 0), (0, 0, z), wall, wall_repeat),
    ]
    cell.room.solids.append((start, 0.0, 0.0, x, y, z))
    if z < STOREY:
        return
    # the slab ends where the head would touch it
    end = flight.foot + flight.going * max(0.0, (z - SLAB - HEAD) / flight.rise)
    low = z - SLAB
    cell.room.solids.append((0.0, 0.0, low, end, y, z))
    if end > 1.0:
        cell.panel((end / 2, y / 2, low), 0.05)
        cell.shine((end / 2, y / 2, low - 0.05), *cell.finish.panel)
    cell.room.surfaces += [
        Surface((0, y, low), (end, 0, 0), (0, -y, 0), *cell.finish.ceiling),
        Surface((0, 0, z), (end, 0, 0), (0, y, 0), material, repeat),
        Surface((end, 0, low), (0, y, 0), (0, 0, SLAB), cell.finish.ceiling[0]),
    ]


def railings(rnd: random.Random, cell: Cell, flight: Flight, free: bool) -> None:
    """A handrail on the wall, and where a side is ``free`` a balustrade."""
    metal = rnd.random() < 0.5
    rail = cell.finish.metal if metal else cell.finish.door
    slope = np.array([flight.going, 0.0, flight.rise]) * (flight.treads - 1)
    foot = np.array([flight.foot, 0.0, flight.rise])
    over = np.array([0.0, 0.0, rnd.uniform(0.85, 0.95)])
    sides = [flight.side + flight.width - 0.05] if free else []
    if rnd.random() < 0.7 or not free:
        sides.append(flight.side + 0.06)
    for y in sides:
        start = foot + over + (0.0, y, 0.0)
        cell.room.surfaces += tube(vector(start), vector(start + slope), 0.022, rail, 8)
    if not free:
        return
    y = flight.side + flight.width - 0.05
    thick = rnd.uniform(0.008, 0.02)
    for k in range((flight.treads - 1) * 2):
        at = foot + slope * (k / 2 + 0.25) / (flight.treads - 1) + (0.0, y, 0.0)
        tread = flight.rise * (k // 2 + 1)
        post = (at[0] - thick, y - thick, tread, at[0] + thick, y + thick, at[2] + over[2])
        cell.block(tuple(float(value) for value in post), rail)  # type: ignore[arg-type]


def _look_at(room: Room, flight: Flight) -> None:
    """From the foot, at a robot's and a person's height, near and far; and down from the top."""
    low, high = flight.side + 0.15, flight.side + flight.width - 0.15
    start, _, top = flight.top
    middle = (flight.foot + start) / 2
    near = max(flight.foot - 3.0, 0.15)
    steps = (flight.foot, low, 0.1, middle, high, max(top / 2, 0.4))
    for bottom, height in ((0.14, 0.6), (0.14, 0.6), (1.0, 1.7), (1.0, 1.7)):
        eye = (near, low, bottom, flight.foot - 0.3, high, height)
        room.outlooks.append(Outlook(eye, steps))
    down = (flight.foot - 0.5, low, 0.0, middle, high, top / 2)
    for bottom, height, back in ((0.2, 0.6, 0.5), (1.0, 1.7, 1.2)):
        eye = (
            start + 0.1,
            low,
            top + bottom,
            min(start + back, room.size[0] - 0.2),
            high,
            top + height,
        )
        room.outlooks.append(Outlook(eye, down))
    close = (flight.foot - 1.2, low, 0.14, flight.foot - 0.3, high, 0.9)
    room.outlooks.append(
        Outlook(close, (flight.foot, low, 0.0, flight.foot + 0.6, high, 0.5), True)
    )
    if room.size[1] > flight.width + 0.6:  # from beside the flight
        eye = (near, high + 0.4, 0.2, flight.foot, room.size[1] - 0.15, 1.7)
        room.outlooks.append(Outlook(eye, steps))
