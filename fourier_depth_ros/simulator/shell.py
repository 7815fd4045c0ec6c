"""The empty room: floor, walls with doors and windows, ceiling, skirting, what is outdoors."""

from __future__ import annotations

import colorsys
import math
import random
import re
from collections.abc import Sequence

import numpy as np

from fourier_depth_ros.simulator.assets import Assets, Item
from fourier_depth_ros.simulator.meshes import Material, linear
from fourier_depth_ros.simulator.models import ModelStore
from fourier_depth_ros.simulator.scene import (
    Box,
    Lights,
    Placement,
    Room,
    Surface,
    Vector,
    Window,
    box_surfaces,
    overlap,
    vector,
)
from fourier_depth_ros.simulator.textures import PATTERN, readable

ODD_SHAPES = re.compile(r"round|arch|triang|shutter|blind|half|hatch", re.I)
Opening = tuple[float, float, float, float]  # a0, b0, a1, b1 along a wall and up [m]


def colour(
    rnd: random.Random, value: tuple[float, float], saturation: float
) -> tuple[float, float, float]:
    """A random albedo, linear RGB; most surfaces indoors are hardly coloured."""
    return linear(
        colorsys.hsv_to_rgb(
            rnd.random(), rnd.uniform(0, saturation) * rnd.random(), rnd.uniform(*value)
        )
    )


def textured(
    rnd: random.Random, files: Sequence[str], value: tuple[float, float], gloss: float
) -> Material:
    """One of ``files``, slightly tinted; plain colour where there are none."""
    usable = [file for file in files if readable(file)]
    tint = colour(rnd, value, 0.35)
    return Material(tint, rnd.choice(usable) if usable else None, gloss=gloss)


class Wall:
    """One side of the room: its own coordinates, and what has been cut out of it.

    Convention: a runs along the wall, to the right as seen from inside; b up from the floor [m].
    """

    def __init__(self, origin: Vector, along: Vector, height: float) -> None:
        self.origin, self.along, self.height = np.array(origin), np.array(along), height
        self.length = float(np.linalg.norm(self.along))
        self.direction = self.along / self.length
        self.inward = np.cross(self.direction, (0.0, 0.0, 1.0))
        self.yaw = math.atan2(self.inward[0], -self.inward[1])  # of furniture facing the room
        self.openings: list[Opening] = []

    def at(self, a: float, out: float, b: float) -> Vector:
        """The world point ``a`` along, ``out`` into the room and ``b`` up."""
        return vector(self.origin + a * self.direction + out * self.inward + (0.0, 0.0, b))

    def box(self, a0: float, a1: float, out: tuple[float, float], b: tuple[float, float]) -> Box:
        """The world box over [a0, a1] along, ``out`` into the room, ``b`` up."""
        ends = np.array([self.at(a0, out[0], b[0]), self.at(a1, out[1], b[1])])
        low, high = ends.min(0), ends.max(0)
        return (*vector(low), *vector(high))

    def rectangle(
        self, part: Opening, out: float, material: Material, repeat: float | None = None
    ) -> Surface:
        """A rectangle parallel to the wall, facing the room."""
        a0, b0, a1, b1 = part
        along = vector((a1 - a0) * self.direction)
        return Surface(self.at(a0, out, b0), along, (0, 0, b1 - b0), material, repeat)

    def patches(self) -> tuple[Opening, ...]:
        """The wall less its openings (which stand apart from each other)."""
        parts, a = [], 0.0
        for a0, b0, a1, b1 in sorted(self.openings):
            parts += [(a, 0.0, a0, self.height), (a0, 0.0, a1, b0), (a0, b1, a1, self.height)]
            a = a1
        parts.append((a, 0.0, self.length, self.height))
        return tuple(p for p in parts if p[2] - p[0] > 1e-3 and p[3] - p[1] > 1e-3)


def walls_of(size: Vector) -> list[Wall]:
    """The four walls of a room whose inside is [0, X] x [0, Y] x [0, Z]."""
    x, y, z = size
    return [
        Wall((x, 0, 0), (-x, 0, 0), z),
        Wall((x, y, 0), (0, -y, 0), z),
        Wall((0, y, 0), (x, 0, 0), z),
        Wall((0, 0, 0), (0, y, 0), z),
    ]


def build_shell(rnd: random.Random, assets: Assets, store: ModelStore) -> tuple[Room, list[Wall]]:
    """An empty room of random size and materials, with at least one window and one door."""
    size = (rnd.uniform(2.6, 7.2), rnd.uniform(2.4, 5.8), rnd.uniform(2.3, 3.0))
    x, y, z = size
    room = Room(size, Lights((x * rnd.uniform(0.35, 0.65), y * rnd.uniform(0.35, 0.65), z - 0.15)))
    walls = walls_of(size)
    paint = wall_paint(rnd, assets)
    if rnd.random() < 0.3:
        _corner(rnd, room, paint)
    trim = Material(colour(rnd, (0.75, 0.97), 0.2), gloss=0.2)
    for wall in rnd.sample(walls, rnd.choice((1, 1, 2))):
        for _ in range(rnd.choice((1, 1, 2))):
            _window(rnd, assets, store, room, wall, trim)
    for wall in rnd.sample(walls, rnd.choice((1, 1, 2))):
        _door(rnd, assets, store, room, wall, trim)
    _floor_and_ceiling(rnd, assets, room)
    skirting = rnd.choice((0.0, 0.06, 0.09))
    for wall in walls:
        own, repeat = paint if rnd.random() < 0.8 else wall_paint(rnd, assets)
        room.surfaces.append(
            Surface(
                wall.at(0, 0, 0),
                vector(wall.along),
                (0, 0, z),
                own,
                repeat,
                wall.patches(),
                spacing=0.14,
            )
        )
        if skirting:
            skirt(room, wall, trim, skirting)
    return room, walls


def wall_paint(rnd: random.Random, assets: Assets) -> tuple[Material, float]:
    """A wall's material, and how often its texture repeats a metre."""
    kind = rnd.random()
    if kind < 0.45:
        return Material(colour(rnd, (0.45, 0.98), 0.6)), 1.0
    if kind < 0.6:
        pattern = (
            f"{PATTERN}{rnd.choice(('stripes', 'noise', 'dots', 'weave'))}:{rnd.randrange(10**6)}"
        )
        return Material(colour(rnd, (0.75, 1.0), 0.2), pattern), rnd.uniform(0.6, 2.0)
    return textured(rnd, assets.walls, (0.7, 1.0), 0.03), rnd.uniform(0.3, 0.9)


def _floor_and_ceiling(rnd: random.Random, assets: Assets, room: Room) -> None:
    x, y, z = room.size
    gloss = rnd.choice((0.05, 0.2, 0.5))
    floor = textured(rnd, assets.floors, (0.65, 1.0), gloss)
    if rnd.random() < 0.15:  # fitted carpet
        pattern = f"{PATTERN}weave:{rnd.randrange(10**6)}"
        floor = Material(colour(rnd, (0.6, 1.0), 0.3), pattern)
    repeat = rnd.uniform(0.45, 1.2)
    room.surfaces.append(Surface((0, 0, 0), (x, 0, 0), (0, y, 0), floor, repeat, spacing=0.1))
    white = Material(colour(rnd, (0.85, 0.97), 0.1))
    if rnd.random() < 0.25:
        white = textured(rnd, assets.ceilings, (0.85, 1.0), 0.0)
    room.surfaces.append(Surface((0, y, z), (x, 0, 0), (0, -y, 0), white, 1.0, spacing=0.2))
    lamp_x, lamp_y, _ = room.lights.lamp
    half = rnd.uniform(0.1, 0.35)
    panel = (
        lamp_x - half,
        lamp_y - half / 2,
        z - 0.06,
        lamp_x + half,
        lamp_y + half / 2,
        z - 0.001,
    )
    shine = Material((0.9, 0.9, 0.88), emission=1.0)
    room.surfaces += box_surfaces(panel, shine, None, bottom=True)
    for _ in range(rnd.choice((0, 1, 1, 2))):
        _carpet(rnd, room)


def _carpet(rnd: random.Random, room: Room) -> None:
    x, y, _ = room.size
    width, depth = rnd.uniform(0.6, 2.6), rnd.uniform(0.5, 1.8)
    if width > x - 0.3 or depth > y - 0.3:
        return
    left, front = rnd.uniform(0.1, x - width - 0.1), rnd.uniform(0.1, y - depth - 0.1)
    kind = rnd.choice(("stripes", "squares", "noise", "weave", "dots", "shapes"))
    material = Material((0.85, 0.85, 0.85), f"{PATTERN}{kind}:{rnd.randrange(10**6)}")
    top = rnd.uniform(0.008, 0.02)
    room.surfaces += box_surfaces(
        (left, front, 0.0, left + width, front + depth, top), material, None
    )


def _corner(rnd: random.Random, room: Room, paint: tuple[Material, float]) -> None:
    """A block from floor to ceiling in a corner: an L-shaped room, a chimney."""
    x, y, z = room.size
    width, depth = rnd.uniform(0.3, 0.4 * x), rnd.uniform(0.3, 0.4 * y)
    left, front = rnd.choice((0.0, x - width)), rnd.choice((0.0, y - depth))
    box = (left, front, 0.0, left + width, front + depth, z)
    room.surfaces += box_surfaces(box, *paint)[:4]
    room.solids.append(box)


def cut_opening(
    rnd: random.Random, room: Room, wall: Wall, width: float, low: float, high: float
) -> Opening | None:
    """Cut an opening into ``wall`` where nothing stands before it and no other one is near."""
    if wall.length < width + 0.4:
        return None
    for _ in range(20):
        a = rnd.uniform(0.15, wall.length - width - 0.15)
        before = wall.box(a, a + width, (0.0, 0.7), (low, high))
        near = any(a < other[2] + 0.15 and other[0] < a + width + 0.15 for other in wall.openings)
        if not near and not any(overlap(before, solid, 0.05) for solid in room.solids):
            wall.openings.append((a, low, a + width, high))
            return wall.openings[-1]
    return None


def reveal(room: Room, wall: Wall, opening: Opening, depth: float, material: Material) -> None:
    """The inside of an opening: what is seen of the wall's thickness."""
    a0, b0, a1, b1 = opening
    out = vector(-depth * wall.inward)
    into = vector(depth * wall.inward)
    along = vector((a1 - a0) * wall.direction)
    up = (0.0, 0.0, b1 - b0)
    room.surfaces += [
        Surface(wall.at(a0, 0, b0), out, up, material),
        Surface(wall.at(a1, -depth, b0), into, up, material),
        Surface(wall.at(a0, 0, b0), along, out, material),
        Surface(wall.at(a0, -depth, b1), along, into, material),
    ]


def _window(
    rnd: random.Random, assets: Assets, store: ModelStore, room: Room, wall: Wall, trim: Material
) -> None:
    kinds = [
        item
        for item in assets.items
        if item.opening and "indow" in item.name and not ODD_SHAPES.search(item.name)
    ]
    item = rnd.choice(kinds) if kinds and rnd.random() < 0.85 else None
    model = store.get(item) if item else None
    width, height = rnd.uniform(0.8, 2.4), rnd.uniform(0.9, 1.5)
    sill = rnd.uniform(0.6, 1.0)
    stretch = (1.0, 1.0, 1.0)
    if item and model:
        stretch = (rnd.uniform(0.9, 1.4), 1.0, rnd.uniform(0.9, 1.1))
        width, height = item.size[0] * stretch[0], item.size[2] * stretch[2]
        sill = min(item.elevation or sill, room.size[2] - height - 0.1)
    if sill < 0.02 or sill + height > room.size[2] - 0.05:
        return
    opening = cut_opening(rnd, room, wall, width, sill, sill + height)
    if opening is None:
        return
    open_outdoors(rnd, assets, room, wall, opening, trim)
    if item and model:
        a0, b0, a1, _ = opening
        set_in(room, wall, item, store, (a0 + a1) / 2, b0, stretch)


def open_outdoors(
    rnd: random.Random, assets: Assets, room: Room, wall: Wall, opening: Opening, trim: Material
) -> None:
    """Light and a view outdoors through an opening."""
    reveal(room, wall, opening, 0.25, trim)
    a0, b0, a1, b1 = opening
    middle = (a0 + a1) / 2
    along = vector((a1 - a0) * wall.direction)
    room.windows.append(
        Window(
            wall.at(middle, 0.0, (b0 + b1) / 2),
            vector(wall.inward),
            along,
            (0.0, 0.0, b1 - b0),
        )
    )
    skies = [file for file in assets.skies if readable(file)]
    view = f"outdoors:{rnd.choice(skies)}:{rnd.randrange(10**6)}" if skies else None
    backdrop = (middle - 7.0, -4.0, middle + 7.0, 8.0)
    sky = Material((1.0, 1.0, 1.0), view, emission=1.0, sky=True)
    room.surfaces.append(wall.rectangle(backdrop, -3.0, sky))


def set_in(
    room: Room,
    wall: Wall,
    item: Item,
    store: ModelStore,
    a: float,
    b: float,
    stretch: tuple[float, float, float],
) -> None:
    """Stand a door or window in its opening, as deep in the wall as its catalogue says."""
    model = store.get(item)
    if model is not None and all(m.texture is None or readable(m.texture) for m in model.palette):
        position = wall.at(a, item.size[1] / 2 - item.inside, b)
        room.placements.append(Placement(item.name, model, position, wall.yaw, stretch=stretch))
        if item.size[1] - item.inside > 0.1:  # an open door
            room.solids.append(room.placements[-1].box)


def _door(
    rnd: random.Random, assets: Assets, store: ModelStore, room: Room, wall: Wall, trim: Material
) -> None:
    kinds = [
        item
        for item in assets.items
        if item.opening and "oor" in item.name and not ODD_SHAPES.search(item.name)
    ]
    kinds = [item for item in kinds if item.elevation < 0.1 and item.size[2] < room.size[2] - 0.1]
    item = rnd.choice(kinds) if kinds else None
    width, _, height = item.size if item else (0.9, 0.1, 2.05)
    opening = cut_opening(rnd, room, wall, width, 0.0, height)
    if opening is None:
        return
    reveal(room, wall, opening, 0.14, trim)
    a0, _, a1, b1 = opening
    beyond = Material(colour(rnd, (0.5, 0.95), 0.3))
    left, right, far = a0 - rnd.uniform(0.1, 0.8), a1 + rnd.uniform(0.1, 0.8), rnd.uniform(0.9, 3.0)
    corridor = wall.rectangle((left, 0.0, right, b1 + 0.3), -far, beyond)
    inward = vector((far - 0.14) * wall.inward)
    outward = vector((0.14 - far) * wall.inward)
    along, up = corridor.along, corridor.up
    room.surfaces += [
        corridor,
        Surface(wall.at(left, -0.14, 0), outward, up, beyond),
        Surface(wall.at(right, -far, 0), inward, up, beyond),
        Surface(wall.at(left, -0.14, 0), along, outward, beyond.tinted((0.6, 0.55, 0.5))),
        Surface(wall.at(left, -far, b1 + 0.3), along, inward, beyond),
    ]
    room.solids.append(wall.box(a0, a1, (0.0, 0.35), (0.0, height)))
    if item:
        set_in(room, wall, item, store, (a0 + a1) / 2, 0.0, (1.0, 1.0, 1.0))


def skirt(room: Room, wall: Wall, trim: Material, height: float) -> None:
    """A skirting board along the wall, but for its doors."""
    a = 0.0
    ends = [(o[0], o[2]) for o in sorted(wall.openings) if o[1] < height]
    for start, end in [*ends, (wall.length, wall.length)]:
        if start - a > 0.02:
            box = wall.box(a, start, (0.0, 0.014), (0.0, height))
            front = wall.rectangle((a, 0.0, start, height), 0.014, trim)
            top = box_surfaces(box, trim, None)[4]
            room.surfaces += [front, top]
        a = end
