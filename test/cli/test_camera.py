import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import rclpy
from bags import write_bag
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from fourier_depth_ros.cli.camera import _ahead, _demo_photographs, _paced, _Shot
from fourier_depth_ros.cli.ros_args import split_ros_args
from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.images.calibration import write_calibration
from fourier_depth_ros.signals import Stop

PATIENCE = 60.0
COLORS = {"a": (200, 30, 10), "b": (10, 200, 30), "c": (30, 10, 200)}
INTRINSICS = Intrinsics(fx=60.0, fy=61.0, cx=31.5, cy=23.5, width=64, height=48)
RELIABLE = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE)
BEST_EFFORT = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)


class Listener:
    """A subscriber in this process: what came, by topic."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)

    def listen(self, kind: type, topic: str, qos: QoSProfile = RELIABLE) -> list:
        messages: list = []
        self._node.create_subscription(kind, topic, messages.append, qos)
        return messages

    def wait(self, done: Callable[[], bool], camera: subprocess.Popen) -> None:
        """Receive until ``done``; fails where the camera ends before."""
        deadline = time.monotonic() + PATIENCE
        while not done():
            assert time.monotonic() < deadline, "nothing came"
            assert camera.poll() is None or done(), camera.communicate()
            self._executor.spin_once(timeout_sec=0.1)

    def close(self) -> None:
        self._executor.shutdown()
        self._node.destroy_node()


@pytest.fixture
def listener(domain) -> Iterator[Listener]:
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    listener = Listener(rclpy.create_node("listener", context=context))
    yield listener
    listener.close()
    rclpy.shutdown(context=context)


@pytest.fixture
def start_camera(domain) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts `fourier-depth camera`; ends what is left of it."""
    started: list[subprocess.Popen] = []

    def start(*args: object) -> subprocess.Popen:
        command = [sys.executable, "-m", "fourier_depth_ros.cli.main", "camera", *map(str, args)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def folder(tmp_path) -> Path:
    """Three pictures of one colour each."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name, rgb in COLORS.items():
        cv2.imwrite(str(folder / f"{name}.png"), np.full((48, 64, 3), rgb[::-1], np.uint8))
    return folder


def stamp_ns(message) -> int:
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def color_of(message: Image) -> tuple[int, ...]:
    pixels = np.frombuffer(message.data, np.uint8).reshape(-1, 3)
    assert (pixels == pixels[0]).all()
    return tuple(pixels[0].tolist())


def finish(camera: subprocess.Popen) -> str:
    """What the camera wrote, once it has ended well."""
    out, err = camera.communicate(timeout=PATIENCE)
    assert camera.returncode == 0, err
    assert "Traceback" not in out + err
    return out + err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_publishes_in_order_round_and_round_until_a_signal(
    folder, listener, start_camera, number
):
    write_calibration(folder / "camera_info.yaml", INTRINSICS)
    images = listener.listen(Image, "image")
    lossy = listener.listen(Image, "image", BEST_EFFORT)
    infos = listener.listen(CameraInfo, "camera_info")
    before = time.time_ns()
    camera = start_camera(folder, "--rate", 20, "--frame-id", "left_optical")
    listener.wait(lambda: min(len(images), len(infos)) >= 7 and bool(lossy), camera)

    camera.send_signal(number)
    output = finish(camera)
    assert "publishing /image and /camera_info" in output
    assert "field of view" not in output

    colors = [color_of(image) for image in images[:7]]
    first = list(COLORS.values()).index(colors[0])
    assert colors == [list(COLORS.values())[(first + i) % 3] for i in range(7)]
    image = images[0]
    assert (image.height, image.width, image.step, image.encoding) == (48, 64, 192, "rgb8")
    assert image.header.frame_id == "left_optical"
    stamps = [stamp_ns(image) for image in images]
    assert before < stamps[0]
    assert stamps == sorted(set(stamps))
    info_of = {stamp_ns(info): info for info in infos}
    assert len(info_of.keys() & set(stamps)) >= 6
    info = infos[0]
    assert info.header.frame_id == "left_optical"
    assert (info.height, info.width) == (48, 64)
    assert info.k.tolist() == [60.0, 0, 31.5, 0, 61.0, 23.5, 0, 0, 1]
    assert info.p.tolist() == [60.0, 0, 31.5, 0, 0, 61.0, 23.5, 0, 0, 0, 1, 0]


def test_compressed_namespaced_remapped_and_with_an_assumed_field_of_view(
    folder, listener, start_camera
):
    images = listener.listen(CompressedImage, "/robot/left/image_rect/compressed")
    infos = listener.listen(CameraInfo, "/robot/camera_info")
    args = ("--compressed", "--namespace", "robot", "--hfov", 90)
    camera = start_camera(folder, *args, "--ros-args", "-r", "image:=left/image_rect")
    listener.wait(lambda: bool(images and infos), camera)
    camera.send_signal(signal.SIGINT)
    output = finish(camera)
    assert output.count("assuming a field of view of 90 degrees (fx = 32.0 px of 64)") == 1

    assert images[0].format == "jpeg"
    assert images[0].header.frame_id == "camera_optical_frame"
    bgr = cv2.imdecode(np.frombuffer(images[0].data, np.uint8), cv2.IMREAD_COLOR)
    errors = [np.abs(bgr[..., ::-1].astype(int) - rgb).max() for rgb in COLORS.values()]
    assert min(errors) <= 4
    # tan(45 deg) = 1: half the width; pixel centres are integers
    np.testing.assert_allclose(infos[0].k, [32, 0, 31.5, 0, 32, 23.5, 0, 0, 1], rtol=1e-12)


def test_without_loop_each_picture_comes_once_to_whoever_listens(folder, listener, start_camera):
    images = listener.listen(Image, "image")
    camera = start_camera(folder, "--no-loop", "--rate", 5)
    listener.wait(lambda: camera.poll() is not None and len(images) >= 3, camera)
    assert [color_of(image) for image in images] == list(COLORS.values())
    finish(camera)


def test_a_signal_ends_the_wait_for_a_subscriber(folder, domain, start_camera):
    camera = start_camera(folder, "--no-loop")
    lines = []
    for line in camera.stderr:
        lines.append(line)
        if "waiting for a subscriber" in line:
            break
    assert camera.poll() is None, lines
    camera.send_signal(signal.SIGTERM)
    finish(camera)


def test_a_bag_plays_at_its_own_pace_in_its_own_frame_with_stamps_of_now(
    tmp_path, listener, start_camera
):
    write_bag(tmp_path / "bag", [10.0, 10.5, 11.5], frame_id="recorded")
    images = listener.listen(Image, "image")
    before = time.time_ns()
    camera = start_camera(tmp_path / "bag", "--no-loop")
    listener.wait(lambda: camera.poll() is not None and len(images) >= 3, camera)
    finish(camera)
    assert [image.header.frame_id for image in images] == ["recorded"] * 3
    stamps = [stamp_ns(image) for image in images]
    assert before < stamps[0]
    gaps = np.diff(stamps) * 1e-9
    assert (gaps >= [0.49, 0.99]).all(), gaps  # the first may have come late, by a busy machine


def test_a_bag_plays_as_it_is_told(tmp_path, listener, start_camera):
    write_bag(tmp_path / "bag", [10.0, 70.0, 130.0], frame_id="recorded")
    images = listener.listen(Image, "image")
    arguments = ("--rate", 20, "--frame-id", "mine", "--no-loop")
    camera = start_camera(tmp_path / "bag", *arguments)
    listener.wait(lambda: camera.poll() is not None and len(images) >= 3, camera)
    finish(camera)  # long before a minute is over
    assert [image.header.frame_id for image in images] == ["mine"] * 3


def test_the_demo_s_photographs_are_in_the_user_s_cache(tmp_path, monkeypatch):
    pytest.importorskip("skimage")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = _demo_photographs()
    assert folder == tmp_path / "fourier_depth_ros" / "photographs"
    assert (folder / "motorcycle_left.png").is_file()


@pytest.mark.parametrize(
    ("rate", "stamps", "expected"),
    [
        (50.0, [None] * 3, [0.0, 0.02, 0.04]),
        (None, [10.0, 10.02, 10.06], [0.0, 0.02, 0.06]),
        (None, [10.0, 10.02, 10.0], [0.0, 0.02, 0.04]),  # a new round: the last delay again
        (None, [None] * 3, [0.0, 0.1, 0.2]),  # pictures have no pace of their own
        (50.0, [10.0, 70.0, 130.0], [0.0, 0.02, 0.04]),
    ],
)
def test_no_picture_comes_before_it_is_due(rate, stamps, expected):
    shots = [_Shot(None, None, stamp and round(stamp * 1e9)) for stamp in stamps]
    start = time.monotonic()
    came = [time.monotonic() - start for _ in _paced(shots, rate, Stop())]
    assert (np.array(came) >= np.array(expected) - 1e-6).all()


@pytest.mark.parametrize("ahead_bytes", [0, 25, 30, 1000])
def test_order_is_the_same_whether_all_fits_into_memory_or_not(ahead_bytes):
    shots = [_Shot(Image(data=bytes(10)), None, number) for number in range(3)]
    played = itertools.islice(_ahead(shots, True, Stop(), ahead_bytes), 8)
    assert [shot.stamp_ns for shot in played] == [0, 1, 2, 0, 1, 2, 0, 1]
    assert list(_ahead(shots, False, Stop(), ahead_bytes)) == shots


def test_split_ros_args():
    argv = ["camera", "a.png", "--ros-args", "-r", "image:=left", "--", "-x"]
    assert split_ros_args(argv) == (argv[:2], argv[2:])
    assert split_ros_args(["camera"]) == (["camera"], [])


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["nowhere.png"], "nowhere.png does not exist; give a picture"),
        (["FOLDER", "--rate", "-1"], "rate is -1, expected a positive number"),
        (["FOLDER", "--rate", "0"], "rate is 0, expected a positive number"),
        (["FOLDER", "--hfov", "200"], "hfov is 200, expected degrees"),
        (["FOLDER", "--namespace", "no good"], "namespace: "),
        (["FOLDER", "--ros-args", "--nonsense"], "--ros-args --nonsense: "),
    ],
)
def test_mistakes_end_with_one_line_and_exit_code_1(folder, start_camera, args, reason):
    camera = start_camera(*(str(folder) if arg == "FOLDER" else arg for arg in args))
    _, err = camera.communicate(timeout=PATIENCE)
    assert camera.returncode == 1, err
    assert f"fourier-depth: error: {reason}" in err
    assert "Traceback" not in err


def test_the_traceback_of_a_mistake_is_there_on_demand(domain, start_camera, monkeypatch):
    monkeypatch.setenv("FOURIER_DEPTH_DEBUG", "1")
    camera = start_camera("nowhere.png")
    _, err = camera.communicate(timeout=PATIENCE)
    assert camera.returncode == 1
    assert "Traceback" in err
