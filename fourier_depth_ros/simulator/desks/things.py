"""Small things that lie and stand on desks, in their true sizes.

Convention: as models: metres, z up; paper's upper edge and what is printed point to +y.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import numpy as np

from fourier_depth_ros.simulator.desks.screens import (
    case,
    keyboard,
    laptop,
    monitor,
    phone,
    printed,
    tablet,
)
from fourier_depth_ros.simulator.desks.solids import box, centred, joined, moved, tube, turned
from fourier_depth_ros.simulator.meshes import Material, Mesh, linear
from fourier_depth_ros.simulator.models import Model, make_model
from fourier_depth_ros.simulator.shell import colour

PAPER = Material((0.86, 0.86, 0.84))
STEEL = Material((0.5, 0.5, 0.52), gloss=0.8)


def _plain(rnd: random.Random, gloss: float = 0.2, saturation: float = 0.9) -> Material:
    return Material(colour(rnd, (0.1, 0.98), saturation), gloss=gloss)


def sheet(rnd: random.Random) -> Mesh:
    """A4, letter or A5 paper, printed; or a marker's sheet."""
    width, depth = rnd.choice(((0.21, 0.297), (0.21, 0.297), (0.216, 0.279), (0.148, 0.21)))
    kind = rnd.choice(("page", "page", "page", "note"))
    return box((width, depth, 0.0006), (0, 0, 0), PAPER, {"top": printed(rnd, kind)})


def stack(rnd: random.Random) -> Mesh:
    """0.4 to 3 cm of A4 sheets, not quite in line."""
    parts, z = [], 0.0
    for _ in range(rnd.randint(2, 5)):
        thick = rnd.uniform(0.002, 0.006)
        block = box((0.21, 0.297, thick), (0, 0, 0), PAPER, {"top": printed(rnd, "page")})
        offset = (rnd.gauss(0, 0.004), rnd.gauss(0, 0.004), z)
        parts.append(moved(block, offset, yaw=rnd.gauss(0, 0.03)))
        z += thick
    return centred(joined(parts))


def marker(rnd: random.Random) -> Mesh:
    """An AprilTag or a checkerboard on paper or board, 6 to 21 cm."""
    side = rnd.choice((0.06, 0.1, 0.15, 0.2, 0.21))
    thick = rnd.choice((0.0006, 0.003, 0.005))
    return box((side, side, thick), (0, 0, 0), PAPER, {"top": printed(rnd, "tag")})


def book(rnd: random.Random) -> Mesh:
    """Lying; 11 x 18 to 22 x 30 cm, 0.8 to 4.5 cm thick, a printed cover around pages."""
    width = rnd.uniform(0.11, 0.22)
    depth, thick = width * rnd.uniform(1.3, 1.6), rnd.uniform(0.008, 0.045)
    cover = printed(rnd, "cover", gloss=rnd.choice((0.05, 0.4)))
    plain = _plain(rnd)
    board = 0.002
    pages = box((width - 0.002, depth - 0.003, thick - 2 * board), (0, 0, board), PAPER)
    return centred(
        joined(
            [
                box((width, depth, board), (0, 0, 0), plain),
                pages,
                box((width, depth, board), (0, 0, thick - board), plain, {"top": cover}),
                box((board, depth, thick), (-width / 2, 0, 0), plain),
            ]
        )
    )


def standing_books(rnd: random.Random) -> Mesh:
    """Three to eight books side by side, their backs to the front."""
    parts, x = [], 0.0
    for _ in range(rnd.randint(3, 8)):
        thick, height = rnd.uniform(0.012, 0.045), rnd.uniform(0.18, 0.3)
        size = (thick, height * rnd.uniform(0.65, 0.75), height)
        back = printed(rnd, "label") if rnd.random() < 0.5 else _plain(rnd)
        parts.append(
            box(size, (x + thick / 2, size[1] / 2, 0), _plain(rnd), {"front": back, "top": PAPER})
        )
        x += thick + 0.001
    return centred(joined(parts))


def notebook(rnd: random.Random) -> Mesh:
    """A5 to A4, closed, or open with writing on it."""
    width, depth = rnd.choice(((0.148, 0.21), (0.176, 0.25), (0.21, 0.297)))
    thick = rnd.uniform(0.006, 0.018)
    if rnd.random() < 0.5:
        return box((width, depth, thick), (0, 0, 0), _plain(rnd))
    halves = [
        box(
            (width, depth, thick / 2),
            (side * width / 2, 0, 0),
            PAPER,
            {"top": printed(rnd, "note")},
        )
        for side in (-1, 1)
    ]
    return joined(halves)


def note(rnd: random.Random) -> Mesh:
    """A pad of sticky notes, 76 or 51 mm, 1 to 15 mm high."""
    side = rnd.choice((0.076, 0.051))
    tone = Material(
        linear(rnd.choice(((1, 0.95, 0.4), (1, 0.6, 0.75), (0.6, 0.95, 0.6), (0.5, 0.8, 1))))
    )
    return box((side, side, rnd.choice((0.001, 0.004, 0.015))), (0, 0, 0), tone)


def pen(rnd: random.Random) -> Mesh:
    """A pen or pencil of 13 to 18 cm, 7 to 11 mm thick, lying along x."""
    length, radius = rnd.uniform(0.13, 0.18), rnd.uniform(0.0035, 0.0055)
    body, tip = _plain(rnd, 0.4), _plain(rnd, 0.4)
    x = np.array([0, 0.72, 0.74, 0.93, 0.95, 1.0]) * length
    path = np.stack([x, 0 * x, 0 * x], 1)
    rod = tube(path[:3], radius, body, 8)
    return centred(
        joined([rod, tube(path[2:5], radius * 0.95, tip, 8), tube(path[4:], 0.002, tip, 8)])
    )


def mouse(rnd: random.Random) -> Mesh:
    """10 to 12.5 cm long, 6 to 7 wide, 3 to 4 high."""
    length, width, height = (
        rnd.uniform(0.1, 0.125),
        rnd.uniform(0.058, 0.07),
        rnd.uniform(0.03, 0.042),
    )
    shell = case(rnd)
    angle = np.linspace(0, math.pi / 2, 7)
    dome = turned([(math.cos(a), math.sin(a)) for a in angle], shell, 20)
    scaled = Mesh(
        dome.corners * np.array([width / 2, length / 2, height], np.float32),
        dome.normals,
        dome.uvs,
        dome.materials,
        dome.palette,
    )
    wheel = box(
        (0.007, 0.022, 0.01), (0, length * 0.27, height * 0.84 - 0.008), Material((0.02,) * 3)
    )
    return centred(joined([scaled, wheel]))


def mouse_pad(rnd: random.Random) -> Mesh:
    """21 to 40 cm wide, 3 mm thick."""
    width = rnd.uniform(0.21, 0.4)
    plain = _plain(rnd, 0.0, 0.5) if rnd.random() < 0.4 else Material((0.03, 0.03, 0.03))
    top = printed(rnd, "cover", 0.0) if rnd.random() < 0.25 else plain
    return box((width, width * rnd.uniform(0.75, 0.9), 0.003), (0, 0, 0), plain, {"top": top})


def mug(rnd: random.Random) -> Mesh:
    """8 to 11 cm high, 7.5 to 9.5 across, with a handle; empty or with coffee."""
    radius, height = rnd.uniform(0.038, 0.047), rnd.uniform(0.08, 0.11)
    glaze = _plain(rnd, 0.5) if rnd.random() < 0.7 else printed(rnd, "label", 0.4)
    inside = rnd.choice((glaze, Material((0.8, 0.8, 0.78), gloss=0.4)))
    low = radius * rnd.uniform(0.75, 1.0)
    outer = turned([(0, 0), (low, 0), (radius, 0.3 * height), (radius, height)], glaze, 28)
    inner = turned(
        [(radius, height), (radius - 0.004, height), (radius - 0.004, 0.01), (0, 0.008)], inside, 28
    )
    angle = np.linspace(-1.35, 1.35, 11)
    path = np.stack(
        [radius * 0.95 + 0.028 * np.cos(angle), 0 * angle, height * (0.5 + 0.32 * np.sin(angle))], 1
    )
    parts = [outer, inner, tube(path, 0.0055, glaze, 8)]
    if rnd.random() < 0.4:
        level = height * rnd.uniform(0.4, 0.85)
        parts.append(
            turned(
                [(radius - 0.004, level), (0, level + 0.0005)],
                Material((0.03, 0.015, 0.008), gloss=0.7),
                28,
            )
        )
    return centred(joined(parts))


def bottle(rnd: random.Random) -> Mesh:
    """18 to 30 cm high, 6 to 8.5 across; plastic with a label, or metal."""
    r, h = rnd.uniform(0.03, 0.042), rnd.uniform(0.18, 0.3)
    body, cap = _plain(rnd, 0.6), _plain(rnd, 0.3)
    shoulder = rnd.uniform(0.6, 0.75)
    shape = [
        (0, 0),
        (r * 0.95, 0),
        (r, 0.01),
        (r, shoulder * h),
        (r * 0.5, 0.85 * h),
        (r * 0.4, 0.9 * h),
    ]
    label = turned([(r + 0.0004, 0.2 * h), (r + 0.0004, 0.5 * h)], printed(rnd, "label"), 24)
    top = turned([(r * 0.45, 0.9 * h), (r * 0.45, h), (0, h)], cap, 24)
    return joined([turned(shape, body, 24), label, top])


def can(rnd: random.Random) -> Mesh:
    """A 0.33 l drinks can, 66 mm by 115, or a food can, 74 by 110."""
    radius, height = rnd.choice(((0.033, 0.115), (0.028, 0.134), (0.037, 0.11)))
    side = turned([(radius, 0.006), (radius, height - 0.008)], printed(rnd, "label", 0.5), 28)
    low = turned([(0, 0), (radius * 0.8, 0), (radius, 0.006)], STEEL, 28)
    top = turned(
        [
            (radius, height - 0.008),
            (radius * 0.85, height),
            (radius * 0.82, height - 0.003),
            (0, height - 0.003),
        ],
        STEEL,
        28,
    )
    return joined([side, low, top])


def carton(rnd: random.Random) -> Mesh:
    """A printed or a brown box, 6 to 30 cm."""
    size = (rnd.uniform(0.06, 0.3), rnd.uniform(0.05, 0.2), rnd.uniform(0.03, 0.2))
    if rnd.random() < 0.35:
        brown = Material(linear((0.72, 0.55, 0.38)))
        return box(
            size, (0, 0, 0), brown, {"top": printed(rnd, "label")} if rnd.random() < 0.3 else None
        )
    large, small = printed(rnd, "cover", 0.15), printed(rnd, "label", 0.15)
    return box(size, (0, 0, 0), small, {"front": large, "back": large, "top": large})


def plate(rnd: random.Random) -> Mesh:
    """16 to 27 cm across, 2 cm high."""
    r = rnd.uniform(0.08, 0.135)
    glaze = _plain(rnd, 0.5, 0.4)
    return turned(
        [(0, 0), (0.6 * r, 0), (r, 0.02), (r, 0.023), (0.62 * r, 0.006), (0, 0.005)], glaze, 32
    )


def bowl(rnd: random.Random) -> Mesh:
    """12 to 24 cm across, 5 to 9 high, hollow."""
    r, h = rnd.uniform(0.06, 0.12), rnd.uniform(0.05, 0.09)
    angle = np.linspace(0, 1.35, 7)
    outside = [
        (
            r * (0.35 + 0.65 * math.sin(a) / math.sin(1.35)),
            h * (1 - math.cos(a)) / (1 - math.cos(1.35)),
        )
        for a in angle
    ]
    inside = [(max(x - 0.004, 0), max(z, 0.005)) for x, z in reversed(outside)]
    return turned([(0, 0), *outside, *inside, (0, 0.005)], _plain(rnd, 0.5, 0.7), 32)


def fruit(rnd: random.Random) -> Mesh:
    """An apple, orange or lemon of 5 to 9 cm."""
    radius = rnd.uniform(0.028, 0.043)
    skin = rnd.choice(((0.75, 0.1, 0.1), (0.95, 0.5, 0.08), (0.95, 0.85, 0.2), (0.45, 0.65, 0.15)))
    angle = np.linspace(-math.pi / 2, math.pi / 2, 11)
    ball = [(radius * math.cos(a), radius * (1 + 0.92 * math.sin(a))) for a in angle]
    return centred(turned(ball, Material(linear(skin), gloss=0.25), 20))


def cable(rnd: random.Random) -> Mesh:
    """0.3 to 0.7 m of cable, 3 to 6 mm thick, winding flat on the desk."""
    points, heading = [np.zeros(3)], rnd.uniform(-3, 3)
    bend, step = rnd.gauss(0, 0.3), 0.02
    for _ in range(rnd.randint(15, 35)):
        bend = 0.8 * bend + rnd.gauss(0, 0.15)
        heading += bend
        points.append(points[-1] + step * np.array([math.cos(heading), math.sin(heading), 0]))
    tone = rnd.choice(((0.03, 0.03, 0.03), (0.03, 0.03, 0.03), (0.8, 0.8, 0.8), (0.5, 0.03, 0.03)))
    return centred(tube(np.array(points), rnd.uniform(0.0015, 0.003), Material(tone), 6))


def tape(rnd: random.Random) -> Mesh:
    """A roll, 5 to 12 cm across, 1 to 5 cm wide, lying."""
    r, h = rnd.uniform(0.025, 0.06), rnd.choice((0.012, 0.019, 0.025, 0.048))
    hole = r * rnd.uniform(0.5, 0.8)
    return turned([(hole, 0), (r, 0), (r, h), (hole, h), (hole, 0)], _plain(rnd, 0.3), 32)


def tool(rnd: random.Random) -> Mesh:
    """A screwdriver of 15 to 25 cm, or a spanner of 12 to 20, lying along x."""
    if rnd.random() < 0.6:
        length, grip = rnd.uniform(0.15, 0.25), rnd.uniform(0.011, 0.016)
        x = np.array([0, 0.05, 0.4, 0.45, 1.0]) * length
        path = np.stack([x, 0 * x, 0 * x], 1)
        return centred(
            joined([tube(path[:4], grip, _plain(rnd, 0.4), 10), tube(path[3:], 0.003, STEEL, 8)])
        )
    length = rnd.uniform(0.12, 0.2)
    ends = [
        moved(
            turned([(0, 0), (0.013, 0), (0.013, 0.006), (0, 0.006)], STEEL, 8),
            (side * length / 2, 0, 0),
        )
        for side in (-1, 1)
    ]
    return centred(joined([box((length, 0.012, 0.005), (0, 0, 0), STEEL), *ends]))


def holder(rnd: random.Random) -> Mesh:
    """A cup of 7 to 9 cm with pens in it."""
    r, h = rnd.uniform(0.035, 0.045), rnd.uniform(0.09, 0.11)
    parts = [
        turned(
            [(0, 0), (r, 0), (r, h), (r - 0.003, h), (r - 0.003, 0.004), (0, 0.004)],
            _plain(rnd),
            24,
        )
    ]
    for _ in range(rnd.randint(3, 8)):
        turn, length = rnd.uniform(-math.pi, math.pi), rnd.uniform(0.13, 0.18)
        foot, top = (
            np.array([0, 0, 0.006]),
            np.array([0.9 * r * math.cos(turn), 0.9 * r * math.sin(turn), length]),
        )
        parts.append(
            tube(np.stack([foot, top / 2, top]), rnd.uniform(0.003, 0.005), _plain(rnd, 0.4), 6)
        )
    return centred(joined(parts))


def lamp(rnd: random.Random) -> Mesh:
    """A desk lamp of 35 to 50 cm, switched off."""
    metal, height = _plain(rnd, 0.4, 0.6), rnd.uniform(0.35, 0.5)
    foot = turned([(0, 0), (0.085, 0), (0.085, 0.015), (0, 0.02)], metal, 24)
    arm = tube(
        np.array([[0, 0.02, 0.015], [0, 0.09, height * 0.55], [0, -0.06, height]]), 0.006, metal, 8
    )
    shade = turned([(0.07, -0.06), (0.025, 0.0), (0, 0.005)], metal, 24)
    return centred(joined([foot, arm, moved(shade, (0, -0.08, height - 0.01))]))


def headphones(rnd: random.Random) -> Mesh:
    """Lying: a band of 17 cm with two cups of 8 cm."""
    tone = case(rnd)
    angle = np.linspace(0, math.pi, 15)
    band = tube(
        np.stack([0.08 * np.cos(angle), 0.12 * np.sin(angle), 0.04 + 0 * angle], 1), 0.008, tone, 8
    )
    ring = [(0, 0), (0.03, 0), (0.04, 0.008), (0.04, 0.024), (0, 0.03)]
    cups = [moved(turned(ring, tone, 20), (side * 0.075, 0, 0.02), pitch=0.3) for side in (-1, 1)]
    return centred(joined([band, *cups]))


THINGS: dict[str, Callable[[random.Random], Mesh]] = {
    "monitor": monitor, "laptop": laptop, "keyboard": keyboard, "phone": phone, "tablet": tablet,
    "sheet": sheet, "stack": stack, "marker": marker, "book": book, "books": standing_books,
    "notebook": notebook, "note": note, "pen": pen, "mouse": mouse, "mouse pad": mouse_pad,
    "mug": mug, "bottle": bottle, "can": can, "carton": carton, "plate": plate, "bowl": bowl,
    "fruit": fruit, "cable": cable, "tape": tape, "tool": tool, "holder": holder, "lamp": lamp,
    "headphones": headphones,
}  # fmt: skip


def make_thing(kind: str, seed: int) -> Model:
    """The thing of THINGS that a seed gives, ready for a room."""
    return make_model(THINGS[kind](random.Random(seed)))
