import logging
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.images.calibration import (
    intrinsics_from_hfov,
    read_calibration,
    write_calibration,
)
from fourier_depth_ros.images.sources import open_source

INTRINSICS = Intrinsics(fx=60.0, fy=61.0, cx=31.5, cy=23.5, width=64, height=48)

# as camera_calibration writes it: the rectified P differs from K
CALIBRATION = """\
image_width: 640
image_height: 480
camera_name: narrow_stereo
camera_matrix:
  rows: 3
  cols: 3
  data: [500.5, 0, 320.25, 0, 501., 240.75, 0, 0, 1]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [-0.3, 0.1, 0.0, 0.0, 0.0]
rectification_matrix:
  rows: 3
  cols: 3
  data: [1, 0, 0, 0, 1, 0, 0, 0, 1]
projection_matrix:
  rows: 3
  cols: 4
  data: [470.5, 0, 318.25, 0, 0, 490.0, 241.5, 0, 0, 0, 1, 0]
"""
NO_RECTIFICATION = CALIBRATION.replace("[470.5, 0, 318.25, 0, 0, 490.0,", "[0, 0, 0, 0, 0, 0,")


def write_flat(path: Path, rgb: tuple[int, int, int], width: int = 64, height: int = 48) -> Path:
    """A picture of one colour."""
    assert cv2.imwrite(str(path), np.full((height, width, 3), rgb[::-1], np.uint8))
    return path


def write_video(path: Path, grays: list[int], rate: float) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), rate, (64, 48))
    for gray in grays:
        writer.write(np.full((48, 64, 3), gray, np.uint8))
    writer.release()
    return path


def exif_turned(jpeg: bytes, orientation: int) -> bytes:
    """``jpeg`` with an EXIF header of one tag, the orientation."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)
    body = b"Exif\0\0" + tiff
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]


def test_a_picture_is_rgb_without_intrinsics_or_stamp(tmp_path):
    source = open_source(write_flat(tmp_path / "red.png", (200, 30, 10)))
    (picture,) = source
    assert len(source) == 1
    assert (picture.name, picture.intrinsics, picture.stamp_ns) == ("red", None, None)
    assert picture.rgb.dtype == np.uint8
    np.testing.assert_array_equal(picture.rgb, np.full((48, 64, 3), (200, 30, 10)))


def test_grey_alpha_and_16_bit_pictures_become_rgb_of_8_bit(tmp_path):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((4, 5), 77, np.uint8))
    cv2.imwrite(str(tmp_path / "alpha.png"), np.full((4, 5, 4), (1, 2, 3, 9), np.uint8))
    cv2.imwrite(str(tmp_path / "deep.png"), np.full((4, 5), 77 * 257, np.uint16))
    expected = {"grey": (77, 77, 77), "alpha": (3, 2, 1), "deep": (77, 77, 77)}
    for picture in open_source(tmp_path):
        np.testing.assert_array_equal(picture.rgb, np.full((4, 5, 3), expected.pop(picture.name)))
    assert not expected


def test_a_folder_is_sorted_and_reads_every_kind_whatever_its_case(tmp_path):
    names = ["e.png", "c.JPG", "a.jpeg", "b.bmp", "d.WebP", "g.tif", "f.PPM"]
    for name in names:
        write_flat(tmp_path / name, (100, 100, 100))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "._a.jpeg").write_bytes(b"resource fork")
    source = open_source(tmp_path)
    assert len(source) == 7
    assert [picture.name for picture in source] == ["a", "b", "c", "d", "e", "f", "g"]
    assert len(list(source)) == 7  # again, from the start


def test_names_stay_unique_where_stems_collide(tmp_path):
    for name in ("a.png", "a.bmp", "b.png"):
        write_flat(tmp_path / name, (0, 0, 0))
    assert [picture.name for picture in open_source(tmp_path)] == ["a_bmp", "a_png", "b"]


def test_pictures_are_read_one_at_a_time(tmp_path):
    for name in ("a.png", "b.png"):
        write_flat(tmp_path / name, (0, 0, 0))
    pictures = iter(open_source(tmp_path))
    next(pictures)
    write_flat(tmp_path / "b.png", (9, 9, 9))
    assert next(pictures).rgb.max() == 9


def test_a_picture_is_turned_upright_by_its_exif_tag(tmp_path):
    lying = np.zeros((16, 32, 3), np.uint8)
    lying[:, :16] = 255  # the left half is white
    _, jpeg = cv2.imencode(".jpg", lying)
    (tmp_path / "a.jpg").write_bytes(exif_turned(jpeg.tobytes(), 6))  # 6: turn by 90 clockwise
    (picture,) = open_source(tmp_path / "a.jpg")
    assert picture.rgb.shape == (32, 16, 3)
    assert picture.rgb[:12].min() > 240  # left has become top
    assert picture.rgb[20:].max() < 15


def test_corrupt_pictures_are_skipped_with_one_warning_and_counted(tmp_path, caplog):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
    _, jpeg = cv2.imencode(".jpg", noise)
    (tmp_path / "a.png").write_bytes(b"not a picture")
    (tmp_path / "b.png").write_bytes(b"")
    (tmp_path / "c.jpg").write_bytes(jpeg.tobytes()[: len(jpeg) // 2])
    (tmp_path / "d.jpg").write_bytes(jpeg.tobytes() + b"a camera maker's trailer")
    source = open_source(tmp_path)
    for _ in range(2):
        assert [picture.name for picture in source] == ["d"]
        assert source.skipped == 3
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "a.png" in record.message


def test_the_end_of_a_thumbnail_is_not_the_end_of_its_picture(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    jpeg, small = (cv2.imencode(".jpg", each)[1].tobytes() for each in (noise, noise[:8, :8]))
    body = b"Exif\0\0" + small
    exif = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + jpeg[2:]
    (tmp_path / "cut.jpg").write_bytes(exif[: len(exif) // 2])
    (tmp_path / "whole.jpg").write_bytes(exif)
    source = open_source(tmp_path)
    assert [picture.name for picture in source] == ["whole"]
    assert source.unreadable == ["cut.jpg (a truncated JPEG)"]


def test_only_corrupt_pictures_are_an_error(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"not a picture")
    with pytest.raises(ValueError, match=r"no picture could be read \(2 unreadable\)"):
        list(open_source(tmp_path))


def test_a_missing_path_an_empty_folder_and_other_files_say_what_is_expected(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist; give a picture"):
        open_source(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"holds no picture; expected files ending in .png"):
        open_source(tmp_path)
    text = tmp_path / "notes.txt"
    text.write_text("no video")
    with pytest.raises(ValueError, match=r"notes.txt cannot be opened; expected a video"):
        open_source(text)


def test_a_video_has_names_times_and_rgb(tmp_path):
    source = open_source(write_video(tmp_path / "walk.avi", [20, 120, 220], rate=5))
    for _ in range(2):
        pictures = list(source)
        assert [picture.name for picture in pictures] == [
            "walk_000000",
            "walk_000001",
            "walk_000002",
        ]
        assert [picture.stamp_ns for picture in pictures] == [0, 200_000_000, 400_000_000]
        means = [picture.rgb.mean() for picture in pictures]
        np.testing.assert_allclose(means, [20, 120, 220], atol=4)  # JPEG
        assert pictures[0].rgb.shape == (48, 64, 3)


def test_calibration_beside_a_picture_goes_before_the_folders(tmp_path):
    write_flat(tmp_path / "a.png", (0, 0, 0))
    write_flat(tmp_path / "b.png", (0, 0, 0))
    own = Intrinsics(fx=80.0, fy=80.0, cx=30.0, cy=20.0, width=64, height=48)
    write_calibration(tmp_path / "camera_info.yaml", INTRINSICS)
    write_calibration(tmp_path / "b.yaml", own)
    assert [picture.intrinsics for picture in open_source(tmp_path)] == [INTRINSICS, own]
    assert [picture.intrinsics for picture in open_source(tmp_path / "a.png")] == [INTRINSICS]


def test_calibration_beside_a_video(tmp_path):
    write_video(tmp_path / "walk.avi", [20, 120], rate=5)
    write_calibration(tmp_path / "camera_info.yaml", INTRINSICS)
    assert [picture.intrinsics for picture in open_source(tmp_path / "walk.avi")] == [
        INTRINSICS
    ] * 2


def test_calibration_follows_a_resized_picture_and_refuses_another_shape(tmp_path):
    write_calibration(tmp_path / "camera_info.yaml", INTRINSICS)
    (picture,) = open_source(write_flat(tmp_path / "half.png", (0, 0, 0), 32, 24))
    # (31.5 + 0.5) / 2 - 0.5 and (23.5 + 0.5) / 2 - 0.5
    assert picture.intrinsics == Intrinsics(30.0, 30.5, 15.5, 11.5, 32, 24)
    upright = open_source(write_flat(tmp_path / "upright.png", (0, 0, 0), 48, 64))
    with pytest.raises(ValueError, match=r"upright.png with camera_info.yaml: .* 64x48.* 48x64"):
        list(upright)


def test_read_calibration_prefers_the_rectified_matrix(tmp_path):
    path = tmp_path / "camera.yaml"
    path.write_text(CALIBRATION)
    assert read_calibration(path) == Intrinsics(470.5, 490.0, 318.25, 241.5, 640, 480)
    path.write_text(NO_RECTIFICATION)
    assert read_calibration(path) == Intrinsics(500.5, 501.0, 320.25, 240.75, 640, 480)
    path.write_text(CALIBRATION[: CALIBRATION.index("projection_matrix")])
    assert read_calibration(path) == Intrinsics(500.5, 501.0, 320.25, 240.75, 640, 480)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (CALIBRATION.replace("image_width: 640\n", ""), "the key 'image_width' is missing"),
        (NO_RECTIFICATION.replace("camera_matrix", "matrix"), "the key 'camera_matrix' is missing"),
        (CALIBRATION.replace("0, 0, 1, 0]", "1]"), "projection_matrix: data has 9 numbers"),
        (CALIBRATION.replace("490.0", "-1"), "fy is -1.0"),
        (NO_RECTIFICATION.replace("500.5", ".nan"), "fx is nan"),
        (CALIBRATION.replace("640", "wide"), "wide"),
        ("%YAML:1.0\n---\ncameraMatrix: !!opencv-matrix\n", "YAML"),
        ("just words", "not a mapping"),
        ("projection_matrix: [1]\nimage_width: 4\nimage_height: 3\n", "indices must be integers"),
        ("", "not a mapping"),
    ],
)
def test_a_malformed_calibration_says_what_is_expected(tmp_path, text, reason):
    path = tmp_path / "camera.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=reason) as error:
        read_calibration(path)
    assert str(error.value).startswith(f"{path} is not a ROS camera calibration: ")
    assert "expected YAML with image_width, image_height and camera_matrix" in str(error.value)


def test_a_missing_calibration_is_file_not_found(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.yaml"):
        read_calibration(tmp_path / "nowhere.yaml")


focals = st.floats(1e-3, 1e6)
centres = st.floats(-1e6, 1e6)
sizes = st.integers(1, 100_000)


@given(st.builds(Intrinsics, focals, focals, centres, centres, sizes, sizes))
def test_calibration_files_round_trip_exactly(tmp_path_factory, intrinsics):
    path = tmp_path_factory.getbasetemp() / "round_trip.yaml"
    write_calibration(path, intrinsics, name="left")
    assert read_calibration(path) == intrinsics
    assert "camera_name: left" in path.read_text()


def test_intrinsics_from_hfov():
    # tan(45 deg) = 1: the focal length is half the width
    expected = Intrinsics(320.0, 320.0, 319.5, 239.5, 640, 480)
    given_90 = intrinsics_from_hfov(640, 480, 90)
    assert given_90.fx == pytest.approx(expected.fx)
    assert (given_90.cx, given_90.cy, given_90.fy) == (319.5, 239.5, given_90.fx)
    for hfov in (0, 180, -5, float("nan")):
        with pytest.raises(ValueError, match="hfov is"):
            intrinsics_from_hfov(640, 480, hfov)
