import numpy as np
import pytest
import torch
from skimage.transform import resize

from fourier_depth_ros.data.truth import fill_holes, resize_depth


def ramp(height=480, width=640):
    v, u = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    return 2 + 3 * v + torch.sin(3 * u)


def test_without_holes_it_agrees_with_the_seeds_recipe():
    depth = ramp()
    expected = resize(
        depth.numpy(), (25, 32), mode="reflect", anti_aliasing=True, preserve_range=True
    )
    np.testing.assert_allclose(resize_depth(depth, (25, 32)), expected, atol=0.02)


def test_only_valid_pixels_are_averaged():
    depth = torch.full((250, 320), 2.0)
    depth[:, ::2] = torch.nan
    depth[::3, 1::2] = 0.0
    depth[:100, 200:] = torch.inf
    small = resize_depth(depth, (25, 32))
    assert torch.isnan(small[:8, 22:]).all()
    torch.testing.assert_close(small[11:, :], torch.full((14, 32), 2.0))


def test_filling_keeps_what_is_known_and_follows_the_guess():
    truth = ramp(72, 96)
    holey = truth.clone()
    holey[30:50, 40:70] = torch.nan
    holey[0, 0] = torch.nan
    filled = fill_holes(holey, truth / 2)  # the right shape at the wrong scale
    known = torch.isfinite(holey)
    assert torch.equal(filled[known], truth[known])
    torch.testing.assert_close(filled, truth, atol=0.02, rtol=0.0)


def test_filling_interpolates_what_the_guess_misses():
    truth = ramp(72, 96)
    holey = truth.clone()
    holey[30:40, 40:55] = torch.nan
    filled = fill_holes(holey, torch.full((72, 96), 3.0))  # a guess that knows nothing
    assert (filled - truth).abs().max() < 0.35  # the depth changes by 0.5 m across the hole


def test_a_picture_without_truth_is_refused():
    with pytest.raises(ValueError, match="no valid pixel"):
        fill_holes(torch.full((72, 96), torch.nan), torch.ones(72, 96))


def test_a_whole_truth_is_returned_as_it_is():
    truth = ramp(72, 96)
    assert fill_holes(truth, torch.ones(72, 96)) is truth


def test_what_is_too_far_is_no_part_of_the_average():
    depth = torch.full((250, 320), 2.0)
    depth[:, 1::2] = 9.0
    depth[:100, 200:] = 9.0
    small = resize_depth(depth, (25, 32), farthest=8.0)
    assert torch.isnan(small[:8, 22:]).all()
    torch.testing.assert_close(small[11:, :], torch.full((14, 32), 2.0))
