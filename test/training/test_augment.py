"""Views, by hand: what moves in the picture moves in the depth, and the targets follow the zoom."""

import math

import cv2
import numpy as np
import pytest
import torch

from fourier_depth_ros.config import DepthSpace
from fourier_depth_ros.core.crops import crop_boxes, extract_crops
from fourier_depth_ros.data.truth import resize_depth
from fourier_depth_ros.training.augment import (
    View,
    cut_view,
    pair_truth,
    random_view,
    resize_rgb,
    shift_colours,
    warp_depth,
    warp_features,
)
from fourier_depth_ros.training.cache import Pair
from fourier_depth_ros.training.config import AugmentConfig

HEIGHT, WIDTH = 100, 200
FOCAL = 0.9
SPACE = DepthSpace(canonical_focal=0.6, max_depth=12.0)


@pytest.fixture
def pair() -> Pair:
    """Red is the column, green the row, and depth tells both: 1 + column / 100 + row / 1000."""
    row, column = np.mgrid[:HEIGHT, :WIDTH]
    rgb = np.stack((column, row, np.zeros_like(row)), axis=-1).astype(np.uint8)
    depth = (1 + column / 100 + row / 1000).astype(np.float32)
    return Pair("room_0", "room", rgb, depth, FOCAL)


def test_a_whole_view_changes_nothing(pair):
    seen = cut_view(pair, View())
    np.testing.assert_array_equal(seen.rgb, pair.rgb)
    np.testing.assert_array_equal(seen.depth, pair.depth)
    assert seen.focal == FOCAL


def test_zoom_cuts_a_box_and_raises_phi(pair):
    seen = cut_view(pair, View(zoom=2.0, row=1.0, column=0.25))
    # half of each side; 1 of the 50 free rows, 0.25 of the 100 free columns
    assert seen.rgb.shape == (50, 100, 3)
    assert seen.rgb[0, 0].tolist() == [25, 50, 0]
    assert seen.depth[0, 0] == pair.depth[50, 25]
    assert seen.focal == 2 * FOCAL


def test_corner_views_are_the_node_s_crops(pair):
    """ratio 0.8 is zoom 1.25, in the order of crop_boxes: TL, TR, BL, BR."""
    boxes = crop_boxes((HEIGHT, WIDTH), (0.8,))
    corners = [(0, 0), (0, 1), (1, 0), (1, 1)]
    views = [View(zoom=1.25, row=row, column=column) for row, column in corners]
    assert [view.box(HEIGHT, WIDTH) for view in views] == boxes
    crops = extract_crops(torch.from_numpy(pair.rgb).permute(2, 0, 1), (0.8,), 64, flips=False)
    for view, crop in zip(views, crops, strict=True):
        mine = resize_rgb(cut_view(pair, view).rgb, 64)
        np.testing.assert_array_equal(mine, crop.permute(1, 2, 0).numpy())


def test_canonical_targets_follow_the_zoom(pair):
    """d phi_c / phi: a wall at 3 m, phi 0.9, phi_c 0.6 is at 2 m; zoomed by 1.25, at 1.6 m."""
    wall = Pair("w", "w", pair.rgb, np.full((HEIGHT, WIDTH), 3.0, np.float16), FOCAL)
    for zoom, expected in ((1.0, 2.0), (1.25, 1.6)):
        truth = pair_truth(cut_view(wall, View(zoom=zoom)), SPACE, (25, 32))
        torch.testing.assert_close(truth, torch.full((25, 32), expected))


def test_a_camera_that_zooms_gets_the_same_target_as_a_crop(pair):
    """The crop of a picture is a picture with a longer lens: same pixels, same target."""
    crop = cut_view(pair, View(zoom=2.0, row=0.5, column=0.5))
    lens = Pair("l", "l", pair.rgb[25:75, 50:150], pair.depth[25:75, 50:150], 2 * FOCAL)
    np.testing.assert_array_equal(crop.rgb, lens.rgb)
    torch.testing.assert_close(pair_truth(crop, SPACE, (5, 8)), pair_truth(lens, SPACE, (5, 8)))


def test_truth_is_masked_where_unknown_or_too_far(pair):
    depth = np.full((HEIGHT, WIDTH), 3.0, np.float32)
    depth[:, :100] = np.nan
    depth[:50, 100:] = 18.1  # canonical 12.07 m, beyond max_depth
    truth = pair_truth(Pair("p", "p", pair.rgb, depth, FOCAL), SPACE, (2, 2))
    assert torch.isfinite(truth).tolist() == [[False, False], [False, True]]
    assert truth[1, 1] == pytest.approx(2.0)


def test_truth_is_the_core_s_masked_average(pair):
    expected = resize_depth(torch.from_numpy(pair.depth) * (0.6 / 0.9), (25, 32))
    torch.testing.assert_close(pair_truth(pair, SPACE, (25, 32)), expected)


def test_flip_mirrors_both(pair):
    plain, flipped = (cut_view(pair, View(zoom=1.3, flip=flip)) for flip in (False, True))
    np.testing.assert_array_equal(flipped.rgb, plain.rgb[:, ::-1])
    np.testing.assert_array_equal(flipped.depth, plain.depth[:, ::-1])
    assert flipped.focal == plain.focal


def test_rotation_turns_both_alike_and_masks_what_it_does_not_know(pair):
    seen = cut_view(pair, View(angle=5.0))
    known = np.isfinite(seen.depth)
    assert 0.9 < known.mean() < 1.0
    assert not known[0, 0]
    # 60 px right of the centre (99.5, 49.5) lies sin(5 deg) * 60 = 5.23 px deeper in the source:
    # the crop is turned clockwise, so what it shows appears turned anticlockwise
    x, y = 159, 50
    source_x = 99.5 + math.cos(math.radians(5)) * 59.5 - math.sin(math.radians(5)) * 0.5
    source_y = 49.5 + math.sin(math.radians(5)) * 59.5 + math.cos(math.radians(5)) * 0.5
    assert seen.rgb[y, x, 0] == pytest.approx(source_x, abs=1)
    assert seen.rgb[y, x, 1] == pytest.approx(source_y, abs=1)
    # picture and depth agree everywhere, up to the nearest pixel
    told = 1 + seen.rgb[..., 0] / 100.0 + seen.rgb[..., 1] / 1000.0
    assert np.abs(told - seen.depth)[known].max() < 0.02


@pytest.mark.parametrize("flip", [False, True])
def test_features_are_warped_as_the_picture_is(pair, flip):
    """Features that hold each cell's place, against the places that the picture shows."""
    rows, columns = 25, 50  # of 4 x 4 pixels
    y, x = np.mgrid[:rows, :columns] * 4 + 1.5
    view = View(zoom=1.6, row=0.4, column=0.7, angle=4.0, flip=flip)
    warped = warp_features(np.stack((x, y)), view, (HEIGHT, WIDTH), (10, 10))
    seen = cut_view(pair, view).rgb.astype(np.float32)
    expected = cv2.resize(seen, (10, 10), interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(warped.permute(1, 2, 0), expected[..., :2], atol=1.0)


@pytest.mark.parametrize("flip", [False, True])
def test_a_teacher_s_depth_is_turned_and_divided_as_the_truth_is(pair, flip):
    """Canonical depth of the whole picture, seen by a view, against the view's own truth."""
    view = View(zoom=1.6, row=0.4, column=0.7, angle=4.0, flip=flip)
    canonical = pair.depth * (0.6 / FOCAL)
    whole = cv2.resize(canonical, (50, 25), interpolation=cv2.INTER_AREA)
    found = warp_depth(whole, view, (HEIGHT, WIDTH), (20, 40))
    expected = pair_truth(cut_view(pair, view), SPACE, (20, 40))
    both = torch.isfinite(found) & torch.isfinite(expected)
    assert both.float().mean() > 0.95
    torch.testing.assert_close(found[both], expected[both], atol=0.02, rtol=0)


def test_beyond_the_border_a_teacher_says_nothing(pair):
    view = View(angle=10.0)
    found = warp_depth(np.ones((25, 50)), view, (HEIGHT, WIDTH), (25, 50))
    known = np.isfinite(cut_view(pair, view).depth[2::4, 2::4])  # half a pixel from the cells
    agreed = torch.isfinite(found).numpy() == known
    assert not known.all()
    assert agreed.mean() > 0.98
    torch.testing.assert_close(found.nan_to_num(1.0), torch.ones(25, 50))


def test_random_views_stay_in_their_range():
    config = AugmentConfig(zoom=1.5, rotation=3.0, flip=0.25)
    rng = np.random.default_rng(0)
    views = [random_view(rng, config) for _ in range(2000)]
    zooms = np.array([view.zoom for view in views])
    assert 1.0 <= zooms.min() < 1.01
    assert 1.49 < zooms.max() <= 1.5
    assert np.median(zooms) == pytest.approx(math.sqrt(1.5), abs=0.01)  # even in log
    angles = np.array([view.angle for view in views])
    assert -3.0 <= angles.min() < -2.9 < 2.9 < angles.max() <= 3.0
    assert np.mean([view.flip for view in views]) == pytest.approx(0.25, abs=0.04)
    # everywhere, the borders too
    rows = {view.box(100, 200)[0] == 0 for view in views}
    assert rows == {False, True}
    still = random_view(rng, AugmentConfig(zoom=1.0, rotation=0.0, flip=0.0))
    assert (still.zoom, still.angle, still.flip) == (1.0, 0.0, False)


def test_colours_stray_by_their_strength_and_are_reproducible(pair):
    rgb = resize_rgb(pair.rgb, 64)
    np.testing.assert_array_equal(shift_colours(rgb, np.random.default_rng(1), 0.0), rgb)

    def change(strength: float) -> float:
        shifted = [shift_colours(rgb, np.random.default_rng(i), strength) for i in range(40)]
        assert {(s.dtype, s.shape) for s in shifted} == {(np.dtype(np.uint8), rgb.shape)}
        return float(np.mean([np.abs(s.astype(float) - rgb).mean() for s in shifted]))

    assert 0 < change(0.1) < change(0.5) < change(1.0)
    once, again = (shift_colours(rgb, np.random.default_rng(7), 1.0) for _ in range(2))
    np.testing.assert_array_equal(once, again)
