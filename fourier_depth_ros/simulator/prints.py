"""What is printed or shown on things: screens, pages, key legends, covers, labels, markers.

Convention: RGB, first row on top, drawn at about the shape of what they are for; seeded.
"""

from __future__ import annotations

import colorsys
import random
from dataclasses import dataclass

import cv2
import numpy as np

WORDS = [
    *("the", "of", "and", "to", "in", "is", "for", "depth", "frame", "time", "report", "total"),
    *("node", "error", "camera", "data", "value", "update", "project", "meeting", "figure"),
    *("model", "result", "energy", "matrix", "signal", "return", "import", "public", "void"),
    *("print", "number", "window", "file", "open", "close", "sensor", "robot", "test", "order"),
    *("price", "kitchen", "garden", "winter", "river"),
]
KEY = 0.01905  # from key to key [m]
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Key:
    """A key: left, lower edge, width, depth in KEY from the lower left one's corner; its legend."""

    x: float
    y: float
    width: float
    depth: float
    label: str


_ROWS = (
    (("Ctrl", 1.25), ("Win", 1.25), ("Alt", 1.25), ("", 6.25), ("Alt", 1.25), ("Fn", 1.25),
     ("Menu", 1.25), ("Ctrl", 1.25)),
    (("Shift", 2.25), *((k, 1) for k in "ZXCVBNM,./"), ("Shift", 2.75)),
    (("Caps", 1.75), *((k, 1) for k in "ASDFGHJKL;'"), ("Enter", 2.25)),
    (("Tab", 1.5), *((k, 1) for k in "QWERTYUIOP[]"), ("|", 1.5)),
    (("~", 1), *((k, 1) for k in "1234567890-="), ("Back", 2)),
)  # fmt: skip


def keyboard_keys(layout: str) -> list[Key]:
    """The keys of a ``layout``: compact (15 keys wide), tenkeyless (18.25), full (22.5)."""
    keys: list[Key] = []
    for row, labels in enumerate(_ROWS):
        x = 0.0
        for label, width in labels:
            keys.append(Key(x, row, width, 1, label))
            x += width
    top = 5.0 if layout == "compact" else 5.3
    names = ["Esc", *(f"F{k}" for k in range(1, 13))]
    if layout == "compact":
        keys += [Key(k * 15 / 13, top, 15 / 13, 0.8, name) for k, name in enumerate(names)]
        return keys
    gaps = [0, *(1 + 1 + k + 0.5 * (k // 4) for k in range(12))]
    keys += [Key(x, top, 1, 1, name) for x, name in zip(gaps, names, strict=True)]
    middle = (("<", 0, 0), ("v", 1, 0), (">", 2, 0), ("^", 1, 1), ("Del", 0, 3), ("End", 1, 3),
              ("PgDn", 2, 3), ("Ins", 0, 4), ("Home", 1, 4), ("PgUp", 2, 4))  # fmt: skip
    keys += [Key(15.25 + x, y, 1, 1, label) for label, x, y in middle]
    if layout == "full":
        keys += [Key(18.5, 0, 2, 1, "0"), Key(20.5, 0, 1, 1, "."), Key(21.5, 0, 1, 2, "Ent")]
        digits = [Key(18.5 + k % 3, 1 + k // 3, 1, 1, str(k + 1)) for k in range(9)]
        keys += [*digits, Key(21.5, 2, 1, 2, "+")]
        keys += [Key(18.5 + k, 4, 1, 1, label) for k, label in enumerate(("Num", "/", "*", "-"))]
    return keys


def extent(keys: list[Key]) -> tuple[float, float]:
    """Width and depth of the field of keys, in KEY."""
    return max(k.x + k.width for k in keys), max(k.y + k.depth for k in keys)


def _tone(rnd: random.Random, saturation: float, low: float, high: float) -> Colour:
    rgb = colorsys.hsv_to_rgb(rnd.random(), saturation, rnd.uniform(low, high))
    r, g, b = (int(255 * k) for k in rgb)
    return r, g, b


def key_colours(seed: int) -> tuple[Colour, Colour]:
    """Of the caps and of the legends; display colours."""
    rnd = random.Random(seed)
    kind = rnd.random()
    if kind < 0.55:
        return _tone(rnd, 0.1, 0.08, 0.2), _tone(rnd, 0.05, 0.75, 1.0)
    if kind < 0.85:
        return _tone(rnd, 0.06, 0.82, 0.96), _tone(rnd, 0.1, 0.1, 0.35)
    return _tone(rnd, 0.5, 0.4, 0.85), _tone(rnd, 0.1, 0.05, 0.2)


def _keys(layout: str, seed: int) -> np.ndarray:
    keys = keyboard_keys(layout)
    width, depth = extent(keys)
    scale = 1024 / width
    cap, legend = key_colours(seed)
    canvas = np.full((round(depth * scale), 1024, 3), cap, np.uint8)
    for key in keys:
        size = 0.55 if len(key.label) == 1 else 0.33
        place = (key.x + 0.22) * scale, (depth - key.y - key.depth + 0.5) * scale
        cv2.putText(
            canvas, key.label, (int(place[0]), int(place[1])), FONTS[0], size * scale / 36, legend,
            2 if len(key.label) == 1 else 1, cv2.LINE_AA,
        )  # fmt: skip
    return canvas


def _sentence(rnd: random.Random, letters: int) -> str:
    text = rnd.choice(WORDS).capitalize()
    while len(text) < letters:
        text += " " + rnd.choice(WORDS)
    return text[:letters]


def _lines(
    canvas: np.ndarray, rnd: random.Random, area: tuple[int, int, int, int], step: int, ink: Colour
) -> None:
    """Text in ``area`` (x0, y0, x1, y1) [px], a line each ``step``."""
    font, scale = rnd.choice(FONTS), step / 38
    for y in range(area[1] + step, area[3], step):
        if rnd.random() < 0.1:
            continue
        most = (area[2] - area[0]) / (19 * scale)
        letters = int(most * (rnd.uniform(0.3, 0.9) if rnd.random() < 0.2 else 0.97))
        text = _sentence(rnd, letters)
        cv2.putText(canvas, text, (area[0], y), font, scale, ink, 1, cv2.LINE_AA)


def _plot(canvas: np.ndarray, rnd: random.Random, area: tuple[int, int, int, int]) -> None:
    x0, y0, x1, y1 = area
    if x1 - x0 < 30 or y1 - y0 < 30:
        return
    cv2.rectangle(canvas, (x0, y0), (x1, y1), (250, 250, 250), -1)
    cv2.rectangle(canvas, (x0, y0), (x1, y1), (60, 60, 60), 1)
    kind = rnd.choice(("curves", "bars", "picture"))
    if kind == "picture":
        noise = np.random.default_rng(rnd.randrange(10**6)).random((4, 5, 3))
        photo = cv2.resize(noise.astype(np.float32), (x1 - x0, y1 - y0), interpolation=2)
        canvas[y0:y1, x0:x1] = np.clip(photo * 255, 0, 255)
        return
    for _ in range(rnd.randint(1, 4)):
        ink = _tone(rnd, 0.8, 0.5, 0.9)
        x = np.linspace(x0 + 5, x1 - 5, 24)
        y = (y0 + y1) / 2 + (y1 - y0) * 0.4 * np.sin(x / (x1 - x0) * rnd.uniform(2, 20))
        y = np.clip(y + np.array([rnd.gauss(0, 4) for _ in x]), y0 + 3, y1 - 3)
        if kind == "curves":
            cv2.polylines(canvas, [np.stack([x, y], 1).astype(np.int32)], False, ink, 2, 16)
        else:
            for a, b in zip(x[::3], y[::3], strict=True):
                cv2.rectangle(canvas, (int(a), int(b)), (int(a) + 8, y1 - 2), ink, -1)


def _window(canvas: np.ndarray, rnd: random.Random, area: tuple[int, int, int, int]) -> None:
    """A program's window: title bar, maybe a side bar, and text, a terminal, a plot or a table."""
    x0, y0, x1, y1 = area
    dark = rnd.random() < 0.4
    ground = _tone(rnd, 0.15, 0.05, 0.18) if dark else _tone(rnd, 0.03, 0.92, 1.0)
    ink = _tone(rnd, 0.2, 0.75, 0.95) if dark else _tone(rnd, 0.2, 0.05, 0.3)
    bar = _tone(rnd, rnd.uniform(0, 0.6), 0.2, 0.9)
    cv2.rectangle(canvas, (x0, y0), (x1, y1), ground, -1)
    cv2.rectangle(canvas, (x0, y0), (x1, y0 + 18), bar, -1)
    for k, tone in enumerate(((230, 80, 70), (240, 190, 60), (90, 190, 80))):
        cv2.circle(canvas, (x1 - 12 - 14 * k, y0 + 9), 4, tone, -1, cv2.LINE_AA)
    cv2.putText(canvas, _sentence(rnd, 16), (x0 + 6, y0 + 13), 0, 0.35, ink, 1, cv2.LINE_AA)
    y0 += 20
    if rnd.random() < 0.5 and x1 - x0 > 250:
        side = tuple(int(k * 0.85) for k in ground)
        cv2.rectangle(canvas, (x0, y0), (x0 + 80, y1), side, -1)
        _lines(canvas, rnd, (x0 + 6, y0, x0 + 78, y1), 16, ink)
        x0 += 88
    step = rnd.choice((12, 14, 18))
    kind = rnd.random()
    if kind < 0.3:
        _plot(canvas, rnd, (x0 + 10, y0 + 10, x1 - 10, (y0 + y1) // 2))
        _lines(canvas, rnd, (x0 + 10, (y0 + y1) // 2, x1 - 10, y1), step, ink)
    elif kind < 0.65:  # code or a terminal: ragged, coloured lines
        for y in range(y0 + step, y1 - 4, step):
            x = x0 + 8 + 16 * rnd.randint(0, 3)
            for _ in range(rnd.randint(1, 6)):
                word = rnd.choice(WORDS) + rnd.choice(("", "()", " =", ":", "."))
                tone = (
                    ink
                    if rnd.random() < 0.5
                    else _tone(rnd, 0.6, *((0.7, 1) if dark else (0.3, 0.7)))
                )
                if x + 7 * len(word) < x1:
                    cv2.putText(canvas, word, (x, y), 0, step / 36, tone, 1, cv2.LINE_AA)
                x += int(step * 0.55 * len(word)) + 8
    else:
        _lines(canvas, rnd, (x0 + 10, y0, x1 - 10, y1), step, ink)


def _screen(rnd: random.Random, width: int, height: int) -> np.ndarray:
    corners = np.array(
        [[_tone(rnd, 0.6, 0.1, 0.8) for _ in range(2)] for _ in range(2)], np.float32
    )
    canvas = cv2.resize(corners, (width, height)).astype(np.uint8)
    for _ in range(rnd.randint(0, 8)):  # icons
        x, y = rnd.randrange(8, width - 40), 20 + 60 * rnd.randrange(max(1, height // 70))
        cv2.rectangle(canvas, (x, y), (x + 26, y + 26), _tone(rnd, 0.7, 0.5, 1), -1)
        cv2.putText(canvas, rnd.choice(WORDS), (x - 4, y + 40), 0, 0.33, (240,) * 3, 1, cv2.LINE_AA)
    if rnd.random() < 0.35:
        _window(canvas, rnd, (0, 0, width, height - 22))
    else:
        for _ in range(rnd.randint(1, 3)):
            x, y = rnd.randrange(width // 3), rnd.randrange(height // 3)
            right, low = (
                rnd.randint(x + width // 3, width),
                rnd.randint(y + height // 3, height - 22),
            )
            _window(canvas, rnd, (x, y, right, low))
    cv2.rectangle(canvas, (0, height - 22), (width, height), _tone(rnd, 0.3, 0.1, 0.9), -1)
    for k in range(rnd.randint(3, 9)):
        cv2.rectangle(
            canvas,
            (6 + 26 * k, height - 19),
            (22 + 26 * k, height - 4),
            _tone(rnd, 0.7, 0.4, 1),
            -1,
        )
    return canvas


def _page(rnd: random.Random, width: int, height: int) -> np.ndarray:
    canvas = np.full((height, width, 3), _tone(rnd, 0.02, 0.93, 1.0), np.uint8)
    ink, step, left = _tone(rnd, 0.2, 0.05, 0.25), rnd.choice((12, 15, 18)), width // 9
    y = height // 12
    cv2.putText(canvas, _sentence(rnd, 18), (left, y), FONTS[2], 0.8, ink, 2, cv2.LINE_AA)
    columns = rnd.choice((1, 1, 2))
    for column in range(columns):
        x0 = left + column * (width - 2 * left + 16) // columns
        x1 = x0 + (width - 2 * left) // columns - 8
        middle = rnd.randint(height // 3, height * 2 // 3)
        _lines(canvas, rnd, (x0, y + 10, x1, middle), step, ink)
        if rnd.random() < 0.5:
            low = middle + height // 5
            _plot(canvas, rnd, (x0, middle + 8, x1, low))
            middle = low
        _lines(canvas, rnd, (x0, middle + 8, x1, height - left), step, ink)
    return canvas


def _note(rnd: random.Random, width: int, height: int) -> np.ndarray:
    """Handwriting on coloured or ruled paper."""
    canvas = np.full((height, width, 3), _tone(rnd, rnd.choice((0.03, 0.45)), 0.9, 1.0), np.uint8)
    if rnd.random() < 0.5:
        canvas[:: height // 18] = (170, 190, 220)
    for y in range(height // 6, height - 20, height // rnd.choice((6, 9, 18))):
        if rnd.random() < 0.8:
            font, size = cv2.FONT_HERSHEY_SCRIPT_SIMPLEX, height / 600
            text = _sentence(rnd, rnd.randint(5, 22))
            cv2.putText(canvas, text, (width // 12, y), font, size, (30, 40, 110), 2, cv2.LINE_AA)
    return canvas


def _cover(rnd: random.Random, width: int, height: int) -> np.ndarray:
    """A book's or a packet's front: a ground, shapes, a title."""
    canvas = np.full((height, width, 3), _tone(rnd, rnd.uniform(0, 0.9), 0.15, 0.95), np.uint8)
    for _ in range(rnd.randint(1, 5)):
        a = rnd.randrange(width), rnd.randrange(height)
        b = rnd.randrange(width), rnd.randrange(height)
        ink = _tone(rnd, 0.7, 0.2, 1.0)
        if rnd.random() < 0.5:
            cv2.rectangle(canvas, a, b, ink, -1)
        else:
            cv2.circle(canvas, a, rnd.randint(width // 12, width // 3), ink, -1, cv2.LINE_AA)
    ink = (250, 250, 250) if canvas.mean() < 120 else (20, 20, 20)
    for k in range(rnd.randint(1, 3)):
        word = rnd.choice(WORDS).upper()
        size = min(width / (20 * len(word)), 3)
        y = int(height * (0.2 + 0.2 * k))
        cv2.putText(canvas, word, (width // 12, y), FONTS[1], size, ink, max(1, int(size * 2)), 16)
    _lines(canvas, rnd, (width // 12, height * 4 // 5, width * 11 // 12, height - 12), 14, ink)
    if rnd.random() < 0.3:  # a bar code
        x = width // 10
        cv2.rectangle(canvas, (x, height - 90), (x + 120, height - 20), (255,) * 3, -1)
        for k in range(6, 112, 4):
            cv2.line(
                canvas, (x + k, height - 84), (x + k, height - 30), (0, 0, 0), rnd.choice((1, 2, 3))
            )
    return canvas


def _tag(rnd: random.Random, side: int) -> np.ndarray:
    """An AprilTag of the family 36h11, or a checkerboard."""
    canvas = np.full((side, side, 3), 250, np.uint8)
    if rnd.random() < 0.5:
        count = rnd.randint(5, 9)
        y, x = np.mgrid[:side, :side] * (count + 1) // side
        inside = (x + y) % 2 == 0
        edge = side // 14
        canvas[edge:-edge, edge:-edge][inside[edge:-edge, edge:-edge]] = 15
        return canvas
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    marker = cv2.aruco.generateImageMarker(family, rnd.randrange(580), side * 3 // 4)
    edge = (side - len(marker)) // 2
    canvas[edge : edge + len(marker), edge : edge + len(marker)] = marker[..., None]
    return canvas


def _home(rnd: random.Random, width: int, height: int) -> np.ndarray:
    """A phone's or a tablet's screen."""
    canvas = _screen(rnd, width, height)
    if rnd.random() < 0.5:
        canvas[:] = _tone(rnd, 0.6, 0.1, 0.6)
        step = width // 4
        for x in range(step // 5, width - step // 2, step):
            for y in range(step, height - step // 2, step):
                cv2.rectangle(
                    canvas, (x, y), (x + step // 2, y + step // 2), _tone(rnd, 0.7, 0.5, 1), -1
                )
    return canvas


PRINTS = ("wide", "screen", "page", "note", "cover", "label", "tag", "phone",
          "compact", "tenkeyless", "full")  # fmt: skip


def draw(kind: str, seed: int) -> np.ndarray:
    """The print ``kind``, (height, width, RGB) uint8."""
    rnd = random.Random(seed)
    if kind in ("compact", "tenkeyless", "full"):
        return _keys(kind, seed)
    if kind == "tag":
        return _tag(rnd, 512)
    shapes = {
        "wide": (_screen, 1100, 480),
        "screen": (_screen, 820, 480),
        "page": (_page, 600, 848),
        "note": (_note, 500, 600),
        "cover": (_cover, 420, 600),
        "label": (_cover, 900, 420),
        "phone": (_home, 360, 720),
    }
    make, width, height = shapes[kind]
    return make(rnd, width, height)
