"""Random messages, here against an oracle and over DDS; random parameters from other processes."""

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, RegionOfInterest
from std_msgs.msg import Header

from fourier_depth_ros.images.encodings import ImageError
from fourier_depth_ros.ros.camera import intrinsics_of, scaled_info
from fourier_depth_ros.ros.conversions import depth_from_msg, image_from_msg
from fourier_depth_ros.ros.parameters import is_live
from fourier_depth_ros.ros.settings import NodeParameters

#: encoding: (bytes of a pixel, sides a multiple of (rows, columns), smallest side)
TABLE = {
    **dict.fromkeys(("rgb8", "bgr8", "8UC3"), (3, (1, 1), 1)),
    **dict.fromkeys(("rgba8", "bgra8"), (4, (1, 1), 1)),
    **dict.fromkeys(("mono8", "8UC1"), (1, (1, 1), 1)),
    **dict.fromkeys(("rgb16", "bgr16"), (6, (1, 1), 1)),
    **dict.fromkeys(("rgba16", "bgra16"), (8, (1, 1), 1)),
    "mono16": (2, (1, 1), 1),
    **{f"bayer_{p}8": (1, (1, 1), 3) for p in ("rggb", "bggr", "gbrg", "grbg")},
    **{f"bayer_{p}16": (2, (1, 1), 3) for p in ("rggb", "bggr", "gbrg", "grbg")},
    **dict.fromkeys(("yuv422", "uyvy", "yuv422_yuy2", "yuyv"), (2, (1, 2), 1)),
    **dict.fromkeys(("nv12", "nv21"), (1, (2, 2), 1)),
}
COLOR = st.sampled_from(sorted(TABLE))
SIDE = st.integers(0, 12) | st.integers(30, 70) | st.sampled_from([2**16, 2**31, 2**32 - 1])


@st.composite
def images(draw):
    """Mostly near the edge between whole and broken."""
    encoding = draw(COLOR | COLOR | st.sampled_from(["", "16UC1", "32FC1"]) | st.text(max_size=9))
    height, width = draw(SIDE), draw(SIDE)
    row = width * TABLE.get(encoding, (3,))[0]
    step = max(0, row + draw(st.sampled_from([0, 0, 0, 1, 8, -1]))) % 2**32
    rows = height * 3 // 2 if encoding.startswith("nv") else height
    length = rows * step + draw(st.sampled_from([0, 0, 0, 5, -1, -step]))
    length = length if 0 <= length <= 100_000 else draw(st.integers(0, 1000))
    msg = Image(height=height, width=width, encoding=encoding, step=step)
    msg.is_bigendian = draw(st.integers(0, 255))
    content = draw(st.binary(max_size=64))[:length]
    msg.data.frombytes(content.ljust(length, b"\x5a"))
    return msg


def is_whole(msg):
    """By the message's definition, without looking at how it is read."""
    if msg.encoding not in TABLE:
        return False
    pixel, (row_block, column_block), smallest = TABLE[msg.encoding]
    rows = msg.height * 3 // 2 if msg.encoding.startswith("nv") else msg.height
    return (
        min(msg.height, msg.width) >= smallest
        and msg.height % row_block == msg.width % column_block == 0
        and msg.step >= msg.width * pixel
        and len(msg.data) >= rows * msg.step
    )


@settings(max_examples=1000)
@given(images())
def test_an_image_is_read_if_and_only_if_it_is_whole(msg):
    if is_whole(msg):
        rgb = image_from_msg(msg)
        assert (rgb.shape, rgb.dtype) == ((msg.height, msg.width, 3), np.uint8)
    else:
        with pytest.raises(ImageError):
            image_from_msg(msg)


PICTURE = np.random.default_rng(1).integers(0, 256, (40, 48, 3), np.uint8)
FILES = [cv2.imencode(kind, PICTURE)[1].tobytes() for kind in (".jpg", ".png")]


@settings(max_examples=500)
@given(
    st.sampled_from(FILES),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=4)), max_size=4),
    st.integers(0, 2000),
    st.text(max_size=8),
)
def test_a_damaged_compressed_picture_is_refused_or_read_as_a_picture(file, hits, cut, format):
    content = bytearray(file)
    for place, damage in hits:
        content[place : place + len(damage)] = damage
    msg = CompressedImage(format=format)
    msg.data.frombytes(bytes(content[: len(content) - cut]) if cut < 50 else bytes(content[cut:]))
    try:
        rgb = image_from_msg(msg)
    except ImageError:
        return
    assert (rgb.ndim, rgb.shape[-1], rgb.dtype) == (3, 3, np.uint8)


NUMBER = st.sampled_from([0.0, 1.0, 128.0, -1.0]) | st.floats()
PIXELS = st.integers(0, 200) | st.integers(0, 2**32 - 1)


@settings(max_examples=500)
@given(
    st.lists(NUMBER, min_size=9, max_size=9),
    st.lists(NUMBER, min_size=12, max_size=12),
    st.lists(PIXELS, min_size=8, max_size=8),
)
def test_camera_info_gives_finite_intrinsics_or_a_reason(k, p, pixels):
    width, height, binning_x, binning_y, *roi = pixels
    names = ("x_offset", "y_offset", "width", "height")
    info = CameraInfo(k=k, p=p, width=width, height=height)
    info.binning_x, info.binning_y = binning_x, binning_y
    info.roi = RegionOfInterest(**dict(zip(names, roi, strict=True)))
    try:
        intrinsics = intrinsics_of(info, 160, 120)
    except ValueError:
        return
    assert (intrinsics.width, intrinsics.height) == (160, 120)
    assert 0 < intrinsics.fx < np.inf
    scaled_info(info, 80, 60, Header())


@pytest.fixture
def depths(graph, mean_node):
    messages = graph.listen(Image, "depth/image")
    yield messages
    graph.unlisten(messages)
    assert mean_node.process.poll() is None


def test_a_live_node_survives_random_images(graph, depths):
    graph.send_info()
    graph.answer(depths)

    @settings(max_examples=200, suppress_health_check=list(HealthCheck), database=None)
    @given(images())
    def fuzz(msg):
        msg.header = graph.header()
        graph.publish(Image, "image", msg)
        graph.rest(0.005)

    fuzz()
    np.testing.assert_allclose(depth_from_msg(graph.answer(depths)), 2.0, atol=1e-3)


SETS = 60


def test_a_live_node_survives_parameters_from_three_processes(graph, depths, domain, mean_node):
    """While frames flow; and no set is ever half there: min and max depth are set 1 m apart."""
    graph.send_info()
    assert graph.set(min_depth=0, max_depth=1).successful
    path = os.pathsep.join(filter(None, sys.path))
    fuzzer = Path(__file__).parents[1] / "helpers" / "parameter_fuzzer.py"
    command = [sys.executable, str(fuzzer), str(domain)]
    others = [
        subprocess.Popen(
            [*command, str(seed), str(SETS)],
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for seed in (1, 2, 3)
    ]
    try:
        for turn in itertools.count():
            graph.send()
            graph.rest(0.05)
            if turn % 5 == 0:
                near, far = graph.get("min_depth", "max_depth")
                assert far - near == 1
            if all(other.poll() is not None for other in others):
                break
    finally:
        for other in others:
            other.kill()  # those that are still there: an assertion failed
        said = [other.communicate()[0] for other in others]
    for text in said:
        counts = re.fullmatch(r"(\d+) accepted, (\d+) refused", text.strip())
        assert counts, text
        assert int(counts[1]) > SETS / 10
        assert int(counts[2]) > SETS / 10
    names = list(NodeParameters.model_fields)
    shown = dict(zip(names, graph.get(*names), strict=True))
    NodeParameters.model_validate({**shown, "crop_ratios": tuple(shown["crop_ratios"])})
    known = {name: getattr(NodeParameters(), name) for name in names if is_live(name)}
    del known["crop_ratios"]
    assert graph.set(**{**known, "combination": "mean", "preset": "fast"}).successful
    np.testing.assert_allclose(depth_from_msg(graph.answer(depths)), 2.0, atol=1e-3)
    assert "Traceback" not in mean_node.output()
