"""The depth node as its users meet it: another process, over DDS, with a known answer.

The checkpoint answers 2 canonical metres at phi_c = 0.8 whatever it sees; with `combination: mean`
ratio r contributes 2 / r. The test camera has fx / width = 0.8: depth is in the camera's metres.
"""

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from harness import CAMERA, set_parameters, state
from lifecycle_msgs.msg import State
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, PointCloud2
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.ros.conversions import (
    depth_from_msg,
    image_to_msg,
    intrinsics_to_msg,
    points_from_msg,
)


@pytest.fixture
def depths(graph, mean_node):
    messages = graph.listen(Image, "depth/image")
    assert graph.set(crops="corners", preset="fast", use_flips=False).successful
    yield messages
    graph.unlisten(messages)
    defaults = {
        "output_size": "",
        "depth_encoding": "32FC1",
        "max_depth": 10.0,
        "min_depth": 0.1,
        "far_policy": "nan",
        "depth_scale": 1.0,
        "points_stride": 2,
        "focal_correction": True,
    }
    assert graph.set(**defaults).successful


def flat(msg: Image) -> float:
    """The one value of a constant depth image."""
    depth = depth_from_msg(msg)
    assert np.ptp(depth) < 1e-3
    return float(depth.mean())


def test_depth_of_a_known_network_with_the_images_header(graph, depths):
    graph.send_info()
    msg = graph.answer(depths)  # compares the whole header
    assert (msg.height, msg.width, msg.encoding) == (120, 160, "32FC1")
    assert flat(msg) == pytest.approx(2.0, abs=1e-3)


def test_the_cameras_focal_length_scales_depth_unless_switched_off(graph, depths):
    graph.send_info(Intrinsics(fx=192.0, fy=192.0, cx=79.5, cy=59.5, width=160, height=120))
    assert flat(graph.answer(depths)) == pytest.approx(2.0 * (192 / 160) / 0.8, abs=1e-3)
    assert graph.set(focal_correction=False).successful
    assert flat(graph.answer(depths)) == pytest.approx(2.0, abs=1e-3)
    graph.send_info()


def test_a_picture_has_the_camera_info_of_its_stamp_or_else_the_latest(graph, depths):
    """A camera that zooms sends the next one while a picture waits."""
    zoomed = Intrinsics(fx=192.0, fy=192.0, cx=79.5, cy=59.5, width=160, height=120)

    def send():
        header = graph.header()
        for camera, stamped in ((zoomed, header), (CAMERA, graph.header())):
            graph.publish(CameraInfo, "camera_info", intrinsics_to_msg(camera, stamped))
            graph.rest(0.2)  # or the second takes the first one's place on the way
        graph.publish(Image, "image", image_to_msg(np.full((120, 160, 3), 90, np.uint8), header))
        return header

    assert flat(graph.answer(depths, send=send)) == pytest.approx(2.0 * 1.2 / 0.8, abs=1e-3)
    graph.send_info()
    assert flat(graph.answer(depths)) == pytest.approx(2.0, abs=1e-3)


@pytest.mark.parametrize(
    ("value", "ratios", "expected"),
    [
        ("[1, 0.8]", [1.0, 0.8], (2 + 2 / 0.8) / 2),
        ([0.6, 1.0], [1.0, 0.6], (2 + 2 / 0.6) / 2),
        ("1 .6", [1.0, 0.6], (2 + 2 / 0.6) / 2),
        ([1], [1.0], 2.0),
        ("0.8", [0.8], 2 / 0.8),
        ("fast", [1.0], 2.0),
    ],
)
def test_ratios_set_live_act_on_the_next_frame(graph, depths, value, ratios, expected):
    graph.send_info()
    graph.answer(depths)
    assert graph.set(crop_ratios=value).successful
    assert flat(graph.answer(depths)) == pytest.approx(expected, abs=2e-3)
    (shown,) = graph.get("crop_ratios")
    assert shown == ratios
    assert all(isinstance(ratio, float) for ratio in shown)


def test_a_change_drops_no_frame(graph, depths):
    graph.answer(depths)
    for ratios in ("[1, 0.8]", "[1.0]", "[1, 0.6]"):
        count = len(depths)
        assert graph.set(crop_ratios=ratios).successful
        header = graph.send()
        graph.spin(lambda c=count: len(depths) > c)
        assert depths[-1].header == header


def test_crops_change_live_and_back_and_drop_no_frame(graph, depths):
    """64 pixels: shared crops can have 64 / 96, whose candidate is 3 m."""
    announced = graph.listen(Float64MultiArray, "depth/active_ratios")
    assert graph.set(preset="balanced").successful
    graph.answer(depths)
    for values, ratios, expected in (
        ({"crops": "shared"}, [1.0, 0.666667], 2.5),
        ({"crop_ratios": "0.66"}, [0.666667], 3.0),
        ({"preset": "paper"}, [1.0, 0.666667], 2.5),
        ({"crops": "corners", "preset": "balanced"}, [1.0, 0.85], (2 + 2 / 0.85) / 2),
        ({"crops": "shared"}, [1.0, 0.666667], 2.5),
        ({"preset": "fast"}, [1.0], 2.0),
        ({"crops": "corners"}, [1.0], 2.0),
    ):
        count = len(depths)
        assert graph.set(**values).successful
        header = graph.send()
        graph.spin(lambda c=count: len(depths) > c)
        assert depths[-1].header == header
        assert flat(depths[-1]) == pytest.approx(expected, abs=2e-3)
        graph.spin(lambda r=ratios: announced and list(announced[-1].data) == r)
        assert graph.get("crop_ratios") == [ratios]
    graph.unlisten(announced)


def test_shared_crops_without_a_fit_are_the_means_alone_and_a_refusal_changes_nothing(
    graph, depths
):
    result = graph.set(crops="shared", combination="hierarchical")
    assert not result.successful
    assert "fit it with 'fourier-depth fit --crops shared'" in result.reason
    assert graph.set(preset="", crop_ratios=[1.0, 0.8]).successful
    result = graph.set(crops="shared")
    assert not result.successful
    assert "0.8 is not possible with crops 'shared', which takes 1, 0.667" in result.reason
    assert graph.get("crops", "crop_ratios", "combination") == ["corners", [1.0, 0.8], "mean"]
    assert flat(graph.answer(depths)) == pytest.approx((2 + 2 / 0.8) / 2, abs=2e-3)


def test_bad_ratios_are_refused_and_the_old_ones_stay(graph, depths):
    assert graph.set(crop_ratios=[1.0, 0.8]).successful
    for bad, reason in (
        ([1.3], "is not in (0.5, 1]"),
        ([1.0, 0.7], "fitted"),
        ("a lot", "or one of fast, balanced"),
        ("1 0.8 0.8", "0.8 is named twice"),
    ):
        # 'mean' takes any ratio: only the hierarchical combination needs fitted ones
        result = graph.set(crop_ratios=bad, combination="hierarchical")
        assert not result.successful
        assert reason in result.reason
    assert graph.get("crop_ratios", "combination") == [[1.0, 0.8], "mean"]
    assert flat(graph.answer(depths)) == pytest.approx((2 + 2 / 0.8) / 2, abs=2e-3)


def test_a_set_that_is_half_valid_changes_nothing(graph, depths):
    result = graph.set(depth_scale=3.0, max_depth=-1.0)
    assert not result.successful
    assert "max_depth" in result.reason
    assert graph.get("depth_scale") == [1.0]
    graph.send_info()
    assert flat(graph.answer(depths)) == pytest.approx(2.0, abs=1e-3)


def test_presets_show_their_ratios_and_are_announced(graph, depths):
    announced = graph.listen(Float64MultiArray, "depth/active_ratios")
    assert graph.set(preset="balanced").successful
    assert graph.get("preset", "crop_ratios", "use_flips") == ["balanced", [1.0, 0.85], False]
    graph.spin(lambda: announced and list(announced[-1].data) == [1.0, 0.85])
    assert graph.set(crop_ratios=[1.0]).successful
    assert graph.get("preset") == [""]
    graph.unlisten(announced)


def test_a_target_rate_takes_the_ratios_that_there_is_time_for(graph, depths):
    """Rates that any machine keeps, and none: what is between is up to the machine."""
    graph.send_info()
    announced = graph.listen(Float64MultiArray, "depth/active_ratios")
    diagnoses = graph.listen(DiagnosticArray, "/diagnostics")
    assert graph.set(target_rate=0.01).successful
    while not announced or len(announced[-1].data) < 2:  # it climbs while frames flow
        graph.answer(depths)
    graph.spin(lambda: graph.get("crop_ratios") == [list(announced[-1].data)])
    assert graph.get("target_rate") == [0.01]

    def told(key):
        return {value.key: value.value for value in diagnoses[-1].status[0].values}[key]

    graph.spin(lambda: diagnoses and len(told("crop ratios").split()) > 1)
    assert "of 100000 ms a frame" in told("target rate")

    assert graph.set(target_rate=1000).successful  # a frame in 1 ms
    while len(announced[-1].data) > 1 or "cannot be kept" not in diagnoses[-1].status[0].message:
        graph.answer(depths)
    assert "1 of at most" in told("target rate")
    assert flat(graph.answer(depths)) == pytest.approx(2.0, abs=1e-3)
    graph.spin(lambda: graph.get("preset", "crop_ratios") == ["fast", [1.0]])

    assert graph.set(crop_ratios="1 .8").successful  # the later wins
    assert graph.get("target_rate", "crop_ratios") == [0.0, [1.0, 0.8]]
    assert flat(graph.answer(depths)) == pytest.approx((2 + 2 / 0.8) / 2, abs=2e-3)
    graph.unlisten(announced)
    graph.unlisten(diagnoses)


def test_what_target_rate_chose_is_shown_and_stays_when_it_is_off(graph, depths, mean_node):
    """From a heavy preset down to one crop, and up again; 0 brings nothing back."""
    graph.send_info()
    assert graph.set(preset="paper").successful
    assert graph.set(target_rate=1000).successful
    shown = ("preset", "crop_ratios", "use_flips", "target_rate")
    assert graph.get(*shown) == ["fast", [1.0], False, 1000.0]
    assert graph.set(target_rate=0).successful
    assert graph.get(*shown) == ["fast", [1.0], False, 0.0]
    assert flat(graph.answer(depths)) == pytest.approx(2.0, abs=1e-3)

    assert graph.set(target_rate=0.01).successful
    # an answer after a step is of what the parameters show; fitted are 1, 0.8 and 0.6
    while graph.get("use_flips") != [True]:
        graph.answer(depths)
    assert graph.set(use_flips=False).successful  # as `ros2 param load` does with a dump
    graph.spin(lambda: "use_flips: target_rate chooses it, true for now" in mean_node.output())
    assert graph.get("use_flips", "target_rate") == [True, 0.01]
    assert graph.set(target_rate=0).successful
    preset, ratios, flips, rate = graph.get(*shown)
    assert (preset, flips, rate) == ("", True, 0.0)
    expected = float(np.mean([2 / ratio for ratio in ratios]))
    assert flat(graph.answer(depths)) == pytest.approx(expected, abs=2e-3)
    assert graph.get(*shown) == [preset, ratios, flips, rate]


def test_a_change_leaves_one_line_of_what_runs_now(graph, depths, mean_node):
    def lines():
        return [line for line in mean_node.output().splitlines() if "a frame (ratios" in line]

    for values, line in (
        ({"max_depth": 8}, "max_depth: 8.0; preset fast: 1 crop a frame (ratios 1), mean"),
        ({"preset": "balanced", "max_depth": 8}, "preset balanced: 5 crops a frame (ratios 1, 0.8"),
        ({"crop_ratios": "1 .8"}, "crop_ratios: [1.0, 0.8]; 5 crops a frame (ratios 1, 0.8), mean"),
        ({"target_rate": 9}, "target_rate 9 Hz, now preset fast: 1 crop a frame (ratios 1), mean"),
    ):
        before = lines()
        assert graph.set(**values).successful
        graph.spin(lambda b=before: len(lines()) > len(b))
        (new,) = lines()[len(before) :]
        assert line in new
        assert "[INFO]" in new
        assert graph.set(**values).successful  # nothing new
        assert not graph.set(crop_ratios=[0.3]).successful
        graph.rest(0.3)
        assert len(lines()) == len(before) + 1
    assert graph.set(target_rate=0).successful


def test_a_start_without_cuda_is_no_warning(graph, start):
    node = start("-p", "device:=cpu")
    assert state(graph) == State.PRIMARY_STATE_ACTIVE
    graph.spin(lambda: "'auto' chose" in node.output())
    (line,) = (line for line in node.output().splitlines() if "'auto' chose" in line)
    assert "[INFO]" in line
    assert "checkpoint: 'auto' chose " in line
    assert "device is cpu" in line
    assert "[WARN]" not in node.output()


def test_outputs_range_scale_encoding_and_size(graph, depths):
    graph.send_info()
    assert graph.set(depth_scale=1.5).successful
    assert flat(graph.answer(depths)) == pytest.approx(3.0, abs=2e-3)
    assert graph.set(depth_encoding="16UC1", output_size="40x30").successful
    msg = graph.answer(depths)
    assert (msg.encoding, msg.width, msg.height, msg.step) == ("16UC1", 40, 30, 80)
    assert abs(int(np.frombuffer(msg.data, np.uint16).max()) - 3000) <= 2
    assert graph.set(depth_encoding="32FC1", max_depth=2.5).successful
    assert np.isnan(depth_from_msg(graph.answer(depths))).all()
    assert graph.set(far_policy="inf").successful
    assert np.isposinf(depth_from_msg(graph.answer(depths))).all()


def test_camera_info_is_scaled_with_the_output(graph, depths):
    infos = graph.listen(CameraInfo, "depth/camera_info")
    assert graph.set(output_size="80x60").successful
    graph.send_info()
    depth = graph.answer(depths)
    graph.spin(lambda: any(info.header == depth.header for info in infos))
    info = next(info for info in infos if info.header == depth.header)
    assert (info.width, info.height) == (80, 60)
    # fx' = 128 / 2, cx' = (79.5 + 0.5) / 2 - 0.5
    assert list(info.k) == [64.0, 0.0, 39.5, 0.0, 64.0, 29.5, 0.0, 0.0, 1.0]
    graph.unlisten(infos)


def test_points_come_only_with_a_subscriber_and_a_calibration(graph, depths):
    graph.send_info()
    assert graph.set(points_stride=4).successful
    clouds = graph.listen(PointCloud2, "depth/points")
    picture = np.zeros((120, 160, 3), np.uint8)
    picture[..., 0] = 200
    cloud = graph.answer(clouds, picture=picture)
    xyz, rgb = points_from_msg(cloud)
    assert xyz.shape == (30, 40, 3)
    # column 10 is u = 40: x = (40 - 79.5) * 2 / 128; row 20 is v = 80
    np.testing.assert_allclose(
        xyz[20, 10], [(40 - 79.5) * 2 / 128, (80 - 59.5) * 2 / 128, 2.0], atol=2e-3
    )
    assert (rgb == [200, 0, 0]).all()
    graph.unlisten(clouds)


def test_color_for_eyes(graph, depths):
    colors = graph.listen(Image, "depth/color")
    msg = graph.answer(colors)
    assert (msg.encoding, msg.width, msg.height) == ("rgb8", 160, 120)
    graph.unlisten(colors)


def test_a_broken_image_is_one_log_line_and_the_next_good_one_works(graph, depths, mean_node):
    graph.send_info()
    for change in (
        {"encoding": "rgb99"},
        {"step": 7},
        {"height": 10_000_000},
        {"width": 0},
        {"encoding": ""},
    ):
        msg = Image(header=graph.header(), height=120, width=160, encoding="rgb8", step=480)
        msg.data.frombytes(bytes(120 * 480))
        for name, value in change.items():
            setattr(msg, name, value)
        graph.publish(Image, "image", msg)
        graph.rest(0.2)  # or the good one takes its place in the slot
        assert flat(graph.answer(depths)) == pytest.approx(2.0, abs=1e-3)
    assert mean_node.output().count("image dropped: ") == 1  # throttled


def test_a_picture_that_is_too_small_is_refused_with_its_size(graph, depths, mean_node):
    graph.rest(5.0)  # the throttle's time since the last refused picture
    graph.send(np.zeros((20, 20, 3), np.uint8))
    graph.spin(lambda: "20x20 pixels; at least 32" in mean_node.output())
    graph.answer(depths)


def test_sizes_may_change_from_frame_to_frame(graph, depths):
    for height, width in ((64, 48), (240, 320), (33, 500)):
        msg = graph.answer(depths, picture=np.zeros((height, width, 3), np.uint8))
        assert (msg.height, msg.width) == (height, width)


def test_startup_parameters_say_so(graph, depths):
    result = graph.set(checkpoint="elsewhere")
    assert not result.successful
    assert "checkpoint: is " in result.reason
    assert "can be changed only while the node is not configured" in result.reason


def test_reload(graph, depths):
    response = graph.call_again(Trigger, "depth/reload", Trigger.Request())
    assert response.success
    assert "1 crop a frame" in response.message
    assert flat(graph.answer(depths)) == pytest.approx(2.0, abs=1e-3)


def test_compressed_pictures_up_to_8k(graph, start, constant):
    """A raw 8K image is 33 MB and more, which a busy machine's best effort may lose every time."""
    start(
        *set_parameters(checkpoint=constant, combination="mean", image_transport="compressed"),
        *("-r", "__ns:=/compressed", "-p", "output_size:=64x36"),
    )
    depths = graph.listen(Image, "/compressed/depth/image")
    graph.spin(lambda: graph.node.count_publishers("/compressed/depth/image") > 0)
    for format, shape in (("jpeg", (120, 160, 3)), ("png", (4320, 7680))):
        _, file = cv2.imencode(f".{format}", np.full(shape, 90, np.uint8))

        def send(file=file, format=format):
            msg = CompressedImage(header=graph.header(), format=format)
            msg.data.frombytes(file.tobytes())
            graph.publish(CompressedImage, "/compressed/image/compressed", msg)
            return msg.header

        assert flat(graph.answer(depths, send=send)) == pytest.approx(2.0, abs=1e-3)


def test_two_nodes_in_two_namespaces_with_a_yaml_file_and_a_remap(graph, start, constant, tmp_path):
    yaml = tmp_path / "depth.yaml"
    yaml.write_text(
        "/**:\n  ros__parameters:\n"
        f"    checkpoint: '{constant}'\n    combination: mean\n    crop_ratios: '[1, 0.8]'\n"
    )
    start("--params-file", str(yaml), "-r", "__ns:=/left", "-r", "image:=/rig/left/image_rect")
    start(
        *set_parameters(checkpoint=constant, combination="mean", preset="fast", depth_scale=2),
        *("-r", "__ns:=/right", "-r", "image:=/rig/right/image_rect"),
    )
    left, right = (graph.listen(Image, f"/{side}/depth/image") for side in ("left", "right"))
    for side, outputs, expected in (("left", left, 2.25), ("right", right, 4.0)):
        topic = f"/rig/{side}/image_rect"
        assert flat(graph.answer(outputs, topic=topic)) == pytest.approx(expected, abs=3e-3)
    assert {msg.header.frame_id for msg in left}.isdisjoint(m.header.frame_id for m in right)


def test_camera_of_another_shape_is_refused_with_a_reason(graph, depths, mean_node):
    graph.send_info(Intrinsics(fx=128.0, fy=128.0, cx=79.5, cy=39.5, width=160, height=80))
    graph.answer(depths)
    graph.spin(lambda: "is for 160x80, the picture is 160x120" in mean_node.output())
    graph.send_info(CAMERA)
