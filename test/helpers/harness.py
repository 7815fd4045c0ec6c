"""A real depth node in a process of its own, and this process's end of the graph."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from builtin_interfaces.msg import Time
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter as ParameterMsg
from rcl_interfaces.srv import GetParameters, SetParameters, SetParametersAtomically
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter, parameter_value_to_python
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import Header

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.ros.conversions import image_to_msg, intrinsics_to_msg

PATIENCE = 90.0
CAMERA = Intrinsics(fx=128.0, fy=128.0, cx=79.5, cy=59.5, width=160, height=120)


class NodeProcess:
    """`depth_node`, started with its own output in a file."""

    def __init__(self, log: Path, *args: str) -> None:
        self.log = log
        command = [sys.executable, "-m", "fourier_depth_ros.ros.main", "--ros-args", *args]
        with log.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


class Graph:
    """This process's node: publishes pictures, collects outputs, calls services."""

    def __init__(self, domain: int) -> None:
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain)
        self.node = rclpy.create_node("test", context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._stamps = itertools.count(1)
        self._publishers: dict[str, Any] = {}
        self._info: Any = None
        self._clients: dict[str, Any] = {}
        self._listening: dict[int, Any] = {}

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context)

    def listen(self, kind: type, topic: str) -> list:
        """Messages of ``topic`` as they come."""
        messages: list = []
        qos = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE)
        self._listening[id(messages)] = self.node.create_subscription(
            kind, topic, messages.append, qos
        )
        return messages

    def unlisten(self, messages: list) -> None:
        self.node.destroy_subscription(self._listening.pop(id(messages)))

    def spin(self, done: Callable[[], bool], seconds: float = PATIENCE) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, "it did not happen in time"
            self._executor.spin_once(timeout_sec=0.02)

    def rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._executor.spin_once(timeout_sec=0.02)

    def header(self) -> Header:
        number = next(self._stamps)
        return Header(stamp=Time(sec=number, nanosec=number * 7), frame_id=f"camera_{number}")

    def publish(self, kind: type, topic: str, msg: Any) -> None:
        if topic not in self._publishers:
            self._publishers[topic] = self.node.create_publisher(kind, topic, 1)
            self.spin(lambda: self._publishers[topic].get_subscription_count() > 0)
            self.rest(0.3)  # the other side may not know of us yet, and best effort is lost then
        publisher = self._publishers[topic]
        self.spin(lambda: publisher.get_subscription_count() > 0)
        publisher.publish(msg)

    def send(
        self, picture: np.ndarray | None = None, header: Header | None = None, topic: str = "image"
    ) -> Header:
        """Publish a grey 160x120 picture, or the one given, and the camera_info given last."""
        header = header or self.header()
        if self._info is not None and topic == "image":
            self.publish(CameraInfo, "camera_info", self._info)
        picture = np.full((120, 160, 3), 90, np.uint8) if picture is None else picture
        self.publish(Image, topic, image_to_msg(picture, header))
        return header

    def send_info(self, info: Intrinsics | CameraInfo = CAMERA) -> None:
        """Publish a camera_info, and once more before each picture: best effort may lose one."""
        if isinstance(info, Intrinsics):
            info = intrinsics_to_msg(info, self.header())
        self._info = info
        self.publish(CameraInfo, "camera_info", info)

    def answer(
        self,
        outputs: list,
        topic: str = "image",
        send: Callable[[], Header] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Send a picture until an output with its header comes back (best effort may lose one)."""
        sent: list[Header] = []

        def matching() -> list:
            return [msg for msg in outputs if msg.header in sent]

        for _ in range(20):
            sent.append(send() if send else self.send(topic=topic, **kwargs))
            deadline = time.monotonic() + 5
            self.spin(lambda end=deadline: bool(matching()) or time.monotonic() > end)
            if found := matching():
                return found[-1]
        raise AssertionError("no output for any of 20 pictures")

    def call(self, kind: type, name: str, request: Any, seconds: float = PATIENCE) -> Any:
        if name not in self._clients:
            self._clients[name] = self.node.create_client(kind, name)
        client = self._clients[name]
        self.spin(client.service_is_ready)
        future = client.call_async(request)
        self.spin(future.done, seconds)
        return future.result()

    def call_again(self, kind: type, name: str, request: Any) -> Any:
        """As `call`, for what may be done twice: a busy server loses a new client's first call.

        Each try has a client of its own: what a busy process lost is not always found again.
        """
        for _ in range(4):
            try:
                return self.call(kind, name, request, PATIENCE / 4)
            except AssertionError:
                self.node.destroy_client(self._clients.pop(name))
        raise AssertionError(f"{name} does not answer")

    def set(self, node: str = "depth", **values: Any) -> Any:
        """Set parameters atomically; the result with its reason."""
        parameters = [Parameter(n, value=v).to_parameter_msg() for n, v in values.items()]
        request = SetParametersAtomically.Request(parameters=parameters)
        return self.call_again(
            SetParametersAtomically, f"{node}/set_parameters_atomically", request
        ).result

    def set_each(self, parameters: Iterable[ParameterMsg], node: str = "depth") -> list:
        """Set parameters one by one, as `ros2 param load` does; the results."""
        request = SetParameters.Request(parameters=list(parameters))
        return self.call_again(SetParameters, f"{node}/set_parameters", request).results

    def get(self, *names: str, node: str = "depth") -> list:
        request = GetParameters.Request(names=list(names))
        values = self.call_again(GetParameters, f"{node}/get_parameters", request).values
        plain = [parameter_value_to_python(value) for value in values]
        return [list(v) if hasattr(v, "typecode") else v for v in plain]


def set_parameters(**values: Any) -> list[str]:
    """Command line arguments for parameters."""
    return [part for name, value in values.items() for part in ("-p", f"{name}:={value}")]


def transition(graph: Graph, number: int, node: str = "depth") -> bool:
    """Whether a transition of the node's life cycle succeeded.

    A busy server may lose a new client's first call, or its answer.
    """
    request = ChangeState.Request(transition=Transition(id=number))
    before = state(graph, node)
    for _ in range(4):
        try:
            return graph.call(ChangeState, f"{node}/change_state", request, PATIENCE / 4).success
        except AssertionError:
            if state(graph, node) != before:
                return True
    raise AssertionError(f"transition {number} has no answer")


def state(graph: Graph, node: str = "depth") -> int:
    """The id of the node's primary state."""
    return graph.call_again(GetState, f"{node}/get_state", GetState.Request()).current_state.id
