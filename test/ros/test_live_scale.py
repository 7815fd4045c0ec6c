"""scale_from of a real node: a simulated drive, with a network that sees 1.8 times too near.

The picture's red level r says how far the wall ahead is: the network answers 0.02 r metres where
the truth is 1.8 times that. A blue picture is a floor. Time is shortened by the filter's settings.
"""

import math

import numpy as np
import pytest
import torch
from builtin_interfaces.msg import Time
from checkpoints import save_colors
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from harness import CAMERA, NodeProcess, set_parameters
from sensor_msgs.msg import CameraInfo, Image, Imu, LaserScan, PointCloud2, PointField
from std_msgs.msg import Float32, Header

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.ros.conversions import (
    depth_from_msg,
    depth_to_msg,
    fill_data,
    image_to_msg,
    intrinsics_to_msg,
    points_from_msg,
)

OFF = 1.8
PERIOD = 0.05
RED, BLUE = 0, 2
FINE = "depth at "  # what a status without trouble says
#: The camera is 0.2 m before the scanner and 0.1 m under it, and looks as it does.
POSE = "0.2 0 -0.1 -1.570796 0 -1.570796"
QUICK = {"scale_time_constant": 0.2, "scale_patience": 0.5, "scale_max_jump": 0.3}
#: A floor that a camera sees from 1.2 m, pitched down by 0.5 rad.
HEIGHT, PITCH = 1.2, 0.5


def floor(rows):
    """True Z depth [m] of picture rows: z (y cos + sin) = height along the ray (x, y, 1)."""
    return HEIGHT / ((rows - CAMERA.cy) / CAMERA.fy * math.cos(PITCH) + math.sin(PITCH))


class Drive:
    """The robot: its camera, its scanner, what it sees and how far that truly is."""

    def __init__(self, graph):
        self.graph = graph
        self.random = np.random.default_rng(7)
        self.number = 0
        self.level, self.channel = 150, RED
        self.depths = graph.listen(Image, "depth/image")
        self.clouds = graph.listen(PointCloud2, "depth/points")
        self.scales = graph.listen(Float32, "depth/scale")
        self.arrays = graph.listen(DiagnosticArray, "/diagnostics")

    def close(self):
        for messages in (self.depths, self.clouds, self.scales, self.arrays):
            self.graph.unlisten(messages)

    @property
    def truth(self):
        return OFF * 0.02 * self.level

    def header(self, frame="camera"):
        stamp = Time(sec=1000 + self.number // 20, nanosec=self.number % 20 * 50_000_000)
        return Header(stamp=stamp, frame_id=frame)

    def picture(self):
        """Send one, and wait a period."""
        content = np.zeros((120, 160, 3), np.uint8)
        content[..., self.channel] = self.level
        self.graph.publish(CameraInfo, "camera_info", intrinsics_to_msg(CAMERA, self.header()))
        self.graph.publish(Image, "image", image_to_msg(content, self.header()))
        self.graph.rest(PERIOD)

    def scan(self, outliers=0.0, **changes):
        """The wall is ``truth`` ahead of the camera, 0.2 m more of the scanner."""
        angles = np.linspace(-1.0, 1.0, 181)
        ranges = (self.truth + 0.2) / np.cos(angles)
        wrong = self.random.random(181) < outliers
        ranges[wrong] = self.random.uniform(0.3, 10.0, wrong.sum())
        msg = LaserScan(header=self.header("laser"), angle_min=-1.0, angle_max=1.0)
        msg.angle_increment, msg.range_min, msg.range_max = 2 / 180, 0.1, 30.0
        msg.ranges = ranges.tolist()
        for name, value in changes.items():
            setattr(msg, name, value)
        self.graph.publish(LaserScan, "depth/scan", msg)

    def go(self, frames, sense=lambda: None, step=1):
        """Towards the wall or away from it, sensing before each picture."""
        for _ in range(frames):
            self.number += 1
            self.level -= step
            sense()
            self.picture()

    def error(self):
        """Of the last depth, relative to the truth of its picture, which is sent until answered."""

        def send():
            self.number += 1
            self.picture()
            return self.header()

        depth = depth_from_msg(self.graph.answer(self.depths, send=send))
        return float(np.abs(depth / self.truth - 1).max())

    def status(self):
        """The next one that is told."""
        self.arrays.clear()
        self.graph.spin(lambda: len(self.arrays) > 1)
        (status,) = self.arrays[-1].status
        return status, {value.key: value.value for value in status.values}

    def told(self, reason, sense):
        """Sense and drive until /diagnostics says so; the node goes on."""

        def found():
            self.arrays.clear()
            self.go(4, sense, step=0)  # and two statuses
            return any(reason in s.message for a in self.arrays for s in a.status)

        self.graph.spin(found, 20)


@pytest.fixture(scope="module")
def node(domain, tmp_path_factory):
    folder = tmp_path_factory.mktemp("node")
    rows = (torch.arange(25) + 0.5) * 120 / 25 - 0.5
    seen = (floor(rows) / OFF / 100)[:, None].expand(25, 32)  # the floor, at a level of 100
    settings = {
        "checkpoint": save_colors(folder / "c.safetensors", torch.full((25, 32), 0.02), seen),
        "combination": "mean",
        "precision": "float32",
        "device": "cpu",
        "backend": "eager",
        "diagnostics_period": 0.1,
        "max_depth": 20.0,
    }
    process = NodeProcess(folder / "node.log", *set_parameters(**settings, **QUICK))
    yield process
    process.end()
    assert "Traceback" not in process.output()


@pytest.fixture
def drive(graph, node):
    """With a node that knows of no scale."""
    drive = Drive(graph)
    assert graph.set(scale_from="none", scale_transform="", camera_height=0).successful
    yield drive
    assert node.process.poll() is None
    drive.close()


def test_a_drive_with_a_scan_with_outliers_and_without_the_scan(drive, graph):
    assert drive.error() == pytest.approx(1 - 1 / OFF, abs=0.005)  # as the network answers
    assert drive.scales == []
    assert graph.set(scale_from="scan", scale_transform=POSE).successful
    drive.go(40, drive.scan)  # 2 s
    assert drive.error() < 0.03
    assert drive.scales[-1].data == pytest.approx(OFF, rel=0.03)
    drive.told(FINE, drive.scan)
    status, values = drive.status()
    assert float(values["scale"]) == pytest.approx(OFF, rel=0.03)
    assert values["scale state"] == "tracking, from scan"
    # the scanner sees 1 rad to either side, the camera atan(80 / 128) = 0.559: of 181 beams 101
    agree, of = map(int, values["scale inliers"].split(" of "))
    assert agree == of == pytest.approx(101, abs=12)
    assert float(values["scale residual [%]"]) < 1

    # the cloud is of the same metres, std and camera_info are test_std's and test_node's
    xyz, _ = points_from_msg(drive.clouds[-1])
    np.testing.assert_allclose(xyz[..., 2], drive.truth, rtol=0.03)

    errors = []
    for _ in range(8):
        drive.go(5, lambda: drive.scan(outliers=0.3))
        errors.append(drive.error())
    assert max(errors) < 0.03
    _, values = drive.status()
    agree, of = map(int, values["scale inliers"].split(" of "))
    assert 0.5 < agree / of < 0.9

    # gone for four times its patience, as 8 s are of 2 s; and the wall goes on moving
    drive.go(40, step=-1)
    assert drive.error() < 0.03
    status, values = drive.status()
    assert status.level == DiagnosticStatus.WARN
    assert status.message.startswith(f"scale_from scan: scale {values['scale']} is frozen for ")
    assert "s from the picture's stamp, scale_max_delay is 0.1" in status.message
    assert values["scale state"] == "frozen, from scan"
    drive.told(FINE, drive.scan)

    assert graph.set(scale_from="none").successful
    assert drive.error() == pytest.approx(1 - 1 / OFF, abs=0.005)
    assert "scale" not in drive.status()[1]


def test_bad_scans_are_told_and_what_was_known_stays(drive, graph):
    assert graph.set(scale_from="scan", scale_transform=POSE).successful
    drive.told("no scale yet, depth_scale 1 counts: nothing has come on /depth/scan", lambda: None)
    drive.go(10, drive.scan)
    nan = [math.nan] * 181
    assert drive.error() < 0.03
    for reason, changes in (
        ("is frozen for 1 s: 0 of 0 points agree within 15 %", {"ranges": nan}),
        ("0 of 0 points agree", {"ranges": []}),
        ("LaserScan ignored: scan from nan rad", {"angle_min": math.nan}),
        ("from the picture's stamp", {"header": Header(frame_id="laser")}),
    ):
        drive.told(reason, lambda changes=changes: drive.scan(**changes))
        assert drive.error() < 0.03
    assert graph.set(scale_transform="").successful
    drive.told("no way from frame 'laser' to 'camera': there is no tf2_ros", drive.scan)
    assert graph.set(scale_transform=POSE).successful
    drive.told(FINE, drive.scan)

    # a scanner that is off by half all at once: refused, and taken as it goes on
    def other():
        drive.scan(ranges=(0.5 * np.full(181, drive.truth + 0.2)).tolist())

    drive.told("stays, a jump to 0.", other)
    drive.go(20, other)
    assert drive.scales[-1].data < 1.3

    refused = graph.set(scale_transform="1 2 3")
    assert not refused.successful
    assert "is no pose; give x y z roll pitch yaw" in refused.reason


def points_msg(points, header):
    names = ("x", "y", "z")
    fields = [
        PointField(name=name, offset=4 * i, datatype=PointField.FLOAT32, count=1)
        for i, name in enumerate(names)
    ]
    msg = PointCloud2(header=header, height=1, width=len(points), fields=fields, point_step=12)
    msg.row_step = 12 * len(points)
    fill_data(msg, np.asarray(points, "<f4"))
    return msg


def test_points_and_a_sparse_slow_depth_camera_in_the_picture_s_own_frame(drive, graph):
    def cloud():
        x, y = drive.random.uniform(-1, 1, (2, 200))
        points = np.stack((x, y, np.full(200, drive.truth)), axis=1)
        points[:40, 2] = np.nan
        msg = points_msg(points, drive.header())
        graph.publish(PointCloud2, "depth/scale_points", msg)

    assert graph.set(scale_from="points").successful
    drive.go(10, cloud)
    assert drive.error() < 0.03

    camera = Intrinsics(fx=64.0, fy=64.0, cx=39.5, cy=29.5, width=80, height=60)

    def sparse():
        """One picture in four has a depth, of one pixel in a hundred; in millimetres."""
        info = intrinsics_to_msg(camera, drive.header())
        graph.publish(CameraInfo, "depth/scale_depth/camera_info", info)
        if drive.number % 4 == 0:
            depth = np.full((60, 80), np.nan, np.float32)
            depth.ravel()[::100] = drive.truth
            msg = depth_to_msg(depth, drive.header(), "16UC1")
            graph.publish(Image, "depth/scale_depth", msg)

    assert graph.set(scale_from="none").successful  # or what the cloud said would stay
    assert graph.set(scale_from="depth").successful
    drive.go(20, sparse)
    assert drive.error() < 0.03
    drive.told(FINE, sparse)
    _, values = drive.status()
    assert values["scale inliers"].endswith(" of 48")  # 4800 / 100, all in the picture


def test_the_camera_s_height_over_the_floor(drive, graph):
    def imu():
        msg = Imu(header=drive.header())
        msg.orientation_covariance[0] = -1.0  # it has only an accelerometer
        up = msg.linear_acceleration
        up.y, up.z = -9.81 * math.cos(PITCH), -9.81 * math.sin(PITCH)
        graph.publish(Imu, "depth/imu", msg)

    def right(sense):
        drive.go(10, sense, step=0)
        depth = depth_from_msg(drive.depths[-1])
        rows = np.arange(30, 118)  # above, 25 rows of answers are too coarse for a hyperbola
        np.testing.assert_allclose(depth[rows, 80], floor(rows), rtol=0.03)
        drive.told(FINE, sense)

    drive.level, drive.channel = 100, BLUE
    assert graph.set(scale_from="height").successful
    drive.told("set camera_height", lambda: None)
    assert graph.set(camera_height=HEIGHT).successful
    right(lambda: None)  # by the floor itself
    for roll, pitch in ((-math.pi / 2 - PITCH, 0), (-math.pi / 2, 0.7)):
        # of the mount in a level frame: as it is, and with a roll of 0.7 rad that it has not
        assert graph.set(scale_from="none").successful
        pose = f"0 0 {HEIGHT} {roll} {pitch} {-math.pi / 2}"
        assert graph.set(scale_from="height", scale_transform=pose).successful
        if pitch:
            drive.told("0 of 0 points agree", lambda: None)
        else:
            right(lambda: None)
    assert graph.set(scale_from="none", scale_transform="").successful
    assert graph.set(scale_from="height").successful
    right(imu)
    drive.told("nothing on /depth/imu at the picture's time", lambda: None)
