"""The pictures that a frame is timed on, and the crops that an int8 model is calibrated on."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch

from fourier_depth_ros.config import PAPER_RATIOS
from fourier_depth_ros.core.checkpoint import Checkpoint
from fourier_depth_ros.core.crops import extract_crops
from fourier_depth_ros.demo.photographs import PHOTOGRAPHS, write_photographs


def made_up_picture() -> np.ndarray:
    """A VGA picture with structure of every size."""
    random = np.random.default_rng(0)
    layers = [cv2.resize(random.uniform(0, 255, (s * 3, s * 4, 3)), (640, 480)) for s in (2, 8, 32)]
    return np.clip(np.mean(layers, axis=0) * 1.5 - 64, 0, 255).astype(np.uint8)


def calibration_crops(rgb: np.ndarray, checkpoint: Checkpoint, folder: Path) -> list[torch.Tensor]:
    """Crops of the demo's photographs if scikit-image is there, else of one made-up picture."""
    try:
        write_photographs(folder)
        read = [cv2.imread(str(folder / name)) for name in PHOTOGRAPHS]
        pictures = [picture[..., ::-1].copy() for picture in read if picture is not None]
    except ImportError:
        pictures = [rgb]
    side = checkpoint.config.network.input_size
    crops = [
        extract_crops(torch.from_numpy(each).permute(2, 0, 1), PAPER_RATIOS, side, False)[::4]
        for each in pictures
    ]
    return list(torch.split(torch.cat(crops), 1))
