"""Training samples: one random view of a pair, its canonical truth, and colours astray.

Convention: pixel centres are integers, (x, y) = (column, row); the unit square spans a picture from
border to border, so that pixel x is at (x + 0.5) / width. Angles are anticlockwise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from fourier_depth_ros.config import DepthSpace
from fourier_depth_ros.core.crops import crop_size, extract_crops
from fourier_depth_ros.data.truth import canonical_truth
from fourier_depth_ros.training.cache import Pair
from fourier_depth_ros.training.config import AugmentConfig


@dataclass(frozen=True)
class View:
    """What a sample shows of its picture: a crop of 1 / zoom of each side, rotated, then mirrored.

    row, column: where the crop lies, from 0 (top, left) to 1 (bottom, right).
    angle: of the crop about its centre [degrees].
    """

    zoom: float = 1.0
    row: float = 0.5
    column: float = 0.5
    angle: float = 0.0
    flip: bool = False

    def box(self, height: int, width: int) -> tuple[int, int, int, int]:
        """(top, left, height, width) of the crop before it is rotated [px].

        crop_size decides, as it does for the node's crops.
        """
        h, w = crop_size((height, width), 1.0 / self.zoom)
        return round(self.row * (height - h)), round(self.column * (width - w)), h, w

    def to_source(self, height: int, width: int) -> np.ndarray:
        """(2, 3): from (x, y, 1) in the view to (x, y) in the picture [px]."""
        top, left, h, w = self.box(height, width)
        sin, cos = math.sin(math.radians(self.angle)), math.cos(math.radians(self.angle))
        # y points down: what stands right of the centre in the picture rises in the crop
        turn = np.array([[cos, -sin], [sin, cos]])
        centre = np.array([(w - 1) / 2, (h - 1) / 2])
        matrix = np.column_stack((turn, centre - turn @ centre + (left, top)))
        mirror = np.array([[-1.0, 0.0, w - 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
        return matrix @ mirror if self.flip else matrix


def random_view(rng: np.random.Generator, config: AugmentConfig) -> View:
    """A view of the whole range that the augmentation allows."""
    return View(
        zoom=math.exp(rng.uniform(0.0, math.log(config.zoom))),
        row=rng.uniform(),
        column=rng.uniform(),
        angle=rng.uniform(-config.rotation, config.rotation),
        flip=bool(rng.uniform() < config.flip),
    )


def cut_view(pair: Pair, view: View) -> Pair:
    """The part of a pair that a view shows, at the picture's resolution, as a picture of its own.

    Depth stays as it is and phi grows by the zoom: fx is the same and the picture narrower. Beyond
    the picture's border, colours are mirrored and depth is NaN.
    """
    height, width = pair.depth.shape
    top, left, h, w = view.box(height, width)
    depth = _single(pair.depth).numpy()
    if view.angle or view.flip:
        matrix = view.to_source(height, width)
        flags = cv2.WARP_INVERSE_MAP
        rgb = cv2.warpAffine(
            pair.rgb, matrix, (w, h), flags=flags | cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
        )
        # nearest: depth must not be mixed across edges and holes
        depth = cv2.warpAffine(
            depth,
            matrix,
            (w, h),
            flags=flags | cv2.INTER_NEAREST,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=math.nan,
        )
    else:
        rgb = pair.rgb[top : top + h, left : left + w]
        depth = depth[top : top + h, left : left + w]
    return Pair(pair.name, pair.group, rgb, depth, pair.focal * width / w)


def pair_truth(pair: Pair, space: DepthSpace, size: tuple[int, int]) -> Tensor:
    """A pair's canonical_truth on the network's map, (rows, columns) float32, NaN invalid.

    A zoom of z makes phi z times as large, so the target is d / z: what makes sec. 3.3's
    multiplication by 1/r valid. Depth beyond ``max_depth``, which the head cannot express, is
    invalid.
    """
    factor = pair.focal / space.canonical_focal
    return canonical_truth(_single(pair.depth), factor, size, space.max_depth)


def _single(depth: np.ndarray) -> Tensor:
    """In float32: NumPy is slow at halfs; torch is not, but takes nothing that is read-only."""
    return torch.from_numpy(np.require(depth, requirements=("C", "W"))).float()


def resize_rgb(rgb: np.ndarray, side: int) -> np.ndarray:
    """A picture as the network sees it, (side, side, 3) uint8, by the node's own resize."""
    picture = torch.from_numpy(np.require(rgb, requirements=("C", "W"))).permute(2, 0, 1)
    return extract_crops(picture, (1.0,), side, flips=False)[0].permute(1, 2, 0).numpy()


def warp_features(
    features: np.ndarray, view: View, size: tuple[int, int], cells: tuple[int, int]
) -> Tensor:
    """A whole picture's feature map (channels, h, w) as the view sees it, (channels, *cells).

    ``size`` is the (height, width) of the picture that the view is of [px]. Bilinear; beyond the
    border, the border's.
    """
    return _sample(features, _places(view, size, cells))


def warp_depth(
    depth: np.ndarray, view: View, size: tuple[int, int], cells: tuple[int, int]
) -> Tensor:
    """A whole picture's depth (h, w) [canonical m] as the view's own camera has it, ``cells``.

    As warp_features, but NaN beyond the border; and divided by the zoom, as pair_truth is.
    """
    height, width = size
    places = _places(view, size, cells)
    inside = torch.from_numpy((np.abs(places) <= 1.0).all(axis=-1))
    zoom = width / view.box(height, width)[3]
    return (_sample(depth[None], places)[0] / zoom).where(inside, torch.nan)


def _places(view: View, size: tuple[int, int], cells: tuple[int, int]) -> np.ndarray:
    """(rows, columns, 2): where the centres of a view's cells lie in its picture, as (x, y).

    As grid_sample has it: the picture's borders are at -1 and 1.
    """
    height, width = size
    _, _, h, w = view.box(height, width)
    rows, columns = ((np.arange(n) + 0.5) / n for n in cells)
    grid = np.stack((*np.meshgrid(columns * w - 0.5, rows * h - 0.5), np.ones(cells)), axis=-1)
    return 2.0 * (grid @ view.to_source(height, width).T + 0.5) / (width, height) - 1.0


def _sample(maps: np.ndarray, places: np.ndarray) -> Tensor:
    return F.grid_sample(
        torch.from_numpy(maps.astype(np.float32))[None],
        torch.from_numpy(places.astype(np.float32))[None],
        align_corners=False,
        padding_mode="border",
    )[0]


def shift_colours(rgb: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """A picture (h, w, 3) uint8 as another camera might have it; strength 0 leaves it as it is.

    Exposure, contrast, gamma and white balance; some grey or of another saturation, some blurred,
    some noisy. Real cameras are worse than renders.
    """
    if strength == 0:
        return rgb
    if rng.uniform() < 0.6 * strength:
        grey = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
        saturation = 0.0 if rng.uniform() < 0.3 else rng.uniform(0.0, 1.6)
        rgb = cv2.addWeighted(rgb, saturation, grey, 1.0 - saturation, 0.0)
    gamma = math.exp(rng.normal(0.0, 0.25 * strength))
    contrast = math.exp(rng.normal(0.0, 0.2 * strength))
    brightness = rng.normal(0.0, 0.08 * strength)
    balance = np.exp(rng.normal(0.0, 0.1 * strength, 3))
    level = np.linspace(0.0, 1.0, 256)[:, None]
    table = ((level**gamma - 0.5) * contrast + 0.5 + brightness) * balance
    rgb = cv2.LUT(rgb, np.rint(255 * table.clip(0, 1)).astype(np.uint8)[None])
    if rng.uniform() < 0.35 * strength:
        sigma = rng.uniform(0.4, 1.5)
        rgb = cv2.GaussianBlur(rgb, (0, 0), sigma)
    if rng.uniform() < 0.5 * strength:
        noise = np.empty(rgb.shape, np.float32)
        # OpenCV's normal numbers take a quarter of NumPy's time
        cv2.setRNGSeed(int(rng.integers(2**31)))
        cv2.randn(noise, (0.0,) * 3, (rng.uniform(1.0, 12.0),) * 3)
        rgb = cv2.add(rgb, noise, dtype=cv2.CV_8U)
    return rgb
