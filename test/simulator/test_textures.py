import cv2
import numpy as np
import pytest

from fourier_depth_ros.simulator.textures import (
    PATTERNS,
    SIDE,
    mean_color,
    readable,
    texture,
)


def write(file, picture):
    assert cv2.imwrite(str(file), picture)
    return str(file)


def test_a_file_is_rgba_with_its_bottom_row_first(tmp_path):
    bgr = np.zeros((SIDE, SIDE, 3), np.uint8)
    bgr[0] = 0, 0, 255  # a red top
    rgba = texture(write(tmp_path / "a.png", bgr))
    assert rgba.shape == (SIDE, SIDE, 4)
    assert rgba[-1, 0].tolist() == [255, 0, 0, 255]
    assert rgba[0, 0].tolist() == [0, 0, 0, 255]


@pytest.mark.parametrize("shape", [(5, 9), (300, 20, 3), (8, 8, 4)])
def test_grey_large_and_16_bit_pictures(tmp_path, shape):
    rgba = texture(write(tmp_path / "a.png", np.full(shape, 0x8080, np.uint16)))
    assert np.abs(rgba[..., :3].astype(int) - 0x80).max() <= 1


def test_the_mean_is_of_what_is_no_hole(tmp_path):
    bgra = np.zeros((SIDE, SIDE, 4), np.uint8)
    bgra[:64] = 255, 0, 0, 255
    assert mean_color(write(tmp_path / "a.png", bgra)) == pytest.approx([0, 0, 1])


@pytest.mark.parametrize("kind", PATTERNS)
def test_patterns_come_from_their_seed(kind):
    name = f"pattern:{kind}:5"
    first = texture(name).copy()
    texture.cache_clear()
    np.testing.assert_array_equal(texture(name), first)
    assert (texture(f"pattern:{kind}:6") != first).any()
    assert first[..., :3].std() > 1
    assert (first[..., 3] == 255).all()


def test_outdoors_keeps_the_sky_above(tmp_path):
    sky = write(tmp_path / "a.png", np.full((SIDE, SIDE, 3), (250, 120, 30), np.uint8))
    rgba = texture(f"outdoors:{sky}:3")
    assert np.abs(rgba[-20:, :, :3].astype(int) - (30, 120, 250)).max() <= 1
    assert np.abs(rgba[:20, :, :3].astype(int) - (30, 120, 250)).max(-1).min() > 50


def test_what_is_no_picture(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8 not one")
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("a.jpg", "empty.png", "none.png"):
        assert not readable(str(tmp_path / name))
    with pytest.raises(ValueError, match=r"a\.jpg is not a picture"):
        texture(str(tmp_path / "a.jpg"))
    assert readable("pattern:dots:1")
