"""Colour and depth in the kinds of files that repositories keep them in."""

from __future__ import annotations

import io
import zlib
from zipfile import BadZipFile

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from fourier_depth_ros.data.pcd import read_pcd
from fourier_depth_ros.data.places import DepthFile


def read_color(content: bytes, name: str) -> UInt8[np.ndarray, "height width 3"]:
    """The picture (BGR) in what OpenCV decodes, or in an organised .pcd.

    Raises:
        ValueError: it cannot be read.
    """
    if name.lower().endswith(".pcd"):
        return read_pcd(content)[0]
    bgr = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR) if content else None
    if bgr is None:
        raise ValueError(f"{name} is no picture that OpenCV can decode")
    return np.asarray(bgr, np.uint8)


def read_depth(
    content: bytes, name: str, reading: DepthFile
) -> Float32[np.ndarray, "height width"]:
    """Depth [m] in a picture of one channel (PNG, PGM, TIFF), .npy, .npz or .pcd; NaN is invalid.

    Raises:
        ValueError: it cannot be read, or has several channels or arrays, or is not 16 bit but
            rotated.
    """
    raw = _numbers(content, name.lower().rpartition(".")[2])
    if raw is None or raw.ndim != 2:
        raise ValueError(f"{name} is no picture or array of one channel")
    if reading.rotate_bits:
        if raw.dtype != np.uint16:
            raise ValueError(f"{name} is {raw.dtype}; only 16 bit can be rotated")
        raw = (raw >> reading.rotate_bits) | (raw << (16 - reading.rotate_bits))
    depth = raw * reading.unit
    valid = np.isfinite(depth) & (depth > 0) & (depth <= (reading.farthest or np.inf))
    valid &= (depth >= reading.nearest) & ~np.isin(raw, reading.invalid)
    return np.where(valid, depth, np.nan).astype(np.float32)


def _numbers(content: bytes, suffix: str) -> np.ndarray | None:
    if suffix == "pcd":
        return read_pcd(content)[1]
    if not content:
        return None
    if suffix in ("npy", "npz"):
        return _array(content)
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)


def _array(content: bytes) -> np.ndarray | None:
    """The array in a .npy, or the only one in a .npz; None if that is not what it is."""
    try:
        loaded = np.load(io.BytesIO(content), allow_pickle=False)
        arrays = list(loaded.values()) if isinstance(loaded, np.lib.npyio.NpzFile) else [loaded]
    except (ValueError, EOFError, BadZipFile, zlib.error):  # anything else is a pickle to numpy
        return None
    return arrays[0].squeeze() if len(arrays) == 1 else None
