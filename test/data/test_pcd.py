import numpy as np
import pytest

from fourier_depth_ros.data.pcd import read_pcd

HEADER = """# .PCD v0.7
VERSION 0.7
FIELDS x y z rgba
SIZE 4 4 4 4
TYPE F F F U
COUNT 1 1 1 1
WIDTH 2
HEIGHT 2
VIEWPOINT 0 0 0 1 0 0 0
POINTS 4
DATA {}
"""
Z = [0.5, -1.0, np.nan, 2.0]
#: 0xRRGGBB
COLORS = [0x010203, 0x040506, 0x070809, 0xFF0000]


def check(content: bytes) -> None:
    bgr, depth = read_pcd(content)
    assert bgr.tolist() == [[[3, 2, 1], [6, 5, 4]], [[9, 8, 7], [0, 0, 255]]]
    np.testing.assert_array_equal(depth, np.float32([[0.5, 1], [np.nan, 2]]))


def test_binary():
    points = np.zeros(4, "<f4, <f4, <f4, <u4")
    points["f2"], points["f3"] = Z, COLORS
    check(HEADER.format("binary").encode() + points.tobytes())


def compressed(size: int = 64) -> bytes:
    """x and y are 32 zeros: one byte and a repetition of it 31 times; then 32 new bytes."""
    rest = np.array(Z, "<f4").tobytes() + np.array(COLORS, "<u4").tobytes()
    # 0x00: one new byte; 0xE0: a repetition of 2 + 7 + the next byte, from 0 + 1 bytes before;
    # 0x1F: 32 new bytes
    packed = b"\x00\x00" + bytes([0xE0, 31 - 9, 0]) + b"\x1f" + rest
    sizes = np.array([len(packed), size], "<u4").tobytes()
    return HEADER.format("binary_compressed").encode() + sizes + packed


def test_compressed():
    check(compressed())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"nothing", "this is no .pcd"),
        (HEADER.format("ascii").encode(), "its data are 'ascii', expected binary"),
        (HEADER.replace("HEIGHT 2", "HEIGHT 1").format("binary").encode(), "of several rows"),
        (HEADER.replace("rgba", "i").format("binary").encode(), "z and rgb or rgba"),
        (HEADER.format("binary").encode() + b"\0" * 10, "buffer"),
        (compressed(65), "unpack to 64 bytes, expected 65"),
    ],
)
def test_what_is_no_organised_cloud(content, reason):
    with pytest.raises(ValueError, match=reason):
        read_pcd(content)
