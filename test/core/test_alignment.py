"""Crops of a plane in disparity, each in a scale of its own, come back to the whole picture's."""

import pytest
import torch

from fourier_depth_ros.core.alignment import Alignment
from fourier_depth_ros.core.crops import crop_boxes

PICTURE, MAP = (120, 160), (72, 96)
RATIOS = (1.0, 0.8, 0.6)


def plane(top, left, height, width):
    """0.2 + 0.001 x + 0.002 y at the cells' centres of a window [px of the picture]."""
    y = top + (torch.arange(72.0) + 0.5) * height / 72
    x = left + (torch.arange(96.0) + 0.5) * width / 96
    return 0.2 + 0.001 * x + 0.002 * y[:, None]


@pytest.mark.parametrize("shift", [True, False])
@pytest.mark.parametrize("flips", [True, False])
def test_every_crop_comes_back(shift, flips):
    true = torch.stack([plane(*box) for box in crop_boxes(PICTURE, RATIOS)])
    if flips:
        true = torch.cat((true, true.flip(-1)))
    own = torch.linspace(0.5, 3.0, len(true))[:, None, None]
    given = true * own + (own.flip(0) - 2 if shift else 0.0)
    aligned = Alignment.build(PICTURE, RATIOS, MAP)(given, true[0], flips, shift)
    torch.testing.assert_close(aligned, true, rtol=0, atol=1e-5)


def test_crops_without_contrast_or_against_the_picture_only_take_its_place():
    whole = plane(0, 0, *PICTURE)
    alignment = Alignment.build(PICTURE, (1.0,), MAP)
    for given in (torch.full(MAP, 7.0), -whole):
        aligned = alignment(given[None], whole, flips=False, shift=True)[0]
        assert aligned.std() < 1e-4
        assert float(aligned.mean()) == pytest.approx(float(whole.mean()), abs=1e-3)
