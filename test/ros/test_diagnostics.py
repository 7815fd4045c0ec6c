"""The judgement by cases, and /diagnostics of a real node."""

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from harness import set_parameters, transition
from lifecycle_msgs.msg import Transition
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image

from fourier_depth_ros.ros.diagnostics import NodeState, judge
from fourier_depth_ros.ros.monitor import Snapshot

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR


def snapshot(**changes):
    defaults = {
        "received_hz": 30.0,
        "published_hz": 12.34,
        "dropped": 3,
        "failed": 0,
        "seconds_since_image": 0.03,
        "invalid_share": 0.2,
    }
    return Snapshot(**{**defaults, **changes})


def state(**changes):
    return NodeState(**{"image_topic": "/camera/image", "listened": True, **changes})


@pytest.mark.parametrize(
    ("seen", "node", "level", "reason"),
    [
        ({}, {}, OK, "depth at 12.3 Hz"),
        ({}, {"listened": False}, OK, "the network rests"),
        ({}, {"camera": "no camera_info yet"}, WARN, "no camera_info yet"),
        ({"trouble": "image dropped: x"}, {"camera": "y"}, ERROR, "image dropped: x"),
        ({"seconds_since_image": 2.5}, {}, WARN, "no image for 2 s on /camera/image"),
        ({"seconds_since_image": None}, {}, WARN, "no image yet on /camera/image"),
        ({"seconds_since_image": None}, {"unheard": "q"}, ERROR, "q"),
        ({}, {"std": "depth/std waits"}, WARN, "depth/std waits"),
        ({}, {"std": "depth/std waits", "listened": False}, OK, "the network rests"),
        ({}, {"pace": "target_rate: 30 Hz cannot be kept"}, WARN, "cannot be kept"),
        ({}, {"scale": "scale_from scan: frozen"}, WARN, "scale_from scan: frozen"),
        ({"invalid_share": None}, {}, WARN, "no depth in the last 10 s"),
        ({"invalid_share": 1.0}, {}, WARN, "all depth is invalid"),
        ({}, {"not_ready": "cannot configure: z", "failed": True}, ERROR, "cannot configure: z"),
        ({"trouble": "x"}, {"not_ready": "inactive: ros2 lifecycle"}, OK, "inactive: ros2 lifecy"),
    ],
)
def test_level_and_reason(seen, node, level, reason):
    actual_level, message = judge(snapshot(**seen), state(**node))
    assert actual_level == level
    assert reason in message


def wait_for(graph, arrays, level, reason, hint=lambda: None):
    def found():
        hint()
        return any(
            status.level == level and reason in status.message
            for array in arrays
            for status in array.status
        )

    graph.spin(found)
    return next(
        status
        for array in reversed(arrays)
        for status in array.status
        if status.level == level and reason in status.message
    )


def test_a_node_tells_how_it_is(graph, start, constant):
    arrays = graph.listen(DiagnosticArray, "/diagnostics")
    start(*set_parameters(checkpoint=constant, combination="mean", diagnostics_period=0.2))
    wait_for(graph, arrays, WARN, "no image yet on /image")
    graph.send_info()
    graph.send()
    wait_for(graph, arrays, OK, "nobody subscribes", hint=graph.send)
    depths = graph.listen(Image, "depth/image")
    graph.answer(depths)
    status = wait_for(graph, arrays, OK, "depth at", hint=graph.send)
    values = {entry.key: entry.value for entry in status.values}
    assert status.name == "depth: depth"
    assert status.hardware_id == "constant.safetensors"
    assert values["crop ratios"] == "1"
    assert values["preset"] == "fast"
    assert len(values["weights sha256"]) == 12
    assert float(values["memory [MB]"]) > 100
    assert float(values["invalid depth [%]"]) == 0
    for stage in ("decode", "predict", "publish"):
        p50, p95 = map(float, values[f"{stage} p50 / p95 [ms]"].split(" / "))
        assert 0 <= p50 <= p95
    wait_for(graph, arrays, WARN, "no image for 2 s")
    graph.unlisten(depths)
    graph.unlisten(arrays)


def test_a_failed_configuration_is_diagnosed(graph, start, tmp_path):
    arrays = graph.listen(DiagnosticArray, "/diagnostics")
    start(*set_parameters(checkpoint=tmp_path / "none", diagnostics_period=0.2))
    wait_for(graph, arrays, ERROR, "cannot configure: checkpoint: ")
    graph.unlisten(arrays)


def test_a_rest_that_was_asked_for_is_no_error(graph, start, constant):
    arrays = graph.listen(DiagnosticArray, "/diagnostics")
    node = start(
        *set_parameters(checkpoint=constant, combination="mean", diagnostics_period=0.2),
        *("-p", "autostart:=false", "-r", "__node:=eye"),
    )
    unconfigured = "unconfigured: ros2 lifecycle set /eye configure, then activate"
    inactive = "inactive: ros2 lifecycle set /eye activate"
    for change, reason in (
        (None, unconfigured),
        (Transition.TRANSITION_CONFIGURE, inactive),
        (Transition.TRANSITION_ACTIVATE, "no image yet on /image"),
        (Transition.TRANSITION_DEACTIVATE, inactive),
        (Transition.TRANSITION_CLEANUP, unconfigured),
        (Transition.TRANSITION_UNCONFIGURED_SHUTDOWN, "finalized: start the node again"),
    ):
        if change is not None:
            assert transition(graph, change, node="eye")
        arrays.clear()
        wait_for(graph, arrays, WARN if "image" in reason else OK, reason)
        assert all(status.level != ERROR for array in arrays for status in array.status)
    assert "[ERROR]" not in node.output()
    graph.unlisten(arrays)


def test_a_failure_lasts_until_a_retry_works(graph, start, constant):
    arrays = graph.listen(DiagnosticArray, "/diagnostics")
    start(*set_parameters(checkpoint="none", combination="mean", diagnostics_period=0.2))
    wait_for(graph, arrays, ERROR, "cannot configure: checkpoint: 'none'")
    assert graph.set(checkpoint=str(constant)).successful
    arrays.clear()
    wait_for(graph, arrays, ERROR, "cannot configure: checkpoint: 'none'")
    assert transition(graph, Transition.TRANSITION_CONFIGURE)
    arrays.clear()
    wait_for(graph, arrays, OK, "inactive: ")
    graph.unlisten(arrays)


@pytest.mark.parametrize(
    ("transport", "kind", "topic"),
    [("raw", Image, "image"), ("compressed", CompressedImage, "image/compressed")],
)
def test_a_publisher_that_cannot_be_heard_is_named_until_it_goes(
    graph, start, constant, transport, kind, topic
):
    """By the topic that is listened to, remapped or not; nothing has to be heard in its place."""
    arrays = graph.listen(DiagnosticArray, "/diagnostics")
    args = set_parameters(checkpoint=constant, combination="mean", diagnostics_period=0.2)
    start(
        *(*args, "-p", f"image_transport:={transport}", "-r", f"/gone/{topic}:=/rig/picture"),
        *("-p", "qos_overrides./rig/picture.subscription.reliability:=reliable"),
        *("-r", "__ns:=/gone"),
    )
    wait_for(graph, arrays, WARN, "no image yet on /rig/picture: is the camera running")
    qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    mute = PublisherEventCallbacks(use_default_callbacks=False)
    for _ in range(2):
        deaf = graph.node.create_publisher(kind, "/rig/picture", qos, event_callbacks=mute)
        arrays.clear()
        wait_for(graph, arrays, ERROR, "a publisher of /rig/picture offers less than was asked")
        graph.node.destroy_publisher(deaf)
        arrays.clear()
        wait_for(graph, arrays, WARN, "no image yet on /rig/picture: is the camera running")
    graph.unlisten(arrays)


def test_a_camera_that_cannot_be_heard_is_diagnosed(graph, start, constant):
    """The user overrides the input's QoS to RELIABLE; the camera is BEST_EFFORT, as drivers are."""
    arrays = graph.listen(DiagnosticArray, "/diagnostics")
    args = set_parameters(checkpoint=constant, combination="mean", diagnostics_period=0.2)
    override = "qos_overrides./quiet/image.subscription.reliability:=reliable"
    start(*args, "-p", override, "-r", "__ns:=/quiet")
    qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    # rclpy's default callback for this side warns through a deprecated method of its own
    mute = PublisherEventCallbacks(use_default_callbacks=False)
    camera = graph.node.create_publisher(Image, "/quiet/image", qos, event_callbacks=mute)
    status = wait_for(graph, arrays, ERROR, "offers less than was asked for (Best effort")
    assert "/quiet/image" in status.message
    graph.node.destroy_publisher(camera)
    # a camera that can be heard takes its place
    camera = graph.node.create_publisher(Image, "/quiet/image", 1)
    wait_for(
        graph, arrays, OK, "nobody subscribes", hint=lambda: camera.publish(Image())
    )  # nobody listens: the picture is not looked at
    graph.node.destroy_publisher(camera)
    graph.unlisten(arrays)


def test_diagnostics_can_be_switched_off_and_on(graph, start, constant):
    arrays = graph.listen(DiagnosticArray, "/diagnostics")
    start(*set_parameters(checkpoint=constant, combination="mean", diagnostics_period=0.2))
    graph.spin(lambda: arrays)
    assert graph.set(diagnostics_period=0).successful
    graph.rest(0.5)
    arrays.clear()
    graph.rest(1.0)
    assert arrays == []
    assert graph.set(diagnostics_period=0.1).successful
    graph.spin(lambda: len(arrays) > 2)
    graph.unlisten(arrays)
