import importlib
import logging
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.images.bag import BagSource
from fourier_depth_ros.images.sources import open_source

STORE = get_typestore(Stores.ROS2_HUMBLE)
TYPES = STORE.types
SECOND = 10**9
RGB = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


class Recorder:
    """A small rosbag2, written message by message."""

    def __init__(self, path: Path, plugin: StoragePlugin) -> None:
        self._writer = Writer(path, version=9, storage_plugin=plugin)
        self._connections: dict[str, object] = {}

    def __enter__(self):
        self._writer.open()
        return self

    def __exit__(self, *_):
        self._writer.close()

    def write(self, topic: str, message, recorded_ns: int, cut: int | None = None) -> None:
        """Record ``message``; ``cut``: only its first bytes."""
        kind = message.__msgtype__
        if topic not in self._connections:
            self._connections[topic] = self._writer.add_connection(topic, kind, typestore=STORE)
        raw = bytes(STORE.serialize_cdr(message, kind))[:cut]
        self._writer.write(self._connections[topic], recorded_ns, raw)


def header(stamp_ns: int):
    time = TYPES["builtin_interfaces/msg/Time"](*divmod(stamp_ns, SECOND))
    return TYPES["std_msgs/msg/Header"](time, "camera")


def image(stamp_ns: int, pixels: np.ndarray = RGB, encoding: str = "rgb8"):
    height, width = pixels.shape[:2]
    data = np.frombuffer(pixels.tobytes(), np.uint8)
    return TYPES["sensor_msgs/msg/Image"](
        header(stamp_ns), height, width, encoding, 0, data.size // height, data
    )


def compressed(stamp_ns: int, pixels: np.ndarray = RGB, format: str = "png"):
    _, data = cv2.imencode(".png", pixels[..., ::-1])
    return TYPES["sensor_msgs/msg/CompressedImage"](header(stamp_ns), format, data.ravel())


def camera_info(fx: float, width: int = 6, height: int = 4, offset: tuple[int, int] | None = None):
    x, y = offset or (0, 0)
    roi_size = (4, 6) if offset else (0, 0)  # (height, width)
    region = TYPES["sensor_msgs/msg/RegionOfInterest"](x, y, *roi_size, False)
    k = np.array([fx, 0, 2.5, 0, fx, 1.5, 0, 0, 1], float)
    p = np.array([fx, 0, 2.5, 0, 0, fx, 1.5, 0, 0, 0, 1, 0], float)
    return TYPES["sensor_msgs/msg/CameraInfo"](
        header(0), height, width, "plumb_bob", np.zeros(5), k, np.eye(3).ravel(), p, 0, 0, region
    )


@pytest.fixture(params=[StoragePlugin.SQLITE3, StoragePlugin.MCAP], ids=["sqlite3", "mcap"])
def recorder(tmp_path, request) -> Recorder:
    """Writes to tmp_path / "bag", once with each storage."""
    return Recorder(tmp_path / "bag", request.param)


def test_frames_have_pictures_stamps_names_and_the_latest_intrinsics(tmp_path, recorder):
    with recorder as bag:
        bag.write("/cam/image_raw", image(5 * SECOND + 1), 10)
        bag.write("/cam/camera_info", camera_info(5.0), 11)
        bag.write("/cam/image_raw", image(6 * SECOND, 255 - RGB), 12)
        bag.write("/cam/camera_info", camera_info(7.0), 13)
        bag.write("/cam/image_raw", image(0, RGB[..., ::-1], "bgr8"), 14)
        bag.write("/other/camera_info", camera_info(9.0), 15)
    source = open_source(tmp_path / "bag")
    assert len(source) == 3
    for _ in range(2):
        pictures = list(source)
        for picture, expected in zip(pictures, (RGB, 255 - RGB, RGB), strict=True):
            np.testing.assert_array_equal(picture.rgb, expected)
            assert picture.rgb.flags.writeable
            assert picture.rgb.flags.c_contiguous
        assert [picture.name for picture in pictures] == [
            f"cam_image_raw_{i:06d}" for i in range(3)
        ]
        # a stamp of zero: the time of recording
        assert [picture.stamp_ns for picture in pictures] == [5 * SECOND + 1, 6 * SECOND, 14]
        assert [picture.intrinsics for picture in pictures] == [
            Intrinsics(fx, fx, 2.5, 1.5, 6, 4) for fx in (5.0, 5.0, 7.0)
        ]


def test_a_single_file_of_a_bag_will_do(tmp_path, recorder):
    with recorder as bag:
        bag.write("/image", image(1), 1)
    (file,) = (path for path in (tmp_path / "bag").iterdir() if path.suffix in (".db3", ".mcap"))
    source = open_source(file)
    assert len(source) == 1
    (picture,) = source
    assert (picture.name, picture.intrinsics) == ("image_000000", None)
    np.testing.assert_array_equal(picture.rgb, RGB)


def test_compressed_images_with_the_camera_info_of_their_raw_topic(tmp_path, recorder):
    with recorder as bag:
        bag.write("/cam/image/compressed", compressed(1), 1)
        bag.write("/cam/camera_info", camera_info(5.0), 2)
    (picture,) = open_source(tmp_path / "bag")
    np.testing.assert_array_equal(picture.rgb, RGB)
    assert picture.intrinsics == Intrinsics(5.0, 5.0, 2.5, 1.5, 6, 4)


def test_depth_and_empty_topics_are_passed_over_and_any_topic_can_be_named(tmp_path, recorder):
    depth = np.ones((4, 6), np.uint16)
    with recorder as bag:
        bag.write("/a/depth", image(1, depth, "16UC1"), 1)
        bag.write("/b/depth", image(1, depth.astype(np.float32), "32FC1"), 1)
        bag.write("/c/depth/compressedDepth", compressed(1, RGB, "16UC1; compressedDepth png"), 1)
        bag.write("/d/broken", image(1), 1, cut=20)
        bag.write("/f/image", image(1, RGB), 1)
        bag.write("/e/image", image(1, 255 - RGB), 1)
    (picture,) = open_source(tmp_path / "bag")
    assert picture.name == "e_image_000000"
    (named,) = BagSource(tmp_path / "bag", topic="/f/image")
    np.testing.assert_array_equal(named.rgb, RGB)
    with pytest.raises(ValueError, match=r"no image topic /g; .*Image topics: /a/depth, /b/depth"):
        BagSource(tmp_path / "bag", topic="/g")


def test_bad_frames_are_skipped_with_one_warning_and_counted(tmp_path, recorder, caplog):
    with recorder as bag:
        bag.write("/image", image(1), 1)
        bag.write("/image", image(2, RGB, "xyz8"), 2)
        bag.write("/image", image(3), 3, cut=60)
        bag.write("/image", image(4), 4)
    source = open_source(tmp_path / "bag")
    for _ in range(2):
        assert [picture.name for picture in source] == ["image_000000", "image_000003"]
        assert source.skipped == 2
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "image_000001" in record.message
    assert "xyz8" in record.message


def test_only_bad_frames_are_an_error(tmp_path, recorder):
    with recorder as bag:
        bag.write("/image", image(2, RGB, "xyz8"), 2)
    with pytest.raises(ValueError, match=r"no picture could be read \(1 unreadable\)"):
        list(open_source(tmp_path / "bag"))


def test_an_uncalibrated_or_foreign_camera_info_gives_no_intrinsics(tmp_path, recorder, caplog):
    with recorder as bag:
        bag.write("/a/camera_info", camera_info(0.0), 1)
        bag.write("/a/image", image(2), 2)
        bag.write("/a/image", image(3), 3)
        bag.write("/a/camera_info", camera_info(5.0, width=6, height=6), 4)
        bag.write("/a/image", image(5), 5)
    assert [picture.intrinsics for picture in open_source(tmp_path / "bag")] == [None] * 3
    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "/a/camera_info is of no use: camera_info of 'camera' is uncalibrated" in record.message


def test_camera_info_of_a_larger_sensor(tmp_path, recorder):
    with recorder as bag:
        # binned: (2.5 + 0.5) / 2 - 0.5 = 1 and (1.5 + 0.5) / 2 - 0.5 = 0.5
        bag.write("/a/camera_info", camera_info(12.0), 1)
        bag.write("/a/image", image(1, RGB[::2, ::2]), 2)
        # a region of interest of 6 x 4 that begins at (1, 3)
        bag.write("/a/camera_info", camera_info(12.0, width=30, height=20, offset=(1, 3)), 3)
        bag.write("/a/image", image(1), 4)
    binned, region = open_source(tmp_path / "bag")
    assert binned.intrinsics == Intrinsics(6.0, 6.0, 1.0, 0.5, 3, 2)
    assert region.intrinsics == Intrinsics(12.0, 12.0, 1.5, -1.5, 6, 4)


def test_a_bag_without_images_lists_its_topics(tmp_path, recorder):
    with recorder as bag:
        bag.write("/a/camera_info", camera_info(5.0), 1)
    with pytest.raises(ValueError, match=r"no image topic; .* all: /a/camera_info"):
        open_source(tmp_path / "bag")


@pytest.mark.parametrize("name", ["bag.mcap", "bag.db3", "bag/metadata.yaml"])
def test_a_damaged_bag_says_what_to_do(tmp_path, name):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"recording: cut off" * 10)
    bag = path.parent if path.suffix == ".yaml" else path
    with pytest.raises(ValueError, match=r"(?s)not a readable rosbag2 .*ros2 bag reindex"):
        open_source(bag)


def test_without_rosbags_the_message_names_it(tmp_path, monkeypatch):
    (tmp_path / "metadata.yaml").write_text("")
    monkeypatch.setitem(sys.modules, "rosbags.highlevel", None)  # as if it were not installed
    importlib.import_module("fourier_depth_ros.images.bag")  # imports without it
    with pytest.raises(ImportError, match="pip install rosbags"):
        open_source(tmp_path)
