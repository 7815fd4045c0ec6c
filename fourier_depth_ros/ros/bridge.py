"""The robot's own cv_bridge, for plain images in encodings that it knows, where it works.

An image is then converted by the same library as in the robot's other nodes. Nothing depends on
it: `decode_image` has the same results, and takes what cv_bridge garbles or refuses (rows with
padding, big-endian, uyvy, yuyv, nv12, nv21, 8UC1, 8UC3). rgb8 never comes here: it needs no
conversion, and is a view of the message there but a copy here. Nor do compressed pictures, for
which cv_bridge only calls OpenCV's imdecode and lets truncated ones pass.

Whether it works is tried in a process of its own. Built for NumPy 1 but run with NumPy 2 (apt's
cv_bridge in a venv with PyTorch), it raises nothing that could be caught: cvtColor2 is a
segmentation fault. PyPI's cv-bridge, a port of ROS 1's, converts wrongly: it fails the trial too.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import os
import resource
import subprocess
import sys
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8
from rclpy.logging import get_logger
from sensor_msgs.msg import Image

from fourier_depth_ros.images.encodings import decode_image, fields_of

_BAYER = ("rggb", "bggr", "gbrg", "grbg")
#: Bytes of a pixel in the encodings that are cv_bridge's to convert.
PIXEL_BYTES = {
    "mono8": 1,
    **{f"bayer_{pattern}8": 1 for pattern in _BAYER},
    "mono16": 2,
    **{f"bayer_{pattern}16": 2 for pattern in _BAYER},
    "yuv422": 2,
    "yuv422_yuy2": 2,
    "bgr8": 3,
    "rgba8": 4,
    "bgra8": 4,
    "rgb16": 6,
    "bgr16": 6,
    "rgba16": 8,
    "bgra16": 8,
}
#: How long the trial may take [s]: it imports NumPy, OpenCV and messages, on a slow board too.
TRIAL_SECONDS = 30.0


class Bridge(NamedTuple):
    """A CvBridge, and the encodings that it converts exactly as `decode_image`."""

    convert: Any
    encodings: frozenset[str]


def decode_by_cv_bridge(msg: Image) -> UInt8[np.ndarray, "height width 3"] | None:
    """RGB picture of ``msg``, or None where `decode_image` is to decode it."""
    pixel_bytes = PIXEL_BYTES.get(msg.encoding)
    plain = (
        pixel_bytes is not None
        and not msg.is_bigendian
        and msg.step == msg.width * pixel_bytes
        and len(msg.data) == msg.height * msg.step
        and min(msg.height, msg.width) > 2  # of Bayer patterns, OpenCV needs 3 x 3
    )
    bridge = working_cv_bridge() if plain else None
    if bridge is None or msg.encoding not in bridge.encodings:
        return None
    return _convert(bridge.convert, msg)


@functools.cache
def working_cv_bridge() -> Bridge | None:
    """The cv_bridge that passed the trial; None without one. Tried once a process, about 0.5 s."""
    if importlib.util.find_spec("cv_bridge") is None:
        return None
    trial = [sys.executable, "-m", __name__]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            trial, env=env, capture_output=True, text=True, timeout=TRIAL_SECONDS, check=True
        )
        encodings = frozenset(done.stdout.split()) & set(PIXEL_BYTES)
        if encodings:
            return Bridge(importlib.import_module("cv_bridge").CvBridge(), encodings)
        why = "it converts wrongly, or not even bgr8"
    except Exception as error:  # whatever an extension for another Python or NumPy raises
        why = str(error).replace(str(trial), "its trial")
    get_logger("depth").info(
        f"cv_bridge does not work with this Python's NumPy and OpenCV ({why}); images are decoded "
        f"without it, with the same result"
    )
    return None


def agreeing_encodings() -> list[str]:
    """The encodings that the importable cv_bridge converts exactly as `decode_image`.

    It may refuse some (older ones know no yuv422_yuy2), but one that converts any wrongly, or
    not even bgr8, is not to be trusted with the others: then there are none.

    Raises:
        Exception: of any kind, if it cannot be imported at all.
    """
    convert = importlib.import_module("cv_bridge").CvBridge()
    content = np.random.default_rng(0).integers(0, 256, 4 * 6 * 8, np.uint8).tobytes()
    agreeing: list[str] = []
    for encoding, pixel_bytes in PIXEL_BYTES.items():
        msg = Image(height=4, width=6, encoding=encoding, step=6 * pixel_bytes)
        msg.data.frombytes(content[: 4 * msg.step])
        expected = decode_image(*fields_of(msg))
        rgb = _convert(convert, msg)
        if rgb is None:
            continue
        if not np.array_equal(rgb, expected):
            return []
        agreeing.append(encoding)
    return agreeing if "bgr8" in agreeing else []


def _convert(bridge: Any, msg: Image) -> np.ndarray | None:
    """None if it fails or is of another size: `decode_image` then says what is wrong with it."""
    try:
        rgb = np.asarray(bridge.imgmsg_to_cv2(msg, "rgb8"))
    except Exception:  # CvBridgeError is a TypeError, and OpenCV's own error is another library's
        return None
    return rgb if rgb.dtype == np.uint8 and rgb.shape == (msg.height, msg.width, 3) else None


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash here is no news
    print(*agreeing_encodings())
