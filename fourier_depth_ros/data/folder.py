"""RGB-D pairs in a folder: rgb/NAME.{jpg,png} and depth/NAME.png, with calibration files."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.data.sample import RgbdSample
from fourier_depth_ros.images.sources import open_source

logger = logging.getLogger(__name__)


class FolderDepth:
    """A folder's pairs: ``rgb/NAME.jpg`` (or .png ...) with ``depth/NAME.png``, 16 bit.

    Calibration as open_source reads it: ``rgb/NAME.yaml`` or ``rgb/camera_info.yaml``. The group
    (room, scene) is NAME up to its last underscore. What 'fourier-depth simulate' writes is such
    a folder, so simulated rooms need no class of their own.

    With ``truth`` False these are photographs: depth/ is not looked at, depth is NaN all over, and
    calibration may be missing, for which fx = width stands.

    Convention: a depth of ``depth_unit`` [m] is 1, and 0 is invalid (REP 118: millimetres).

    Raises:
        FileNotFoundError: no rgb/ or depth/ folder.
    """

    def __init__(self, path: Path | str, depth_unit: float = 0.001, *, truth: bool = True) -> None:
        self.path = Path(path)
        self.truth = truth
        for part in ("rgb", "depth") if truth else ("rgb",):
            if not (self.path / part).is_dir():
                raise FileNotFoundError(
                    f"{self.path / part} does not exist; expected {self.path}/rgb/NAME.jpg with "
                    f"{self.path}/depth/NAME.png"
                )
        self.depth_unit = depth_unit
        self.skipped = 0
        self._source = open_source(self.path / "rgb")

    def __len__(self) -> int:
        return len(self._source)  # type: ignore[arg-type]

    def __iter__(self) -> Iterator[RgbdSample]:
        self.skipped = 0
        for picture in self._source:
            group = picture.name.rpartition("_")[0] or picture.name
            if not self.truth:
                unknown = np.full(picture.rgb.shape[:2], np.nan, np.float32)
                camera = picture.intrinsics or _any_camera(picture.rgb)
                yield RgbdSample(picture.name, group, picture.rgb, unknown, camera)
                continue
            file = self.path / "depth" / f"{picture.name}.png"
            raw = cv2.imread(str(file), cv2.IMREAD_UNCHANGED) if file.is_file() else None
            if raw is None or raw.ndim != 2 or raw.shape != picture.rgb.shape[:2]:
                self._skip(file, "missing, unreadable, or not one channel of the picture's size")
            elif picture.intrinsics is None:
                self._skip(file, f"no calibration: write {self.path}/rgb/camera_info.yaml")
            else:
                depth = np.where(raw > 0, raw.astype(np.float32) * self.depth_unit, np.nan)
                yield RgbdSample(
                    picture.name, group, picture.rgb, depth.astype(np.float32), picture.intrinsics
                )
        self.skipped += self._source.skipped

    def _skip(self, file: Path, reason: str) -> None:
        if not self.skipped:
            logger.warning("%s skipped (%s); further ones are counted", file, reason)
        self.skipped += 1


def _any_camera(rgb: np.ndarray) -> Intrinsics:
    height, width = rgb.shape[:2]
    focal = float(width)
    return Intrinsics(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)
