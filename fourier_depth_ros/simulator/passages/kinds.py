"""Places that are passed through: corridors, halls, doorways into the next room, stairs.

Convention: corridors run along x; the same seed and assets give the same place.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable
from dataclasses import replace

from fourier_depth_ros.simulator.assets import Assets
from fourier_depth_ros.simulator.lighting import choose_lights
from fourier_depth_ros.simulator.models import ModelStore
from fourier_depth_ros.simulator.passages import fittings
from fourier_depth_ros.simulator.passages.cells import (
    EAST,
    NORTH,
    SOUTH,
    STYLES,
    THICKNESS,
    WEST,
    Cell,
    choose_finish,
    join,
    place_together,
)
from fourier_depth_ros.simulator.passages.stairs import build_stairs
from fourier_depth_ros.simulator.rooms import TABLE, THEMES, Furnisher
from fourier_depth_ros.simulator.scene import Box, Outlook, Room, Vector

#: What stands in corridors and halls.
ALONG = re.compile(
    r"chair|bench|cabinet|plant|ficus|palm|\bbox|shel|bookcase|locker|dustbin|trash|console|"
    r"drawer|coat|umbrella|ladder|vacuum|bucket|broom|copier|printer|fountain|cupboard|stool|mug",
    re.I,
)
ROBOT, PERSON = (0.14, 0.6), (1.0, 1.7)  # heights of the camera above the floor [m]


def is_passage(seed: int, share: float) -> bool:
    """Whether a seed's room is one of these; the seeds of a smaller share are among a larger's."""
    return random.Random(f"passage {seed}").random() < share


def build_passage(seed: int, assets: Assets, store: ModelStore) -> Room:
    """The corridor, hall, doorway or stairs of a seed, furnished and lit."""
    rnd = random.Random(f"passage {seed} itself")
    kinds: list[Callable[[random.Random, Assets, ModelStore], Room]]
    kinds = [corridor, hall, doorway, build_stairs]
    room = rnd.choices(kinds, (0.36, 0.18, 0.2, 0.26))[0](rnd, assets, store)
    return light(rnd, room)


def light(rnd: random.Random, room: Room) -> Room:
    """Choose the lights: panels shine as the sky of the windows does, the lamp only adds a little.

    A place with windows may have its panels off, by day.
    """
    panels = [window for window in room.windows if window.inward[2] < 0]
    room.windows = [window for window in room.windows if window.inward[2] >= 0]
    lights = choose_lights(rnd, room)
    weak = rnd.uniform(0.15, 0.6) / max(lights.lamp_intensity)
    on = not room.windows or max(lights.sky) < 0.5 or rnd.random() < 0.8
    if not on:
        weak *= 0.1
    sky = lights.sky
    if on and max(sky) < 1.5:
        warm = rnd.uniform(0.6, 1.0)
        sky = (3.0, 3.0 * (0.8 + 0.2 * warm), 3.0 * warm)
    r, g, b = (weak * value for value in lights.lamp_intensity)
    room.windows += panels if on else []
    room.lights = replace(lights, lamp_intensity=(r, g, b), sky=sky)
    return room


def corridor(rnd: random.Random, assets: Assets, store: ModelStore) -> Room:
    """A corridor with doors on both sides, some of them open to a furnished room."""
    finish = choose_finish(rnd, assets, rnd.choice(STYLES))
    home = finish.style == "home"
    size = (
        rnd.uniform(4.0, 8.0) if home else rnd.uniform(6.0, 16.0),
        rnd.uniform(1.2, 1.8) if home else rnd.uniform(1.4, 3.0),
        rnd.uniform(2.3, 3.2),
    )
    cell = Cell(size, finish)
    others = []
    for side in (SOUTH, NORTH):
        others += _doors(rnd, assets, store, cell, side)
    for side in (EAST, WEST):
        _end(rnd, assets, cell, side)
    cell.lay()
    _fit_out(rnd, cell)
    cell.panels(rnd, 1, rnd.uniform(1.8, 3.2) if not home else 3.0)
    _furnish(rnd, assets, store, cell, int(size[0] * rnd.uniform(0.1, 0.9)))
    _look_along(cell.room)
    theme = f"{finish.style} corridor"
    return place_together([(cell.room, (0.0, 0.0, 0.0)), *others], theme)


def _doors(
    rnd: random.Random, assets: Assets, store: ModelStore, cell: Cell, side: int
) -> list[tuple[Room, Vector]]:
    """Doors along one side of a corridor; the rooms behind the open ones, and where they are."""
    wall = cell.walls[side]
    others: list[tuple[Room, Vector]] = []
    height = min(rnd.uniform(1.98, 2.15), cell.room.size[2] - 0.15)
    pitch, deep = rnd.uniform(1.8, 4.0), rnd.uniform(1.0, 4.5)
    a, clear = rnd.uniform(0.3, 1.5), 0.0  # clear: where no other room is any more
    while True:
        width = rnd.choice((0.75, 0.85, 0.95, 1.0, 1.6))
        if a + width > wall.length - 0.3:
            return others
        opening = (a, 0.0, a + width, height)
        left, right = rnd.uniform(0.3, 1.5), rnd.uniform(0.3, 1.5)
        if rnd.random() < 0.5 and a - left > clear:
            other = Cell((left + width + right, deep, cell.room.size[2]), cell.finish)
            # the wall that faces this one runs the other way
            offset = join(cell, side, opening, other, right)
            fittings.open_leaf(rnd, cell, wall, opening)
            other.lay()
            other.panels(rnd, 1, 3.0)
            _furnish_as_room(rnd, assets, store, other)
            others.append((other.room, offset))
            clear = a + width + right + THICKNESS
            a = max(a, clear - 0.3)
        elif a > clear - 0.5:
            fittings.closed_door(rnd, cell, wall, opening)
        a += width + pitch * rnd.uniform(0.5, 1.3)


def _end(rnd: random.Random, assets: Assets, cell: Cell, side: int) -> None:
    """A corridor's end: a wall, a window, a glass door, or a door."""
    wall, z, kind = cell.walls[side], cell.room.size[2], rnd.random()
    middle = wall.length / 2
    if kind < 0.3:
        half, low = min(rnd.uniform(0.35, 0.8), middle - 0.2), rnd.choice((0.03, 0.8, 0.9))
        opening = (middle - half, low, middle + half, min(rnd.uniform(2.0, 2.3), z - 0.15))
        fittings.window(rnd, assets, cell, wall, opening)
    elif kind < 0.75:
        half = 0.75 if wall.length > 1.9 and rnd.random() < 0.5 else 0.43
        opening = (middle - half, 0.0, middle + half, min(2.1, z - 0.15))
        fittings.closed_door(rnd, cell, wall, opening)


def _fit_out(rnd: random.Random, cell: Cell) -> None:
    """What is fixed to the walls of a corridor or hall."""
    office = cell.finish.style != "home"
    if cell.finish.style == "hospital" and rnd.random() < 0.7:
        for wall in (cell.walls[SOUTH], cell.walls[NORTH]):
            fittings.wall_rail(cell, wall)
    fixed = [fittings.radiator] * rnd.randint(0, 3)
    if office:
        fixed += [fittings.extinguisher] * rnd.randint(0, 2)
        fixed += [fittings.notice_board] * rnd.randint(0, 5)
        if cell.room.size[2] > 2.5 and rnd.random() < 0.5:
            fittings.exit_sign(rnd, cell, cell.room.size[0] * rnd.uniform(0.2, 0.8))
    for fix in fixed:
        fix(rnd, cell, cell.walls[rnd.choice((SOUTH, NORTH))])


def _furnish(
    rnd: random.Random, assets: Assets, store: ModelStore, cell: Cell, count: int
) -> Furnisher:
    """A few things along the walls that leave room to pass, and pictures; who can put more."""
    furnisher = Furnisher(rnd, assets, store, cell.room, cell.walls)
    deep = min(0.7, cell.room.size[1] - 0.85)
    furnisher.large = [
        item
        for item in (*furnisher.large, *furnisher.medium)
        if ALONG.search(item.name) and item.size[1] < deep and item.size[2] < 2.2
    ]
    furnisher.along_walls(count)
    if cell.finish.style == "home":
        furnisher.on_walls(rnd.randint(1, 5))
    return furnisher


def _furnish_as_room(rnd: random.Random, assets: Assets, store: ModelStore, cell: Cell) -> None:
    """Furniture as in any other room."""
    x, y, _ = cell.room.size
    cell.room.theme = rnd.choice(THEMES) if cell.finish.style == "home" else "Office"
    furnisher = Furnisher(rnd, assets, store, cell.room, cell.walls)
    furnisher.along_walls(1 + int(x * y / 4))
    furnisher.in_the_middle(1 + int(x * y / 3))
    furnisher.on_walls(rnd.randint(0, 4))


def _look_along(room: Room) -> None:
    """Views down a corridor both ways, and of its walls and floor before a robot."""
    x, y, _ = room.size
    for low, high in (ROBOT, PERSON) * 4:
        side = (0.3 * y, 0.7 * y)
        for begin, end in (((0.3, 0.5 * x), (x - 1.0, x)), ((0.5 * x, x - 0.3), (0.0, 1.0))):
            eye = (begin[0], 0.25, low, begin[1], y - 0.25, high)
            room.outlooks.append(Outlook(eye, (end[0], side[0], 0.3, end[1], side[1], 1.3)))
    slant = 0.9
    for middle in (0.3 * x, 0.7 * x):
        eye = (middle - slant, 0.25, ROBOT[0], middle + slant, y - 0.25, PERSON[1])
        for aim in (0.0, y):
            target = (middle - slant, aim, 0.0, middle + slant, aim, 1.4)
            room.outlooks.append(Outlook(eye, target, close=True))
        floor = (middle - slant, 0.2, 0.0, middle + slant, y - 0.2, 0.1)
        room.outlooks.append(Outlook((*eye[:5], 1.0), floor, close=True))


def hall(rnd: random.Random, assets: Assets, store: ModelStore) -> Room:
    """A large, high room with pillars, and tables in rows or little at all."""
    finish = choose_finish(
        rnd, assets, rnd.choice(("industrial", "industrial", "office", "hospital"))
    )
    size = (rnd.uniform(6.0, 15.0), rnd.uniform(6.0, 12.0), rnd.uniform(3.0, 5.0))
    x, y, _ = size
    cell = Cell(size, finish)
    for side in rnd.sample(range(4), 2):
        _windows(rnd, assets, cell, side)
    for side in range(4):
        wall, width = cell.walls[side], rnd.choice((0.95, 1.8, 2.4))
        a = cell.spot(rnd, wall, width, 0.0, 2.2, 0.5)
        if a is not None and rnd.random() < 0.7:
            fittings.closed_door(rnd, cell, wall, (a, 0.0, a + width, rnd.uniform(2.05, 2.4)))
    cell.lay(spacing=0.25)
    _fit_out(rnd, cell)
    if rnd.random() < 0.7:
        thick = rnd.uniform(0.25, 0.6)
        for k in range(rnd.randint(2, 3)):
            for row in (0.3, 0.7):
                fittings.column(rnd, cell, x * (k + 0.6) / 3.2, y * row, thick)
    cell.panels(rnd, rnd.randint(2, 3), rnd.uniform(2.0, 3.5))
    furnisher = _furnish(rnd, assets, store, cell, rnd.randint(3, 12))
    if rnd.random() < 0.7:
        _rows_of_tables(rnd, furnisher)
    furnisher.in_the_middle(rnd.randint(0, 5))
    inner = (0.4, 0.4, x - 0.4, y - 0.4)
    for low, high in (ROBOT, PERSON, PERSON):
        eye = (inner[0], inner[1], low, inner[2], inner[3], high)
        for aim in ((0.0, 0.0, 0.2, x, 0.1, 1.6), (0.0, y - 0.1, 0.2, x, y, 1.6)):
            cell.room.outlooks.append(Outlook(eye, aim))
    return place_together([(cell.room, (0.0, 0.0, 0.0))], f"{finish.style} hall")


def _windows(rnd: random.Random, assets: Assets, cell: Cell, side: int) -> None:
    """A row of equal windows in one wall."""
    wall, z = cell.walls[side], cell.room.size[2]
    width, low = rnd.uniform(1.0, 2.2), rnd.choice((0.9, 1.0, 1.8))
    high, a = min(low + rnd.uniform(1.0, 2.0), z - 0.3), rnd.uniform(0.4, 1.5)
    gap = rnd.uniform(0.4, 1.5)
    count = min(int((wall.length - a - 0.3) / (width + gap)), 4)
    for k in range(count):
        left = a + k * (width + gap)
        fittings.window(rnd, assets, cell, wall, (left, low, left + width, high))


def _rows_of_tables(rnd: random.Random, furnisher: Furnisher) -> None:
    """Equal tables in rows, with chairs."""
    tables = [
        item
        for item in furnisher.medium
        if TABLE.search(item.name) and 0.6 < item.size[2] < 0.95 and max(item.size) > 0.9
    ]
    if not tables:
        return
    item = rnd.choice(tables)
    x, y, _ = furnisher.room.size
    across, along = item.size[0] + rnd.uniform(0.6, 1.6), item.size[1] + rnd.uniform(1.2, 2.0)
    if furnisher.chairs:
        furnisher.chairs = [rnd.choice(furnisher.chairs)]
    for row in range(min(int((y - 2.4) / along), 4)):
        for k in range(min(int((x - 2.4) / across), 5)):
            spot = (1.4 + item.size[0] / 2 + k * across, 1.4 + item.size[1] / 2 + row * along, 0.0)
            placed = furnisher.put(item, spot, math.pi * (rnd.random() < 0.5))
            if placed:
                furnisher.cover(placed)
                if furnisher.chairs and rnd.random() < 0.7:
                    furnisher.chairs_at(placed)


def doorway(rnd: random.Random, assets: Assets, store: ModelStore) -> Room:
    """A furnished room, and through its doorway a second one, or a corridor."""
    style = rnd.choice(("home", "home", "office", "hospital"))
    first = choose_finish(rnd, assets, style)
    second = choose_finish(rnd, assets, style) if style == "home" else first
    height = rnd.uniform(2.3, 3.0)
    near = Cell((rnd.uniform(2.5, 5.0), rnd.uniform(2.4, 4.5), height), first)
    far = Cell((rnd.uniform(2.0, 8.0), rnd.uniform(1.3, 4.5), height), second)
    width = min(rnd.uniform(0.75, 1.8), near.room.size[1] - 0.6, far.room.size[1] - 0.6)
    a = rnd.uniform(0.3, near.room.size[1] - width - 0.3)
    opening = (a, 0.0, a + width, rnd.uniform(1.98, 2.15))
    start = rnd.uniform(0.3, far.room.size[1] - width - 0.3)
    offset = join(near, EAST, opening, far, start)
    fittings.open_leaf(rnd, near, near.walls[EAST], opening)
    _one_window(rnd, assets, near, WEST)
    _one_window(rnd, assets, far, EAST)
    for cell in (near, far):
        cell.lay(spacing=0.14)
        cell.panels(rnd, 1, 3.5)
        room = cell.room
        # the way through stays free
        walk = _before(near, opening) if cell is near else _beyond(far, start, width)
        room.solids.append(walk)
        _furnish_as_room(rnd, assets, store, cell)
        room.solids.remove(walk)
    _look_through(near.room, near.walls[EAST].box(a, a + width, (-0.3, 0.0), (0.3, 1.1)))
    return place_together([(near.room, (0.0, 0.0, 0.0)), (far.room, offset)], f"{style} doorway")


def _one_window(rnd: random.Random, assets: Assets, cell: Cell, side: int) -> None:
    wall = cell.walls[side]
    half = min(rnd.uniform(0.4, 1.0), wall.length / 2 - 0.25)
    opening = (wall.length / 2 - half, 0.9, wall.length / 2 + half, rnd.uniform(1.9, 2.15))
    fittings.window(rnd, assets, cell, wall, opening)


def _before(cell: Cell, opening: tuple[float, float, float, float]) -> Box:
    return cell.walls[EAST].box(opening[0], opening[2], (0.0, 0.9), (0.0, 1.9))


def _beyond(cell: Cell, start: float, width: float) -> Box:
    return cell.walls[WEST].box(start, start + width, (0.0, 0.9), (0.0, 1.9))


def _look_through(room: Room, door: Box) -> None:
    """From a room's inside through the doorway, and past it."""
    x, y, _ = room.size
    for low, high in (ROBOT, PERSON):
        eye = (0.2, 0.2, low, max(x - 0.8, 0.4), y - 0.2, high)
        before = (max(x - 2.0, 0.2), door[1], low, x - 0.2, door[4], high)
        room.outlooks += [Outlook(eye, door), Outlook(eye, door), Outlook(before, door)]
    room.outlooks.append(
        Outlook((0.2, 0.2, 0.3, x - 0.3, y - 0.2, 1.7), (0.0, 0.0, 0.2, x, y, 1.4))
    )
