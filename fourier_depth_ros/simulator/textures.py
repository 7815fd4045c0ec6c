"""Textures by name: picture files, and patterns made up from a seed."""

from __future__ import annotations

import logging
import random
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from fourier_depth_ros.simulator.prints import PRINTS, draw

logger = logging.getLogger(__name__)

SIDE = 512  # [px]
_HALF = 256  # patterns that hold no print are drawn so large [px]
PATTERN = "pattern:"  # then its kind and seed, "pattern:stripes:17"
PATTERNS = ("stripes", "squares", "noise", "weave", "dots", "shapes")


@lru_cache(maxsize=250)
def texture(name: str) -> UInt8[np.ndarray, "side side 4"]:
    """RGBA, SIDE x SIDE, its first row the bottom one (v up); alpha below 102 is a hole.

    ``name`` is a file, "pattern:KIND:SEED" (of PATTERNS or PRINTS), or "outdoors:FILE:SEED" for a
    view with that sky.

    Raises:
        ValueError: not a picture.
    """
    if name.startswith(PATTERN):
        _, kind, seed = name.split(":")
        rgba = _print(kind, int(seed)) if kind in PRINTS else _pattern(kind, int(seed))
    elif name.startswith("outdoors:"):
        file, _, seed = name[len("outdoors:") :].rpartition(":")
        rgba = _outdoors(_file(file), int(seed))
    else:
        rgba = _file(name)
    flipped = np.ascontiguousarray(rgba[::-1])
    flipped.setflags(write=False)
    return flipped


def mean_color(name: str) -> np.ndarray:
    """The texture's mean, linear RGB, of what is not a hole."""
    rgba = texture(name)[::4, ::4].reshape(-1, 4)
    solid = rgba[rgba[:, 3] >= 102]
    return np.mean((solid[:, :3] / 255.0) ** 2.2, axis=0) if len(solid) else np.full(3, 0.5)


def _file(name: str) -> np.ndarray:
    data = np.fromfile(name, np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if picture is None:
        raise ValueError(f"{name} is not a picture that OpenCV can decode")
    if picture.dtype != np.uint8:
        picture = (picture / 257).astype(np.uint8)
    codes = {1: cv2.COLOR_GRAY2RGBA, 3: cv2.COLOR_BGR2RGBA, 4: cv2.COLOR_BGRA2RGBA}
    if picture.ndim == 2:
        picture = picture[..., None]
    if picture.shape[2] == 2:
        picture = picture[..., :1]
    rgba = cv2.cvtColor(picture, codes[picture.shape[2]])
    shrink = max(rgba.shape[:2]) > SIDE
    kind = cv2.INTER_AREA if shrink else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgba, (SIDE, SIDE), interpolation=kind), np.uint8)


def readable(name: str) -> bool:
    """Whether ``texture(name)`` works."""
    try:
        texture(name)
    except (ValueError, OSError, cv2.error) as error:
        logger.debug("%s: %s", name, error)
        return False
    return Path(name).suffix.lower() != ".gif"


def _palette(rnd: random.Random, count: int) -> np.ndarray:
    """Colours that go together: one hue and neighbours, of different value."""
    hue, spread = rnd.random() * 180, rnd.choice((8, 25, 90))
    hsv = [
        ((hue + rnd.uniform(-spread, spread)) % 180, rnd.uniform(10, 190), rnd.uniform(50, 245))
        for _ in range(count)
    ]
    return np.asarray(cv2.cvtColor(np.array([hsv], np.uint8), cv2.COLOR_HSV2RGB)[0], np.float32)


def _noise(rng: np.random.Generator, cells: int) -> np.ndarray:
    """Smooth noise that tiles, (_HALF, _HALF) in [0, 1]."""
    grid = np.pad(rng.random((cells, cells)).astype(np.float32), ((0, 1), (0, 1)), mode="wrap")
    big = cv2.resize(grid, (_HALF + _HALF // cells,) * 2, interpolation=cv2.INTER_LINEAR)
    return np.asarray(big[:_HALF, :_HALF])


def _pattern(kind: str, seed: int) -> np.ndarray:
    rnd, rng = random.Random(seed), np.random.default_rng(seed)
    colors = _palette(rnd, 5)
    y, x = np.mgrid[:_HALF, :_HALF]
    index = np.zeros((_HALF, _HALF), int)
    if kind == "stripes":
        edges = np.sort(rng.integers(0, _HALF, rnd.randint(3, 14)))
        index = np.searchsorted(edges, x if rnd.random() < 0.7 else y) % rnd.choice((2, 3, 5))
    elif kind == "squares":
        side = _HALF // rnd.choice((2, 4, 8))
        index = (x // side + (y // side) * rnd.choice((1, 2))) % rnd.choice((2, 3))
    elif kind == "dots":
        side = _HALF // rnd.choice((4, 8))
        radius = rnd.uniform(0.2, 0.45) * side
        index = (np.hypot(x % side - side / 2, y % side - side / 2) < radius).astype(int)
    elif kind == "shapes":
        canvas = np.zeros((_HALF, _HALF), np.uint8)
        for _ in range(rnd.randint(4, 14)):
            corner = (rnd.randrange(_HALF), rnd.randrange(_HALF))
            shade = rnd.randrange(5)
            if rnd.random() < 0.5:
                cv2.circle(canvas, corner, rnd.randint(8, 70), shade, -1)
            else:
                other = (rnd.randrange(_HALF), rnd.randrange(_HALF))
                cv2.rectangle(canvas, corner, other, shade, -1)
        index = canvas.astype(int)
    picture = colors[index]
    if kind in ("noise", "weave"):
        blend = _noise(rng, rnd.choice((4, 8, 16)))[..., None]
        picture = colors[0] * blend + colors[1] * (1 - blend)
    grain = _noise(rng, 128) * 0.16 + _noise(rng, 32) * 0.10 + 0.87
    if kind == "weave":
        grain = grain * (0.8 + 0.2 * ((x // 4 + y // 4) % 2))
    picture = picture * grain[..., None]
    rgba = np.dstack([np.clip(picture, 0, 255), np.full((_HALF, _HALF), 255)]).astype(np.uint8)
    return np.asarray(cv2.resize(rgba, (SIDE, SIDE)))


def _print(kind: str, seed: int) -> np.ndarray:
    rgb = cv2.resize(draw(kind, seed), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.dstack([rgb, np.full((SIDE, SIDE), 255, np.uint8)])


def _outdoors(sky: np.ndarray, seed: int) -> np.ndarray:
    """``sky`` over a blurred row of trees or houses."""
    rnd, rng = random.Random(seed), np.random.default_rng(seed)
    picture = cv2.resize(sky, (_HALF, _HALF), interpolation=cv2.INTER_AREA)
    horizon = rnd.randint(_HALF // 2, _HALF * 3 // 4)
    x = 0
    while x < _HALF:
        width = rnd.randint(8, 50)
        top = horizon - rnd.randint(2, 60)
        green = rnd.random() < 0.6
        low = (40, 70, 25) if green else (110, 100, 92)
        high = (95, 130, 70) if green else (190, 175, 160)
        color = [rnd.randint(a, b) for a, b in zip(low, high, strict=True)]
        picture[top:, x : x + width, :3] = color
        x += width
    picture[horizon + 8 :, :, :3] = [
        rnd.randint(60, 140),
        rnd.randint(90, 140),
        rnd.randint(50, 90),
    ]
    grain = (0.75 + 0.5 * _noise(rng, 32))[horizon - 60 :, :, None]
    below = picture[horizon - 60 :, :, :3]
    picture[horizon - 60 :, :, :3] = np.clip(below * grain, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(cv2.GaussianBlur(picture, (0, 0), 2.2), (SIDE, SIDE)), np.uint8)
