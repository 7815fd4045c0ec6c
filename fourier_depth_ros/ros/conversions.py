"""Messages to arrays and back, in pairs; whatever is not about messages is in ``core``.

Headers are handed on untouched: stamp and frame_id of an output are its input's.
"""

from __future__ import annotations

import array
import copy
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8
from sensor_msgs.msg import (
    CameraInfo,
    CompressedImage,
    Image,
    LaserScan,
    PointCloud2,
    PointField,
)
from std_msgs.msg import Header

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.core.laser import Beams
from fourier_depth_ros.images.camera_info import image_from_sensor, intrinsics_from_camera_info
from fourier_depth_ros.images.compressed_depth import (
    decode_compressed_depth,
    encode_compressed_depth,
)
from fourier_depth_ros.images.encodings import (
    decode_compressed,
    decode_depth,
    decode_image,
    encode_depth,
    encode_image,
    fields_of,
)
from fourier_depth_ros.ros.bridge import decode_by_cv_bridge

#: One point of a cloud: x, y, z [m] and 0x00RRGGBB, which PointCloud2 declares as a float32.
POINT = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<u4")])


def fill_data(msg: Any, values: np.ndarray) -> None:
    """Copy ``values``, of any shape and type, into ``msg.data`` as bytes.

    Only bytes appended to a message's own array.array are copied at memory speed: an assignment
    from bytes or an ndarray is checked value by value (0.03 ms against 90 ms for VGA depth).
    """
    if not isinstance(msg.data, array.array) or len(msg.data):
        msg.data = array.array("B")
    msg.data.frombytes(np.ascontiguousarray(values).reshape(-1).view(np.uint8).data)


def image_from_msg(msg: Image | CompressedImage) -> UInt8[np.ndarray, "height width 3"]:
    """RGB picture of a raw or compressed message; rgb8 is a view of the message's data.

    The robot's cv_bridge converts what it converts alike, if there is one: see `bridge`.

    Raises:
        ImageError: see `decode_image` and `decode_compressed`.
    """
    if isinstance(msg, CompressedImage):
        return decode_compressed(msg.data, msg.format)
    by_cv_bridge = decode_by_cv_bridge(msg)
    if by_cv_bridge is not None:
        return by_cv_bridge
    return decode_image(*fields_of(msg))


def image_to_msg(
    rgb: UInt8[np.ndarray, "height width 3"], header: Header, encoding: str = "rgb8"
) -> Image:
    """``rgb`` as an rgb8, bgr8 or mono8 message.

    Raises:
        ImageError: any other encoding.
    """
    return _pixels_to_msg(encode_image(rgb, encoding), header, encoding)


def depth_from_msg(msg: Image) -> Float32[np.ndarray, "height width"]:
    """Depth [m], NaN where invalid, of a 32FC1 (m) or 16UC1, mono16 (mm, 0 invalid) message.

    Raises:
        ImageError: see `decode_depth`.
    """
    return decode_depth(*fields_of(msg))


def depth_to_msg(
    depth: Float32[np.ndarray, "height width"], header: Header, encoding: str = "32FC1"
) -> Image:
    """``depth`` [m], NaN where invalid, as a message; see `encode_depth` for what is kept.

    Raises:
        ImageError: an encoding other than 32FC1, 16UC1 and mono16.
    """
    return _pixels_to_msg(encode_depth(depth, encoding), header, encoding)


def compressed_depth_from_msg(msg: CompressedImage) -> Float32[np.ndarray, "height width"]:
    """Depth [m], NaN where invalid, of a message of image_transport's compressedDepth.

    Raises:
        ImageError: see `decode_compressed_depth`.
    """
    return decode_compressed_depth(msg.data, msg.format)


def compressed_depth_to_msg(
    depth: Float32[np.ndarray, "height width"],
    header: Header,
    encoding: str,
    kind: str,
    max_depth: float,
) -> CompressedImage:
    """``depth`` [m] as such a message; see `encode_compressed_depth`.

    Raises:
        ImageError: an encoding other than 32FC1 and 16UC1, a kind other than png and rvl.
    """
    format, data = encode_compressed_depth(depth, encoding, kind, max_depth)
    msg = CompressedImage(header=header, format=format)
    fill_data(msg, np.frombuffer(data, np.uint8))
    return msg


def _pixels_to_msg(pixels: np.ndarray, header: Header, encoding: str) -> Image:
    height, width = pixels.shape[:2]
    msg = Image(
        header=header, height=height, width=width, encoding=encoding, step=pixels.strides[0]
    )
    fill_data(msg, pixels)
    return msg


def intrinsics_from_msg(info: CameraInfo) -> Intrinsics:
    """The pinhole camera of the rectified images that come with ``info``.

    Raises:
        ValueError: see `intrinsics_from_camera_info`.
    """
    return intrinsics_from_camera_info(info)


def intrinsics_to_msg(intrinsics: Intrinsics, header: Header) -> CameraInfo:
    """``intrinsics`` as the camera_info of a rectified image: plumb_bob, no distortion, R = I."""
    fx, fy, cx, cy = intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy
    return CameraInfo(
        header=header,
        width=intrinsics.width,
        height=intrinsics.height,
        distortion_model="plumb_bob",
        d=[0.0] * 5,
        k=[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0],
        r=[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0],
        p=[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0],
    )


def scale_camera_info(info: CameraInfo, width: int, height: int) -> CameraInfo:
    """A copy of ``info`` for its images resized to ``width`` x ``height`` [px]; D and R are kept.

    Region of interest and binning are worked into K and P, and reset. An uncalibrated camera (all
    zeros) stays one.

    Convention: that of `scale_intrinsics`, cx' = (cx + 0.5) width' / width - 0.5. P's fourth column
    (a stereo baseline, Tx = -fx B) scales with fx.

    Raises:
        ValueError: a size of zero, given or in ``info``.
    """
    if not (info.width and info.height and width > 0 and height > 0):
        raise ValueError(
            f"cannot scale camera_info of size {info.width}x{info.height} to {width}x{height}, "
            f"expected positive sizes"
        )
    scaled = copy.deepcopy(info)
    scaled.width, scaled.height = width, height
    scaled.k = image_from_sensor(info, width, height, np.reshape(info.k, (3, 3))).ravel()
    scaled.p = image_from_sensor(info, width, height, np.reshape(info.p, (3, 4))).ravel()
    scaled.binning_x = scaled.binning_y = 0
    scaled.roi = type(info.roi)()
    return scaled


def points_to_msg(
    depth: Float32[np.ndarray, "height width"],
    rgb: UInt8[np.ndarray, "rgb_height rgb_width 3"],
    intrinsics: Intrinsics,
    header: Header,
    stride: int = 1,
    kept: Bool[np.ndarray, "rows columns"] | None = None,
) -> PointCloud2:
    """Organised XYZRGB cloud [m] in the optical frame: every ``stride``-th row and column.

    ``intrinsics`` are of the depth map; ``rgb`` is resized to it. Points of invalid depth (NaN,
    inf), and those that are not ``kept``, have x = y = z = NaN and keep their colour.

    Convention: as depth_image_proc, x = (u - cx) z / fx with u in pixels of the whole depth map;
    colours are 0x00RRGGBB; little-endian.

    Raises:
        ValueError: the intrinsics are of another size, or ``stride`` is below 1.
    """
    height, width = depth.shape
    if (width, height) != (intrinsics.width, intrinsics.height):
        raise ValueError(
            f"depth is {width}x{height}, the intrinsics are for {intrinsics.width}x"
            f"{intrinsics.height}; use fit_intrinsics first"
        )
    if stride < 1:
        raise ValueError(f"stride is {stride}, expected 1 (every pixel) or more")
    if rgb.shape[:2] != depth.shape:
        rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    z = depth[::stride, ::stride]
    valid = np.isfinite(z) if kept is None else np.isfinite(z) & kept
    z = np.where(valid, z, np.float32(np.nan))
    u, v = np.arange(0, width, stride), np.arange(0, height, stride)[:, None]
    points = np.empty(z.shape, POINT)
    np.multiply(z, ((u - intrinsics.cx) / intrinsics.fx).astype(np.float32), out=points["x"])
    np.multiply(z, ((v - intrinsics.cy) / intrinsics.fy).astype(np.float32), out=points["y"])
    points["z"] = z
    red, green, blue = (rgb[::stride, ::stride, index].astype(np.uint32) for index in range(3))
    points["rgb"] = red << 16 | green << 8 | blue
    return _cloud_to_msg(points, header)


def scan_to_msg(
    beams: Beams, header: Header, frame_id: str, nearest: float, farthest: float
) -> LaserScan:
    """A scan, of the header's stamp, in the frame ``frame_id``: x forward, y left, z up.

    ``nearest`` and ``farthest`` [m] are its limits. All beams are of one moment, and no time passes
    that is known from one scan to the next: time_increment and scan_time are 0.
    """
    msg = LaserScan(
        header=Header(stamp=header.stamp, frame_id=frame_id),
        angle_min=beams.angle_min,
        angle_max=beams.angle_max,
        angle_increment=beams.angle_increment,
        range_min=nearest,
        range_max=farthest,
    )
    msg.ranges = array.array("f", beams.ranges.tolist())
    return msg


def _cloud_to_msg(points: np.ndarray, header: Header) -> PointCloud2:
    height, width = points.shape
    msg = PointCloud2(
        header=header,
        height=height,
        width=width,
        fields=[
            PointField(name=name, offset=4 * index, datatype=PointField.FLOAT32, count=1)
            for index, name in enumerate(POINT.names or ())
        ],
        point_step=POINT.itemsize,
        row_step=width * POINT.itemsize,
        is_dense=False,
    )
    fill_data(msg, points)
    return msg


def points_from_msg(
    msg: PointCloud2,
) -> tuple[Float32[np.ndarray, "height width 3"], UInt8[np.ndarray, "height width 3"]]:
    """Points (x, y, z) [m], NaN where invalid, and their RGB colours; of any XYZRGB cloud.

    Raises:
        ValueError: see _fields_of_cloud.
    """
    x, y, z, color = _fields_of_cloud(msg, x="f4", y="f4", z="f4", rgb="u4")
    xyz = np.stack((x, y, z), axis=-1).astype(np.float32, copy=False)
    rgb = np.stack((color >> 16, color >> 8, color), axis=-1).astype(np.uint8)
    return xyz, rgb


def xyz_from_msg(msg: PointCloud2) -> Float32[np.ndarray, "points 3"]:
    """The points (x, y, z) [m] of any cloud, row by row; NaN where invalid.

    Raises:
        ValueError: see _fields_of_cloud.
    """
    fields = _fields_of_cloud(msg, x="f4", y="f4", z="f4")
    return np.stack([each.ravel() for each in fields], axis=-1).astype(np.float32, copy=False)


def _fields_of_cloud(msg: PointCloud2, **kinds: str) -> list[np.ndarray]:
    """Views (height, width) of a cloud's fields of 32 bits, each read as its kind.

    Raises:
        ValueError: it has no such field, or fewer bytes than its size promises.
    """
    of_32_bit = (PointField.FLOAT32, PointField.UINT32)
    offsets = {field.name: field.offset for field in msg.fields if field.datatype in of_32_bit}
    if missing := [name for name in kinds if name not in offsets]:
        raise ValueError(
            f"cloud has no 32-bit field {', '.join(missing)}, its fields are "
            f"{', '.join(field.name for field in msg.fields)}"
        )
    if (
        len(msg.data) < msg.height * msg.row_step
        or msg.row_step < msg.width * msg.point_step
        or msg.point_step < 4 + max(offsets[name] for name in kinds)
    ):
        raise ValueError(
            f"cloud of {msg.width}x{msg.height} points of {msg.point_step} bytes has "
            f"{len(msg.data)} bytes and a row_step of {msg.row_step}: it is truncated"
        )
    order = ">" if msg.is_bigendian else "<"
    shape, strides = (msg.height, msg.width), (msg.row_step, msg.point_step)
    return [
        np.ndarray(shape, order + kind, msg.data, offsets[name], strides)
        for name, kind in kinds.items()
    ]
