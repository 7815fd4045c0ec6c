"""ROS calibration files, read and written."""

from __future__ import annotations

import math
from pathlib import Path

import yaml

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.images.camera_info import is_filled_in


def intrinsics_from_hfov(width: int, height: int, hfov: float) -> Intrinsics:
    """A stand-in for a calibration: square pixels, centred, ``hfov`` degrees across the width.

    Convention: the picture spans u in [-0.5, width - 0.5], so its centre is (width - 1) / 2.

    Raises:
        ValueError: ``hfov`` is not between 0 and 180 degrees.
    """
    if not 0 < hfov < 180:
        raise ValueError(f"hfov is {hfov:g}, expected the field of view in degrees, in (0, 180)")
    focal = width / 2 / math.tan(math.radians(hfov) / 2)
    return Intrinsics(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)


def read_calibration(path: Path | str) -> Intrinsics:
    """The rectified pinhole camera in a ROS calibration file (camera_info_manager's YAML).

    Convention: as in a CameraInfo, ``projection_matrix`` (P) counts where it is filled in, else
    ``camera_matrix`` (K).

    Raises:
        FileNotFoundError: nothing is at ``path``.
        ValueError: not YAML, or a key is missing, of the wrong shape or out of range.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        values = yaml.safe_load(text)
        if not isinstance(values, dict):
            raise ValueError("not a mapping of keys")
        size = int(values["image_width"]), int(values["image_height"])
        if values.get("projection_matrix") is not None:
            projection = _matrix(values, "projection_matrix", 12)
            if is_filled_in(projection):
                fx, _, cx, _, _, fy, cy, *_ = projection
                return Intrinsics(fx, fy, cx, cy, *size)
        fx, _, cx, _, fy, cy, *_ = _matrix(values, "camera_matrix", 9)
        return Intrinsics(fx, fy, cx, cy, *size)
    except KeyError as error:
        reason = f"the key {error} is missing"
    except (yaml.YAMLError, TypeError, ValueError) as error:
        reason = str(error)
    raise ValueError(
        f"{path} is not a ROS camera calibration: {reason}; expected YAML with image_width, "
        f"image_height and camera_matrix: {{rows: 3, cols: 3, data: [...]}}, as "
        f"'ros2 run camera_calibration cameracalibrator' writes it"
    )


def _matrix(values: dict[str, dict[str, list[float]]], key: str, length: int) -> list[float]:
    data = [float(value) for value in values[key]["data"]]
    if len(data) != length:
        raise ValueError(f"{key}: data has {len(data)} numbers, expected {length}")
    return data


def write_calibration(path: Path | str, intrinsics: Intrinsics, name: str = "camera") -> None:
    """Write what ``read_calibration`` reads: ``intrinsics`` as an undistorted camera ``name``."""
    fx, fy, cx, cy = (float(getattr(intrinsics, key)) for key in ("fx", "fy", "cx", "cy"))

    def matrix(rows: int, cols: int, data: list[float]) -> dict[str, int | list[float]]:
        return {"rows": rows, "cols": cols, "data": data}

    values = {
        "image_width": int(intrinsics.width),
        "image_height": int(intrinsics.height),
        "camera_name": name,
        "camera_matrix": matrix(3, 3, [fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0]),
        "distortion_model": "plumb_bob",
        "distortion_coefficients": matrix(1, 5, [0.0] * 5),
        "rectification_matrix": matrix(3, 3, [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]),
        "projection_matrix": matrix(3, 4, [fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0]),
    }
    text = yaml.safe_dump(values, sort_keys=False, default_flow_style=None, width=120)
    Path(path).write_text(text, encoding="utf-8")
