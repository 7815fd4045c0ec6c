"""``fourier-depth camera``: pictures, a video or a bag as a ROS 2 camera."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fourier_depth_ros.signals import Stop, stop_on_signals

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import UInt8
    from rclpy.node import Node
    from sensor_msgs.msg import CameraInfo, CompressedImage, Image
    from std_msgs.msg import Header

    from fourier_depth_ros.images.picture import Picture, PictureSource

#: Of pictures, which have no pace of their own [Hz].
PICTURE_RATE = 10.0
#: Where neither the user nor a recording says another.
FRAME_ID = "camera_optical_frame"
#: decoded before the first picture is published, so that decoding doesn't cost rate [bytes]
AHEAD_BYTES = 500_000_000
REPORT_SECONDS = 10.0


def camera(
    path: Path,
    /,
    *,
    rate: float | None = None,
    hfov: float = 63.4,
    frame_id: str = "",
    compressed: bool = False,
    loop: bool = True,
    namespace: str = "",
) -> None:
    """Publish pictures as a camera would: image (rgb8) and camera_info with the same header.

    Calibration is read from STEM.yaml or camera_info.yaml beside the pictures, or from the bag.
    Stamps are new, the node's clock at publishing: a recording's own are long past for whoever
    compares them with now or looks them up in TF ('ros2 bag play --clock' keeps them). Ctrl-C ends
    it. ROS's own arguments go last:
    fourier-depth camera PATH --ros-args -r image:=left/image_rect

    Args:
        path: A picture, a folder of pictures, a video file or a rosbag2; 'demo': the demo's
            photographs.
        rate: Pictures a second [Hz]; by default a video and a bag play at their own pace, and
            pictures at 10 Hz.
        hfov: Field of view across the width [degrees], assumed where there is no calibration.
        frame_id: The headers' frame: x right, y down, z forward (REP 103); empty: the bag's own,
            else camera_optical_frame.
        compressed: Publish image/compressed (JPEG) in place of image.
        loop: Start over at the end; without, wait for a subscriber and play once.
        namespace: ROS namespace of the node and its topics.

    Raises:
        ValueError: a setting is out of range, or nothing can be read from ``path``.
        FileNotFoundError: nothing is at ``path``.
        ImportError: ROS 2, or rosbags for a bag, is not installed.
    """
    if rate is not None and not 0 < rate < math.inf:
        raise ValueError(
            f"rate is {rate:g}, expected a positive number [Hz]; without it a video and a bag play "
            f"at their own pace"
        )
    if not 0 < hfov < 180:
        raise ValueError(f"hfov is {hfov:g}, expected degrees in (0, 180)")
    with stop_on_signals() as stop:
        from fourier_depth_ros.images.sources import open_source

        source = open_source(_demo_photographs() if path == Path("demo") else path)
        with _camera_node(namespace) as node:
            frame = frame_id or source.frame_id or FRAME_ID
            shots = _Shots(node, source, hfov, frame, compressed)
            paced = _paced(_ahead(shots, loop, stop), rate, stop)
            _publish(node, paced, compressed, loop, stop)


def _demo_photographs() -> Path:
    """The photographs of `fourier-depth demo`, in the user's cache."""
    from fourier_depth_ros.demo.photographs import write_photographs
    from fourier_depth_ros.resources import cache_directory

    folder = cache_directory("photographs")
    write_photographs(folder)
    return folder


@contextmanager
def _camera_node(namespace: str) -> Iterator[Node]:
    """The node, in a context of its own that no signal shuts down while it publishes."""
    import rclpy
    from rclpy.exceptions import NameValidationException
    from rclpy.signals import SignalHandlerOptions

    from fourier_depth_ros.cli.ros_args import ros_args
    from fourier_depth_ros.ros.transport import use_shared_memory_profile

    use_shared_memory_profile()
    context = rclpy.Context()
    try:
        rclpy.init(args=ros_args(), context=context, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:
        raise ValueError(f"{' '.join(ros_args())}: {error}") from error
    try:
        # it never spins, so it offers no parameter services: they would not answer
        node = rclpy.create_node(
            "camera", context=context, namespace=namespace, start_parameter_services=False
        )
        try:
            yield node
        finally:
            node.destroy_node()
    except NameValidationException as error:
        raise ValueError(f"namespace: {error}") from error
    finally:
        rclpy.shutdown(context=context)


class _Shot(NamedTuple):
    """A picture as messages, complete but for their stamps."""

    image: Image | CompressedImage
    info: CameraInfo
    stamp_ns: int | None


class _Shots:
    """A source's pictures as messages; iterable as often as the source."""

    def __init__(
        self, node: Node, source: PictureSource, hfov: float, frame_id: str, compressed: bool
    ) -> None:
        self._logger = node.get_logger()
        self._source = source
        self._hfov = hfov
        self._frame_id = frame_id
        self._compressed = compressed

    def __iter__(self) -> Iterator[_Shot]:
        return map(self._shot, self._source)

    def _shot(self, picture: Picture) -> _Shot:
        from std_msgs.msg import Header

        from fourier_depth_ros.images.calibration import intrinsics_from_hfov
        from fourier_depth_ros.ros.conversions import image_to_msg, intrinsics_to_msg

        height, width = picture.rgb.shape[:2]
        intrinsics = picture.intrinsics
        if intrinsics is None:
            intrinsics = intrinsics_from_hfov(width, height, self._hfov)
            self._logger.warning(
                f"{picture.name} has no calibration: assuming a field of view of {self._hfov:g} "
                f"degrees (fx = {intrinsics.fx:.1f} px of {width}), which depth scales with. "
                f"Give --hfov, or a camera_info.yaml beside the pictures",
                once=True,
            )
        header = Header(frame_id=self._frame_id)
        if self._compressed:
            image = _jpeg_msg(picture.rgb, header)
        else:
            image = image_to_msg(picture.rgb, header, encoding="rgb8")
        return _Shot(image, intrinsics_to_msg(intrinsics, header), picture.stamp_ns)


def _jpeg_msg(rgb: UInt8[np.ndarray, "height width 3"], header: Header) -> CompressedImage:
    import cv2
    from sensor_msgs.msg import CompressedImage

    from fourier_depth_ros.ros.conversions import fill_data

    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    message = CompressedImage(header=header, format="jpeg")
    fill_data(message, jpeg)
    return message


def _ahead(
    shots: Iterable[_Shot], loop: bool, stop: Stop, ahead_bytes: int = AHEAD_BYTES
) -> Iterator[_Shot]:
    """The shots, for ever with ``loop``; the first ``ahead_bytes`` are made before all else."""
    kept: list[_Shot] = []
    size = 0
    rest = iter(shots)
    for shot in rest:
        kept.append(shot)
        size += len(shot.image.data)
        if size > ahead_bytes or stop.came:
            break
    else:
        yield from itertools.cycle(kept) if loop else kept
        return
    yield from kept
    kept.clear()
    yield from rest
    while loop:
        yield from shots


def _paced(shots: Iterable[_Shot], rate: float | None, stop: Stop) -> Iterator[_Shot]:
    """Each shot when it is due, until ``stop``; ``rate`` None: as its stamps say, if it has any.

    Due times follow from each other, not from when a shot was sent, so that the rate doesn't drift;
    time lost to a slow shot is not caught up by a burst.
    """
    due, delay, previous = -math.inf, 1 / (rate or PICTURE_RATE), None
    for shot in shots:
        if rate is None and shot.stamp_ns is not None:
            if previous is not None and shot.stamp_ns > previous:  # not at the start of a new round
                delay = (shot.stamp_ns - previous) * 1e-9
            previous = shot.stamp_ns
        due = max(due + delay, time.monotonic())
        if stop.wait(due):
            return
        yield shot


def _publish(node: Node, shots: Iterable[_Shot], compressed: bool, loop: bool, stop: Stop) -> None:
    from rclpy.duration import Duration
    from sensor_msgs.msg import CameraInfo, CompressedImage, Image

    from fourier_depth_ros.ros.transport import output_qos

    # as image_transport does: remapping `image` moves `image/compressed` along
    topic = node.resolve_topic_name("image") + ("/compressed" if compressed else "")
    images = node.create_publisher(CompressedImage if compressed else Image, topic, output_qos())
    infos = node.create_publisher(CameraInfo, "camera_info", output_qos())
    logger = node.get_logger()
    logger.info(f"publishing {images.topic_name} and {infos.topic_name}")

    if not loop:
        logger.info("waiting for a subscriber")
        while not images.get_subscription_count() and not stop.wait(time.monotonic() + 0.05):
            pass
    count, since = 0, time.monotonic()
    for shot in shots:
        stamp = node.get_clock().now().to_msg()
        shot.info.header.stamp = shot.image.header.stamp = stamp
        infos.publish(shot.info)
        images.publish(shot.image)
        count += 1
        elapsed = time.monotonic() - since
        if elapsed >= REPORT_SECONDS:
            logger.info(f"{count / elapsed:.2f} pictures a second")
            count, since = 0, time.monotonic()
    if not loop:
        images.wait_for_all_acked(Duration(seconds=1))
