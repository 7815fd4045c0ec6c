"""Monitors, laptops, keyboards, phones and tablets in their true sizes.

Convention: as models: metres, z up, the front (what its user sees) towards -y.
"""

from __future__ import annotations

import math
import random

from fourier_depth_ros.simulator.desks.solids import box, centred, joined, moved, quad, turned
from fourier_depth_ros.simulator.meshes import Material, Mesh, linear
from fourier_depth_ros.simulator.prints import KEY, extent, key_colours, keyboard_keys
from fourier_depth_ros.simulator.scene import Vector
from fourier_depth_ros.simulator.textures import PATTERN

INCH = 0.0254
CASES = ((0.05,) * 3, (0.1,) * 3, (0.2, 0.2, 0.22), (0.65, 0.66, 0.68), (0.8,) * 3, (0.93,) * 3)


def case(rnd: random.Random) -> Material:
    """Plastic or metal of a device: black, grey, silver or white."""
    shade = rnd.choice(CASES)
    r, g, b = (min(max(k * rnd.uniform(0.9, 1.1), 0.02), 1.0) for k in shade)
    return Material(linear((r, g, b)), gloss=rnd.choice((0.1, 0.2, 0.5)))


def printed(rnd: random.Random, kind: str, gloss: float = 0.05, glow: float = 0.0) -> Material:
    """Something of PRINTS on a surface."""
    return Material(
        (0.9, 0.9, 0.9), f"{PATTERN}{kind}:{rnd.randrange(10**6)}", gloss=gloss, glow=glow
    )


def panel(rnd: random.Random, kind: str, on: float = 0.8) -> Material:
    """A screen; ``on`` is how probably it shows something."""
    if rnd.random() < on:
        return printed(rnd, kind, gloss=0.1, glow=rnd.uniform(0.35, 1.4))
    return Material((0.015, 0.015, 0.017), gloss=rnd.choice((0.25, 0.8)))


def shape(diagonal: float, aspect: float) -> tuple[float, float]:
    """Width and height [m] of a screen of so many inches."""
    height = diagonal * INCH / math.hypot(aspect, 1)
    return aspect * height, height


def monitor(rnd: random.Random) -> Mesh:
    """15 to 34 inches, on a stand, its lower edge 5 to 16 cm above the desk."""
    diagonal = rnd.choice((15, 17, 19, 20, 21.5, 22, 23.8, 24, 24, 27, 27, 32, 34))
    aspect = 5 / 4 if diagonal in (15, 17, 19) else 21 / 9 if diagonal == 34 else 16 / 9
    if diagonal in (20, 22, 24) and rnd.random() < 0.5:
        aspect = 16 / 10
    width, height = shape(diagonal, aspect)
    shell, bezel = case(rnd), rnd.uniform(0.006, 0.02)
    chin, thick = bezel * rnd.uniform(1, 1.8), rnd.uniform(0.02, 0.05)
    whole = (width + 2 * bezel, thick, height + bezel + chin)
    shown = panel(rnd, "wide" if aspect > 2 else "screen")
    front = quad((-width / 2, -thick / 2 - 0.0006, chin), (width, 0, 0), (0, 0, height), shown)
    head = moved(joined([box(whole, (0, 0, 0), shell), front]), pitch=rnd.uniform(-0.02, 0.2))
    low = rnd.uniform(0.05, 0.16)
    back, neck = thick / 2 + 0.03, rnd.uniform(0.03, 0.09)
    parts = [
        moved(head, (0, 0, low)),
        box((neck, 0.025, low + height * 0.4), (0, back, 0.004), shell),
        box((0.1, 0.05, 0.1), (0, back - 0.01, low + height * 0.35), shell),
    ]
    if rnd.random() < 0.3:
        radius = rnd.uniform(0.09, 0.13)
        foot = turned([(radius, 0), (radius, 0.008), (radius - 0.01, 0.012), (0, 0.013)], shell)
        parts.append(moved(foot, (0, back - 0.02, 0)))
    else:
        foot_size = (rnd.uniform(0.18, 0.3), rnd.uniform(0.16, 0.22), 0.012)
        parts.append(box(foot_size, (0, back - 0.02, 0), shell))
    return centred(joined(parts))


def keys(layout: str, seed: int, rise: float, gap: float, scale: float = 1.0) -> Mesh:
    """The caps of ``layout``, its lower left corner at the origin, ``rise`` high."""
    field = keyboard_keys(layout)
    width, depth = extent(field)
    cap, _ = key_colours(seed)
    r, g, b = (k / 255 for k in cap)
    side = Material(linear((r, g, b)), gloss=0.1)
    top = Material((0.95, 0.95, 0.95), f"{PATTERN}{layout}:{seed}", gloss=0.1)
    parts, unit = [], KEY * scale
    for key in field:
        size = (key.width * unit - gap, key.depth * unit - gap, rise)
        middle = ((key.x + key.width / 2) * unit, (key.y + key.depth / 2) * unit, 0.0)
        u, v = key.x / width, key.y / depth
        window = (u, v, u + key.width / width, v + key.depth / depth)
        parts.append(box(size, middle, side, {"top": top}, {"top": window}))
    return joined(parts)


def keyboard(rnd: random.Random) -> Mesh:
    """28 to 45 cm wide, 11 to 16 deep: compact, tenkeyless or full; flat or with tall caps."""
    layout, seed = rnd.choice(("compact", "tenkeyless", "full", "full")), rnd.randrange(10**6)
    width, depth = (side * KEY for side in extent(keyboard_keys(layout)))
    edge = rnd.uniform(0.003, 0.012)
    flat = rnd.random() < 0.5
    rise, gap = (0.0025, 0.003) if flat else (0.008, 0.0025)
    thick = rnd.uniform(0.006, 0.012) if flat else rnd.uniform(0.012, 0.02)
    body = box((width + 2 * edge, depth + 2 * edge, thick), (0, 0, 0), case(rnd))
    caps = moved(keys(layout, seed, rise, gap), (-width / 2, -depth / 2, thick))
    whole = joined([body, caps])
    return centred(moved(whole, pitch=-rnd.uniform(0.01, 0.09)))


def laptop(rnd: random.Random) -> Mesh:
    """11 to 17 inches, open by 90 to 130 degrees."""
    aspect = rnd.choice((16 / 9, 16 / 10, 3 / 2))
    width, height = shape(rnd.choice((11.6, 12.5, 13.3, 14, 14, 15.6, 15.6, 17.3)), aspect)
    bezel, chin = rnd.uniform(0.005, 0.014), rnd.uniform(0.012, 0.025)
    shell, dark = case(rnd), case(rnd)
    across, deep = width + 2 * bezel, height + bezel + chin
    thick = rnd.uniform(0.01, 0.02)
    base = box((across, deep, thick), (0, 0, 0), shell)
    seed = rnd.randrange(10**6)
    field = extent(keyboard_keys("compact"))
    scale = min(1.0, (across - 0.012) / (field[0] * KEY))
    size = field[0] * KEY * scale, field[1] * KEY * scale
    below = deep / 2 - 0.022 - size[1]  # the keys' lower edge, from the middle
    caps = moved(keys("compact", seed, 0.0012, 0.003, scale), (-size[0] / 2, below, thick))
    room = below + deep / 2
    pad = box(
        (min(0.11, across * 0.4), room * 0.75, 0.0006), (0, -deep / 2 + room / 2, thick), dark
    )
    frame = rnd.choice((shell, Material((0.02, 0.02, 0.02), gloss=0.3)))
    lid = box((across, 0.006, deep), (0, 0, 0), shell, {"front": frame})
    shown = panel(rnd, "screen", 0.85)
    front = quad((-width / 2, -0.0036, chin), (width, 0, 0), (0, 0, height), shown)
    opened = moved(joined([lid, front]), (0, deep / 2, thick), pitch=rnd.uniform(0.0, 0.7))
    return centred(joined([base, caps, pad, opened]))


def slab(rnd: random.Random, diagonal: float, aspect: float) -> Mesh:
    """A phone or tablet that lies: its screen up."""
    height, width = shape(diagonal, aspect)
    size: Vector = (width + 0.005, height + 0.01, rnd.uniform(0.007, 0.009))
    shown = panel(rnd, "phone", 0.5)
    glass = quad((-width / 2, -height / 2, size[2] + 0.0004), (width, 0, 0), (0, height, 0), shown)
    return centred(joined([box(size, (0, 0, 0), case(rnd)), glass]))


def phone(rnd: random.Random) -> Mesh:
    """5 to 6.7 inches, lying."""
    return slab(rnd, rnd.uniform(5.0, 6.7), 19 / 9)


def tablet(rnd: random.Random) -> Mesh:
    """8 to 13 inches, lying."""
    return slab(rnd, rnd.choice((8.0, 10.2, 11.0, 12.9)), 4 / 3)
