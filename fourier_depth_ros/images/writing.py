"""Depth maps on disk."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float32

from fourier_depth_ros.images.encodings import colorize_depth, encode_depth


def write_depth(
    folder: Path, stem: str, depth: Float32[np.ndarray, "height width"], max_depth: float
) -> list[Path]:
    """STEM.npy (float32 [m], NaN invalid), STEM_mm.png (16 bit, 0 invalid) and STEM_color.png.

    Raises:
        OSError: a file could not be written.
    """
    array = folder / f"{stem}.npy"
    np.save(array, depth)
    color = cv2.cvtColor(colorize_depth(depth, 0.0, max_depth), cv2.COLOR_RGB2BGR)
    pictures = {
        folder / f"{stem}_mm.png": encode_depth(depth, "16UC1"),
        folder / f"{stem}_color.png": color,
    }
    for path, pixels in pictures.items():
        if not cv2.imwrite(str(path), pixels):
            raise OSError(f"{path} could not be written")
    return [array, *pictures]
