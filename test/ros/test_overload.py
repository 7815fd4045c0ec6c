"""More than the node can do: a slow network under a fast camera, a listener that never reads.

No time is asserted, only order: the machine may be busy.
"""

import contextlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray
from harness import CAMERA, set_parameters, state, transition
from lifecycle_msgs.msg import State, Transition
from sensor_msgs.msg import Image, PointCloud2
from std_msgs.msg import Header

from fourier_depth_ros.ros.conversions import depth_from_msg, intrinsics_to_msg

PERIOD = 1 / 30


@pytest.fixture
def start_slow(start, slow):
    """A node whose frame takes a core about 0.2 s a crop."""

    def start_one(**values):
        fixed = {"checkpoint": slow, "combination": "mean", "diagnostics_period": 0.2}
        return start(
            *set_parameters(**fixed, **{"precision": "float32", "backend": "eager"}, **values)
        )

    return start_one


class Camera:
    """30 Hz, stamped with the time; goes on while something else is waited for."""

    def __init__(self, graph):
        self.graph = graph
        self.sent = {}  # frame_id -> how many were sent before
        self._due = time.monotonic()

    def shoot_until(self, done):
        def step():
            if time.monotonic() >= self._due:
                self._due = time.monotonic() + PERIOD
                now = time.time_ns()
                stamp = Time(sec=now // 10**9, nanosec=now % 10**9)
                header = Header(stamp=stamp, frame_id=f"shot_{len(self.sent)}")
                self.sent[header.frame_id] = len(self.sent)
                self.graph.send(header=header)
            return done()

        self.graph.spin(step)


def test_the_age_of_depth_stays_bounded_and_diagnostics_tell_the_drops(graph, start_slow):
    """And SIGINT in the middle of it ends the node in order."""
    node = start_slow(crop_ratios="'1'")
    arrays = graph.listen(DiagnosticArray, "/diagnostics")
    depths = graph.listen(Image, "depth/image")
    camera = Camera(graph)
    sent_by_then: list[int] = []  # how many were sent when each depth image came

    def enough():
        sent_by_then.extend([len(camera.sent)] * (len(depths) - len(sent_by_then)))
        return len(depths) >= 9

    camera.shoot_until(enough)
    frames = [camera.sent[msg.header.frame_id] for msg in depths]
    # The node takes a frame when it has published the last one. What it takes then was sent after
    # we had the one before that: a queue would hand it something older and older. 5 for lost ones.
    for later, then in zip(frames[2:], sent_by_then, strict=False):
        assert later >= then - 5, (frames, sent_by_then)

    def told():
        found = [{v.key: v.value for v in s.values} for a in arrays[-1:] for s in a.status]
        return found and int(found[-1]["images replaced by newer ones"]) > 0 and found[-1]

    camera.shoot_until(told)
    values = told()
    assert float(values["images received [Hz]"]) > float(values["depth published [Hz]"]) > 0
    p50, p95 = map(float, values["age p50 / p95 [ms]"].split(" / "))
    predict = float(values["predict p50 / p95 [ms]"].split(" / ")[0])
    assert predict <= p50 <= p95
    assert values["images failed"] == "0"
    before = len(camera.sent)
    camera.shoot_until(lambda: len(camera.sent) > before + 3)
    ends_in_order(node, signal.SIGINT)
    graph.unlisten(depths)
    graph.unlisten(arrays)


def ends_in_order(node, number):
    """An unjoined worker would publish on a context that is gone: a traceback or a crash."""
    assert node.end(number) == 0
    assert "Traceback" not in node.output(), node.output()


def test_deactivate_cleanup_and_sigterm_in_mid_frame(graph, start_slow):
    node = start_slow(crop_ratios="'1 0.8'")
    depths = graph.listen(Image, "depth/image")
    for _ in range(2):
        assert depth_from_msg(graph.answer(depths)).mean() == pytest.approx(2.25, abs=5e-3)
        shoot_into_a_frame(graph)
        assert transition(graph, Transition.TRANSITION_DEACTIVATE)
        assert state(graph) == State.PRIMARY_STATE_INACTIVE
        assert transition(graph, Transition.TRANSITION_CLEANUP)
        graph.spin(lambda: graph.node.count_publishers("depth/image") == 0)
        assert transition(graph, Transition.TRANSITION_CONFIGURE)
        assert transition(graph, Transition.TRANSITION_ACTIVATE)
    graph.answer(depths)
    shoot_into_a_frame(graph)
    ends_in_order(node, signal.SIGTERM)
    graph.unlisten(depths)


def shoot_into_a_frame(graph):
    """Five crops take the node longer than these pictures."""
    camera = Camera(graph)
    camera.shoot_until(lambda: len(camera.sent) > 5)


DEAF = """
import time, rclpy
from rclpy.qos import HistoryPolicy, QoSProfile
from sensor_msgs.msg import Image, PointCloud2
rclpy.init()
node = rclpy.create_node("deaf")
everything = QoSProfile(history=HistoryPolicy.KEEP_ALL)
kept = [
    node.create_subscription(kind, f"depth/{name}", lambda msg: None, everything)
    for kind, name in ((Image, "image"), (Image, "color"), (PointCloud2, "points"))
]
time.sleep(1000)
"""


@pytest.mark.parametrize("stopped", [False, True])
def test_a_subscriber_that_never_reads_holds_nobody_up(graph, mean_node, stopped):
    """Reliable, keeping all, of 1.2 MB images and 4.9 MB clouds; or frozen as a whole."""
    node_parameters = {"output_size": "640x480", "points_stride": 1}
    assert graph.set(**node_parameters).successful
    graph.send_info(intrinsics_to_msg(CAMERA, Header()))
    depths = graph.listen(Image, "depth/image")
    before = graph.node.count_subscribers("depth/image")
    with subprocess.Popen([sys.executable, "-c", DEAF]) as deaf:
        try:
            graph.spin(lambda: graph.node.count_subscribers("depth/image") > before)
            graph.spin(lambda: graph.node.count_subscribers("depth/points") > 0)
            if stopped:
                graph.answer(depths)
                deaf.send_signal(signal.SIGSTOP)
            for _ in range(15):
                depth = depth_from_msg(graph.answer(depths))
                assert depth.shape == (480, 640)
                np.testing.assert_allclose(depth, 2.0, atol=2e-3)
            clouds = graph.listen(PointCloud2, "depth/points")
            assert graph.answer(clouds).width == 640
            graph.unlisten(clouds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                deaf.kill()
    graph.unlisten(depths)
    assert "dropped: " not in mean_node.output()
