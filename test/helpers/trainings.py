"""Tiny training runs: a ResNet-18 at 64 px on slanted planes, with a teacher and photographs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rgbd import write_rgbd

from fourier_depth_ros.training.config import TrainConfig

CHANNELS = 8


def write_data(folder: Path) -> Path:
    """rooms/ (4 rooms of 2 views), photos/ (2 without truth), features/ and depth/ of all."""
    write_rgbd(folder / "rooms", rooms=4, views=2)
    (folder / "photos" / "rgb").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for i in range(2):
        photo = rng.integers(0, 256, (90 + 30 * i, 120, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / "photos" / "rgb" / f"photo{i}.jpg"), photo)
    for part in ("features", "depth"):
        (folder / part).mkdir()
    for picture in folder.glob("*/rgb/*.[pj]*g"):
        features = rng.standard_normal((CHANNELS, 5, 6)).astype(np.float16)
        np.save(folder / "features" / f"{picture.stem}.npy", features)
        np.save(folder / "depth" / f"{picture.stem}.npy", rng.uniform(2, 4, (5, 6)))
    return folder


def stage(name: str = "stage1", **changes: Any) -> dict[str, Any]:
    """A stage of 4 steps."""
    default = {
        "name": name,
        "modified": name != "stage1",
        "start": "scratch" if name == "stage1" else "previous",
        "input_size": 64,
        "steps": 4,
        "warmup_steps": 2,
        "learning_rate": 1e-3,
    }
    return default | changes


def teacher(data: Path) -> dict[str, Any]:
    return {"features": str(data / "features"), "depth": str(data / "depth")}


def run_config(folder: Path, out: Path, /, **changes: Any) -> TrainConfig:
    """One stage on the rooms of write_data, in float32, on one thread: the same on every day."""
    default: dict[str, Any] = {
        "out": str(out),
        "cache": str(folder / "cache"),
        "data": [{"path": str(folder / "rooms")}],
        "held_out_share": 0.5,
        "trunk": "resnet18",
        "stages": [stage()],
        "batch": 4,
        "device": "cpu",
        "threads": 1,
        "log_steps": 1,
    }
    return TrainConfig.model_validate(default | changes)
