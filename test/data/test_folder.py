import cv2
import numpy as np
import pytest
from rgbd import CAMERA, write_rgbd

from fourier_depth_ros.data.folder import FolderDepth


def test_pairs_with_their_calibration(tmp_path):
    dataset = FolderDepth(write_rgbd(tmp_path / "rooms", rooms=2, views=3))
    samples = list(dataset)
    assert len(dataset) == len(samples) == 6
    assert dataset.skipped == 0
    assert [sample.group for sample in samples] == ["room000"] * 3 + ["room001"] * 3
    for sample in samples:
        assert sample.intrinsics == CAMERA
        assert sample.rgb.shape == (120, 160, 3)
        # the picture's grey level is 40 a metre, both rounded down
        assert np.abs(sample.rgb[..., 0] / 40 - sample.depth).max() < 0.03


def test_zero_is_invalid_and_the_unit_is_a_choice(tmp_path):
    folder = write_rgbd(tmp_path / "rooms", rooms=1, views=1)
    raw = np.full((120, 160), 500, np.uint16)
    raw[0, 0] = 0
    cv2.imwrite(str(folder / "depth" / "room000_0.png"), raw)
    (sample,) = FolderDepth(folder, depth_unit=0.0002)
    assert np.isnan(sample.depth[0, 0])
    assert sample.depth[0, 1] == pytest.approx(0.1)


def test_unusable_pairs_are_skipped_with_one_warning_and_counted(tmp_path, caplog):
    folder = write_rgbd(tmp_path / "rooms", rooms=1, views=4)
    (folder / "depth" / "room000_0.png").unlink()
    (folder / "depth" / "room000_1.png").write_bytes(b"not a picture")
    cv2.imwrite(str(folder / "depth" / "room000_2.png"), np.ones((5, 5), np.uint16))
    dataset = FolderDepth(folder)
    assert [sample.name for sample in dataset] == ["room000_3"]
    assert dataset.skipped == 3
    assert len(caplog.records) == 1
    assert "room000_0.png" in caplog.text


def test_an_unreadable_picture_counts_too(tmp_path):
    folder = write_rgbd(tmp_path / "rooms", rooms=1, views=3)
    (folder / "rgb" / "room000_1.png").write_bytes(b"not a picture")
    (folder / "depth" / "room000_2.png").unlink()
    dataset = FolderDepth(folder)
    for _ in range(2):
        assert [sample.name for sample in dataset] == ["room000_0"]
        assert dataset.skipped == 2


def test_without_calibration_nothing_is_guessed(tmp_path, caplog):
    folder = write_rgbd(tmp_path / "rooms", rooms=1, views=1)
    (folder / "rgb" / "camera_info.yaml").unlink()
    dataset = FolderDepth(folder)
    assert list(dataset) == []
    assert "no calibration" in caplog.text


def test_a_folder_of_another_layout(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"rgb does not exist; expected .*depth/NAME\.png"):
        FolderDepth(tmp_path)


def test_photographs_have_no_truth_and_need_no_calibration(tmp_path):
    folder = write_rgbd(tmp_path / "rooms", rooms=1, views=2)
    for part in [*(folder / "depth").iterdir(), folder / "rgb" / "camera_info.yaml"]:
        part.unlink()
    (folder / "depth").rmdir()
    with pytest.raises(FileNotFoundError, match="depth does not exist"):
        FolderDepth(folder)
    photographs = FolderDepth(folder, truth=False)
    samples = list(photographs)
    assert [sample.name for sample in samples] == ["room000_0", "room000_1"]
    assert all(np.isnan(sample.depth).all() for sample in samples)
    assert samples[0].depth.shape == samples[0].rgb.shape[:2] == (120, 160)
    assert photographs.skipped == 0
