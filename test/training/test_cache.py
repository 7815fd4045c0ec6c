import os

import cv2
import numpy as np
import pytest
from rgbd import write_rgbd

from fourier_depth_ros.training import cache
from fourier_depth_ros.training.cache import cached_pairs
from fourier_depth_ros.training.config import DataConfig


@pytest.fixture
def folder(tmp_path):
    return write_rgbd(tmp_path / "rooms", rooms=2, views=2)


def test_pairs_are_shrunk_to_the_short_side(tmp_path, folder):
    pairs = cached_pairs(DataConfig(path=folder), tmp_path / "cache", 60)
    assert [pair.name for pair in pairs] == ["room000_0", "room000_1", "room001_0", "room001_1"]
    pair = pairs[3]
    assert pair.rgb.shape == (60, 80, 3)
    assert pair.focal == 128.0 / 160.0  # in widths: shrinking leaves it
    assert pair.group == "room001"
    # a plane's mean over 2 x 2 pixels, by hand; float16 holds 3 digits
    depth = cv2.imread(str(folder / "depth" / "room001_1.png"), -1).astype(float) / 1000
    means = depth.reshape(60, 2, 80, 2).mean((1, 3))
    np.testing.assert_allclose(pair.depth[2:-2, 2:-2], means[2:-2, 2:-2], rtol=2e-3)
    assert np.abs(pair.rgb[..., 0] / 40 - pair.depth).max() < 0.05


def test_small_pictures_stay_as_they_are_with_holes(tmp_path, folder):
    file = folder / "depth" / "room000_0.png"
    raw = cv2.imread(str(file), -1)
    raw[7, 9] = 0
    cv2.imwrite(str(file), raw)
    pair = cached_pairs(DataConfig(path=folder), tmp_path / "cache", 500)[0]
    assert pair.rgb.shape == (120, 160, 3)
    assert np.argwhere(np.isnan(pair.depth)).tolist() == [[7, 9]]


def test_the_second_call_reads_and_changed_data_is_decoded_anew(tmp_path, folder, monkeypatch):
    root = tmp_path / "cache"
    first = cached_pairs(DataConfig(path=folder), root, 60)
    with monkeypatch.context() as patch:
        patch.setattr(cache, "open_rgbd", None)
        again = cached_pairs(DataConfig(path=folder, weight=3.0), root, 60)
    np.testing.assert_array_equal(first[2].rgb, again[2].rgb)
    os.utime(folder / "depth" / "room000_0.png", ns=(1, 2**62))
    (folder / "depth" / "room001_0.png").write_bytes(b"cut off")
    changed = cached_pairs(DataConfig(path=folder), root, 60)
    assert [pair.name for pair in changed] == ["room000_0", "room000_1", "room001_1"]
    assert changed.skipped == 1
    assert len(list(root.iterdir())) == 2


def test_nothing_readable_leaves_no_cache(tmp_path, folder):
    for file in (folder / "depth").iterdir():
        file.unlink()
    with pytest.raises(ValueError, match="not a single RGB-D pair could be read"):
        cached_pairs(DataConfig(path=folder), tmp_path / "cache", 60)
    assert list((tmp_path / "cache").iterdir()) == []
