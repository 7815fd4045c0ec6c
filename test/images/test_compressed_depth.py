"""Bytes as compressed_depth_image_transport's sources say, by hand and by a plain loop."""

import struct

import cv2
import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourier_depth_ros.images.compressed_depth import (
    decode_compressed_depth,
    decode_rvl,
    encode_compressed_depth,
    encode_rvl,
)
from fourier_depth_ros.images.encodings import ImageError

NAN = np.nan
DEPTH = np.array([[1.0, 2.0, NAN], [np.inf, 0.5, 8.0]], np.float32)
KINDS = ("png", "rvl")


def png(data):
    return cv2.imdecode(np.frombuffer(data[12:], np.uint8), cv2.IMREAD_UNCHANGED)


def test_png_of_metres():
    format, data = encode_compressed_depth(DEPTH, "32FC1", "png", 8.0)
    assert format == "32FC1; compressedDepth png"
    # a = 100 * 101, b = 1 - a / 8
    assert struct.unpack("<iff", data[:12]) == (0, 10100.0, -1261.5)
    assert data[12:20] == b"\x89PNG\r\n\x1a\n"
    pixels = png(data)
    assert pixels.dtype == np.uint16
    # a / z + b without its fraction; 8 m is not nearer than 8 m
    assert pixels.tolist() == [[8838, 3788, 0], [0, 18938, 0]]
    back = decode_compressed_depth(data, format)
    expected = [[10100 / 10099.5, 10100 / 5049.5, NAN], [NAN, 10100 / 20199.5, NAN]]
    np.testing.assert_allclose(back, expected, rtol=1e-6)


def test_png_of_millimetres():
    format, data = encode_compressed_depth(DEPTH, "16UC1", "png", 8.0)
    assert format == "16UC1; compressedDepth png"
    assert data[:12] == bytes(12)
    assert png(data).tolist() == [[1000, 2000, 0], [0, 500, 8000]]
    back = decode_compressed_depth(data, format)
    np.testing.assert_array_equal(back, np.where(np.isinf(DEPTH), NAN, DEPTH))


def test_rvl_of_millimetres_nibble_by_nibble():
    depth = np.array([[0.0, 0.005, 0.003], [0.003, 0.0, 0.0]], np.float32)
    format, data = encode_compressed_depth(depth, "16UC1", "rvl", 8.0)
    assert format == "16UC1; compressedDepth rvl"
    assert struct.unpack("<II", data[12:20]) == (3, 2)
    # 1 zero, 3 others: +5 is 10 = 2 and more, 1; -2 is 3; 0 is 0; 2 zeros, 0 others
    assert data[20:] == bytes.fromhex("2030a113")  # one word, 0x13a13020


def rvl_by_loop(pixels):
    """Of the sources: one number after the other."""
    nibbles = []

    def number(value):
        while True:
            more = value >> 3
            nibbles.append(value & 7 | (8 if more else 0))
            value = more
            if not value:
                return

    place, previous = 0, 0
    while place < len(pixels):
        start = place
        while place < len(pixels) and not pixels[place]:
            place += 1
        number(place - start)
        end = place
        while end < len(pixels) and pixels[end]:
            end += 1
        number(end - place)
        for value in map(int, pixels[place:end]):
            delta = value - previous
            number(2 * delta if delta >= 0 else -2 * delta - 1)
            previous = value
        place = end
    nibbles += [0] * (-len(nibbles) % 8)
    words = [nibbles[i : i + 8] for i in range(0, len(nibbles), 8)]
    return b"".join(int("".join(f"{n:x}" for n in w), 16).to_bytes(4, "little") for w in words)


@given(hnp.arrays(np.uint16, st.integers(1, 60), elements=st.integers(0, 65535) | st.just(0)))
def test_rvl_is_the_sources(pixels):
    data = encode_rvl(pixels)
    assert data == rvl_by_loop(pixels)
    np.testing.assert_array_equal(decode_rvl(data, pixels.size), pixels)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("encoding", "error"), [("32FC1", 1 / 10100), ("16UC1", 0)])
def test_round_trip(kind, encoding, error):
    depth = np.random.default_rng(1).uniform(0.16, 9.9, (60, 80)).astype(np.float32)
    depth[::7, ::3] = NAN
    format, data = encode_compressed_depth(depth, encoding, kind, 10.0)
    back = decode_compressed_depth(data, format)
    np.testing.assert_array_equal(np.isnan(back), np.isnan(depth))
    # a step of the inverse depth is z^2 / 10100 m, and float32's rounding; half a millimetre
    allowed = depth**2 * error * 1.01 + 5.1e-4 * (error == 0) + 1e-5
    assert np.nanmax(np.abs(back - depth) - allowed) <= 0


def test_what_is_too_near_is_the_nearest_that_there_is():
    # 10100 / z - 1009 is 65535 at most
    near = np.float32([[0.0, -1.0, 0.05, 0.15]])
    for kind in KINDS:
        format, data = encode_compressed_depth(near, "32FC1", kind, 10.0)
        back = decode_compressed_depth(data, format)
        np.testing.assert_allclose(back, [[NAN, NAN, 10100 / 66544, 10100 / 66544]], rtol=1e-6)


def test_an_older_plugin_names_no_kind():
    _, data = encode_compressed_depth(DEPTH, "16UC1", "png", 8.0)
    for format in ("16UC1; compressedDepth", "16UC1"):
        assert decode_compressed_depth(data, format)[0, 1] == 2


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_but_invalid_depth(kind):
    format, data = encode_compressed_depth(np.full((30, 40), NAN, np.float32), "32FC1", kind, 5.0)
    back = decode_compressed_depth(data, format)
    assert back.shape == (30, 40)
    assert np.isnan(back).all()


def test_refused_with_a_reason():
    with pytest.raises(ImageError, match="no compressed depth of 'mono16' as 'png'"):
        encode_compressed_depth(DEPTH, "mono16", "png", 8.0)
    with pytest.raises(ImageError, match="'rgb8; jpeg compressed' is not like '16UC1"):
        decode_compressed_depth(b"", "rgb8; jpeg compressed")
    for kind, reason in zip(KINDS, ("no whole PNG", "ends after 0|ends before"), strict=True):
        format, data = encode_compressed_depth(DEPTH, "16UC1", kind, 8.0)
        with pytest.raises(ImageError, match="it is truncated"):
            decode_compressed_depth(data[:12], format)
        with pytest.raises(ImageError, match=reason):
            decode_compressed_depth(data[:22], format)
    huge = bytes(12) + struct.pack("<II", 1 << 20, 1 << 20) + bytes(8)
    with pytest.raises(ImageError, match="cannot be of size 1048576x1048576"):
        decode_compressed_depth(huge, "16UC1; compressedDepth rvl")
    run = bytes(12) + struct.pack("<IIII", 2, 2, 0x07000000, 0)  # 0 zeros, 7 others in 4 pixels
    with pytest.raises(ImageError, match="of 4 pixels ends after 0"):
        decode_compressed_depth(run, "16UC1; compressedDepth rvl")
