"""What is fixed to the walls of a corridor or hall: doors, boards, radiators, extinguishers."""

from __future__ import annotations

import math
import random
from itertools import pairwise

import numpy as np

from fourier_depth_ros.simulator.assets import Assets
from fourier_depth_ros.simulator.meshes import Material
from fourier_depth_ros.simulator.passages.cells import THICKNESS, Cell
from fourier_depth_ros.simulator.scene import Box, Surface, Vector, box_surfaces, vector
from fourier_depth_ros.simulator.shell import Opening, Wall, colour, open_outdoors, reveal
from fourier_depth_ros.simulator.textures import PATTERN


def frame(cell: Cell, wall: Wall, opening: Opening, width: float) -> None:
    """A door's frame on the wall, around an opening that reaches the floor."""
    a0, b0, a1, b1 = opening
    for low, high, bottom, top in (
        (a0 - width, a0, b0, b1 + width),
        (a1, a1 + width, b0, b1 + width),
        (a0, a1, b1, b1 + width),
    ):
        box = wall.box(low, high, (0.0, 0.018), (bottom, top))
        cell.room.surfaces += box_surfaces(box, cell.finish.trim, None, bottom=True)


def closed_door(rnd: random.Random, cell: Cell, wall: Wall, opening: Opening) -> None:
    """A door in its frame, with handle, and at times a pane, a kick plate, a name plate.

    The opening is cut here; what is before it is kept clear of furniture.
    """
    wall.openings.append(opening)
    a0, _, a1, b1 = opening
    deep = rnd.uniform(0.02, 0.1)
    finish = cell.finish
    reveal(cell.room, wall, opening, deep, finish.trim)
    frame(cell, wall, opening, rnd.uniform(0.05, 0.09))
    cell.room.surfaces.append(wall.rectangle(opening, -deep, finish.door, 0.9))
    cell.room.solids.append(wall.box(a0, a1, (0.0, 0.12), (0.0, b1)))
    double = a1 - a0 > 1.3
    leaves = [(a0, (a0 + a1) / 2), ((a0 + a1) / 2, a1)] if double else [(a0, a1)]
    for index, (left, right) in enumerate(leaves):
        at_right = index == 0 if double else rnd.random() < 0.5
        _leaf(rnd, cell, wall, (left, 0.0, right, b1), deep, at_right)
    if double:
        seam = ((a0 + a1) / 2 - 0.006, 0.0, (a0 + a1) / 2 + 0.006, b1)
        cell.room.surfaces.append(wall.rectangle(seam, 0.002 - deep, Material((0.03, 0.03, 0.03))))
    if finish.style != "home" and rnd.random() < 0.6 and a0 > 0.5:
        plate = (a0 - 0.36, 1.45, a0 - 0.16, 1.57)
        cell.room.surfaces.append(wall.rectangle(plate, 0.006, Material((0.8, 0.8, 0.78))))


def _leaf(
    rnd: random.Random, cell: Cell, wall: Wall, part: Opening, deep: float, at_right: bool
) -> None:
    a0, _, a1, b1 = part
    surfaces, metal = cell.room.surfaces, cell.finish.metal
    hinge, edge = (a0, a1 - 0.08) if at_right else (a1, a0 + 0.08)
    toward = 0.12 * math.copysign(1.0, hinge - edge)
    low, high = sorted((edge, edge + toward))
    grip = wall.box(low, high, (0.035 - deep, 0.055 - deep), (1.03, 1.055))
    neck = wall.box(edge - 0.012, edge + 0.012, (-deep, 0.04 - deep), (1.03, 1.055))
    for box in (grip, neck):
        surfaces += box_surfaces(box, metal, None, bottom=True)
    style = cell.finish.style
    if style != "home" and rnd.random() < 0.4:
        kick = (a0 + 0.02, 0.02, a1 - 0.02, 0.25)
        surfaces.append(wall.rectangle(kick, 0.003 - deep, metal))
    if style == "home" or rnd.random() < 0.2:  # panels set into the door
        dark = cell.finish.door.tinted((0.72, 0.72, 0.72))
        for b0, top in ((0.25, 0.9), (1.15, b1 - 0.2)):
            surfaces.append(wall.rectangle((a0 + 0.14, b0, a1 - 0.14, top), 0.003 - deep, dark))
            inner = (a0 + 0.16, b0 + 0.02, a1 - 0.16, top - 0.02)
            surfaces.append(wall.rectangle(inner, 0.005 - deep, cell.finish.door, 0.9))


def open_leaf(rnd: random.Random, cell: Cell, wall: Wall, opening: Opening) -> None:
    """The leaf of an open door, turned into the room beyond ``cell``'s wall, and its frame."""
    a0, _, a1, b1 = opening
    frame(cell, wall, opening, rnd.uniform(0.05, 0.09))
    if rnd.random() < 0.35 or a1 - a0 > 1.3:
        return  # a bare opening
    side, width = rnd.random() < 0.5, a1 - a0 - 0.03
    edge = a0 + 0.004 if side else a1 - 0.044
    box = wall.box(edge, edge + 0.04, (-THICKNESS - width, -THICKNESS + 0.05), (0.01, b1 - 0.01))
    cell.room.surfaces += box_surfaces(box, cell.finish.door, 0.9, bottom=True)
    cell.room.solids.append(box)


def window(rnd: random.Random, assets: Assets, cell: Cell, wall: Wall, opening: Opening) -> None:
    """A window, or a glass door, in an opening that is cut here: its frame and a bar, no pane."""
    wall.openings.append(opening)
    open_outdoors(rnd, assets, cell.room, wall, opening, cell.finish.trim)
    a0, b0, a1, b1 = opening
    middle = (a0 + a1) / 2
    bars = [(a0, b0, a0 + 0.05, b1), (a1 - 0.05, b0, a1, b1), (a0, b0, a1, b0 + 0.06)]
    bars += [(a0, b1 - 0.05, a1, b1), (middle - 0.025, b0, middle + 0.025, b1)]
    for left, low, right, high in bars:
        cell.block(wall.box(left, right, (-0.12, -0.07), (low, high)), cell.finish.trim)


def notice_board(rnd: random.Random, cell: Cell, wall: Wall) -> None:
    """A board with sheets of paper, or a large sign."""
    width, height, low = rnd.uniform(0.5, 1.8), rnd.uniform(0.5, 1.1), rnd.uniform(1.0, 1.3)
    a = cell.spot(rnd, wall, width, low, low + height, 0.03)
    if a is None:
        return
    cork = Material(rnd.choice(((0.35, 0.2, 0.1), (0.2, 0.25, 0.35), (0.7, 0.7, 0.68))))
    box = wall.box(a, a + width, (0.0, 0.02), (low, low + height))
    cell.block(box, Material(colour(rnd, (0.3, 0.9), 0.2), gloss=0.3))
    inner = (a + 0.02, low + 0.02, a + width - 0.02, low + height - 0.02)
    cell.room.surfaces.append(wall.rectangle(inner, 0.022, cork))
    for _ in range(rnd.randint(2, 10)):
        x, y = rnd.choice(((0.21, 0.29), (0.29, 0.21), (0.15, 0.21)))
        left, bottom = rnd.uniform(a, a + width - x), rnd.uniform(low, low + height - y)
        kind = rnd.choice(("shapes", "stripes", "squares"))
        printed = f"{PATTERN}{kind}:{rnd.randrange(10**6)}" if rnd.random() < 0.4 else None
        sheet = Material(colour(rnd, (0.85, 1.0), 0.3), printed)
        out = 0.023 + 0.001 * rnd.randint(1, 4)
        cell.room.surfaces.append(wall.rectangle((left, bottom, left + x, bottom + y), out, sheet))


def radiator(rnd: random.Random, cell: Cell, wall: Wall) -> None:
    """A panel radiator with upright ribs."""
    width, height = rnd.uniform(0.6, 1.6), rnd.uniform(0.45, 0.7)
    a = cell.spot(rnd, wall, width, 0.12, 0.12 + height, 0.12)
    if a is None:
        return
    white = Material(colour(rnd, (0.8, 0.95), 0.1), gloss=0.3)
    cell.block(wall.box(a, a + width, (0.03, 0.09), (0.12, 0.12 + height)), white)
    ribs = int(width / 0.08)
    for k in range(ribs):
        rib = wall.box(
            a + (k + 0.2) * width / ribs,
            a + (k + 0.7) * width / ribs,
            (0.09, 0.105),
            (0.15, 0.09 + height),
        )
        cell.room.surfaces += box_surfaces(rib, white, None)


def extinguisher(rnd: random.Random, cell: Cell, wall: Wall) -> None:
    """A red fire extinguisher with hose and valve, and its sign above."""
    low, radius, height = rnd.choice((0.02, 0.4, 0.7)), rnd.uniform(0.06, 0.085), 0.45
    a = cell.spot(rnd, wall, 0.24, low, low + height + 0.2, 0.2)
    if a is None:
        return
    red, black = Material((0.55, 0.02, 0.015), gloss=0.6), Material((0.02, 0.02, 0.02), gloss=0.3)
    middle = a + 0.12
    cell.room.solids.append(wall.box(a, a + 0.24, (0.0, 0.2), (low, low + height + 0.15)))
    foot, head = wall.at(middle, 0.1, low), wall.at(middle, 0.1, low + height)
    cell.room.surfaces += tube(foot, head, radius, red, 12)
    cell.room.surfaces += tube(head, wall.at(middle, 0.1, low + height + 0.06), 0.02, black, 6)
    lever = wall.box(
        middle - 0.012, middle + 0.1, (0.085, 0.115), (low + height + 0.06, low + height + 0.09)
    )
    cell.room.surfaces += box_surfaces(lever, black, None, bottom=True)
    hose = wall.at(middle + 0.09, 0.13, low + 0.15)
    cell.room.surfaces += tube(
        hose, wall.at(middle + 0.07, 0.1, low + height + 0.07), 0.012, black, 5
    )
    label = (middle - 0.05, low + 0.15, middle + 0.05, low + 0.3)
    cell.room.surfaces.append(
        wall.rectangle(label, 0.1 + radius + 0.001, Material((0.8, 0.8, 0.75)))
    )
    sign = (middle - 0.1, 1.7, middle + 0.1, 1.9)
    cell.room.surfaces.append(wall.rectangle(sign, 0.008, Material((0.6, 0.03, 0.02))))
    mark = (middle - 0.03, 1.74, middle + 0.02, 1.86)
    cell.room.surfaces.append(wall.rectangle(mark, 0.01, Material((0.85, 0.85, 0.85))))


def exit_sign(rnd: random.Random, cell: Cell, x: float) -> None:
    """A green sign that hangs across a corridor along x."""
    _, y, z = cell.room.size
    middle, low = y * rnd.uniform(0.4, 0.6), z - rnd.uniform(0.28, 0.4)
    box = (x, middle - 0.18, low, x + 0.03, middle + 0.18, low + 0.18)
    cell.block(box, Material((0.02, 0.35, 0.12), gloss=0.2))
    white = Material((0.85, 0.9, 0.85))
    for at, along in ((x - 0.002, -0.24), (x + 0.032, 0.24)):
        begin = middle - along / 2
        cell.room.surfaces.append(
            Surface((at, begin, low + 0.06), (0, along, 0), (0, 0, 0.06), white)
        )
    for side in (-0.15, 0.15):
        rod = (x + 0.01, middle + side - 0.005, low + 0.18, x + 0.02, middle + side + 0.005, z)
        cell.room.surfaces += box_surfaces(rod, cell.finish.metal, None)


def wall_rail(cell: Cell, wall: Wall) -> None:
    """A hospital's handrail along a wall, between its doors."""
    a = 0.1
    for start, end in [*sorted((o[0], o[2]) for o in wall.openings), (wall.length, wall.length)]:
        if start - a > 0.5:
            box = wall.box(a + 0.12, start - 0.15, (0.04, 0.08), (0.85, 0.95))
            cell.block(box, cell.finish.trim)
        a = end


def column(rnd: random.Random, cell: Cell, x: float, y: float, side: float) -> None:
    """A square or round pillar from floor to ceiling."""
    z = cell.room.size[2]
    material, repeat = cell.finish.walls
    box: Box = (x - side / 2, y - side / 2, 0.0, x + side / 2, y + side / 2, z)
    if rnd.random() < 0.4:
        cell.room.surfaces += tube((x, y, 0.0), (x, y, z), side / 2, material, 16, repeat)
        cell.room.solids.append(box)
    else:
        cell.block(box, material, repeat)


def tube(
    start: Vector,
    end: Vector,
    radius: float,
    material: Material,
    sides: int,
    repeat: float | None = None,
) -> list[Surface]:
    """A round bar of flat sides around the line from ``start`` to ``end``, with square lids."""
    low, axis = np.array(start), np.array(end) - np.array(start)
    helper = (
        np.array((1.0, 0.0, 0.0)) if abs(axis[2]) > 0.5 * math.hypot(*axis) else (0.0, 0.0, 1.0)
    )
    right = np.cross(axis, helper)
    right /= np.linalg.norm(right)
    ahead = np.cross(axis / np.linalg.norm(axis), right)
    angles = np.linspace(0, 2 * np.pi, sides + 1)
    rim = radius * (np.cos(angles)[:, None] * right + np.sin(angles)[:, None] * ahead)
    surfaces = [
        Surface(vector(low + a), vector(b - a), vector(axis), material, repeat)
        for a, b in pairwise(rim)
    ]
    half = radius * 0.7  # inside the rim
    corner = low + axis - half * (right + ahead)
    surfaces.append(
        Surface(vector(corner), vector(2 * half * right), vector(2 * half * ahead), material)
    )
    return surfaces
