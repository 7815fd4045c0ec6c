"""Crop geometry, and the matched pair extract_crops / merge_crops (Lee et al. 2018, sec. 3.3).

Every ratio r gives four corner crops of size round(r [H, W]); at r = 1 the four coincide, so one is
cut and used four times. Crops of one picture are ordered by ratio, then TL, TR, BL, BR; with flips
the same list follows once more, each crop mirrored. Candidates are ordered likewise: all ratios
plain, then all ratios flipped.

The corner crops of a ratio are also windows of the whole picture zoomed by 1/r, and so are their
feature maps (but for what a convolution sees beyond a crop's border). extract_zoomed / cut_windows
/ join_windows give the same maps in the same order from one pass of each zoomed picture.

Convention: sizes and boxes are rows first, (height, width) and (top, left, height, width), in
pixels; resampling is bilinear with align_corners=False, antialiased where it shrinks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, Num
from torch import Tensor

#: Lee et al. 2018, sec. 3.4: candidates are combined on this grid.
GRID = (72, 96)
MIN_SIDE = 32
_BLOCK = 256


def crop_size(image_size: tuple[int, int], ratio: float) -> tuple[int, int]:
    """(height, width) of the crops of one ratio: round(r [H, W])."""
    height, width = image_size
    return round(ratio * height), round(ratio * width)


def crop_boxes(
    image_size: tuple[int, int], ratios: tuple[float, ...]
) -> list[tuple[int, int, int, int]]:
    """The boxes (top, left, height, width) of all plain crops, in the order of extract_crops.

    This is the one place that decides what becomes of a picture's aspect: a crop has the aspect of
    the whole picture and the network sees it squeezed to a square, as the paper does. Training,
    fitting and the node all cut their crops here.

    Raises:
        ValueError: a side under 32 pixels.
    """
    height, width = image_size
    if min(height, width) < MIN_SIDE:
        raise ValueError(
            f"the picture is {width}x{height} pixels; at least {MIN_SIDE} on each side are needed"
        )
    boxes = []
    for ratio in ratios:
        h, w = crop_size(image_size, ratio)
        tops, lefts = sorted({0, height - h}), sorted({0, width - w})
        boxes += [(top, left, h, w) for top in tops for left in lefts]
    return boxes


def extract_crops(
    image: Num[Tensor, "3 height width"],
    ratios: tuple[float, ...],
    side: int | tuple[int, int],
    flips: bool,
) -> Num[Tensor, "crops 3 rows columns"]:
    """All crops of a picture, resized to ``side`` x ``side``: one antialiased resize a ratio.

    Of other shapes ``side`` is (rows, columns).
    ``image`` is uint8 or floating point; values keep their scale (0..255 stays 0..255). On a CPU a
    uint8 picture stays uint8, rounded to the nearest level as PIL does, which is ten times faster
    there; elsewhere the result is float32.

    Raises:
        ValueError: a side of the picture is under 32 pixels.
    """
    height, width = image.shape[-2:]
    crop_boxes((height, width), ratios)  # the size check
    size = (side, side) if isinstance(side, int) else side
    picture = image if image.is_cpu else image.to(torch.float32)
    crops = []
    for ratio in ratios:
        h, w = crop_size((height, width), ratio)
        corners = _corners(picture, h, w)
        corners = corners.permute(1, 2, 3, 4, 0).reshape(-1, h, w, 3).permute(0, 3, 1, 2)
        crops.append(
            F.interpolate(corners, size, mode="bilinear", align_corners=False, antialias=True)
        )
    plain = torch.cat(crops)
    return torch.cat((plain, plain.flip(-1))) if flips else plain


def _corners(
    pictures: Num[Tensor, "*channels full_height full_width"], height: int, width: int
) -> Num[Tensor, "*channels rows columns height width"]:
    """The corner windows as a view; along an axis that one fills there is but one."""
    # A sliding window whose step is the distance between the corners sees just the corners.
    down, right = pictures.shape[-2] - height, pictures.shape[-1] - width
    return pictures.unfold(-2, height, max(down, 1)).unfold(-2, width, max(right, 1))


def extract_zoomed(
    image: Num[Tensor, "3 height width"], ratios: tuple[float, ...], side: int, flips: bool
) -> list[Num[Tensor, "pictures 3 _ _"]]:
    """For each ratio the whole picture, zoomed so that a corner crop has ``side`` pixels.

    With flips the mirrored picture comes second. Values are as those of extract_crops.

    Raises:
        ValueError: a side of the picture is under 32 pixels.
    """
    return [extract_crops(image, (1.0,), round(side / ratio), flips) for ratio in ratios]


def cut_windows(
    maps: Num[Tensor, "n channels height width"], cells: int
) -> Num[Tensor, "windows channels window_height window_width"]:
    """The four corner windows that leave out ``cells`` rows and columns; no cells: the maps.

    (n, c, h, w) -> (4 n, c, h - cells, w - cells): TL, TR, BL, BR of the first map, then of the
    second.
    """
    if cells == 0:
        return maps
    height, width = maps.shape[-2] - cells, maps.shape[-1] - cells
    return _corners(maps, height, width).permute(0, 2, 3, 1, 4, 5).flatten(0, 2)


def join_windows(
    maps: list[Float[Tensor, "_ map_rows map_columns"]], flips: bool
) -> Float[Tensor, "crops map_rows map_columns"]:
    """The maps of every zoomed picture's windows, in the order of extract_crops' crops."""
    if not flips:
        return torch.cat(maps)
    plain, mirrored = zip(*(each.chunk(2) for each in maps), strict=True)
    # The mirrored picture's left window is the mirrored crop of the right corner.
    swapped = [
        each.unflatten(0, (2, 2)).flip(1).flatten(0, 1) if len(each) == 4 else each
        for each in mirrored
    ]
    return torch.cat((*plain, *swapped))


@dataclass(frozen=True)
class CropMerger:
    """The linear map from crop maps to candidates, for one picture size and one set of ratios.

    "Resize each map to its crop, average where crops overlap, resize to the grid" is separable:
    candidate_r = A_r [[TL, TR], [BL, BR]] B_r^T. A (rows) and B (columns) hold the three steps, A
    also the 1/r of sec. 3.3: a crop of ratio r looks 1/r times nearer, the network answers r d.
    """

    rows: Float[Tensor, "ratios grid_rows two_map_rows"]
    columns: Float[Tensor, "ratios grid_columns two_map_columns"]
    slots: Int[Tensor, "ratios 2 2"]

    @staticmethod
    def build(
        image_size: tuple[int, int],
        ratios: tuple[float, ...],
        map_size: tuple[int, int],
        device: torch.device | str = "cpu",
        zoom_rule: bool = True,
    ) -> CropMerger:
        """Precompute the matrices in double precision; a few milliseconds up to 4K.

        ``zoom_rule`` false: without the 1/r, for networks that know the crop's focal length.
        """
        sizes = [crop_size(image_size, ratio) for ratio in ratios]
        rows = [
            _merge_matrix(image_size[0], h, map_size[0], GRID[0]) / (ratio if zoom_rule else 1.0)
            for ratio, (h, _) in zip(ratios, sizes, strict=True)
        ]
        columns = [_merge_matrix(image_size[1], w, map_size[1], GRID[1]) for _, w in sizes]
        slots, first = [], 0
        for ratio in ratios:
            single = ratio == 1.0
            slots.append([first] * 4 if single else [first, first + 1, first + 2, first + 3])
            first += 1 if single else 4
        return CropMerger(
            rows=torch.stack(rows).to(device, torch.float32),
            columns=torch.stack(columns).to(device, torch.float32),
            slots=torch.tensor(slots, device=device).reshape(-1, 2, 2),
        )


def merge_crops(
    maps: Float[Tensor, "crops map_rows map_columns"], merger: CropMerger, flips: bool
) -> Float[Tensor, "candidates 72 96"]:
    """Candidate depth maps [m] from the crops' depth maps [m], the inverse of extract_crops.

    Overlap mean of the four corner crops, times 1/r, un-flipped, on the 72 x 96 grid.
    """
    plain = len(maps) // 2 if flips else len(maps)
    stacked = torch.stack((maps[:plain], maps[plain:].flip(-1))) if flips else maps[None]
    corners = stacked[:, merger.slots]  # (flips, ratios, 2, 2, map_rows, map_columns)
    tiled = corners.permute(0, 1, 2, 4, 3, 5).flatten(4, 5).flatten(2, 3)
    candidates = merger.rows @ tiled @ merger.columns.mT
    return candidates.flatten(0, 1)


def _merge_matrix(full: int, crop: int, source: int, grid: int) -> Float[Tensor, "grid two_source"]:
    """One axis: two maps at the two ends -> overlap mean over ``full`` pixels -> ``grid`` cells."""
    to_crop = resize_matrix(source, crop)
    placed = torch.zeros(full, 2 * source, dtype=torch.float64)
    placed[:crop, :source] += to_crop
    placed[full - crop :, source:] += to_crop
    overlap = placed.sum(dim=1, keepdim=True)  # rows of a resize sum to 1: 1 or 2 crops cover it
    return resize_matrix(full, grid) @ (placed / overlap)


@lru_cache(maxsize=128)
def resize_matrix(source: int, target: int) -> Float[Tensor, "target source"]:
    """The matrix of torch's antialiased bilinear resize along one axis (float64)."""
    # Resized as pictures: torch 2.14 mistakes the memory layout of a (1, C, H, 1) tensor. In blocks
    # of columns: the whole identity of an 8K row would take 470 MB.
    blocks = []
    for first in range(0, source, _BLOCK):
        width = min(_BLOCK, source - first)
        block = torch.zeros(1, 1, source, max(width, 2), dtype=torch.float64)
        block[0, 0, first : first + width].fill_diagonal_(1.0)
        resized = F.interpolate(
            block, (target, max(width, 2)), mode="bilinear", align_corners=False, antialias=True
        )
        blocks.append(resized[0, 0, :, :width])
    return torch.cat(blocks, dim=1)
