"""Faults of cameras, by hand."""

import numpy as np
import pytest

from fourier_depth_ros.training.cameras import (
    add_noise,
    clip_highlights,
    compress,
    lower_resolution,
    motion_blur,
    multiply,
    rolling_exposure,
    take,
    to_grey,
    vignetting,
)


def flat(*colour, size=(64, 64)):
    return np.full((*size, 3), colour, np.uint8)


def point():
    picture = flat(0, size=(7, 7))
    picture[3, 3] = 240
    return picture


def test_a_point_moves_along_a_line():
    across = np.zeros((7, 7))
    across[3, 2:5] = 80
    for angle, expected in ((0, across), (90, across.T), (180, across)):
        np.testing.assert_array_equal(motion_blur(point(), 3, angle)[..., 0], expected)
    # of 1 px nothing is left; of 2 px two halves, at half a pixel from the middle: 1/4, 1/2, 1/4
    np.testing.assert_array_equal(motion_blur(point(), 1, 30), point())
    assert motion_blur(point(), 2, 0)[3, 1:6, 1].tolist() == [0, 60, 120, 60, 0]


def test_angles_are_anticlockwise_and_light_is_neither_lost_nor_made():
    blurred = motion_blur(point(), 4, 45)[..., 2]
    assert blurred[2, 4] == blurred[4, 2] > 0  # up and to the right, and back
    assert blurred[2, 2] == blurred[4, 4] < 10
    assert blurred.sum() == pytest.approx(240, abs=5)
    np.testing.assert_array_equal(motion_blur(flat(50, 90, 7), 9.3, 71), flat(50, 90, 7))


def test_vignetting_is_cos_to_the_fourth():
    # pixel centres at -2/3, 0, 2/3: squared distances 0, 4/9, 8/9 of the corner's 2
    gain = vignetting((3, 3), 0.9)
    middle, edge, corner = 1.0, 1.2**-2, 1.4**-2
    expected = [[corner, edge, corner], [edge, middle, edge], [corner, edge, corner]]
    np.testing.assert_allclose(gain, expected, rtol=1e-6)
    assert vignetting((2, 4), 0.9, row=-0.5, column=0.25)[0, 2] == 1.0  # where the axis goes


def test_rows_are_exposed_one_after_the_other():
    gain = rolling_exposure(4, 0.4, periods=1, phase=0)
    np.testing.assert_allclose(gain, [[0.6], [0.8], [1.0], [0.8]], atol=1e-6)
    shifted = rolling_exposure(4, 0.4, periods=1, phase=0.25)
    np.testing.assert_allclose(shifted, [[0.8], [1.0], [0.8], [0.6]], atol=1e-6)


def test_gains_multiply_every_channel():
    picture = flat(200, 100, 10, size=(2, 3))
    dark = multiply(picture, np.float32([[0.5], [1.3]]))
    assert dark[0].tolist() == [[100, 50, 5]] * 3
    assert dark[1].tolist() == [[255, 130, 13]] * 3
    assert multiply(picture, np.full((2, 3), 0.1))[1, 2].tolist() == [20, 10, 1]


@pytest.mark.parametrize(("level", "sigma"), [(102, 7.0), (204, 4.0)])
def test_noise_grows_with_darkness(level, sigma):
    """Of 10 in black and 2.5 in white: 10 - 7.5 level / 255."""
    noisy = add_noise(flat(level, size=(200, 200)), 10.0, seed=3).astype(float)
    assert noisy.mean() == pytest.approx(level, abs=0.1)
    # 120,000 numbers; whole ones add 1/12 to the variance
    assert noisy.std() == pytest.approx((sigma**2 + 1 / 12) ** 0.5, rel=0.02)
    channels = noisy.reshape(-1, 3).T
    assert abs(np.corrcoef(channels) - np.eye(3)).max() < 0.02


def test_highlights_are_clipped_channel_by_channel():
    assert clip_highlights(flat(51, 102, 153), 0.5)[0, 0].tolist() == [102, 204, 255]


def test_grey_is_luma():
    # 0.299 R + 0.587 G + 0.114 B
    assert to_grey(flat(200, 100, 10))[5, 5].tolist() == [120] * 3


def test_lower_resolution_averages_and_keeps_the_size():
    board = np.indices((8, 10)).sum(axis=0) % 2 * 200
    picture = np.repeat(board[..., None], 3, axis=2).astype(np.uint8)
    np.testing.assert_array_equal(lower_resolution(picture, 2.0), flat(100, size=(8, 10)))
    np.testing.assert_array_equal(lower_resolution(picture, 1.0), picture)


def test_jpeg_keeps_flat_colours_and_loses_more_of_noise_at_a_lower_quality():
    red = flat(200, 40, 30)
    assert abs(compress(red, 90).astype(int) - red).max() <= 3
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    lost = [abs(compress(noise, q).astype(int) - noise).mean() for q in (95, 60, 30)]
    assert lost == sorted(lost)
    assert lost[0] < lost[2]


def test_without_strength_nothing_is_drawn_nor_changed():
    rng, untouched = np.random.default_rng(1), np.random.default_rng(1)
    picture = flat(1, 2, 3)
    assert take(picture, rng, 0.0) is picture
    assert rng.uniform() == untouched.uniform()


def test_a_take_follows_from_its_numbers_alone_and_leaves_the_picture():
    picture = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    picture.flags.writeable = False  # as the cache's are
    takes = [take(picture, np.random.default_rng(i // 2), 2.0) for i in range(60)]
    for one, again in zip(takes[::2], takes[1::2], strict=True):
        np.testing.assert_array_equal(one, again)
        assert (one.shape, one.dtype) == ((40, 30, 3), np.uint8)
    assert len({one.tobytes() for one in takes}) > 20


@pytest.mark.parametrize("strength", [0.5, 1.0])
def test_strength_is_how_often_faults_come(strength):
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    rng = np.random.default_rng(5)
    untouched = np.mean([take(picture, rng, strength) is picture for _ in range(2000)])
    shares = np.array([0.2, 0.2, 0.1, 0.25, 0.15, 0.08, 0.2, 0.4])
    assert untouched == pytest.approx(np.prod(1 - strength * shares), abs=0.03)
