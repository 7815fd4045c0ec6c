"""Places of several rooms: cells, each a room of its own, joined by doorways into one.

Convention: a cell is built in its own coordinates (floor z = 0, x in [0, X], y in [0, Y]) and
moved when the place is put together.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from fourier_depth_ros.simulator.assets import Assets
from fourier_depth_ros.simulator.meshes import Material
from fourier_depth_ros.simulator.scene import (
    Box,
    Lights,
    Outlook,
    Room,
    Surface,
    Vector,
    Window,
    box_surfaces,
    overlap,
    vector,
)
from fourier_depth_ros.simulator.shell import (
    Opening,
    Wall,
    colour,
    reveal,
    skirt,
    textured,
    wall_paint,
    walls_of,
)
from fourier_depth_ros.simulator.textures import PATTERN, mean_color

SOUTH, EAST, NORTH, WEST = range(4)  # the walls at y = 0, x = X, y = Y, x = 0
THICKNESS = 0.14  # of the walls between cells [m]
STYLES = ("office", "hospital", "home", "industrial")
HARD_FLOORS = ("concrete", "tile", "marble", "Tile", "stone")
PANELS = {
    "office": (0.6, 0.6),
    "hospital": (1.2, 0.3),
    "home": (0.3, 0.3),
    "industrial": (1.5, 0.2),
}


@dataclass(frozen=True)
class Finish:
    """What the walls, floors, ceilings and doors of a place are like.

    Attributes:
        walls, floor, ceiling: the material and how often its texture repeats a metre.
        band: painted on the lower part of the walls, up to ``band_height`` [m]; None for none.
        panel: length and width of a ceiling light [m].
    """

    style: str
    walls: tuple[Material, float]
    floor: tuple[Material, float]
    ceiling: tuple[Material, float]
    trim: Material
    door: Material
    metal: Material
    band: Material | None
    band_height: float
    skirting: float
    panel: tuple[float, float]


def choose_finish(rnd: random.Random, assets: Assets, style: str) -> Finish:
    """The finish of a place in one of STYLES."""
    plain = Material(colour(rnd, (0.7, 0.98), 0.25))
    walls, repeat = (plain, 1.0), rnd.uniform(0.6, 1.4)
    stony = [name for name in assets.floors if any(word in name for word in HARD_FLOORS)]
    wooden = [name for name in assets.floors if "wood_" in name or "ooden" in name]
    floor = textured(rnd, wooden or assets.floors, (0.65, 1.0), 0.3), repeat
    if style == "home":
        walls = wall_paint(rnd, assets)
        if rnd.random() < 0.3:
            floor = textured(rnd, [n for n in stony if "paving" not in n], (0.7, 1.0), 0.4), repeat
    elif style == "industrial":
        if rnd.random() < 0.5:
            rough = [name for name in assets.walls if "c" in name.rsplit("/", 1)[-1]]
            walls = textured(rnd, rough, (0.8, 1.0), 0.03), rnd.uniform(0.3, 0.6)
        floor = textured(rnd, stony, (0.6, 1.0), rnd.choice((0.2, 0.6))), rnd.uniform(0.3, 0.8)
    elif style == "office" and rnd.random() < 0.5:  # carpet
        floor = Material(colour(rnd, (0.6, 0.95), 0.3), calm(rnd, "weave")), 1.0
    elif rnd.random() < 0.6:  # linoleum
        floor = Material(colour(rnd, (0.7, 1.0), 0.3), calm(rnd, "noise"), gloss=0.7), 0.7
    elif stony:
        floor = textured(rnd, stony, (0.7, 1.0), 0.6), repeat
    white = Material(colour(rnd, (0.85, 0.97), 0.1))
    tiled = style in ("office", "hospital") and rnd.random() < 0.7
    band = style in ("hospital", "industrial") and rnd.random() < 0.6
    door = Material(colour(rnd, (0.35, 0.95), 0.4), gloss=0.2)
    grain = [name for name in wooden if name.endswith(("wood_1.png", "wood_2.png"))]
    if grain and rnd.random() < 0.5:
        door = textured(rnd, grain, (0.6, 1.0), 0.2)
    return Finish(
        style=style,
        walls=walls,
        floor=floor,
        ceiling=(textured(rnd, assets.ceilings[:1], (0.85, 1.0), 0.0) if tiled else white, 0.8),
        trim=Material(colour(rnd, (0.3, 0.97), 0.25), gloss=0.2),
        door=door,
        metal=Material((0.45, 0.45, 0.46), gloss=0.8),
        band=Material(colour(rnd, (0.4, 0.9), 0.5), gloss=0.15) if band else None,
        band_height=rnd.uniform(0.9, 1.4),
        skirting=rnd.choice((0.0, 0.06, 0.09, 0.12)),
        panel=PANELS[style],
    )


def calm(rnd: random.Random, kind: str) -> str:
    """A pattern for a floor: of a few random ones the greyest."""
    names = [f"{PATTERN}{kind}:{rnd.randrange(10**6)}" for _ in range(4)]
    return min(names, key=lambda name: float(np.ptp(mean_color(name)) / mean_color(name).max()))


class Cell:
    """One room of a place: a Room in its own coordinates, its four walls, and its finish."""

    def __init__(self, size: Vector, finish: Finish) -> None:
        x, y, z = size
        self.room = Room(size, Lights((x / 2, y / 2, z - 0.15)), cells=[(0.0, 0.0, 0.0, *size)])
        self.walls, self.finish = walls_of(size), finish

    def lay(self, spacing: float = 0.16) -> None:
        """The walls as they are now cut, floor and ceiling."""
        (x, y, z), finish = self.room.size, self.finish
        for wall in self.walls:
            along, origin, patches = vector(wall.along), wall.at(0, 0, 0), wall.patches()
            material, repeat = finish.walls
            self.room.surfaces.append(
                Surface(origin, along, (0, 0, z), material, repeat, patches, spacing)
            )
            if finish.band:
                top = min(finish.band_height, z)
                low = tuple((a, b, c, min(d, top)) for a, b, c, d in patches if b < top)
                self.room.surfaces.append(
                    Surface(wall.at(0, 0.003, 0), along, (0, 0, z), finish.band, None, low, spacing)
                )
            if finish.skirting:
                skirt(self.room, wall, finish.trim, finish.skirting)
        material, repeat = finish.floor
        self.room.surfaces.append(
            Surface((0, 0, 0), (x, 0, 0), (0, y, 0), material, repeat, spacing=spacing)
        )
        material, repeat = finish.ceiling
        self.room.surfaces.append(
            Surface((0, y, z), (x, 0, 0), (0, -y, 0), material, repeat, spacing=0.2)
        )

    def block(self, box: Box, material: Material, repeat: float | None = None) -> None:
        """A solid box."""
        self.room.surfaces += box_surfaces(box, material, repeat, bottom=True)
        self.room.solids.append(box)

    def spot(
        self, rnd: random.Random, wall: Wall, width: float, low: float, high: float, deep: float
    ) -> float | None:
        """Where along the wall something that wide is clear of all else; None: nowhere."""
        if wall.length < width + 0.3:
            return None
        for _ in range(12):
            a = rnd.uniform(0.12, wall.length - width - 0.12)
            box = wall.box(a, a + width, (0.0, deep), (low, high))
            holes = (o for o in wall.openings if o[1] < high and low < o[3])
            clear = all(a + width + 0.14 < o[0] or o[2] + 0.14 < a for o in holes)
            if clear and not any(overlap(box, solid, 0.04) for solid in self.room.solids):
                return a
        return None

    def panels(self, rnd: random.Random, rows: int, spacing: float) -> None:
        """Rows of ceiling lights along x; each stretch of a row also is a light of its own."""
        (x, y, z), (length, width) = self.room.size, self.finish.panel
        drop = rnd.choice((0.01, 0.05, 0.08))
        count = max(1, round(x / spacing))
        edges = np.linspace(0.0, x, count + 1)
        for row in range(rows):
            middle = y * (row + 0.5) / rows
            for low, high in pairwise(edges):
                centre = (low + high) / 2
                self.panel((centre, middle, z), drop)
            for group in np.array_split(
                (edges[1:] + edges[:-1]) / 2, min(count, max(1, round(x / 4)))
            ):
                # as much light as its panels, spread along the row
                reach = max(float(group[-1] - group[0]), length)
                wide = width * len(group) * length / reach
                self.shine((float(group.mean()), middle, z - drop), reach, wide)

    def panel(self, place: Vector, drop: float) -> None:
        """A ceiling light that hangs ``drop`` below ``place``; to be seen, it lights nothing."""
        x, y, z = place
        half_x, half_y = self.finish.panel[0] / 2, self.finish.panel[1] / 2
        box = (x - half_x, y - half_y, z - drop, x + half_x, y + half_y, z - 0.001)
        bright = Material((0.9, 0.9, 0.88), emission=1.0)
        self.room.surfaces += box_surfaces(box, bright, None, bottom=True)

    def shine(self, place: Vector, length: float, width: float) -> None:
        """Light that falls from a rectangle along x around ``place``."""
        x, y, z = place
        self.room.windows.append(
            Window((x, y, z - 0.02), (0.0, 0.0, -1.0), (length, 0.0, 0.0), (0.0, width, 0.0))
        )


def join(cell: Cell, side: int, opening: Opening, other: Cell, start: float) -> Vector:
    """Cut a doorway from ``cell`` into ``other``; where that is, in ``cell``'s frame.

    Args:
        side: SOUTH, EAST, NORTH or WEST, of ``cell``.
        opening: in that wall.
        start: where the doorway begins in the opposite wall of ``other`` [m along it].
    """
    wall, facing = cell.walls[side], other.walls[(side + 2) % 4]
    a0, b0, a1, b1 = opening
    wall.openings.append(opening)
    facing.openings.append((start, b0, start + a1 - a0, b1))
    reveal(cell.room, wall, opening, THICKNESS, cell.finish.trim)
    offset = np.array(wall.at(a1, -THICKNESS, 0.0)) - np.array(facing.at(start, 0.0, 0.0))
    # the threshold: cameras may stand in the doorway too
    cell.room.cells.append(wall.box(a0, a1, (-THICKNESS - 0.2, 0.2), (0.0, b1)))
    return vector(offset)


def moved(box: Box, offset: Vector) -> Box:
    """A box, moved."""
    low, high = vector(np.array(box[:3]) + offset), vector(np.array(box[3:]) + offset)
    return (*low, *high)


def place_together(parts: Sequence[tuple[Room, Vector]], theme: str) -> Room:
    """One room of several, each moved by its offset; the whole begins at (0, 0, 0).

    The first one's lamp is the whole's.
    """
    corners = [np.array([offset, np.array(offset) + room.size]) for room, offset in parts]
    low = np.min([corner[0] for corner in corners], axis=0)
    high = np.max([corner[1] for corner in corners], axis=0)
    whole = Room(vector(high - low), parts[0][0].lights, theme=theme)
    for room, place in parts:
        by = vector(np.array(place) - low)

        def at(point: Vector, by: Vector = by) -> Vector:
            return vector(np.array(point) + by)

        first = len(whole.placements)
        whole.surfaces += [replace(s, origin=at(s.origin)) for s in room.surfaces]
        whole.placements += [replace(p, position=at(p.position)) for p in room.placements]
        whole.windows += [replace(w, middle=at(w.middle)) for w in room.windows]
        whole.solids += [moved(box, by) for box in room.solids]
        whole.small += [first + index for index in room.small]
        whole.cells += [moved(box, by) for box in room.cells]
        whole.outlooks += [
            Outlook(moved(o.eye, by), moved(o.aim, by), o.close) for o in room.outlooks
        ]
        if place is parts[0][1]:
            whole.lights = replace(room.lights, lamp=at(room.lights.lamp))
    return whole
