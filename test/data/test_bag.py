"""RGB-D pairs out of small bags that the test writes."""

import logging

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.data.bag import BagDepth

STORE = get_typestore(Stores.ROS2_HUMBLE)
TYPES = STORE.types
MS = 10**6
SIZE = (4, 6)  # rows, columns
COLOUR, ALIGNED = "/cam/color/image_raw", "/cam/aligned_depth_to_color/image_raw"


def image(stamp_ms: float, pixels: np.ndarray, encoding: str, frame: str = "colour"):
    time = TYPES["builtin_interfaces/msg/Time"](*divmod(round(stamp_ms * MS), 10**9))
    header = TYPES["std_msgs/msg/Header"](time, frame)
    height, width = pixels.shape[:2]
    data = np.frombuffer(pixels.tobytes(), np.uint8)
    return TYPES["sensor_msgs/msg/Image"](
        header, height, width, encoding, 0, data.size // height, data
    )


def colour(stamp_ms: float, level: int = 0):
    return image(stamp_ms, np.full((*SIZE, 3), level, np.uint8), "rgb8")


def depth(stamp_ms: float, millimetres: int, frame: str = "colour", size=SIZE):
    pixels = np.full(size, millimetres, np.uint16)
    pixels[0, 0] = 0
    return image(stamp_ms, pixels, "16UC1", frame)


def camera_info():
    time = TYPES["builtin_interfaces/msg/Time"](0, 0)
    region = TYPES["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    k = np.array([5.0, 0, 2.5, 0, 5.0, 1.5, 0, 0, 1])
    p = np.array([5.0, 0, 2.5, 0, 0, 5.0, 1.5, 0, 0, 0, 1, 0])
    return TYPES["sensor_msgs/msg/CameraInfo"](
        TYPES["std_msgs/msg/Header"](time, "colour"),
        *(*SIZE, "plumb_bob", np.zeros(5), k, np.eye(3).ravel(), p, 0, 0, region),
    )


@pytest.fixture
def record(tmp_path):
    """Writes (topic, message) pairs, a millisecond apart, behind the colour camera's CameraInfo."""

    def write(*messages, info: bool = True, cut: int | None = None):
        path = tmp_path / "kitchen"
        everything = [("/cam/color/camera_info", camera_info())] if info else []
        with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
            connections = {}
            for i, (topic, message) in enumerate([*everything, *messages]):
                kind = message.__msgtype__
                if topic not in connections:
                    connections[topic] = writer.add_connection(topic, kind, typestore=STORE)
                raw = bytes(STORE.serialize_cdr(message, kind))
                writer.write(connections[topic], (i + 1) * MS, raw[:30] if i == cut else raw)
        return path

    return write


def test_each_picture_gets_the_nearest_depth(record):
    path = record(
        (ALIGNED, depth(985, 1000)),
        (COLOUR, colour(1000, 10)),  # 15 ms from 985, 5 ms from 1005
        (ALIGNED, depth(1005, 2000)),
        (ALIGNED, depth(1040, 3000)),
        (COLOUR, colour(1030, 20)),  # 10 ms from 1040
        (COLOUR, colour(1035, 30)),  # the same one again
        (COLOUR, colour(1090, 40)),  # 50 ms from the last
    )
    dataset = BagDepth(path)
    assert dataset.registered
    for _ in range(2):
        samples = list(dataset)
        assert [s.rgb[0, 0, 0] for s in samples] == [10, 20, 30]
        assert [s.depth[1, 1] for s in samples] == [2.0, 3.0, 3.0]
        assert dataset.skipped == 1
    assert len(dataset) == 4
    assert {s.group for s in samples} == {"kitchen"}
    assert samples[0].name == "cam_color_image_raw_000000"
    assert samples[0].intrinsics == Intrinsics(5.0, 5.0, 2.5, 1.5, 6, 4)
    assert np.isnan(samples[0].depth[0, 0])  # 0 is invalid
    assert samples[0].depth.dtype == np.float32
    assert len(list(BagDepth(path, tolerance=0.1))) == 4
    assert len(list(BagDepth(path, tolerance=0.005))) == 2  # 1000-1005, 1035-1040


def test_float_depth_in_metres_has_no_infinities(record):
    pixels = np.full(SIZE, 2.5, np.float32)
    pixels[0, :3] = np.inf, 0.0, -1.0
    path = record((ALIGNED, image(1, pixels, "32FC1")), (COLOUR, colour(1)))
    (sample,) = BagDepth(path)
    assert np.isnan(sample.depth[0, :3]).all()
    assert (sample.depth[1:] == 2.5).all()


def test_the_registered_topic_is_preferred_and_any_can_be_named(record, caplog):
    path = record(
        ("/cam/a_depth/image_raw", depth(1, 1000, frame="infrared")),
        (ALIGNED, depth(1, 2000)),
        (COLOUR, colour(1)),
    )
    assert BagDepth(path).depth_topic == ALIGNED
    caplog.set_level(logging.WARNING)
    other = BagDepth(path, depth_topic="/cam/a_depth/image_raw")
    assert not other.registered
    assert "likely NOT registered to colour; record the topic" in caplog.text
    (sample,) = other
    assert sample.depth[1, 1] == 1.0
    with pytest.raises(
        ValueError, match=rf"no depth topic /nope; .*Depth topics: /cam/a_.*{ALIGNED}"
    ):
        BagDepth(path, depth_topic="/nope")


def test_depth_of_another_size_is_refused(record):
    path = record(("/cam/depth", depth(1, 1000, size=(2, 3))), (COLOUR, colour(1)))
    with pytest.raises(ValueError, match="is 3x2 and its picture 6x4, so depth is not registered"):
        list(BagDepth(path))


def test_a_bag_without_depth_or_calibration(record, caplog):
    path = record((COLOUR, colour(1)), (ALIGNED, depth(1, 1000)), info=False)
    dataset = BagDepth(path)
    assert list(dataset) == []
    assert dataset.skipped == 1
    assert "no CameraInfo" in caplog.text
    with pytest.raises(ValueError, match="no depth topic"):
        BagDepth(path, depth_topic=COLOUR)


def test_a_damaged_depth_image_costs_its_picture(record):
    path = record(
        (COLOUR, colour(100, 1)),
        (ALIGNED, depth(100, 1000)),
        (COLOUR, colour(200, 2)),
        (ALIGNED, depth(200, 2000)),
        cut=2,  # counted from the CameraInfo: the first depth image
    )
    dataset = BagDepth(path)
    (sample,) = dataset
    assert (sample.rgb[0, 0, 0], sample.depth[1, 1]) == (2, 2.0)
    assert dataset.skipped == 1
