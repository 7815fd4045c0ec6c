"""Images between raw bytes and arrays: colour and depth, decoded and encoded side by side.

Pure NumPy and OpenCV: messages and bags both bring bytes, a size, an encoding and a step.
Convention: colour arrays are RGB, depth arrays are z [m] with NaN where invalid; rows first.
"""

from __future__ import annotations

import math
import re
from array import array
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float32, Shaped, UInt8
from numpy.typing import NDArray

RawData: TypeAlias = (
    bytes | bytearray | memoryview | array | NDArray[np.uint8]  # type: ignore[type-arg]
)

#: What depth comes in; mono16 may be a grey picture, too.
DEPTH_ENCODINGS = ("32FC1", "16UC1", "mono16")
#: From one marker of a JPEG to the next, but for those without a length: fill bytes, stuffed zeros,
#: TEM, restart markers and the start of the image.
_JPEG_MARKER = re.compile(rb"\xff([^\x00\x01\xd0-\xd8\xff])", re.DOTALL)
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xd9"


class ImageError(ValueError):
    """An image that cannot be decoded or encoded; the message says why, and what to do."""


@runtime_checkable
class RawImage(Protocol):
    """The fields of a sensor_msgs/Image to decode, be it rclpy's message or rosbags'."""

    height: int
    width: int
    encoding: str
    is_bigendian: int
    step: int
    data: RawData


class _Layout(NamedTuple):
    """How an encoding lays out its pixels, and which of OpenCV's conversions makes them RGB."""

    dtype: str
    channels: int
    to_rgb: int | None = None
    chroma_rows: bool = False  # height / 2 more rows of interleaved chroma follow the picture's
    block: tuple[int, int] = (1, 1)  # (rows, columns) that share one chroma sample
    smallest: int = 1


# OpenCV names a Bayer pattern by its second row's second and third pixel, ROS by its first two
# rows: OpenCV's BG is RGGB.
_BAYER = {
    "rggb": cv2.COLOR_BayerBG2RGB,
    "bggr": cv2.COLOR_BayerRG2RGB,
    "gbrg": cv2.COLOR_BayerGR2RGB,
    "grbg": cv2.COLOR_BayerGB2RGB,
}
_UYVY = _Layout("u1", 2, cv2.COLOR_YUV2RGB_UYVY, block=(1, 2))
_YUYV = _Layout("u1", 2, cv2.COLOR_YUV2RGB_YUY2, block=(1, 2))
_LAYOUTS = {
    "rgb8": _Layout("u1", 3),
    "bgr8": _Layout("u1", 3, cv2.COLOR_BGR2RGB),
    "rgba8": _Layout("u1", 4, cv2.COLOR_RGBA2RGB),
    "bgra8": _Layout("u1", 4, cv2.COLOR_BGRA2RGB),
    "mono8": _Layout("u1", 1, cv2.COLOR_GRAY2RGB),
    "8UC1": _Layout("u1", 1, cv2.COLOR_GRAY2RGB),
    "8UC3": _Layout("u1", 3, cv2.COLOR_BGR2RGB),
    "rgb16": _Layout("u2", 3),
    "bgr16": _Layout("u2", 3, cv2.COLOR_BGR2RGB),
    "rgba16": _Layout("u2", 4, cv2.COLOR_RGBA2RGB),
    "bgra16": _Layout("u2", 4, cv2.COLOR_BGRA2RGB),
    "mono16": _Layout("u2", 1, cv2.COLOR_GRAY2RGB),
    **{f"bayer_{name}8": _Layout("u1", 1, code, smallest=3) for name, code in _BAYER.items()},
    **{f"bayer_{name}16": _Layout("u2", 1, code, smallest=3) for name, code in _BAYER.items()},
    "yuv422": _UYVY,
    "uyvy": _UYVY,
    "yuv422_yuy2": _YUYV,
    "yuyv": _YUYV,
    "nv12": _Layout("u1", 1, cv2.COLOR_YUV2RGB_NV12, chroma_rows=True, block=(2, 2)),
    "nv21": _Layout("u1", 1, cv2.COLOR_YUV2RGB_NV21, chroma_rows=True, block=(2, 2)),
}
COLOR_ENCODINGS = tuple(_LAYOUTS)


def is_depth(encoding: str) -> bool:
    """Whether an image of this encoding is depth and cannot be a picture."""
    return encoding in DEPTH_ENCODINGS and encoding not in _LAYOUTS


def is_compressed_depth(format: str) -> bool:
    """Likewise of a CompressedImage: "16UC1; compressedDepth png", but "rgb8; jpeg compressed"."""
    return "compresseddepth" in format.lower() or is_depth(format.partition(";")[0].strip())


def fields_of(image: RawImage) -> tuple[RawData, int, int, str, int, bool]:
    """The arguments of `decode_image` and of `decode_depth`, in their order."""
    return (
        image.data,
        image.height,
        image.width,
        image.encoding,
        image.step,
        bool(image.is_bigendian),
    )


def decode_image(
    data: RawData, height: int, width: int, encoding: str, step: int, is_bigendian: bool = False
) -> UInt8[np.ndarray, "height width 3"]:
    """RGB picture in ``data``, whose rows are ``step`` bytes apart.

    An rgb8 picture is returned as a view of ``data`` (read-only if that is), all others are new.

    Convention: 16-bit values become 8-bit by rounding value / 257, so that 65535 becomes 255, as
    cv_bridge does; YUV is BT.601 with limited range; 8UC3 is bgr8, yuv422 is uyvy; alpha is
    dropped; ``height`` of nv12 and nv21 is the picture's, their data has 3/2 as many rows. Bytes
    after the last row are ignored, missing ones are an error.

    Raises:
        ImageError: unknown or depth encoding, a size that is zero or that the encoding cannot have,
            ``step`` shorter than a row, or fewer bytes than the size and ``step`` promise.
    """
    layout = _color_layout(encoding)
    _check_size(height, width, encoding, layout)
    rows = height + height // 2 if layout.chroma_rows else height
    shape = (rows, width) if layout.channels == 1 else (rows, width, layout.channels)
    pixels = _view_pixels(data, shape, _dtype(layout.dtype, is_bigendian), encoding, step)
    if layout.to_rgb is not None:
        pixels = cv2.cvtColor(pixels, layout.to_rgb)
    return _to_8_bit(pixels)


def encode_image(
    rgb: UInt8[np.ndarray, "height width 3"], encoding: str = "rgb8"
) -> UInt8[np.ndarray, "height width *channels"]:
    """Contiguous pixels of ``rgb`` as rgb8, bgr8 (height, width, 3) or mono8 (height, width).

    The inverse of `decode_image`; mono8 keeps luma (BT.601) only. rgb8 is not copied if contiguous.

    Raises:
        ImageError: any other encoding.
    """
    if encoding == "rgb8":
        return np.ascontiguousarray(rgb)
    codes = {"bgr8": cv2.COLOR_RGB2BGR, "mono8": cv2.COLOR_RGB2GRAY}
    if encoding not in codes:
        raise ImageError(f"cannot encode colour as {encoding!r}; choose rgb8, bgr8 or mono8")
    pixels: NDArray[np.uint8] = cv2.cvtColor(rgb, codes[encoding])
    return pixels


def decode_compressed(data: RawData, format: str) -> UInt8[np.ndarray, "height width 3"]:
    """RGB picture of a JPEG or PNG file in ``data``; grey, alpha and 16 bit become 8-bit RGB.

    Convention: the file itself says what it is, so ``format`` ('jpeg', 'png', '', 'rgb8; jpeg
    compressed bgr8') is only searched for depth. An orientation tag (EXIF) is ignored: the pixels
    stay where the sensor and camera_info have them. 16 bit becomes 8 bit as in `decode_image`.

    Raises:
        ImageError: compressed depth, no bytes, or bytes that are not a whole picture.
    """
    if is_compressed_depth(format):
        raise ImageError(
            f"format {format!r} is compressed depth, expected a colour picture; remap "
            f"image/compressed to the colour camera's"
        )
    content = np.frombuffer(data, np.uint8)
    if content.size == 0:
        raise ImageError(
            f"compressed picture ({format!r}) has no bytes; check the driver or the bag"
        )
    try:
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION
        bgr = None if is_cut_jpeg(content) else cv2.imdecode(content, flags)
    except cv2.error as error:
        raise ImageError(
            f"compressed picture ({format!r}, {content.size} bytes): {error}"
        ) from error
    if bgr is None or bgr.dtype not in (np.uint8, np.uint16):
        raise ImageError(
            f"{content.size} bytes of format {format!r} are no whole JPEG or PNG of 8 or 16 bit: "
            f"truncated or corrupted on the way, or another codec (decode video before this node)"
        )
    return _to_8_bit(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB))


def is_cut_jpeg(content: RawData) -> bool:
    """Whether this is a JPEG without its end: OpenCV 5 refuses it, OpenCV 4 fills up with grey.

    The end of a thumbnail does not count, nor what a camera appended after the picture's.
    """
    file = np.frombuffer(content, np.uint8).data
    if file[:2] != _JPEG_START:
        return False
    place = 2
    while marker := _JPEG_MARKER.search(file, place):
        if marker[1] == _JPEG_END:
            return False
        length = int.from_bytes(file[marker.end() : marker.end() + 2], "big")
        place = marker.end() + length  # an EXIF segment with its thumbnail is skipped as a whole
    return True


def decode_depth(
    data: RawData, height: int, width: int, encoding: str, step: int, is_bigendian: bool = False
) -> Float32[np.ndarray, "height width"]:
    """Depth z [m] in ``data``, NaN where invalid; the inverse of `encode_depth`.

    Convention: 32FC1 is metres and passes unchanged, infinities and zeros too, as a view where the
    byte order allows; 16UC1 and mono16 are millimetres, 0 is invalid (REP 118).

    Raises:
        ImageError: as `decode_image`, with another set of encodings.
    """
    if encoding not in DEPTH_ENCODINGS:
        raise ImageError(
            f"encoding {encoding!r} is not depth, expected {', '.join(DEPTH_ENCODINGS)}; remap to "
            f"a depth image"
        )
    layout = _Layout("f4" if encoding == "32FC1" else "u2", channels=1)
    _check_size(height, width, encoding, layout)
    pixels = _view_pixels(data, (height, width), _dtype(layout.dtype, is_bigendian), encoding, step)
    if encoding == "32FC1":
        return pixels
    return np.where(pixels == 0, np.float32(np.nan), pixels / np.float32(1000))


def encode_depth(
    depth: Float32[np.ndarray, "height width"], encoding: str
) -> Shaped[np.ndarray, "height width"]:
    """Contiguous little-endian pixels of ``depth`` [m], NaN where invalid.

    Convention: 32FC1 is float32 metres, NaN and infinities kept; 16UC1 and mono16 are uint16
    millimetres, rounded to the nearest, and 0 for what does not fit: NaN, infinities, negative
    depth, depth that rounds to more than 65.535 m.

    Raises:
        ImageError: any other encoding.
    """
    if encoding == "32FC1":
        return np.ascontiguousarray(depth, "<f4")
    if encoding not in DEPTH_ENCODINGS:
        raise ImageError(
            f"cannot encode depth as {encoding!r}; choose one of {', '.join(DEPTH_ENCODINGS)}"
        )
    millimetres = np.rint(np.clip(depth, 0, 66) * 1000)
    return np.where(millimetres <= 65535, millimetres, 0).astype("<u2")


def colorize_depth(
    depth: Float32[np.ndarray, "height width"], min_depth: float, max_depth: float
) -> UInt8[np.ndarray, "height width 3"]:
    """``depth`` [m] as an RGB picture for eyes: near is red, far is blue, NaN is black.

    Convention: OpenCV's turbo colours, even in log(depth) from ``min_depth`` to ``max_depth`` [m],
    clipped, +inf as far. The span is two decades at most: colours begin at ``max_depth`` / 100 if
    ``min_depth`` is nearer, such as 0.

    Raises:
        ValueError: not 0 <= min_depth < max_depth < inf.
    """
    if not 0 <= min_depth < max_depth < math.inf:
        raise ValueError(
            f"colours from {min_depth:g} m to {max_depth:g} m are impossible, expected "
            f"0 <= min_depth < max_depth < inf"
        )
    near = max(min_depth, max_depth / 100)
    closeness = np.log(max_depth / np.clip(depth, near, max_depth)) / math.log(max_depth / near)
    invalid = np.isnan(depth)
    level = np.where(invalid, 0, np.rint(255 * closeness)).astype(np.uint8)
    bgr = cv2.applyColorMap(level, cv2.COLORMAP_TURBO)
    rgb: NDArray[np.uint8] = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    rgb[invalid] = 0
    return rgb


def _color_layout(encoding: str) -> _Layout:
    if encoding in _LAYOUTS:
        return _LAYOUTS[encoding]
    if is_depth(encoding):
        raise ImageError(
            f"encoding {encoding!r} is depth, expected colour; remap image to a colour camera's"
        )
    given = f"encoding {encoding!r} is unknown" if encoding else "encoding is empty"
    raise ImageError(f"{given}; set the camera driver to one of {', '.join(COLOR_ENCODINGS)}")


def _check_size(height: int, width: int, encoding: str, layout: _Layout) -> None:
    given = f"{encoding} image is {width}x{height}"
    if min(height, width) < layout.smallest:
        raise ImageError(
            f"{given}, expected at least {layout.smallest}x{layout.smallest}; check the driver"
        )
    rows, columns = layout.block
    if height % rows or width % columns:
        raise ImageError(
            f"{given}, expected a multiple of {columns}x{rows} since pixels share their chroma; "
            f"crop it, or choose another encoding"
        )


def _dtype(native: str, is_bigendian: bool) -> np.dtype:
    return np.dtype((">" if is_bigendian else "<") + native)


def _view_pixels(
    data: RawData, shape: tuple[int, ...], dtype: np.dtype, encoding: str, step: int
) -> np.ndarray:
    """Pixels (rows, width[, channels]) in native byte order: a view of ``data`` where possible."""
    rows, width = shape[:2]
    pixel_bytes = math.prod(shape[2:]) * dtype.itemsize
    if step < width * pixel_bytes:
        raise ImageError(
            f"step is {step} bytes, a row of {width} {encoding} pixels takes "
            f"{width * pixel_bytes}; the driver fills in step, width or encoding wrongly"
        )
    content = np.frombuffer(data, np.uint8)
    if content.size < rows * step:
        raise ImageError(
            f"data has {content.size} bytes, {rows} rows with a step of {step} ({encoding}) take "
            f"{rows * step}; the image is truncated: check the driver or the bag"
        )
    strides = (step, pixel_bytes, dtype.itemsize)[: len(shape)]
    pixels = np.ndarray(shape, dtype, content, strides=strides)
    # OpenCV takes neither another byte order nor a step that is not a multiple of the value's size
    return np.require(pixels, dtype.newbyteorder("="), "A")


def _to_8_bit(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype == np.uint8:
        return pixels
    reduced: NDArray[np.uint8] = cv2.convertScaleAbs(pixels, alpha=1 / 257)
    return reduced
