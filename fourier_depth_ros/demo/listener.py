"""The other side of the node: collects pictures, depth and points, as the demo and tests need."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import rclpy
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.task import Future
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Header

from fourier_depth_ros.ros.conversions import depth_from_msg, image_from_msg, points_from_msg
from fourier_depth_ros.ros.transport import input_qos

#: Of a collection for pictures of more sizes, on a machine too slow to bring them in time [s].
PATIENCE = 30.0


@dataclass(frozen=True, eq=False)
class Shot:
    """One picture and what the node made of it; points are (xyz [m], rgb), None until they come."""

    rgb: np.ndarray
    depth: np.ndarray
    points: tuple[np.ndarray, np.ndarray] | None


class DepthListener(Node):
    """Subscribes to a depth node's input and outputs, and calls its parameter services.

    Counts and ages are of pictures stamped since the latest ``collect`` began; ``latest`` holds the
    newest complete shot by the picture's (width, height).
    """

    def __init__(self, namespace: str) -> None:
        super().__init__("depth_listener", namespace=namespace)
        self._pictures: dict[tuple[int, int], np.ndarray] = {}
        self._depths: dict[tuple[int, int], np.ndarray] = {}
        self._set = self.create_client(SetParameters, "depth/set_parameters")
        self._get = self.create_client(GetParameters, "depth/get_parameters")
        for kind, topic, callback in (
            (Image, "image", self._on_image),
            (Image, "depth/image", self._on_depth),
            (PointCloud2, "depth/points", self._on_points),
        ):
            self.create_subscription(kind, topic, callback, input_qos())
        self._since = 0
        self._clear()

    def collect(self, seconds: float, needed: int) -> None:
        """Start counting anew for ``seconds``, longer while fewer than ``needed`` sizes are in."""
        self._clear()
        self._since = self._now_ns()
        start = time.monotonic()
        elapsed = 0.0
        while elapsed < seconds or (len(self.latest) < needed and elapsed < seconds + PATIENCE):
            rclpy.spin_once(self, timeout_sec=0.05)
            elapsed = time.monotonic() - start
        self.rate_hz = self.frames_out / elapsed

    def set_parameter(self, name: str, value: object) -> list[float]:
        """Set one of the node's parameters; the crop ratios that are active then.

        Raises:
            RuntimeError: the node refused, or does not answer within 10 s.
        """
        request = SetParameters.Request(
            parameters=[Parameter(name, value=value).to_parameter_msg()]
        )
        result = self._await(self._set.call_async(request)).results[0]
        if not result.successful:
            raise RuntimeError(f"the node refused {name} = {value!r}: {result.reason}")
        reply = self._await(self._get.call_async(GetParameters.Request(names=["crop_ratios"])))
        return list(parameter_value_to_python(reply.values[0]))

    def _await(self, future: Future):  # type: ignore[no-untyped-def]
        rclpy.spin_until_future_complete(self, future, timeout_sec=10.0)
        if not future.done():
            raise RuntimeError("the depth node does not answer its parameter services")
        return future.result()

    def _clear(self) -> None:
        self.frames_in = self.frames_out = 0
        self.rate_hz = 0.0
        self.ages_ms: list[float] = []
        self.latest: dict[tuple[int, int], Shot] = {}
        self._depths.clear()

    def _on_image(self, msg: Image) -> None:
        self._pictures[msg.width, msg.height] = image_from_msg(msg)
        self.frames_in += _stamp_ns(msg.header) >= self._since

    def _on_depth(self, msg: Image) -> None:
        stamp = _stamp_ns(msg.header)
        if stamp < self._since:  # of a picture from before
            return
        self.frames_out += 1
        self.ages_ms.append((self._now_ns() - stamp) * 1e-6)
        size = (msg.width, msg.height)
        self._depths[size] = depth_from_msg(msg)
        if size in self._pictures:
            self.latest[size] = Shot(self._pictures[size], self._depths[size], None)

    def _on_points(self, msg: PointCloud2) -> None:
        # the cloud comes right after its depth image, which tells its picture
        for size, shot in self.latest.items():
            rows, columns = shot.depth.shape
            if msg.height in (-(-rows // 2), rows) and msg.width in (-(-columns // 2), columns):
                self.latest[size] = Shot(shot.rgb, shot.depth, points_from_msg(msg))
                return

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)


def _stamp_ns(header: Header) -> int:
    return int(header.stamp.sec) * 10**9 + int(header.stamp.nanosec)
