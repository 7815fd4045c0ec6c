"""Desks and tables: the furniture, and what lies on it in the way of a real desk.

Convention: a desk's own frame: x along its width, its user at -y, z = 0 on its top; metres.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from fourier_depth_ros.simulator.desks.screens import case
from fourier_depth_ros.simulator.desks.solids import box, joined
from fourier_depth_ros.simulator.desks.things import make_thing
from fourier_depth_ros.simulator.meshes import Material, Mesh
from fourier_depth_ros.simulator.models import Model, make_model
from fourier_depth_ros.simulator.scene import Box, overlap, standing_box
from fourier_depth_ros.simulator.shell import colour, textured
from fourier_depth_ros.simulator.textures import PATTERN

WIDTH, DEPTH, HEIGHT = (0.6, 1.8), (0.5, 0.9), (0.68, 0.78)  # [m]
FLAT = 0.007  # what is lower has things standing on it [m]
WOOD = re.compile(r"wood|parquet|plank", re.I)
CARRIERS = ("book", "stack", "carton", "notebook", "plate")
STYLES = ("screens", "laptop", "both", "bench")
_DESK = {
    "sheet": 5, "stack": 2, "book": 3, "books": 1, "notebook": 2, "note": 2, "pen": 4, "mug": 3,
    "bottle": 1.5, "can": 1, "carton": 2, "phone": 2, "tablet": 0.7, "fruit": 0.5, "cable": 3,
    "tape": 1, "tool": 0.7, "holder": 1.5, "lamp": 0.5, "headphones": 1, "marker": 0.5,
    "plate": 0.4, "bowl": 0.3,
}  # fmt: skip
_BENCH = {
    "carton": 4, "mug": 3, "bowl": 3, "plate": 2, "can": 4, "bottle": 2, "fruit": 4, "tape": 2,
    "tool": 4, "marker": 3, "book": 2, "sheet": 1, "cable": 2, "pen": 2, "phone": 0.5,
    "holder": 0.5, "notebook": 1, "keyboard": 0.5, "laptop": 0.3,
}  # fmt: skip
SMALL = {**_BENCH, "books": 6, "laptop": 0.0, "keyboard": 0.0, "cable": 0.0}  # for shelves, tables


@dataclass(frozen=True, eq=False)
class Lying:
    """A thing where it lies on a desk, in the desk's frame."""

    kind: str
    model: Model
    position: tuple[float, float, float]
    yaw: float

    @property
    def box(self) -> Box:
        """The upright box around it."""
        return standing_box(self.model.size, self.position, self.yaw)


def pick(rnd: random.Random, weights: dict[str, float]) -> str:
    """A kind, as often as ``weights`` say."""
    return rnd.choices(list(weights), list(weights.values()))[0]


def top_material(rnd: random.Random, woods: Sequence[str]) -> Material:
    """White, grey, black, wood, metal, or coloured; sometimes a cloth's pattern."""
    kind = rnd.random()
    gloss = rnd.choice((0.0, 0.1, 0.3))
    if kind < 0.3:
        return Material(colour(rnd, (0.75, 0.97), 0.1), gloss=gloss)
    if kind < 0.4:
        return Material(colour(rnd, (0.12, 0.3), 0.2), gloss=gloss)
    if kind < 0.8:
        return textured(rnd, [w for w in woods if WOOD.search(w)] or woods, (0.6, 1.0), gloss)
    if kind < 0.88:
        name = f"{PATTERN}{rnd.choice(('weave', 'squares', 'stripes'))}:{rnd.randrange(10**6)}"
        return Material((0.85, 0.85, 0.85), name)
    return Material(colour(rnd, (0.3, 0.9), 0.7), gloss=gloss)


def desk_mesh(rnd: random.Random, size: tuple[float, float, float], top: Material) -> Mesh:
    """A board of 2 to 4 cm on legs, on side panels, or on legs with drawers under one end."""
    width, depth, height = size
    board, leg = rnd.uniform(0.018, 0.04), rnd.uniform(0.03, 0.07)
    stuff = rnd.choice((top, case(rnd)))
    parts = [box((width, depth, board), (0, 0, height - board), top)]
    low = height - board
    x, y = (width - leg) / 2, (depth - leg) / 2
    if rnd.random() < 0.65:
        parts += [box((leg, leg, low), (a * x, b * y, 0), stuff) for a in (-1, 1) for b in (-1, 1)]
    else:
        parts += [
            box((0.025, depth, low), (a * (width / 2 - 0.0125), 0, 0), stuff) for a in (-1, 1)
        ]
        parts.append(box((width - 0.05, 0.018, 0.4), (0, y - 0.05, low - 0.4), stuff))
    if width > 1.1 and rnd.random() < 0.4:
        side = rnd.choice((-1, 1)) * (width / 2 - 0.3)
        for k in range(3):
            parts.append(
                box((0.4, depth - 0.15, 0.17), (side, 0, low - 0.02 - 0.18 * (k + 1)), stuff)
            )
    return joined(parts)


def make_desk(rnd: random.Random, woods: Sequence[str]) -> Model:
    """A desk of random size; front towards -y."""
    size = (rnd.triangular(*WIDTH, 1.4), rnd.uniform(*DEPTH), rnd.uniform(*HEIGHT))
    return make_model(desk_mesh(rnd, size, top_material(rnd, woods)))


class Layout:
    """Lays things on a top of ``width`` x ``depth``, none in another."""

    def __init__(self, rnd: random.Random, width: float, depth: float) -> None:
        self.rnd, self.width, self.depth = rnd, width, depth
        self.things: list[Lying] = []

    def lay(self, kind: str, x: float, y: float, yaw: float, model: Model | None = None) -> bool:
        """Lay a new thing with its middle at (x, y), if there is room for it."""
        model = model or make_thing(kind, self.rnd.randrange(10**9))
        around = standing_box(model.size, (x, y, 0.0), yaw)
        half = self.width / 2, self.depth / 2
        if (
            around[0] < -half[0]
            or around[3] > half[0]
            or around[1] < -half[1]
            or around[4] > half[1]
        ):
            return False
        z = 0.0
        for other in self.things:
            box_there = other.box
            if not overlap(around, (*box_there[:2], -1.0, *box_there[3:5], 1.0), 0.004):
                continue
            if not (model.size[2] < 0.2 and (box_there[5] < FLAT or self._carried(around, other))):
                return False
            z = max(z, box_there[5] + 0.0004)
        self.things.append(Lying(kind, model, (x, y, z), yaw))
        return True

    def _carried(self, around: Box, below: Lying) -> bool:
        """Whether ``below`` has room for a footprint."""
        slant = abs(math.sin(2 * below.yaw))
        if below.kind not in CARRIERS or slant > 0.4 or below.box[5] > 0.2:
            return False
        inset = 0.5 * slant * min(below.model.size[:2]) * 0.5 + 0.003
        x0, y0, _, x1, y1, _ = below.box
        inside = around[0] > x0 + inset and around[3] < x1 - inset
        return inside and around[1] > y0 + inset and around[4] < y1 - inset

    def screens(self, count: int) -> None:
        """Monitors side by side at the back, turned towards their user."""
        rnd = self.rnd
        for k in range(count):
            model = make_thing("monitor", rnd.randrange(10**9))
            x = (k - (count - 1) / 2) * (model.size[0] + 0.02) + rnd.gauss(0, 0.03)
            y = self.depth / 2 - model.size[1] / 2 - rnd.uniform(0.02, 0.1)
            self.lay("monitor", x, y, -0.35 * x + rnd.gauss(0, 0.06), model)

    def keyboard(self) -> None:
        """A keyboard before the user, its mouse beside it, maybe on a pad."""
        rnd = self.rnd
        x, y = rnd.gauss(0, 0.06), -self.depth / 2 + rnd.uniform(0.12, 0.3)
        self.lay("keyboard", x, y, rnd.gauss(0, 0.07))
        side = 1 if rnd.random() < 0.85 else -1
        right = x + side * rnd.uniform(0.28, 0.4)
        if rnd.random() < 0.4:
            self.lay("mouse pad", right, y, rnd.gauss(0, 0.05))
        self.lay("mouse", right + rnd.gauss(0, 0.02), y + rnd.gauss(0, 0.03), rnd.gauss(0, 0.2))

    def clutter(self, weights: dict[str, float], count: int) -> None:
        """Up to ``count`` things of random kinds; tall ones rather at the back."""
        rnd = self.rnd
        for _ in range(count):
            kind = pick(rnd, weights)
            model = make_thing(kind, rnd.randrange(10**9))
            yaw = rnd.gauss(0, 0.25) if rnd.random() < 0.6 else rnd.uniform(-math.pi, math.pi)
            low = 0.0 if model.size[2] > 0.15 and weights is _DESK else -self.depth / 2
            for _ in range(6):
                x = rnd.uniform(-self.width / 2, self.width / 2)
                if self.lay(kind, x, rnd.uniform(low, self.depth / 2), yaw, model):
                    break


def lay_out(rnd: random.Random, width: float, depth: float, style: str) -> list[Lying]:
    """What lies on a top: a desk of one of STYLES, tidy or covered."""
    layout = Layout(rnd, width, depth)
    if style in ("screens", "both"):
        most = 1 if width < 1.0 or style == "both" else 2 if width < 1.5 else 3
        layout.screens(rnd.randint(1, most))
        if style == "both":
            layout.lay("laptop", rnd.choice((-1, 1)) * width * 0.33, 0.0, rnd.gauss(0, 0.3))
        layout.keyboard()
    elif style == "laptop":
        layout.lay("laptop", rnd.gauss(0, 0.1), rnd.uniform(-0.2, 0.1) * depth, rnd.gauss(0, 0.15))
        layout.lay("mouse", rnd.uniform(0.25, 0.35), -0.2 * depth, rnd.gauss(0, 0.2))
    count = int(width * depth * rnd.uniform(20, 100))
    layout.clutter(_BENCH if style == "bench" else _DESK, min(max(count, 12), 70))
    return layout.things
