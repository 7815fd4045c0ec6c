"""RGB-D pairs of a rosbag2: a colour topic, and a depth topic registered to it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fourier_depth_ros.data.sample import RgbdSample
from fourier_depth_ros.images.bag import (
    IMAGE,
    BagSource,
    connections_of,
    deserialize,
    first_message,
    open_bag,
    stamp_of,
)
from fourier_depth_ros.images.encodings import DEPTH_ENCODINGS, ImageError, decode_depth, fields_of

if TYPE_CHECKING:
    from rosbags.highlevel import AnyReader

#: What drivers call depth that is registered to colour: RealSense, and OpenNI or depth_image_proc.
_REGISTERED = ("aligned_depth_to_color", "registered")
_HOW = (
    "record the topic that is registered to the colour camera, such as "
    "/camera/aligned_depth_to_color/image_raw (RealSense: align_depth.enable:=true) or "
    "depth_image_proc's register node's"
)

logger = logging.getLogger(__name__)


class BagDepth:
    """Pictures of a rosbag2 with the depth image nearest in time, at most ``tolerance`` [s] away.

    ``depth_topic`` is the one given, else the first whose name says that it is registered to
    colour, else the first that carries depth. ``registered``: both topics' first headers name the
    same frame; if not, a warning says so, and pixels may not match. The bag is one group.

    Convention: depth is 16UC1 [mm], 0 invalid, or 32FC1 [m] (REP 118); stamps are the headers'.

    Raises:
        ValueError: not a readable rosbag2, no such topic, or, while iterating, depth of another
            size than its picture, which is not registered to it.
        ImportError: rosbags is not installed.
    """

    def __init__(
        self,
        path: Path | str,
        topic: str | None = None,
        depth_topic: str | None = None,
        tolerance: float = 0.02,
    ) -> None:
        self.path = Path(path)
        self.skipped = 0
        self._tolerance_ns = round(tolerance * 1e9)
        self._pictures = BagSource(self.path, topic)
        with open_bag(self.path) as reader:
            self.depth_topic = _choose_depth_topic(self.path, reader, depth_topic)
            frames = [_frame_id(reader, t) for t in (self._pictures.topic, self.depth_topic)]
        self.registered = frames[0] == frames[1]
        logger.info("%s: depth of %s in frame '%s'", self.path, self.depth_topic, frames[1])
        if not self.registered:
            logger.warning(
                "%s: pictures are in frame '%s' and depth is in frame '%s', so depth is likely NOT "
                "registered to colour; %s",
                self.path,
                *frames,
                _HOW,
            )

    def __len__(self) -> int:
        return len(self._pictures)

    def __iter__(self) -> Iterator[RgbdSample]:
        self.skipped = 0
        stamps = np.array([stamp_of(m, at) for _, at, m in self._depths()])
        depths = self._depths()
        index, message = -1, None
        for picture in self._pictures:
            assert picture.stamp_ns is not None
            distance = np.abs(stamps - picture.stamp_ns)
            nearest = int(distance.argmin()) if len(stamps) else -1
            while index < nearest:
                index, _, message = next(depths)
            # a depth image that has gone by belongs to pictures stored out of order
            if not len(stamps) or index != nearest or distance[nearest] > self._tolerance_ns:
                self._skip(picture.name, f"no depth within {self._tolerance_ns / 1e9:g} s")
            elif picture.intrinsics is None:
                self._skip(picture.name, "no CameraInfo beside the colour topic")
            elif (depth := self._decode(picture.name, message)) is not None:
                if depth.shape != picture.rgb.shape[:2]:
                    raise ValueError(
                        f"{self.path}: {self.depth_topic} is {depth.shape[1]}x{depth.shape[0]} and "
                        f"its picture {picture.rgb.shape[1]}x{picture.rgb.shape[0]}, so depth is "
                        f"not registered to colour; {_HOW}"
                    )
                yield RgbdSample(
                    picture.name, self.path.stem, picture.rgb, depth, picture.intrinsics
                )
        self.skipped += self._pictures.skipped

    def _depths(self) -> Iterator[tuple[int, int, Any]]:
        """(index, time of recording [ns], message) of the undamaged depth images, in order."""
        index = 0
        with open_bag(self.path) as reader:
            connections = connections_of(reader, self.depth_topic, IMAGE)
            for connection, recorded_ns, raw in reader.messages(connections):
                try:
                    message = deserialize(reader, connection, raw)
                except ValueError:
                    continue  # its picture will be skipped, for want of depth
                yield index, recorded_ns, message
                index += 1

    def _decode(self, name: str, message: Any) -> np.ndarray | None:
        try:
            depth = decode_depth(*fields_of(message))
        except ImageError as error:
            self._skip(name, error)
            return None
        return np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(np.nan))

    def _skip(self, name: str, reason: object) -> None:
        if not self.skipped:
            logger.warning("%s: skipped %s (%s); further ones are counted", self.path, name, reason)
        self.skipped += 1


def _choose_depth_topic(path: Path, reader: AnyReader, given: str | None) -> str:
    topics = sorted(name for name, info in reader.topics.items() if info.msgtype == IMAGE)
    depths = [name for name in topics if _is_depth(reader, name)]
    if given is not None:
        if given in depths:
            return given
    elif depths:
        return min(depths, key=lambda name: not any(word in name for word in _REGISTERED))
    raise ValueError(
        f"{path} has no depth topic{f' {given}' if given else ''}; expected {IMAGE} with encoding "
        f"{', '.join(DEPTH_ENCODINGS)}. Depth topics: {', '.join(depths) or 'none'}; all: "
        f"{', '.join(sorted(reader.topics))}"
    )


def _is_depth(reader: AnyReader, topic: str) -> bool:
    message = first_message(reader, connections_of(reader, topic, IMAGE))
    return message is not None and message.encoding in DEPTH_ENCODINGS


def _frame_id(reader: AnyReader, topic: str) -> str:
    connections = [c for c in reader.connections if c.topic == topic]
    message = first_message(reader, connections)
    return message.header.frame_id if message is not None else ""
