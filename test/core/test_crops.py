"""Crops: the paper's numbers, the invariants, and a loop over crops as the oracle."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from fourier_depth_ros.config import PAPER_RATIOS
from fourier_depth_ros.core.crops import (
    CropMerger,
    crop_boxes,
    crop_size,
    cut_windows,
    extract_crops,
    extract_zoomed,
    join_windows,
    merge_crops,
    resize_matrix,
)

MAP = (25, 32)
NYU = (427, 561)


def resize(x, size):
    return F.interpolate(x[None, None], size, mode="bilinear", align_corners=False, antialias=True)[
        0, 0
    ]


def merge_by_loop(maps, image_size, ratios, flips):
    """The definition, one crop after another, at the picture's full resolution."""
    boxes = crop_boxes(image_size, ratios)
    candidates = []
    for flip in (False, True) if flips else (False,):
        index = len(boxes) if flip else 0
        for ratio in ratios:
            total, count = torch.zeros(image_size), torch.zeros(image_size)
            for top, left, h, w in crop_boxes(image_size, (ratio,)):
                crop_map = maps[index].flip(-1) if flip else maps[index]
                index += 1
                total[top : top + h, left : left + w] += F.interpolate(
                    crop_map[None, None], (h, w), mode="bilinear", align_corners=False
                )[0, 0]
                count[top : top + h, left : left + w] += 1
            candidates.append(resize(total / count / ratio, (72, 96)))
    return torch.stack(candidates)


def test_crop_sizes_are_the_papers():
    assert [crop_size(NYU, ratio) for ratio in PAPER_RATIOS] == [
        (427, 561),
        (406, 533),
        (384, 505),
        (363, 477),
        (342, 449),
        (320, 421),
        (299, 393),
        (278, 365),
        (256, 337),
    ]


def test_66_crops_18_candidates():
    image = torch.zeros(3, *NYU, dtype=torch.uint8)
    assert extract_crops(image, PAPER_RATIOS, 64, flips=True).shape == (66, 3, 64, 64)
    merger = CropMerger.build(NYU, PAPER_RATIOS, MAP)
    assert merge_crops(torch.ones(66, *MAP), merger, flips=True).shape == (18, 72, 96)


def test_corner_boxes_by_hand():
    assert crop_boxes((100, 200), (1.0, 0.8)) == [
        (0, 0, 100, 200),
        (0, 0, 80, 160),
        (0, 40, 80, 160),
        (20, 0, 80, 160),
        (20, 40, 80, 160),
    ]


@settings(max_examples=40)
@given(
    height=st.integers(32, 300),
    width=st.integers(32, 300),
    ratio=st.floats(0.501, 1.0, exclude_min=True),
)
def test_every_pixel_is_covered(height, width, ratio):
    covered = np.zeros((height, width), bool)
    for top, left, h, w in crop_boxes((height, width), (ratio,)):
        covered[top : top + h, left : left + w] = True
    # round() may take half a pixel from each crop of a ratio just above one half
    assert covered.all() or 2 * ratio * min(height, width) < min(height, width) + 1


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_extraction_equals_a_loop_over_crops(dtype):
    image = torch.randint(0, 256, (3, 120, 160), dtype=torch.uint8).to(dtype)
    ratios = (1.0, 0.85, 0.6)
    crops = extract_crops(image, ratios, 64, flips=True)
    boxes = crop_boxes((120, 160), ratios)
    for plain, flipped, (top, left, h, w) in zip(crops[:9], crops[9:], boxes, strict=True):
        window = image[:, top : top + h, left : left + w].float()
        for crop, picture in ((plain, window), (flipped, window.flip(-1))):
            expected = F.interpolate(
                picture[None], (64, 64), mode="bilinear", align_corners=False, antialias=True
            )[0]
            tolerance = 1.001 if dtype == torch.uint8 else 1e-3
            assert (crop.float() - expected).abs().max() <= tolerance


def test_channels_last_and_planar_pictures_give_the_same_crops():
    planar = torch.randint(0, 256, (3, 97, 131), dtype=torch.uint8)
    interleaved = planar.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    ratios = (1.0, 0.7)
    assert torch.equal(
        extract_crops(planar, ratios, 64, True), extract_crops(interleaved, ratios, 64, True)
    )


@pytest.mark.parametrize("flips", [False, True])
@pytest.mark.parametrize("image_size", [NYU, (64, 64), (241, 320)])
def test_merging_equals_a_loop_over_crops(image_size, flips):
    ratios = (1.0, 0.9, 0.65)
    maps = torch.rand(18 if flips else 9, *MAP) * 5
    merged = merge_crops(maps, CropMerger.build(image_size, ratios, MAP), flips)
    expected = merge_by_loop(maps, image_size, ratios, flips)
    torch.testing.assert_close(merged, expected, rtol=1e-4, atol=1e-4)


def test_a_constant_predictor_gives_c_over_r():
    candidates = merge_crops(
        torch.full((66, *MAP), 2.0), CropMerger.build(NYU, PAPER_RATIOS, MAP), flips=True
    )
    for candidate, ratio in zip(candidates, PAPER_RATIOS * 2, strict=True):
        torch.testing.assert_close(candidate, torch.full((72, 96), 2.0 / ratio))


@pytest.mark.parametrize("flips", [False, True])
def test_merge_inverts_extract_on_a_smooth_picture(flips):
    """A network that answers r d (here: the crop itself, times r) gives the picture back."""
    v, u = torch.meshgrid(torch.linspace(0, 3, 480), torch.linspace(0, 3, 640), indexing="ij")
    picture = 2 + torch.sin(v) * torch.cos(u)
    ratios = (1.0, 0.8, 0.6)
    crops = extract_crops(picture.expand(3, -1, -1), ratios, 128, flips)[:, :1]
    maps = F.interpolate(crops, MAP, mode="bilinear", antialias=True)[:, 0]
    factors = torch.tensor([1.0] + [0.8] * 4 + [0.6] * 4).repeat(2 if flips else 1)
    merged = merge_crops(
        maps * factors[:, None, None], CropMerger.build((480, 640), ratios, MAP), flips
    )
    # At the border bilinear interpolation repeats the last half cell: slope 3/25 a cell, 0.06.
    for candidate in merged:
        error = (candidate - resize(picture, (72, 96))).abs()
        assert error.max() < 0.06
        assert error[3:-3, 3:-3].max() < 0.02


@pytest.mark.parametrize(("source", "target"), [(4, 8), (32, 337), (640, 96), (72, 72), (25, 64)])
def test_resize_matrix_is_torchs_resize(source, target):
    signal = torch.rand(source, dtype=torch.float64)
    picture = signal[:, None].expand(source, 7)[None, None]
    expected = F.interpolate(picture, (target, 7), mode="bilinear", antialias=True)[0, 0, :, 3]
    torch.testing.assert_close(resize_matrix(source, target) @ signal, expected)


def test_a_tiny_picture_is_refused():
    with pytest.raises(ValueError, match="20x40 pixels; at least 32"):
        crop_boxes((40, 20), (1.0,))


def test_windows_of_a_map_by_hand():
    maps = torch.arange(2 * 9).reshape(2, 1, 3, 3)
    assert cut_windows(maps, 0) is maps
    assert cut_windows(maps, 1)[:, 0].tolist() == [
        [[0, 1], [3, 4]],
        [[1, 2], [4, 5]],
        [[3, 4], [6, 7]],
        [[4, 5], [7, 8]],
        [[9, 10], [12, 13]],
        [[10, 11], [13, 14]],
        [[12, 13], [15, 16]],
        [[13, 14], [16, 17]],
    ]


@pytest.mark.parametrize("flips", [False, True])
def test_windows_of_zoomed_pictures_are_the_corner_crops_in_their_order(flips):
    """A network that answers each pixel by itself can't tell the two apart."""
    v, u = torch.meshgrid(torch.linspace(0, 9, 480), torch.linspace(0, 7, 640), indexing="ij")
    picture = (128 + 60 * torch.sin(v) * torch.cos(u) + 8 * u).expand(3, -1, -1)
    side, ratios = 128, (1.0, 128 / 160, 128 / 192)
    zoomed = extract_zoomed(picture, ratios, side, flips)
    pictures = 2 if flips else 1
    assert [each.shape for each in zoomed] == [(pictures, 3, z, z) for z in (128, 160, 192)]
    windows = [cut_windows(each, each.shape[-1] - side)[:, 0] for each in zoomed]
    crops = extract_crops(picture, ratios, side, flips)[:, 0]
    joined = join_windows(windows, flips)
    assert joined.shape == crops.shape
    assert (joined - crops).abs().max() < 3.0  # half a pixel at a border, of 0 to 255
    different = (crops[:, None] - crops[None]).abs().amax(dim=(-1, -2)) + 99 * torch.eye(len(crops))
    assert different.min() > 10.0  # no two crops could be taken for one another
