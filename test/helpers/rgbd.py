"""A small RGB-D folder: slanted planes whose picture tells their depth."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.images.calibration import write_calibration

CAMERA = Intrinsics(fx=128.0, fy=128.0, cx=79.5, cy=59.5, width=160, height=120)


def write_rgbd(folder: Path, rooms: int, views: int, seed: int = 0) -> Path:
    """``rooms`` x ``views`` pairs ROOM_VIEW of 160 x 120; grey level 40 z at depth z [m]."""
    rng = np.random.default_rng(seed)
    (folder / "rgb").mkdir(parents=True)
    (folder / "depth").mkdir()
    write_calibration(folder / "rgb" / "camera_info.yaml", CAMERA)
    v, u = np.mgrid[-1:1:120j, -1:1:160j]
    for room in range(rooms):
        for view in range(views):
            depth = rng.uniform(2, 4) + rng.uniform(-0.8, 0.8) * u + rng.uniform(-0.8, 0.8) * v
            name = f"room{seed}{room:02d}_{view}"
            grey = np.clip(40 * depth, 0, 255).astype(np.uint8)
            cv2.imwrite(str(folder / "rgb" / f"{name}.png"), grey)
            cv2.imwrite(str(folder / "depth" / f"{name}.png"), (1000 * depth).astype(np.uint16))
    return folder
