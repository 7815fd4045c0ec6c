"""Random furnished rooms: what stands along the walls, in the middle, on tables and on walls.

Convention: the same seed and assets give the same room, whatever was made before.
"""

from __future__ import annotations

import math
import random
import re

import numpy as np

from fourier_depth_ros.simulator.assets import Assets, Item
from fourier_depth_ros.simulator.desks.layout import SMALL, STYLES, lay_out, make_desk, pick
from fourier_depth_ros.simulator.desks.things import make_thing
from fourier_depth_ros.simulator.lighting import choose_lights
from fourier_depth_ros.simulator.meshes import Material
from fourier_depth_ros.simulator.models import GRID, Model, ModelStore
from fourier_depth_ros.simulator.scene import (
    Box,
    Desk,
    Placement,
    Room,
    Surface,
    Vector,
    box_surfaces,
    overlap,
    standing_box,
    vector,
)
from fourier_depth_ros.simulator.shell import Wall, build_shell, colour
from fourier_depth_ros.simulator.textures import PATTERN, readable

THEMES = ("Living room", "Living room", "Bedroom", "Kitchen", "Office", "Bathroom")
TABLE = re.compile(r"table|desk", re.I)
CHAIR = re.compile(r"chair|stool|armchair", re.I)
SHELF = re.compile(r"shel|bookcase|rack|étag", re.I)
OVERHEAD = re.compile(r"ceiling|pendant|chandelier|hanging|fan\b|fluorescent|shower", re.I)
BENCHES = {"Kitchen": 0.5, "Office": 0.1}  # share of desks without a screen; 0.25 elsewhere
CLEARANCE = 0.03  # between pieces [m]
FLAT = 0.015  # a resting place varies in height by less [m]


class Furnisher:
    """Puts furniture into a room, where it collides with nothing."""

    def __init__(
        self, rnd: random.Random, assets: Assets, store: ModelStore, room: Room, walls: list[Wall]
    ) -> None:
        self.rnd, self.store, self.room, self.walls, self.assets = rnd, store, room, walls, assets
        inside = [i for i in assets.items if not i.opening]
        standing = [i for i in inside if i.elevation < 0.05]
        self.large = [
            i
            for i in standing
            if 0.35 < max(i.size[:2]) < 2.6
            and 0.3 < i.size[2] < 2.3
            and i.category in ("Living room", "Bedroom", "Kitchen", "Office", "Bathroom")
        ]
        self.medium = [i for i in standing if 0.15 < max(i.size) < 2.0]
        self.small = [i for i in standing if 0.04 < max(i.size) < 0.5]
        self.chairs = [i for i in self.large if CHAIR.search(i.name) and max(i.size[:2]) < 0.9]
        self.hung = [
            i
            for i in inside
            if 0.8 < i.elevation < 2.1 and i.size[1] < 0.5 and not OVERHEAD.search(i.name)
        ]

    def model(self, item: Item) -> Model | None:
        """The item's model, where all of its textures can be read."""
        model = self.store.get(item)
        if model is None or not all(
            m.texture is None or readable(m.texture) for m in model.palette
        ):
            return None
        return model

    def fits(self, box: Box, margin: float = CLEARANCE, ignore: Box | None = None) -> bool:
        """Whether a box lies inside the room and clear of everything but ``ignore``."""
        x, y, z = self.room.size
        inside = box[0] >= 0 and box[1] >= 0 and box[3] <= x and box[4] <= y and box[5] <= z - 0.02
        return inside and not any(
            overlap(box, solid, margin) for solid in self.room.solids if solid is not ignore
        )

    def put(
        self, item: Item, position: Vector, yaw: float, ignore: Box | None = None
    ) -> Placement | None:
        """Stand ``item`` at ``position`` if it fits."""
        scale = self.rnd.uniform(0.95, 1.05)
        tint = colour(self.rnd, (0.7, 1.0), 0.7) if self.rnd.random() < 0.3 else (1.0, 1.0, 1.0)
        width, depth, height = (side * scale for side in item.size)
        margin = 0.0 if ignore else CLEARANCE
        if not self.fits(standing_box((width, depth, height), position, yaw), margin, ignore):
            return None
        model = self.model(item)
        if model is None:
            return None
        placed = Placement(item.name, model, position, yaw, tint, (scale, scale, scale))
        self.room.placements.append(placed)
        self.room.solids.append(placed.box)
        return placed

    def stand(self, placed: Placement, ignore: Box | None = None) -> Placement | None:
        """Keep ``placed`` if it fits."""
        if not self.fits(placed.box, 0.0 if ignore else CLEARANCE, ignore):
            return None
        self.room.placements.append(placed)
        self.room.solids.append(placed.box)
        return placed

    def desks(self, count: int) -> None:
        """Desks and tables with things on them, most with their back to a wall."""
        rnd = self.rnd
        for _ in range(count):
            model = make_desk(rnd, self.assets.floors)
            for _ in range(12):
                if rnd.random() < 0.65:
                    wall = rnd.choice(self.walls)
                    half = model.size[0] / 2 + 0.02
                    if wall.length < 2 * half:
                        continue
                    out = model.size[1] / 2 + rnd.uniform(0.02, 0.06)
                    position, yaw = wall.at(rnd.uniform(half, wall.length - half), out, 0), wall.yaw
                else:
                    x, y, _ = self.room.size
                    position = (rnd.uniform(0.5, x - 0.5), rnd.uniform(0.5, y - 0.5), 0.0)
                    yaw = rnd.randrange(4) * math.pi / 2 + rnd.choice((0.0, rnd.gauss(0, 0.3)))
                placed = Placement("desk", model, position, yaw)
                if self.fits(placed.box, 0.05):
                    self.desk(placed)
                    break

    def desk(self, placed: Placement) -> None:
        """Put a desk there, with what lies on it and maybe a chair."""
        rnd, room, model = self.rnd, self.room, placed.model
        bench = rnd.random() < BENCHES.get(room.theme, 0.25)
        style = STYLES[-1] if bench else rnd.choices(STYLES[:-1], (5, 3, 1))[0]
        width, depth, height = model.size
        room.placements.append(placed)
        room.solids.append(placed.box)
        # a rectangle of its own over the board: its light map has the things' shadows
        corner, along, up = (
            placed.rotation @ np.array(k)
            for k in ((-width / 2, -depth / 2, height + 0.0004), (width, 0, 0), (0, depth, 0))
        )
        board = model.palette[model.owners[model.positions[:, 2].argmax()]]
        repeat = 1.0 if board.texture else None
        origin = vector(corner + np.array(placed.position))
        room.surfaces.append(Surface(origin, vector(along), vector(up), board, repeat, None, 0.05))
        indices = []
        for thing in lay_out(rnd, width, depth, style):
            x, y, z = thing.position
            lifted = np.array([x, y, z + height + 0.0008])
            spot = vector(placed.rotation @ lifted + np.array(placed.position))
            lying = Placement(thing.kind, thing.model, spot, placed.yaw + thing.yaw)
            indices.append(len(room.placements))
            room.placements.append(lying)
            if thing.model.size[2] > 0.02:
                room.solids.append(lying.box)
                room.small.append(indices[-1])
        x, y, z = placed.position
        room.desks.append(Desk(placed.yaw, (x, y, z + height), tuple(indices)))
        if self.chairs and rnd.random() < 0.4:
            chair = rnd.choice(self.chairs)
            reach = depth / 2 + chair.size[1] * rnd.uniform(0.5, 0.9)
            x, y, _ = placed.rotation @ (rnd.gauss(0, 0.1), -reach, 0) + np.array(placed.position)
            turn = placed.yaw + math.pi + rnd.gauss(0, 0.3)
            self.put(chair, (float(x), float(y), 0.0), turn, ignore=self._box(placed))

    def along_walls(self, count: int) -> None:
        """Furniture with its back to a wall, mostly of the room's theme."""
        pool = [i for i in self.large if i.category == self.room.theme] * 2 + self.large
        for _ in range(count * 3 if pool else 0):
            if count == 0:
                return
            item, wall = self.rnd.choice(pool), self.rnd.choice(self.walls)
            if item.size[0] > wall.length - 0.2:
                continue
            half = item.size[0] / 2 + 0.05
            a = self.rnd.uniform(half, wall.length - half)
            out = item.size[1] / 2 + self.rnd.uniform(0.03, 0.08)
            hides = any(
                o[0] < a + half and a - half < o[2] and item.size[2] > o[1] + 0.2
                for o in wall.openings
            )
            if hides and self.rnd.random() < 0.8:
                continue
            placed = self.put(item, wall.at(a, out, 0.0), wall.yaw)
            if placed:
                count -= 1
                self.cover(placed)

    def in_the_middle(self, count: int) -> None:
        """Furniture, plants, toys and people anywhere on the floor; chairs at tables."""
        x, y, _ = self.room.size
        for _ in range(count if self.medium else 0):
            item = self.rnd.choice(
                self.medium if self.rnd.random() < 0.7 else self.large or self.medium
            )
            yaw = self.rnd.randrange(4) * math.pi / 2
            if self.rnd.random() < 0.6:
                yaw += self.rnd.gauss(0, 0.3)
            position = (self.rnd.uniform(0.1, x - 0.1), self.rnd.uniform(0.1, y - 0.1), 0.0)
            placed = self.put(item, position, yaw)
            if not placed:
                continue
            if max(item.size) < 0.5:
                self.room.small.append(len(self.room.placements) - 1)
            self.cover(placed)
            if TABLE.search(item.name) and 0.6 < item.size[2] < 0.9 and self.chairs:
                self.chairs_at(placed)

    def chairs_at(self, table: Placement) -> None:
        """A few equal chairs around a table, facing it, pushed in a little."""
        item = self.rnd.choice(self.chairs)
        for side in range(4):
            if self.rnd.random() < 0.35:
                continue
            reach = table.model.size[1 - side % 2] / 2 + item.size[1] * self.rnd.uniform(0.3, 0.7)
            turn = table.yaw + side * math.pi / 2
            x = table.position[0] + reach * math.sin(turn)
            y = table.position[1] - reach * math.cos(turn)
            self.put(
                item, (x, y, 0.0), turn + math.pi + self.rnd.gauss(0, 0.15), ignore=self._box(table)
            )

    def _box(self, placed: Placement) -> Box:
        """The very object in ``solids`` that stands for ``placed``."""
        return next(s for s in self.room.solids if s == placed.box)

    def cover(self, below: Placement) -> None:
        """Small things on a piece of furniture: on its top, its seat or its shelves."""
        if not self.small or below.model.size[2] < 0.25 or below.model.size[2] > 2.0:
            return
        shelf = SHELF.search(below.name) is not None
        wanted = self.rnd.randint(0, 5) + (5 if shelf else 0)
        own: list[Box] = []
        for _ in range(wanted):
            item = self.rnd.choice(self.small)
            thing = None
            if self.rnd.random() < 0.5:
                kind = pick(self.rnd, SMALL)
                thing = make_thing(kind, self.rnd.randrange(10**9))
            size = thing.size if thing else item.size
            spot = resting_place(self.rnd, below, max(size[:2]) / 2, size[2], shelf)
            if spot is None:
                continue
            yaw = self.rnd.uniform(-math.pi, math.pi)
            box = standing_box(size, spot, yaw)
            if any(overlap(box, other, 0.01) for other in own):
                continue
            if thing:
                placed = self.stand(Placement(kind, thing, spot, yaw), ignore=self._box(below))
            else:
                placed = self.put(item, spot, yaw, ignore=self._box(below))
            if placed:
                own.append(placed.box)
                self.room.small.append(len(self.room.placements) - 1)

    def on_walls(self, count: int) -> None:
        """Cupboards, clocks and lamps of the catalogue, and framed pictures."""
        for _ in range(count):
            wall = self.rnd.choice(self.walls)
            if self.hung and self.rnd.random() < 0.5:
                item = self.rnd.choice(self.hung)
                size, low = item.size, item.elevation
            else:
                item = None
                side = self.rnd.uniform(0.2, 0.9)
                size = (side, 0.025, side * self.rnd.uniform(0.6, 1.4))
                low = self.rnd.uniform(1.0, 1.6)
            if size[0] > wall.length - 0.2:
                continue
            a = self.rnd.uniform(size[0] / 2 + 0.05, wall.length - size[0] / 2 - 0.05)
            ends = (a - size[0] / 2, a + size[0] / 2)
            if any(
                o[0] < ends[1] and ends[0] < o[2] and o[1] < low + size[2] and low < o[3]
                for o in wall.openings
            ):
                continue
            if item:
                self.put(item, wall.at(a, size[1] / 2 + 0.003, low), wall.yaw)
            else:
                self.picture(wall, (ends[0], low, ends[1], low + size[2]), size[1])

    def picture(self, wall: Wall, part: tuple[float, float, float, float], depth: float) -> None:
        """A framed painting, or a pattern."""
        a0, b0, a1, b1 = part
        box = wall.box(a0, a1, (0.0, depth), (b0, b1))
        if not self.fits(box, 0.01):
            return
        paintings = self.assets.paintings
        name = f"{PATTERN}shapes:{self.rnd.randrange(10**6)}"
        if paintings and self.rnd.random() < 0.7:
            name = self.rnd.choice(paintings)
        if not readable(name):
            return
        frame = Material(colour(self.rnd, (0.1, 0.95), 0.6), gloss=0.3)
        width = self.rnd.uniform(0.01, 0.06)
        self.room.surfaces += box_surfaces(box, frame, None, bottom=True)
        inner = (a0 + width, b0 + width, a1 - width, b1 - width)
        canvas = Material((0.9, 0.9, 0.9), name)
        self.room.surfaces.append(wall.rectangle(inner, depth + 0.002, canvas))
        self.room.solids.append(box)


def resting_place(
    rnd: random.Random, below: Placement, radius: float, height: float, shelf: bool
) -> Vector | None:
    """Where on ``below`` something of that radius and height can stand, in the world [m].

    All its footprint is level there within FLAT, and nothing is above it that it would touch.
    ``shelf``: any level; otherwise only what is seen from above.
    """
    grid = below.model.heights * below.stretch[2]
    sizes = below.model.size[0] * below.stretch[0], below.model.size[1] * below.stretch[1]
    reach = [max(1, math.ceil(radius / side * GRID)) for side in sizes]
    if 2 * reach[0] >= GRID or 2 * reach[1] >= GRID:
        return None
    i = rnd.randrange(reach[0], GRID - reach[0])
    j = rnd.randrange(reach[1], GRID - reach[1])
    levels = grid[i, j][np.isfinite(grid[i, j])]
    if not len(levels):
        return None
    level = float(rnd.choice(list(levels))) if shelf else float(levels[0])
    patch = grid[i - reach[0] : i + reach[0] + 1, j - reach[1] : j + reach[1] + 1]
    carried = (np.abs(patch - level) < FLAT).any(-1)
    blocked = ((patch > level + FLAT) & (patch < level + height + 0.02)).any(-1)
    if level < 0.1 or not carried.all() or blocked.any():
        return None
    local = np.array(
        [((i + 0.5) / GRID - 0.5) * sizes[0], ((j + 0.5) / GRID - 0.5) * sizes[1], level]
    )
    x, y, z = below.rotation @ local + np.array(below.position)
    return float(x), float(y), float(z) + 0.001


def build_room(seed: int, assets: Assets, store: ModelStore) -> Room:
    """The furnished, lit room of a seed."""
    rnd = random.Random(seed)
    room, walls = build_shell(rnd, assets, store)
    room.theme = rnd.choice(THEMES)
    furnisher = Furnisher(rnd, assets, store, room, walls)
    area = room.size[0] * room.size[1]
    furnisher.desks(rnd.choice((1, 1, 2, 3)) + (room.theme == "Office") * rnd.randint(1, 2))
    furnisher.along_walls(rnd.randint(3, 5) + int(area / 5))
    furnisher.in_the_middle(rnd.randint(6, 14) + int(area / 3))
    furnisher.on_walls(rnd.randint(3, 12))
    room.lights = choose_lights(rnd, room)
    return room
