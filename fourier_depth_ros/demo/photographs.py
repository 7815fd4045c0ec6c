"""The demo's pictures: photographs that scikit-image ships, one of them with metric truth."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.images.calibration import write_calibration

#: Middlebury 2014 "Motorcycle" (Scharstein et al., GCPR 2014) at a quarter of its size.
MOTORCYCLE = "motorcycle_left"
MOTORCYCLE_CAMERA = Intrinsics(
    fx=994.978, fy=994.978, cx=311.193, cy=254.877, width=741, height=500
)
BASELINE = 0.193001  # [m]
DISPARITY_OFFSET = 31.086  # [px], the difference of the two cameras' cx
PHOTOGRAPHS = ("motorcycle_left.png", "coffee.png", "astronaut.png", "chelsea.png", "rocket.jpg")


def write_photographs(folder: Path) -> list[Path]:
    """Link or copy the photographs into ``folder``, with the calibration that is known.

    Raises:
        ImportError: scikit-image is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in PHOTOGRAPHS:
        target = folder / name
        target.write_bytes((skimage_data() / name).read_bytes())
        written.append(target)
    write_calibration(folder / f"{MOTORCYCLE}.yaml", MOTORCYCLE_CAMERA, name=MOTORCYCLE)
    return written


def motorcycle_depth() -> np.ndarray:
    """True depth of the Motorcycle [m], (500, 741) float32, NaN where unknown.

    Z = f B / (disparity + offset).
    """
    with np.load(skimage_data() / "motorcycle_disp.npz") as file:
        disparity = file["arr_0"]
    known = np.isfinite(disparity)
    depth = MOTORCYCLE_CAMERA.fx * BASELINE / (np.where(known, disparity, 1) + DISPARITY_OFFSET)
    return np.where(known, depth, np.nan).astype(np.float32)


def skimage_data() -> Path:
    """Where scikit-image keeps its pictures. Raises: ImportError: it is not installed."""
    try:
        import skimage
    except ImportError as error:
        raise ImportError("the demo's photographs take: pip install scikit-image") from error
    return Path(skimage.__file__).parent / "data"
