"""What Nav2 takes, of a real node: points that are left out, a scan, and compressed depth.

The node sees a floor under a wall: the upper half of the picture is 2 m away, the lower half is
1 m away. The camera is level, 0.5 m over the floor, and has f = 128 px.
"""

import math

import numpy as np
import pytest
import torch
from checkpoints import save_colors
from diagnostic_msgs.msg import DiagnosticArray
from harness import NodeProcess, set_parameters
from sensor_msgs.msg import CompressedImage, Image, LaserScan, PointCloud2

from fourier_depth_ros.ros.conversions import (
    compressed_depth_from_msg,
    depth_from_msg,
    points_from_msg,
)

LEVEL = "0 0 0.5 -1.570796 0 -1.570796"


@pytest.fixture(scope="module")
def node(domain, tmp_path_factory):
    folder = tmp_path_factory.mktemp("node")
    seen = torch.full((25, 32), 0.02)
    seen[13:] = 0.01
    settings = {
        "checkpoint": save_colors(folder / "c.safetensors", seen, seen),
        "combination": "mean",
        "precision": "float32",
        "device": "cpu",
        "backend": "eager",
        "diagnostics_period": 0.1,
        "points_stride": 1,
    }
    process = NodeProcess(folder / "node.log", *set_parameters(**settings))
    yield process
    process.end()
    assert "Traceback" not in process.output()


@pytest.fixture
def red():
    picture = np.zeros((120, 160, 3), np.uint8)
    picture[..., 0] = 100
    return picture


def until_told(graph, reason, send):
    arrays = graph.listen(DiagnosticArray, "/diagnostics")

    def told():
        send()
        graph.rest(0.1)
        return any(reason in status.message for array in arrays for status in array.status)

    graph.spin(told, 30)
    graph.unlisten(arrays)


def test_points_are_left_out_by_height(graph, node, red):
    clouds, images = graph.listen(PointCloud2, "depth/points"), graph.listen(Image, "depth/image")
    graph.send_info()
    whole = points_from_msg(graph.answer(clouds, picture=red))[0]
    assert np.isfinite(whole).all()

    assert graph.set(min_height=0.2, max_height=0.9, height_transform=LEVEL).successful
    cloud = graph.answer(clouds, picture=red)
    assert (cloud.height, cloud.width) == (120, 160)
    kept = np.isfinite(points_from_msg(cloud)[0][..., 2])
    # z up is minus the optical frame's y; the lens is at 0.5 m
    heights = 0.5 - whole[..., 1]
    np.testing.assert_array_equal(kept, (heights >= 0.2) & (heights <= 0.9))
    assert 0.2 < kept.mean() < 0.8
    graph.answer(images, picture=red)
    assert np.isfinite(depth_from_msg(images[-1])).all()  # which is not filtered

    assert graph.set(height_transform="").successful  # and there is no TF
    until_told(
        graph, "depth/points waits: no way from frame 'base_footprint'", lambda: graph.send(red)
    )
    clouds.clear()  # of before
    graph.send(red)
    graph.rest(0.5)
    assert not clouds
    assert graph.set(min_height=-100.0, max_height=100.0, outlier_neighbours=24).successful
    kept = np.isfinite(points_from_msg(graph.answer(clouds, picture=red))[0][..., 2])
    assert not kept[:2].any()  # with nothing above the picture, none of them has 24
    assert kept[10, 80]
    assert graph.set(outlier_neighbours=0).successful
    graph.unlisten(clouds)
    graph.unlisten(images)


def test_a_scan_and_compressed_depth(graph, node, red):
    scans = graph.listen(LaserScan, "depth/laserscan")
    graph.send_info()
    until_told(
        graph, "depth/laserscan waits: the picture's frame_id 'camera_", lambda: graph.send(red)
    )
    assert not scans
    assert graph.set(scan_frame="camera", scan_row=20, scan_height=5).successful
    headers = []
    graph.spin(lambda: (headers.append(graph.send(red)), graph.rest(0.1), scans)[-1], 30)
    scan = scans[-1]
    assert scan.header.frame_id == "camera"
    assert scan.header.stamp in [header.stamp for header in headers]
    assert scan.angle_max == pytest.approx(math.atan(79.5 / 128), abs=1e-6)
    assert scan.angle_min == pytest.approx(-math.atan(79.5 / 128), abs=1e-6)
    assert (scan.range_min, scan.range_max) == pytest.approx((0.1, 10.0))
    middle = np.array(scan.ranges)[len(scan.ranges) // 2 - 2 :][:4]
    np.testing.assert_allclose(middle, 2.0, rtol=0.01)

    compressed = graph.listen(CompressedImage, "depth/image/compressedDepth")
    images = graph.listen(Image, "depth/image")
    msg = graph.answer(compressed, picture=red)
    assert msg.format == "32FC1; compressedDepth png"
    graph.spin(lambda: any(image.header == msg.header for image in images))
    depth = depth_from_msg(next(i for i in images if i.header == msg.header))
    np.testing.assert_allclose(compressed_depth_from_msg(msg), depth, atol=1e-3)
    assert graph.set(depth_encoding="16UC1", compressed_depth_format="rvl").successful
    assert graph.answer(compressed, picture=red).format == "16UC1; compressedDepth rvl"
    for messages in (scans, compressed, images):
        graph.unlisten(messages)
