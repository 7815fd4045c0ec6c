"""Depth files of each kind, with values worked out by hand."""

import io

import numpy as np
import pytest
from repositories import encoded

from fourier_depth_ros.data.places import DepthFile
from fourier_depth_ros.data.reading import read_color, read_depth

NAN = np.nan


def png(values: list[list[int]]) -> bytes:
    return encoded(".png", np.array(values, np.uint16))


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(*arrays: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, *arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "reading", "expected"),
    [
        (png([[1500, 0]]), "a.png", {}, [[1.5, NAN]]),
        (png([[5000, 7500]]), "a.png", {"unit": 0.0002}, [[1.0, 1.5]]),
        (png([[900, 4000]]), "a.png", {"farthest": 4.0, "nearest": 1.0}, [[NAN, 4.0]]),
        (png([[900, 4001]]), "a.PNG", {"farthest": 4.0}, [[0.9, NAN]]),
        (png([[2047, 65535, 1000]]), "a.png", {"invalid": [2047, 65535]}, [[NAN, NAN, 1.0]]),
        # 1000 = 0x03E8 with its bytes swapped is 0xE803 = 59395
        (png([[59395]]), "a.png", {"rotate_bits": 8}, [[1.0]]),
        # 1000 << 3 = 8000; 10000 << 3 = 80000 = 65536 + 14464, whose 65536 comes back as 1
        (png([[8000, 14465]]), "a.png", {"rotate_bits": 3, "unit": 0.0001}, [[0.1, 1.0]]),
        # a PGM of more than 8 bit has the high byte first: 0x05DC = 1500
        (b"P5 2 1 65535\n\x05\xdc\x00\x00", "a.pgm", {}, [[1.5, NAN]]),
        (
            npy(np.array([[[1.25], [np.inf]], [[np.nan], [-1]]])),
            "a.npy",
            {"unit": 1},
            [[1.25, NAN], [NAN, NAN]],
        ),
        (npz(np.array([[1.25, 2], [0, NAN]])), "a.npz", {"unit": 1}, [[1.25, 2], [NAN, NAN]]),
        (npy(np.array([[2000, 0], [1, 3]], ">u2")), "a.npy", {}, [[2.0, NAN], [0.001, 0.003]]),
    ],
)
def test_metres(content, name, reading, expected):
    depth = read_depth(content, name, DepthFile(**reading))
    assert depth.dtype == np.float32
    np.testing.assert_allclose(depth, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "name", "reading", "reason"),
    [
        (b"nothing", "a.png", {}, "a.png is no picture or array of one channel"),
        (b"", "a.png", {}, "a.png is no picture or array of one channel"),
        (b"nothing", "a.npy", {}, "a.npy"),
        (b"PK\3\4nothing", "a.npz", {}, "a.npz"),
        (npz(np.ones((2, 2)), np.ones((2, 2))), "a.npz", {}, "a.npz is no picture or array of one"),
        (encoded(".png", np.ones((2, 2, 3), np.uint8)), "a.png", {}, "of one channel"),
        (
            encoded(".png", np.ones((2, 2), np.uint8)),
            "a.png",
            {"rotate_bits": 3},
            "a.png is uint8; only 16 bit",
        ),
    ],
)
def test_what_cannot_be_depth(content, name, reading, reason):
    with pytest.raises(ValueError, match=reason):
        read_depth(content, name, DepthFile(**reading))


def test_color():
    bgr = np.array([[[1, 2, 3], [4, 5, 6]]], np.uint8)
    assert (read_color(encoded(".png", bgr), "a.png") == bgr).all()
    for content in (b"", b"nothing"):
        with pytest.raises(ValueError, match=r"a\.png is no picture"):
            read_color(content, "a.png")
