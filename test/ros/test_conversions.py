"""Real messages in and out; points and matrices worked out by hand."""

import array
import struct

import cv2
import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
import torch
from builtin_interfaces.msg import Time
from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import (
    CameraInfo,
    CompressedImage,
    Image,
    LaserScan,
    PointCloud2,
    PointField,
    RegionOfInterest,
)
from std_msgs.msg import Header

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.core.laser import Beams
from fourier_depth_ros.images.encodings import ImageError
from fourier_depth_ros.ros.conversions import (
    compressed_depth_from_msg,
    compressed_depth_to_msg,
    depth_from_msg,
    depth_to_msg,
    fill_data,
    image_from_msg,
    image_to_msg,
    intrinsics_from_msg,
    intrinsics_to_msg,
    points_from_msg,
    points_to_msg,
    scale_camera_info,
    scan_to_msg,
    xyz_from_msg,
)

# rclpy reads type support through lark, which imports a deprecated module of Python's own
pytestmark = pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")

HEADER = Header(stamp=Time(sec=12, nanosec=345), frame_id="camera_optical")
RGB = np.random.default_rng(3).integers(0, 256, (4, 6, 3), dtype=np.uint8)
DEPTH = np.array([[1.0, 2.0, np.nan], [np.inf, 0.5, 4.0]], np.float32)
CAMERA = Intrinsics(fx=2.0, fy=4.0, cx=1.0, cy=0.5, width=3, height=2)


def over_the_wire(msg):
    return deserialize_message(serialize_message(msg), type(msg))


# --- images and depth


def test_fill_data_keeps_the_messages_own_array():
    msg = Image()
    own = msg.data
    fill_data(msg, np.array([[1, 258]], "<u2"))
    assert msg.data is own
    assert own.tolist() == [1, 0, 2, 1]


def test_fill_data_replaces_what_is_there_and_takes_strided_values():
    msg = CompressedImage(data=[9, 9, 9])
    fill_data(msg, np.arange(8, dtype=np.uint8)[::2])
    assert isinstance(msg.data, array.array)
    assert msg.data.tolist() == [0, 2, 4, 6]


@pytest.mark.parametrize(
    ("encoding", "pixels"),
    [
        ("rgb8", RGB),
        ("bgr8", RGB[..., ::-1]),
        ("mono8", cv2.cvtColor(RGB, cv2.COLOR_RGB2GRAY)),
    ],
)
def test_image_to_msg(encoding, pixels):
    msg = over_the_wire(image_to_msg(RGB, HEADER, encoding))
    assert (msg.header, msg.encoding, msg.is_bigendian) == (HEADER, encoding, 0)
    assert (msg.height, msg.width, msg.step) == (4, 6, 6 if encoding == "mono8" else 18)
    assert msg.data.tobytes() == pixels.tobytes()


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8"])
def test_image_round_trip(encoding):
    msg = over_the_wire(image_to_msg(RGB, HEADER, encoding))
    np.testing.assert_array_equal(image_from_msg(msg), RGB)


def test_image_from_padded_big_endian_msg():
    msg = Image(height=2, width=1, encoding="mono16", step=3, is_bigendian=1)
    msg.data = array.array("B", [0xFF, 0x00, 0xEE, 0x01, 0x80, 0xEE])
    assert image_from_msg(msg).tolist() == [[[254] * 3], [[1] * 3]]  # 65280 / 257, 384 / 257
    msg.encoding = "16UC1"
    np.testing.assert_array_equal(depth_from_msg(msg), np.float32([[65.28], [0.384]]))


def test_image_from_compressed_msg():
    png = cv2.imencode(".png", RGB[..., ::-1])[1]
    msg = CompressedImage(header=HEADER, format="rgb8; png compressed bgr8", data=png.tolist())
    np.testing.assert_array_equal(image_from_msg(msg), RGB)


def test_broken_images_are_refused_then_a_good_one_is_taken():
    msg = image_to_msg(RGB, HEADER)
    with pytest.raises(ImageError, match="encoding is empty"):
        image_from_msg(Image())
    with pytest.raises(ImageError, match="no bytes"):
        image_from_msg(CompressedImage(format="jpeg"))
    whole, msg.data = msg.data, msg.data[:-1]
    with pytest.raises(ImageError, match="data has 71 bytes"):
        image_from_msg(msg)
    msg.data = whole
    np.testing.assert_array_equal(image_from_msg(msg), RGB)


def test_depth_to_msg_in_metres():
    msg = over_the_wire(depth_to_msg(DEPTH, HEADER))
    assert (msg.header, msg.encoding, msg.is_bigendian) == (HEADER, "32FC1", 0)
    assert (msg.height, msg.width, msg.step) == (2, 3, 12)
    values = struct.unpack("<6f", msg.data.tobytes())
    np.testing.assert_array_equal(values, [1, 2, np.nan, np.inf, 0.5, 4])
    np.testing.assert_array_equal(depth_from_msg(msg), DEPTH)


def test_depth_to_msg_in_millimetres():
    msg = over_the_wire(depth_to_msg(DEPTH, HEADER, "16UC1"))
    assert (msg.encoding, msg.step) == ("16UC1", 6)
    assert struct.unpack("<6H", msg.data.tobytes()) == (1000, 2000, 0, 0, 500, 4000)
    np.testing.assert_array_equal(depth_from_msg(msg), [[1, 2, np.nan], [np.nan, 0.5, 4]])


@pytest.mark.parametrize("kind", ["png", "rvl"])
def test_compressed_depth_round_trip(kind):
    msg = over_the_wire(compressed_depth_to_msg(DEPTH, HEADER, "16UC1", kind, 10.0))
    assert (msg.header, msg.format) == (HEADER, f"16UC1; compressedDepth {kind}")
    np.testing.assert_array_equal(
        compressed_depth_from_msg(msg), [[1, 2, np.nan], [np.nan, 0.5, 4]]
    )


# --- camera_info


def camera_info(**changes):
    """A stereo camera's right eye: K of the raw picture, P of the rectified one."""
    fields = {
        "header": HEADER,
        "width": 640,
        "height": 480,
        "distortion_model": "plumb_bob",
        "d": [0.1, -0.2, 0.0, 0.0, 0.05],
        "k": [500.0, 0.0, 319.5, 0.0, 510.0, 239.5, 0.0, 0.0, 1.0],
        "r": [0.0, 1.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 1.0],
        "p": [400.0, 0.0, 299.5, -40.0, 0.0, 420.0, 219.5, 0.0, 0.0, 0.0, 1.0, 0.0],
    }
    return CameraInfo(**{**fields, **changes})


def test_intrinsics_are_those_of_the_rectified_picture():
    expected = Intrinsics(fx=400.0, fy=420.0, cx=299.5, cy=219.5, width=640, height=480)
    assert intrinsics_from_msg(over_the_wire(camera_info())) == expected


@pytest.mark.parametrize("empty", [0.0, float("nan")])
def test_intrinsics_are_ks_where_p_is_empty(empty):
    expected = Intrinsics(fx=500.0, fy=510.0, cx=319.5, cy=239.5, width=640, height=480)
    assert intrinsics_from_msg(camera_info(p=[empty] * 12)) == expected


def test_intrinsics_are_those_of_the_binned_region_of_interest():
    region = RegionOfInterest(x_offset=100, y_offset=40, width=200, height=160)
    info = camera_info(roi=region, binning_x=2, binning_y=2)
    # cx: (299.5 - 100 + 0.5) / 2 - 0.5; cy: (219.5 - 40 + 0.5) / 2 - 0.5
    expected = Intrinsics(fx=200.0, fy=210.0, cx=99.5, cy=89.5, width=100, height=80)
    assert intrinsics_from_msg(info) == expected
    assert intrinsics_from_msg(scale_camera_info(info, 100, 80)) == expected


@pytest.mark.parametrize("empty", [0.0, float("nan")])
def test_uncalibrated_cameras_are_named(empty):
    info = camera_info(p=[empty] * 12, k=[empty] * 9)
    reason = f"'camera_optical' is uncalibrated: P has fx = {empty:g}, .*camera_info_url"
    with pytest.raises(ValueError, match=reason):
        intrinsics_from_msg(info)


def test_camera_info_without_a_size_is_refused():
    with pytest.raises(ValueError, match="has size 0x480, expected the image's"):
        intrinsics_from_msg(camera_info(width=0))


def test_intrinsics_to_msg():
    info = over_the_wire(intrinsics_to_msg(CAMERA, HEADER))
    assert (info.header, info.width, info.height) == (HEADER, 3, 2)
    assert (info.distortion_model, list(info.d)) == ("plumb_bob", [0.0] * 5)
    assert list(info.k) == [2, 0, 1, 0, 4, 0.5, 0, 0, 1]
    assert list(info.r) == [1, 0, 0, 0, 1, 0, 0, 0, 1]
    assert list(info.p) == [2, 0, 1, 0, 0, 4, 0.5, 0, 0, 0, 1, 0]
    assert intrinsics_from_msg(info) == CAMERA


def test_scale_camera_info():
    info = camera_info(binning_x=1, roi=RegionOfInterest(width=640, height=480, do_rectify=True))
    before = camera_info(binning_x=1, roi=info.roi)
    scaled = scale_camera_info(info, 1280, 240)
    # twice as wide: cx' = 320 * 2 - 0.5 and 300 * 2 - 0.5; half as high: cy' = 240 / 2 - 0.5 ...
    assert list(scaled.k) == [1000, 0, 639.5, 0, 255, 119.5, 0, 0, 1]
    assert list(scaled.p) == [800, 0, 599.5, -80, 0, 210, 109.5, 0, 0, 0, 1, 0]
    assert (scaled.width, scaled.height, scaled.header) == (1280, 240, HEADER)
    assert (scaled.d, list(scaled.r)) == (info.d, list(info.r))
    assert (scaled.binning_x, scaled.binning_y, scaled.roi) == (0, 0, RegionOfInterest())
    assert serialize_message(info) == serialize_message(before)


def test_scale_camera_info_of_an_uncalibrated_camera_and_of_none():
    scaled = scale_camera_info(camera_info(p=[0.0] * 12, k=[0.0] * 9), 320, 240)
    assert not np.any(scaled.k)
    assert not np.any(scaled.p)
    with pytest.raises(ValueError, match="of size 0x0 to 320x240"):
        scale_camera_info(CameraInfo(), 320, 240)


# --- scans


def test_scan_to_msg():
    beams = Beams(-0.25, 0.25, torch.tensor([1.5, np.nan, np.inf]))
    msg = over_the_wire(scan_to_msg(beams, HEADER, "camera", 0.5, 8.0))
    assert isinstance(msg, LaserScan)
    assert (msg.header.stamp, msg.header.frame_id) == (HEADER.stamp, "camera")
    assert (msg.angle_min, msg.angle_max, msg.angle_increment) == (-0.25, 0.25, 0.25)
    assert (msg.range_min, msg.range_max, msg.time_increment, msg.scan_time) == (0.5, 8, 0, 0)
    np.testing.assert_array_equal(msg.ranges, [1.5, np.nan, np.inf])
    assert len(msg.intensities) == 0


# --- points


def test_points_to_msg_byte_by_byte():
    rgb = np.zeros((2, 3, 3), np.uint8)
    rgb[0, 0] = (0x12, 0x34, 0x56)
    rgb[1, 2] = (255, 0, 128)
    msg = over_the_wire(points_to_msg(DEPTH, rgb, CAMERA, HEADER))
    assert (msg.header, msg.height, msg.width) == (HEADER, 2, 3)
    assert (msg.point_step, msg.row_step, msg.is_dense, msg.is_bigendian) == (16, 48, False, False)
    assert [(f.name, f.offset, f.datatype, f.count) for f in msg.fields] == [
        ("x", 0, PointField.FLOAT32, 1),
        ("y", 4, PointField.FLOAT32, 1),
        ("z", 8, PointField.FLOAT32, 1),
        ("rgb", 12, PointField.FLOAT32, 1),
    ]
    nan = float("nan")
    # x = (u - 1) z / 2, y = (v - 0.5) z / 4
    expected = [
        (-0.5, -0.125, 1.0, 0x123456),
        (0.0, -0.25, 2.0, 0),
        (nan, nan, nan, 0),
        (nan, nan, nan, 0),
        (0.0, 0.0625, 0.5, 0),
        (2.0, 0.5, 4.0, 0xFF0080),
    ]
    points = list(struct.iter_unpack("<fffI", msg.data.tobytes()))
    np.testing.assert_array_equal(points, expected)


def test_stride_takes_every_nth_row_and_column():
    camera = Intrinsics(fx=2.0, fy=2.0, cx=3.0, cy=2.0, width=7, height=5)
    rgb = np.random.default_rng(5).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    msg = points_to_msg(np.full((5, 7), 2.0, np.float32), rgb, camera, HEADER, stride=3)
    assert (msg.height, msg.width) == (2, 3)
    xyz, colors = points_from_msg(msg)
    assert xyz[0].tolist() == [[-3, -2, 2], [0, -2, 2], [3, -2, 2]]
    assert xyz[1].tolist() == [[-3, 1, 2], [0, 1, 2], [3, 1, 2]]
    np.testing.assert_array_equal(colors, rgb[[0, 3]][:, [0, 3, 6]])


def test_colors_of_another_size_are_averaged_or_repeated():
    colors = np.arange(0, 36, 2, dtype=np.uint8).reshape(2, 3, 3)
    twice = colors.repeat(2, axis=0).repeat(2, axis=1)
    twice[::2] += 10  # every colour is the mean of c + 10 and c
    np.testing.assert_array_equal(
        points_from_msg(points_to_msg(DEPTH, twice, CAMERA, HEADER))[1], colors + 5
    )
    flat = np.full((1, 1, 3), (1, 2, 3), np.uint8)
    _, rgb = points_from_msg(points_to_msg(DEPTH, flat, CAMERA, HEADER))
    np.testing.assert_array_equal(rgb, np.broadcast_to(flat, (2, 3, 3)))


@given(st.data(), hnp.array_shapes(min_dims=2, max_dims=2, max_side=9), st.integers(1, 4))
def test_points_round_trip(data, shape, stride):
    elements = st.floats(-1e3, 1e3, width=32) | st.sampled_from([np.nan, np.inf, -np.inf])
    depth = data.draw(hnp.arrays(np.float32, shape, elements=elements))
    rgb = data.draw(hnp.arrays(np.uint8, (*shape, 3)))
    height, width = shape
    camera = Intrinsics(fx=520.0, fy=510.0, cx=3.3, cy=2.7, width=width, height=height)
    xyz, colors = points_from_msg(over_the_wire(points_to_msg(depth, rgb, camera, HEADER, stride)))
    v, u = np.mgrid[:height:stride, :width:stride]
    z = np.where(np.isinf(depth), np.nan, depth)[::stride, ::stride].astype(float)
    expected = np.stack(((u - 3.3) * z / 520, (v - 2.7) * z / 510, z), axis=-1)
    np.testing.assert_allclose(xyz, expected, rtol=1e-6, atol=1e-30)
    np.testing.assert_array_equal(colors, rgb[::stride, ::stride])


@pytest.mark.parametrize(("order", "big_endian"), [("<", False), (">", True)])
def test_points_from_another_layout(order, big_endian):
    """PCL's own: 32-byte points with holes; here with padded rows too."""
    places = {"x": 0, "y": 4, "z": 8, "rgb": 16}
    point = struct.pack(f"{order}fff4xI12x", 1.0, 2.0, 3.0, 0xFF123456)
    msg = PointCloud2(height=2, width=1, point_step=32, row_step=40, is_bigendian=big_endian)
    msg.fields = [PointField(name=n, offset=o, datatype=7, count=1) for n, o in places.items()]
    msg.data = array.array("B", (point + bytes(8)) * 2)
    xyz, rgb = points_from_msg(msg)
    assert xyz.tolist() == [[[1, 2, 3]], [[1, 2, 3]]]
    assert rgb.tolist() == [[[0x12, 0x34, 0x56]], [[0x12, 0x34, 0x56]]]


def test_points_that_are_not_kept_are_nan_and_keep_their_colour():
    rgb = np.full((2, 3, 3), 7, np.uint8)
    kept = np.array([[False, True], [True, True]])
    depth = np.repeat(DEPTH, 2, axis=0)
    camera = Intrinsics(fx=2.0, fy=4.0, cx=1.0, cy=0.5, width=3, height=4)
    msg = points_to_msg(depth, rgb, camera, HEADER, 2, kept)
    xyz, colors = points_from_msg(msg)
    # of the columns 0 and 2, the rows 0 and 2
    np.testing.assert_array_equal(xyz[..., 2], [[np.nan, np.nan], [np.nan, 4]])
    assert np.isnan(xyz[0]).all()
    assert (colors == 7).all()


def test_points_refuse_with_a_reason():
    rgb = np.zeros((2, 3, 3), np.uint8)
    other = Intrinsics(fx=1.0, fy=1.0, cx=0.0, cy=0.0, width=6, height=4)
    with pytest.raises(ValueError, match="depth is 3x2, the intrinsics are for 6x4"):
        points_to_msg(DEPTH, rgb, other, HEADER)
    with pytest.raises(ValueError, match="stride is 0"):
        points_to_msg(DEPTH, rgb, CAMERA, HEADER, stride=0)
    msg = points_to_msg(DEPTH, rgb, CAMERA, HEADER)
    msg.data.pop()
    with pytest.raises(ValueError, match="3x2 points of 16 bytes has 95 bytes"):
        points_from_msg(msg)
    msg.fields = msg.fields[:3]
    with pytest.raises(ValueError, match="no 32-bit field rgb, its fields are x, y, z"):
        points_from_msg(msg)


def test_xyz_of_a_cloud_without_colours():
    """Big-endian, fields in another order, a gap in each point, padded rows."""
    msg = PointCloud2(height=2, width=1, is_bigendian=True, point_step=20, row_step=24)
    msg.fields = [
        PointField(name=name, offset=offset, datatype=PointField.FLOAT32, count=1)
        for name, offset in (("z", 0), ("intensity", 4), ("x", 8), ("y", 16))
    ]
    for z, x, y in ((3.0, 1.0, 2.0), (6.0, 4.0, np.nan)):
        fill = np.array([z, 9, x, 9, y, 9], ">f4")
        msg.data.frombytes(fill.tobytes())
    np.testing.assert_array_equal(xyz_from_msg(msg), np.float32([[1, 2, 3], [4, np.nan, 6]]))
    msg.point_step = 16  # y would lie beyond its point
    with pytest.raises(ValueError, match="1x2 points of 16 bytes"):
        xyz_from_msg(msg)
    msg.fields = msg.fields[1:]
    with pytest.raises(ValueError, match="no 32-bit field z, its fields are intensity, x, y"):
        xyz_from_msg(msg)
