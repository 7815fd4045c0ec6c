"""Images of a rosbag2 (sqlite3 or mcap), read by rosbags: no ROS needed."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from fourier_depth_ros.core.geometry import Intrinsics, fit_intrinsics
from fourier_depth_ros.images.camera_info import intrinsics_from_camera_info
from fourier_depth_ros.images.encodings import (
    decode_compressed,
    decode_image,
    fields_of,
    is_compressed_depth,
    is_depth,
)
from fourier_depth_ros.images.picture import Picture, PictureSource

if TYPE_CHECKING:
    from rosbags.highlevel import AnyReader
    from rosbags.interfaces import Connection

IMAGE = "sensor_msgs/msg/Image"
COMPRESSED_IMAGE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"

logger = logging.getLogger(__name__)


class BagSource(PictureSource):
    """The pictures of one image topic of a rosbag2, with the intrinsics of its CameraInfo.

    ``topic`` is the one given, else the first by name that carries pictures and not depth. An
    image's CameraInfo is the latest of ``camera_info`` beside it, or the bag's first of them while
    none has come yet; recorders often store an image ahead of its own CameraInfo.

    Convention: ``stamp_ns`` is the header's stamp, or the time of recording where that is zero.

    Raises:
        ValueError: not a readable rosbag2, or it has no such topic.
        ImportError: rosbags is not installed.
    """

    def __init__(self, path: Path, topic: str | None = None) -> None:
        super().__init__(path)
        with open_bag(path) as reader:
            topics = sorted(
                name
                for name, info in reader.topics.items()
                if info.msgtype in (IMAGE, COMPRESSED_IMAGE)
            )
            if topic is None:
                topic = next((name for name in topics if _has_pictures(reader, name)), "")
            if topic not in topics:
                raise ValueError(
                    f"{path} has no image topic{f' {topic}' if topic else ''}; expected "
                    f"{IMAGE} or {COMPRESSED_IMAGE} with pictures, not depth. Image topics: "
                    f"{', '.join(topics) or 'none'}; all: {', '.join(sorted(reader.topics))}"
                )
            self.topic = topic
            first = first_message(reader, connections_of(reader, topic, IMAGE, COMPRESSED_IMAGE))
            self.frame_id = "" if first is None else str(first.header.frame_id)
            self._info_topic = topic.removesuffix("/compressed").rpartition("/")[0] + "/camera_info"
            self._length = int(reader.topics[topic].msgcount)
            self._warned_of_info = False
        logger.info("%s: pictures of %s, intrinsics of %s", path, self.topic, self._info_topic)

    def __len__(self) -> int:
        return self._length

    def _read(self) -> Iterator[Picture]:
        stem = self.topic.strip("/").replace("/", "_")
        index = -1
        with open_bag(self.path) as reader:
            images = connections_of(reader, self.topic, IMAGE, COMPRESSED_IMAGE)
            infos = connections_of(reader, self._info_topic, CAMERA_INFO)
            info = first_message(reader, infos)
            for connection, recorded_ns, raw in reader.messages([*images, *infos]):
                if connection.msgtype == CAMERA_INFO:
                    with suppress(ValueError):
                        info = deserialize(reader, connection, raw)
                    continue
                index += 1
                name = f"{stem}_{index:06d}"
                try:
                    message = deserialize(reader, connection, raw)
                    rgb = _decode(message)
                except ValueError as error:
                    self._skip(name, error)
                    continue
                intrinsics = self._intrinsics(info, *rgb.shape[:2])
                yield Picture(rgb, intrinsics, name, stamp_of(message, recorded_ns))

    def _intrinsics(self, info: Any, height: int, width: int) -> Intrinsics | None:
        if info is None:
            return None
        try:
            return fit_intrinsics(intrinsics_from_camera_info(info), width, height)
        except ValueError as error:
            if not self._warned_of_info:
                logger.warning("%s: %s is of no use: %s", self.path, self._info_topic, error)
            self._warned_of_info = True
            return None


def stamp_of(message: Any, recorded_ns: int) -> int:
    """The header's stamp, or the time of recording where that is zero [ns]."""
    stamp = message.header.stamp
    return int(stamp.sec) * 10**9 + int(stamp.nanosec) or recorded_ns


@contextmanager
def open_bag(path: Path) -> Iterator[AnyReader]:
    """A rosbag2 open for reading. Raises: as BagSource."""
    try:
        from rosbags.highlevel import AnyReader
        from rosbags.typesys import Stores, get_typestore
    except ImportError as error:
        raise ImportError(
            f"reading {path} takes the package rosbags: pip install rosbags"
        ) from error
    try:
        # bags older than Iron carry no definitions of their messages
        with AnyReader([path], default_typestore=get_typestore(Stores.LATEST)) as reader:
            yield reader
    except (ValueError, OSError):
        raise
    except Exception as error:  # rosbags lets through what its storages, YAML and zstd raise
        raise ValueError(
            f"{path} is not a readable rosbag2 ({error}); expected its folder, or a .mcap or .db3 "
            f"file. 'ros2 bag reindex' repairs a recording that was cut off"
        ) from error


def connections_of(reader: AnyReader, topic: str, *msgtypes: str) -> list[Connection]:
    """The bag's connections of a topic that carry one of these types."""
    return [c for c in reader.connections if c.topic == topic and c.msgtype in msgtypes]


def deserialize(reader: AnyReader, connection: Connection, raw: bytes) -> Any:
    """The message in ``raw``. Raises: ValueError: it is damaged."""
    try:
        return reader.deserialize(raw, connection.msgtype)
    except Exception as error:  # rosbags' generated code raises whatever the damage leads to
        raise ValueError(f"damaged {connection.msgtype}: {error}") from error


def first_message(reader: AnyReader, connections: list[Connection]) -> Any:
    """The first message of ``connections`` that is not damaged; None where there is none."""
    if connections:  # to rosbags, no connections are all connections
        for connection, _, raw in reader.messages(connections):
            with suppress(ValueError):
                return deserialize(reader, connection, raw)
    return None


def _has_pictures(reader: AnyReader, topic: str) -> bool:
    message = first_message(reader, connections_of(reader, topic, IMAGE, COMPRESSED_IMAGE))
    if message is None:
        return False
    if hasattr(message, "format"):
        return not is_compressed_depth(message.format)
    return not is_depth(message.encoding)


def _decode(message: Any) -> UInt8[np.ndarray, "height width 3"]:
    """The picture in ``message``. Raises: ImageError, a ValueError: it cannot be decoded."""
    if hasattr(message, "format"):
        return decode_compressed(message.data, message.format)
    rgb = decode_image(*fields_of(message))
    return np.require(rgb, requirements=("C", "W"))  # rgb8 is a view of the bag's read-only bytes
