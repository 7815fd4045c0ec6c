"""Depth images as image_transport's compressedDepth plugin writes and reads them; in pairs.

Its sources say what the bytes are (image_transport_plugins, compressed_depth_image_transport): a
header of 12 bytes, an int32 0 (inverse depth) and the float32 a and b, then the picture of uint16
as PNG, or as uint32 width, uint32 height and RVL (Wilson, Fast Lossless Depth Image Compression,
2017). All little-endian. Of 16UC1 the picture is the millimetres, and a and b are not used; of
32FC1 it is a / depth + b, 0 where invalid.
"""

from __future__ import annotations

import struct

import cv2
import numpy as np
from jaxtyping import Float32, UInt16
from numpy.typing import NDArray

from fourier_depth_ros.images.encodings import ImageError, RawData, encode_depth

#: What follows the header, and how the format's end names it.
FORMATS = ("png", "rvl")
_HEADER = struct.Struct("<iff")
_SIZE = struct.Struct("<II")
#: The plugin's depth_quantization: at this depth [m] a step of the inverse depth is a metre.
_QUANTIZATION = 100.0
#: The plugin's png_level.
_PNG_LEVEL = 3
#: A picture of RVL that says it has more pixels is none.
_MOST_PIXELS = 7680 * 4320


def encode_compressed_depth(
    depth: Float32[np.ndarray, "height width"], encoding: str, kind: str, max_depth: float
) -> tuple[str, bytes]:
    """The format's text and the data of ``depth`` [m], NaN where invalid.

    Args:
        depth: NaN, infinite or ``max_depth`` and more is invalid in what is written.
        encoding: 32FC1 or 16UC1, the decoded image's.
        kind: one of FORMATS.
        max_depth: the plugin's depth_max [m].

    Convention: as the plugin, 32FC1 loses z^2 / 10100 m at most: 0.1 mm at 1 m, 1 cm at 10 m. What
    is nearer than about 0.15 m does not fit into 16 bits and becomes that; the plugin's overflows.

    Raises:
        ImageError: another encoding or kind.
    """
    if encoding not in ("32FC1", "16UC1") or kind not in FORMATS:
        raise ImageError(f"no compressed depth of {encoding!r} as {kind!r}")
    a, b, pixels = 0.0, 0.0, encode_depth(depth, encoding)
    if encoding == "32FC1":
        a = _QUANTIZATION * (_QUANTIZATION + 1)
        b = 1 - a / max_depth
        with np.errstate(divide="ignore", over="ignore"):
            inverse = np.float32(a) / depth + np.float32(b)
        valid = (depth > 0) & (depth < max_depth)
        pixels = np.where(valid, np.minimum(inverse, 65535), 0).astype("<u2")
    if kind == "png":
        level = [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL]
        body = cv2.imencode(".png", pixels, level)[1].tobytes()
    else:
        height, width = pixels.shape
        body = _SIZE.pack(width, height) + encode_rvl(pixels.ravel())
    return f"{encoding}; compressedDepth {kind}", _HEADER.pack(0, a, b) + body


def decode_compressed_depth(data: RawData, format: str) -> Float32[np.ndarray, "height width"]:
    """Depth [m], NaN where invalid, of a message's data and format.

    Convention: a format that names neither png nor rvl, as older plugins write it, is png.

    Raises:
        ImageError: it is no compressed depth, or not whole.
    """
    encoding, _, kind = (part.strip() for part in format.partition(";"))
    kinds = {"": "png", "compressedDepth": "png", **{f"compressedDepth {k}": k for k in FORMATS}}
    if encoding not in ("32FC1", "16UC1") or kind not in kinds:
        raise ImageError(f"format {format!r} is not like '16UC1; compressedDepth png'")
    content = np.frombuffer(data, np.uint8)
    if content.size <= _HEADER.size:
        raise ImageError(f"compressed depth ({format!r}) has {content.size} bytes: it is truncated")
    _, a, b = _HEADER.unpack_from(content.data)
    body = content[_HEADER.size :]
    pixels = _decode_png(body) if kinds[kind] == "png" else _decode_sized_rvl(body)
    values = pixels.astype(np.float32)
    values[pixels == 0] = np.nan
    if encoding == "16UC1":
        return values / np.float32(1000)
    return np.float32(a) / (values - np.float32(b))


def _decode_png(body: NDArray[np.uint8]) -> UInt16[np.ndarray, "height width"]:
    pixels = cv2.imdecode(body, cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16 or pixels.ndim != 2:
        raise ImageError(f"{body.size} bytes of compressed depth are no whole PNG of 16 bit grey")
    return pixels


def _decode_sized_rvl(body: NDArray[np.uint8]) -> UInt16[np.ndarray, "height width"]:
    if body.size < _SIZE.size:
        raise ImageError("compressed depth (rvl) ends before its size")
    width, height = _SIZE.unpack_from(body.data)
    if not 0 < width * height <= _MOST_PIXELS:
        raise ImageError(f"compressed depth (rvl) cannot be of size {width}x{height}")
    return decode_rvl(body[_SIZE.size :].tobytes(), width * height).reshape(height, width)


def encode_rvl(pixels: UInt16[np.ndarray, " pixels"]) -> bytes:
    """RVL: for each run of zeros and of others, both lengths, then the others' differences.

    Numbers are in nibbles of three bits, the lowest first, with a fourth bit if more follow; eight
    nibbles make a little-endian word, the first in its highest bits.
    """
    present = np.flatnonzero(pixels)
    if not present.size:
        return _pack_nibbles(np.array([pixels.size, 0]))
    values = pixels[present].astype(np.int64)
    delta = values - np.append(0, values[:-1])
    zigzag = delta << 1 ^ delta >> 63
    # a run starts at each that has no other right before it
    first = np.flatnonzero(np.diff(present, prepend=-2) > 1)
    starts, ends = present[first], present[np.append(first[1:], present.size) - 1] + 1
    zeros = starts - np.append(0, ends[:-1])
    lengths = np.stack((zeros, ends - starts), axis=1).ravel()
    numbers = np.insert(zigzag, np.repeat(first, 2), lengths)
    if behind := pixels.size - ends[-1]:
        numbers = np.append(numbers, (behind, 0))
    return _pack_nibbles(numbers)


def _pack_nibbles(numbers: NDArray[np.integer]) -> bytes:
    """The numbers in nibbles, the nibbles in words."""
    lengths = np.ones(numbers.shape, np.int64)
    for digits in range(1, 11):  # of three bits
        lengths += numbers >> 3 * digits > 0
    ends = np.cumsum(lengths)
    place = np.arange(ends[-1]) - np.repeat(ends - lengths, lengths)
    rest = np.repeat(numbers, lengths) >> 3 * place
    nibbles = (rest & 7 | (rest > 7) << 3).astype(np.uint8)
    nibbles = np.append(nibbles, np.zeros(-nibbles.size % 8, np.uint8))
    pairs = nibbles[::2] << 4 | nibbles[1::2]
    return bytes(pairs.view(">u4").astype("<u4").tobytes())


def _unpack_nibbles(data: bytes) -> NDArray[np.integer]:
    """The inverse of `_pack_nibbles`, and zeros for what filled the last word."""
    pairs = np.frombuffer(data[: len(data) // 4 * 4], "<u4").astype(">u4").view(np.uint8)
    nibbles = np.stack((pairs >> 4, pairs & 15), axis=1).ravel().astype(np.int64)
    ends = np.flatnonzero(nibbles < 8)
    if not ends.size:
        return ends
    starts = np.append(0, ends[:-1] + 1)
    place = np.arange(ends[-1] + 1) - np.repeat(starts, ends - starts + 1)
    digits = nibbles[: ends[-1] + 1] & 7
    return np.add.reduceat(digits << 3 * np.minimum(place, 20), starts)


def decode_rvl(data: bytes, size: int) -> UInt16[np.ndarray, " pixels"]:
    """``size`` pixels; the inverse of `encode_rvl`.

    Raises:
        ImageError: there are fewer, or runs are longer than the picture.
    """
    numbers = _unpack_nibbles(data)
    pixels = np.zeros(size, np.uint16)
    at = done = previous = 0
    while done < size:
        zeros, others = numbers[at : at + 2] if at + 2 <= numbers.size else (0, 0)
        zigzag = numbers[at + 2 : at + 2 + others]
        done += zeros
        if zeros + others == 0 or zigzag.size < others or done + others > size:
            raise ImageError(f"compressed depth (rvl) of {size} pixels ends after {done}")
        values = previous + np.cumsum(zigzag >> 1 ^ -(zigzag & 1))
        pixels[done : done + others] = values & 0xFFFF
        previous = int(values[-1]) if others else previous
        done, at = done + int(others), at + 2 + int(others)
    return pixels
