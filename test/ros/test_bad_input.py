"""Whatever arrives at the node's topics: one reason for what it cannot use, and nothing else lost.

One node for all of it. The reason is read from /diagnostics, where it is not throttled. Every bad
message is followed by a good one, whose depth has to be right; see test_node for its value.
"""

from importlib import metadata

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from harness import CAMERA, Graph
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from std_msgs.msg import String

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.ros.conversions import (
    depth_from_msg,
    image_to_msg,
    intrinsics_to_msg,
    points_from_msg,
)

KILTED = int(metadata.version("rclpy").split(".")[0]) >= 9
OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
MEGABYTE = "x" * 1_000_000


class Door:
    """The node's end that people watch: depth, and the latest status."""

    def __init__(self, graph, node):
        self.graph, self.node = graph, node
        self.depths = graph.listen(Image, "depth/image")
        self.arrays = graph.listen(DiagnosticArray, "/diagnostics")
        assert graph.set(diagnostics_period=0.1).successful

    def status_after(self, publish, level, reason):
        """Publish until the status says so (best effort may lose one)."""

        def tell():
            publish()
            self.arrays.clear()
            return any(
                status.level == level and reason in status.message
                for array in self._next(5)
                for status in array.status
            )

        self.graph.spin(tell)

    def _next(self, count):
        self.graph.spin(lambda: len(self.arrays) >= count)
        return list(self.arrays)

    def depth(self, **kwargs):
        content = depth_from_msg(self.graph.answer(self.depths, **kwargs))
        assert np.ptp(content) < 1e-3
        return float(content.mean())

    def works(self):
        assert self.depth() == pytest.approx(2.0, abs=1e-3)
        assert self.node.process.poll() is None

    def close(self):
        self.graph.unlisten(self.depths)
        self.graph.unlisten(self.arrays)


@pytest.fixture(scope="module")
def door(graph, mean_node):
    door = Door(graph, mean_node)
    yield door
    door.close()


def good(header, **changes):
    msg = image_to_msg(np.full((120, 160, 3), 90, np.uint8), header)
    for name, value in changes.items():
        setattr(msg, name, value)
    return msg


def test_a_camera_that_never_sends_camera_info_is_a_warning(graph, door):
    """First: this node has not heard one yet."""
    door.status_after(graph.send, WARN, "no camera_info yet; remap camera_info")
    door.works()  # the training camera's field of view is 0.8, as the test camera's


BAD_IMAGES = {
    "truncated": ({"data": good(Image().header).data[:-1]}, "57599 bytes, 120 rows"),
    "no data": ({"data": []}, "data has 0 bytes"),
    "zero-sized": ({"height": 0, "width": 0, "step": 0, "data": []}, "rgb8 image is 0x0"),
    "no rows": ({"height": 0}, "rgb8 image is 160x0"),
    "no columns": ({"width": 0}, "rgb8 image is 0x120"),
    "step of a narrower image": ({"step": 479}, "a row of 160 rgb8 pixels takes 480"),
    "no step": ({"step": 0}, "step is 0 bytes"),
    "step of a wider image": ({"step": 481}, "120 rows with a step of 481"),
    "largest size": ({"height": 2**32 - 1, "width": 2**32 - 1, "step": 2**32 - 1}, "a row of 4294"),
    "tallest": ({"height": 2**32 - 1}, "4294967295 rows"),
    "unknown encoding": ({"encoding": "rgb99"}, "encoding 'rgb99' is unknown"),
    "no encoding": ({"encoding": ""}, "encoding is empty"),
    "encoding with a newline": ({"encoding": "rgb8\n[INFO]"}, "encoding 'rgb8\\n[INFO]' is"),
    "encoding of a megabyte": ({"encoding": MEGABYTE}, "xxx ... "),
    "depth": ({"encoding": "16UC1"}, "'16UC1' is depth"),
    "odd chroma": ({"encoding": "nv12", "width": 159}, "nv12 image is 159x120"),
    "1x1": ({"height": 1, "width": 1, "step": 3}, "1x1 pixels; at least 32"),
    "31 rows": ({"height": 31}, "160x31 pixels; at least 32"),
}


def test_each_bad_image_has_its_reason_and_the_next_good_one_is_right(graph, door):
    graph.send_info()
    before = door.node.output()
    for name, (changes, reason) in BAD_IMAGES.items():
        print(name)
        door.status_after(
            lambda c=changes: graph.publish(Image, "image", good(graph.header(), **c)),
            ERROR,
            reason,
        )
        door.works()
    said = door.node.output().removeprefix(before).splitlines()
    dropped = [line for line in said if "dropped: " in line]
    assert 1 <= len(dropped) <= 2 * len(BAD_IMAGES)  # not one a frame: throttled
    assert max(map(len, said)) < 1200


def test_bytes_that_are_no_message_are_not_delivered(graph, door):
    """Serialized by hand: cut off, too long, and with text that is not UTF-8."""
    whole = serialize_message(good(graph.header()))
    junk = [whole[:-100], whole[:50], whole[:4], b"\xff" * 200, bytes(200), whole + bytes(1000)]
    for content in junk:
        for _ in range(3):
            graph.publish(Image, "image", content)
            graph.rest(0.05)
        door.works()
    garbled = whole.replace(b"rgb8\0", b"\xff\xfe\xfd8\0")
    assert garbled != whole
    door.status_after(lambda: graph.publish(Image, "image", garbled), ERROR, "is unknown")
    for content in (b"\xff" * 100, serialize_message(CameraInfo())[:40]):
        graph.publish(CameraInfo, "camera_info", content)
    door.works()


def test_a_publisher_of_another_type_on_the_topic_is_not_heard(graph, door, domain):
    other = Graph(domain)  # a node may have one type a topic
    publisher = other.node.create_publisher(String, "image", 1)
    for _ in range(5):
        publisher.publish(String(data="not an image"))
        door.works()
    other.close()


def test_odd_headers_pass_untouched(graph, door):
    """Stamps that go back, before 1970, nanoseconds of more than a second, no frame, a long one."""
    graph.send_info()
    headers = [(100, 0, "a"), (50, 0, "a"), (0, 0, ""), (-7, 2**32 - 1, "a b/c"), (3, 0, MEGABYTE)]
    for sec, nanosec, frame in headers:

        def send(sec=sec, nanosec=nanosec, frame=frame):
            header = graph.header()
            header.stamp.sec, header.stamp.nanosec, header.frame_id = sec, nanosec, frame
            return graph.send(header=header)

        door.depths.clear()
        assert door.depth(send=send) == pytest.approx(2.0, abs=1e-3)
    door.status_after(graph.send, OK, "depth at")
    assert "frame dropped" not in door.node.output().splitlines()[-1]


FLAT = np.array([200, 100, 50], np.uint8)


def mosaic(height, width):
    """What a sensor behind an RGGB filter sees of FLAT."""
    rows = np.empty((height, width), np.uint8)
    rows[::2, ::2], rows[1::2, 1::2] = FLAT[0], FLAT[2]
    rows[::2, 1::2] = rows[1::2, ::2] = FLAT[1]
    return rows


def test_a_camera_may_change_its_size_and_encoding_in_mid_stream(graph, door):
    """Colours of the cloud tell that each picture was read as what it is."""
    graph.send_info()  # of 160x120: scaled to the other sizes
    clouds = graph.listen(PointCloud2, "depth/points")
    stream = [
        (120, 160, "rgb8", lambda h, w: np.broadcast_to(FLAT, (h, w, 3))),
        (480, 640, "bgr8", lambda h, w: np.broadcast_to(FLAT[::-1], (h, w, 3))),
        (60, 80, "bayer_rggb8", mosaic),
        (600, 800, "rgb16", lambda h, w: np.broadcast_to(FLAT * np.uint16(257), (h, w, 3))),
        (120, 160, "rgba8", lambda h, w: np.broadcast_to(np.append(FLAT, np.uint8(7)), (h, w, 4))),
    ]
    for height, width, encoding, draw in stream:
        pixels = np.ascontiguousarray(draw(height, width)).astype(draw(2, 2).dtype)

        def send(pixels=pixels, encoding=encoding):
            height, width = pixels.shape[:2]
            header, step = graph.header(), pixels.nbytes // height
            msg = Image(header=header, height=height, width=width, encoding=encoding, step=step)
            msg.data.frombytes(pixels.tobytes())
            graph.send_info()
            graph.publish(Image, "image", msg)
            return header

        xyz, rgb = points_from_msg(graph.answer(clouds, send=send))
        assert xyz.shape == (height // 2, width // 2, 3)
        assert (rgb == FLAT).all(), encoding
    graph.unlisten(clouds)


def test_a_very_wide_image(graph, door):
    def send():
        msg = Image(header=graph.header(), height=32, width=20_000, encoding="mono8", step=20_000)
        msg.data.frombytes(bytes(32 * 20_000))
        graph.publish(Image, "image", msg)
        return msg.header

    graph.send_info()
    assert graph.set(output_size="64x36").successful
    assert door.depth(send=send) == pytest.approx(2.0, abs=1e-3)
    door.status_after(send, WARN, "the picture is 20000x32: cropped")
    assert graph.set(output_size="").successful
    door.works()


def info(**changes):
    msg = intrinsics_to_msg(CAMERA, Image().header)
    for name, value in changes.items():
        setattr(msg, name, value)
    return msg


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("msg", "reason"),
    [
        (CameraInfo(), "has size 0x0"),
        (info(k=[0.0] * 9, p=[0.0] * 12), "is uncalibrated"),
        (info(k=[NAN] * 9, p=[NAN] * 12), "is uncalibrated"),
        (info(k=[INF] * 9, p=[INF] * 12), "is uncalibrated"),
        (info(height=80), "is for 160x80, the picture is 160x120"),
        (info(binning_x=2**32 - 1), "fx is 0.0"),
    ],
)
def test_a_useless_camera_info_is_a_warning_and_depth_flows(graph, door, msg, reason):
    graph.send_info(msg)
    door.status_after(graph.send, WARN, reason)
    door.works()
    graph.send_info()
    door.status_after(graph.send, OK, "depth at")


def test_camera_info_of_another_size_is_scaled_and_of_a_rotated_image_refused(graph, door):
    graph.send_info(Intrinsics(fx=768.0, fy=768.0, cx=319.5, cy=239.5, width=640, height=480))
    door.status_after(graph.send, OK, "depth at")
    assert door.depth() == pytest.approx(3.0, abs=2e-3)  # fx / width = 1.2, 1.5 times 0.8
    graph.send_info(Intrinsics(fx=128.0, fy=128.0, cx=59.5, cy=79.5, width=120, height=160))
    door.status_after(graph.send, WARN, "is for 120x160, the picture is 160x120")
    graph.send_info()
    door.works()


def test_distortion_is_a_warning_once(graph, door):
    for _ in range(3):
        graph.send_info(info(d=[0.1, -0.2, 0.0, 0.0, NAN]))
        door.works()
    assert door.node.output().count("camera_info has distortion coefficients") == 1
    graph.send_info()


def refuse(graph, door, request):
    """A life cycle call out of turn. Before Kilted, rclpy raises at an id, and answers nothing."""
    from lifecycle_msgs.srv import ChangeState

    if KILTED or request.transition.label:
        assert not graph.call_again(ChangeState, "depth/change_state", request).success
        return
    client = graph.node.create_client(ChangeState, "depth/change_state")
    graph.spin(client.service_is_ready)
    client.call_async(request)
    graph.spin(lambda: door.node.output().count("request ignored: RCLError") > 0)
    graph.node.destroy_client(client)


def test_requests_that_make_no_sense_are_ignored_or_refused(graph, door):
    """Parameter values of no known type raise inside rclpy; life cycle calls out of turn do not."""
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState
    from rcl_interfaces.msg import Parameter, ParameterValue
    from rcl_interfaces.srv import SetParameters

    client = graph.node.create_client(SetParameters, "depth/set_parameters")
    graph.spin(client.service_is_ready)
    for kind in (10, 255):
        value = ParameterValue(type=kind)
        client.call_async(
            SetParameters.Request(parameters=[Parameter(name="depth_scale", value=value)])
        )
        graph.spin(lambda k=kind: f"{k} is not a valid Parameter.Type" in door.node.output())
        door.works()
        graph.rest(5.0)  # the throttle's time
    graph.node.destroy_client(client)
    for transition in (
        Transition(id=Transition.TRANSITION_ACTIVATE),
        Transition(id=99),
        Transition(label="nonsense"),
    ):
        refuse(graph, door, ChangeState.Request(transition=transition))
    refused = graph.set(depth_scale=3, use_sim_time="soon")
    assert not refused.successful
    assert not graph.set(depth_scale=3, no_such_parameter=1).successful
    assert graph.get("depth_scale") == [1.0]
    door.works()
