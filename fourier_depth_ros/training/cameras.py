"""What real cameras do to a picture, which renders lack; ours, not the paper's.

Convention: pictures are (height, width, 3) uint8 RGB, are not changed in place, and keep their
size. Angles are anticlockwise [degrees]. All of it acts on the picture's numbers, not on light.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

#: Of the noise's deviation in black, what is left of it in white.
_NOISE_IN_WHITE = 0.25


def take(rgb: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """A picture as a worse camera takes it, in the order in which a camera has these faults.

    ``strength`` scales the share of pictures that each fault befalls. At 1 one of six goes
    untouched; at 0 all do, and nothing is drawn from ``rng``.
    """
    if strength == 0:
        return rgb

    def befalls(share: float) -> bool:
        return bool(rng.uniform() < share * strength)

    side = min(rgb.shape[:2])
    if befalls(0.2):
        # up to 4 % of the picture: a robot that turns by 60 degrees a second, exposed for 1/30 s
        rgb = motion_blur(rgb, side * rng.uniform(0.006, 0.04), rng.uniform(0.0, 180.0))
    gain = None
    if befalls(0.2):
        # the sample is a part of the picture, so that the axis need not go through its centre
        row, column = rng.uniform(-0.4, 0.4, 2)
        gain = vignetting(rgb.shape[:2], rng.uniform(0.1, 0.5), row, column)
    if befalls(0.1):
        # less than a period: exposure that changes while the rows are read; more: a lamp's flicker
        periods = math.exp(rng.uniform(math.log(0.3), math.log(10.0)))
        rows = rolling_exposure(len(rgb), rng.uniform(0.1, 0.5), periods, rng.uniform())
        gain = rows * (np.float32(1.0) if gain is None else gain)
    if gain is not None:
        rgb = multiply(rgb, gain)
    if befalls(0.25):
        sigma = math.exp(rng.uniform(math.log(2.0), math.log(20.0)))
        rgb = add_noise(rgb, sigma, int(rng.integers(2**31)))
    if befalls(0.15):
        rgb = clip_highlights(rgb, rng.uniform(0.5, 0.9))
    if befalls(0.08):
        rgb = to_grey(rgb)
    if befalls(0.2):
        rgb = lower_resolution(rgb, rng.uniform(1.3, 3.0))
    if befalls(0.4):
        rgb = compress(rgb, int(rng.integers(30, 96)))
    return rgb


def motion_blur(rgb: np.ndarray, length: float, angle: float) -> np.ndarray:
    """The mean of the picture along a line of ``length`` >= 1 [px], a pixel being 1 long."""
    points = math.ceil(length)
    along = np.linspace(-0.5, 0.5, points) * (length - 1) if points > 1 else np.zeros(1)
    # y points down
    columns = _shares(along * math.cos(math.radians(angle)))
    rows = _shares(-along * math.sin(math.radians(angle)))
    kernel = (rows @ columns.T / points).astype(np.float32)
    return cv2.filter2D(rgb, -1, kernel, borderType=cv2.BORDER_REFLECT)


def _shares(places: np.ndarray) -> np.ndarray:
    """(2 half + 1, points): each place's share in the pixels -half ... half, linearly.

    No wider than it must be: from some size on OpenCV takes ten times as long.
    """
    half = math.ceil(round(np.abs(places).max(), 6))  # a right angle's cosine is 6e-17
    pixels = np.arange(-half, half + 1)[:, None]
    return (1.0 - np.abs(pixels - places)).clip(min=0.0)


def vignetting(
    size: tuple[int, int], corner: float, row: float = 0.0, column: float = 0.0
) -> np.ndarray:
    """cos^4 of the angle to the axis, natural vignetting, of a picture of ``size``.

    ``size`` is (height, width). ``corner`` is the squared tangent of that angle at the corners, if
    the axis goes through the middle; ``row`` and ``column`` are where it goes, -1 and 1 at the
    borders.
    """
    y, x = ((2.0 * np.arange(n, dtype=np.float32) + 1.0) / n - 1.0 for n in size)
    squared = ((y - row) ** 2)[:, None] + (x - column) ** 2
    gain: np.ndarray = (1.0 + 0.5 * corner * squared) ** -2
    return gain


def rolling_exposure(height: int, amount: float, periods: float, phase: float) -> np.ndarray:
    """(height, 1): 1 - amount (1 + cos) / 2 of each row, ``periods`` over the picture.

    ``phase`` is from 0 to 1; at 0 the first row is the darkest.
    """
    turns = periods * np.arange(height, dtype=np.float32)[:, None] / height + phase
    gain: np.ndarray = 1.0 - 0.5 * amount * (1.0 + np.cos(2.0 * np.pi * turns))
    return gain


def multiply(rgb: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """The picture times ``gain``, which broadcasts to (height, width)."""
    whole = np.broadcast_to(gain, rgb.shape[:2]).astype(np.float32)
    return cv2.multiply(rgb, cv2.merge((whole,) * 3), dtype=cv2.CV_8U)


def add_noise(rgb: np.ndarray, sigma: float, seed: int) -> np.ndarray:
    """Normal noise of ``sigma`` [of 255] in black, which falls evenly to a quarter in white.

    Light's own noise grows with its root only, and the camera's curve stretches the dark.
    """
    noise = np.empty(rgb.shape, np.float32)
    # OpenCV's normal numbers take a quarter of NumPy's time
    cv2.setRNGSeed(seed)
    cv2.randn(noise, (0.0,) * 3, (1.0,) * 3)
    deviation = np.linspace(sigma, _NOISE_IN_WHITE * sigma, 256, dtype=np.float32)
    return cv2.add(rgb, cv2.multiply(noise, cv2.LUT(rgb, deviation)), dtype=cv2.CV_8U)


def clip_highlights(rgb: np.ndarray, white: float) -> np.ndarray:
    """Exposed so long that what was ``white`` (of 1) and more in a channel is 255."""
    table = np.rint(np.arange(256) / white).clip(0, 255).astype(np.uint8)
    return cv2.LUT(rgb, table)


def to_grey(rgb: np.ndarray) -> np.ndarray:
    """Three times the luma, as a node gets mono8."""
    return cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def lower_resolution(rgb: np.ndarray, factor: float) -> np.ndarray:
    """Shrunk by ``factor`` >= 1, antialiased, and enlarged again."""
    height, width = rgb.shape[:2]
    small = (max(1, round(width / factor)), max(1, round(height / factor)))
    shrunk = cv2.resize(rgb, small, interpolation=cv2.INTER_AREA)
    return cv2.resize(shrunk, (width, height), interpolation=cv2.INTER_LINEAR)


def compress(rgb: np.ndarray, quality: int) -> np.ndarray:
    """As JPEG of ``quality`` (1 to 100) gives it back."""
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, (cv2.IMWRITE_JPEG_QUALITY, quality))
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
