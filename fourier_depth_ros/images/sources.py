"""Where pictures come from: a picture, a folder, a video or a rosbag2, with their calibration."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from fourier_depth_ros.core.geometry import Intrinsics, fit_intrinsics
from fourier_depth_ros.images.bag import BagSource
from fourier_depth_ros.images.calibration import read_calibration
from fourier_depth_ros.images.encodings import is_cut_jpeg
from fourier_depth_ros.images.picture import Picture, PictureSource

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm")
BAG_SUFFIXES = (".mcap", ".db3")
FOLDER_CALIBRATION = "camera_info.yaml"

logger = logging.getLogger(__name__)


def open_source(path: Path | str) -> PictureSource:
    """The pictures of a picture, a folder of pictures, a video file or a rosbag2, told by ``path``.

    A folder with metadata.yaml, a .mcap and a .db3 file are rosbag2; other folders are read for
    pictures, sorted by name, not descending. Calibration: STEM.yaml beside a picture or a video,
    else camera_info.yaml there; a bag's CameraInfo.

    Convention: pictures are turned upright by their EXIF tag before anything else; a calibration is
    of the upright picture.

    Raises:
        FileNotFoundError: nothing is at ``path``.
        ValueError: an empty folder, or a file that is neither picture, nor video, nor bag.
        ImportError: a bag, and rosbags is not installed.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist; give a picture, a folder of pictures, a video or a rosbag2"
        )
    if (path / "metadata.yaml").is_file() or path.suffix.lower() in BAG_SUFFIXES:
        return BagSource(path)
    if path.is_dir():
        return _Pictures(path, sorted(filter(_is_picture, path.iterdir())))
    return _Pictures(path, [path]) if _is_picture(path) else _Video(path)


def _is_picture(path: Path) -> bool:
    # macOS leaves "._NAME.jpg" beside "NAME.jpg" on foreign disks
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")


class _Pictures(PictureSource):
    """Picture files; a name is the file's stem, or its full name where stems collide."""

    def __init__(self, path: Path, files: list[Path]) -> None:
        super().__init__(path)
        if not files:
            raise ValueError(
                f"{path} holds no picture; expected files ending in {' '.join(PICTURE_SUFFIXES)}, "
                f"or a rosbag2's metadata.yaml (made by 'ros2 bag reindex' where it is missing)"
            )
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    def _read(self) -> Iterator[Picture]:
        stems = Counter(file.stem for file in self._files)
        for file in self._files:
            try:
                rgb = _read_picture(file)
            except (ValueError, OSError, cv2.error) as error:
                self._skip(file.name, error)
                continue
            name = file.stem if stems[file.stem] == 1 else file.name.replace(".", "_")
            yield Picture(rgb, _calibration_beside(file, *rgb.shape[:2]), name, None)


def _read_picture(file: Path) -> UInt8[np.ndarray, "height width 3"]:
    data = file.read_bytes()
    if is_cut_jpeg(data):
        raise ValueError("a truncated JPEG")
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if bgr is None:
        raise ValueError("not a picture that OpenCV can decode")
    return _rgb(bgr)


class _Video(PictureSource):
    """A video file. Its length is not known: containers only estimate their number of pictures."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._open().release()

    def _open(self) -> cv2.VideoCapture:
        capture = cv2.VideoCapture(str(self.path))
        if not capture.isOpened():
            raise ValueError(
                f"{self.path} cannot be opened; expected a video that OpenCV reads (such as .mp4 "
                f"or .avi), a picture ({' '.join(PICTURE_SUFFIXES)}), a folder of pictures "
                f"or a rosbag2 ({' '.join(BAG_SUFFIXES)})"
            )
        return capture

    def _read(self) -> Iterator[Picture]:
        capture = self._open()
        try:
            index, intrinsics = 0, None
            while True:
                good, bgr = capture.read()
                if not good:
                    return
                if index == 0:
                    intrinsics = _calibration_beside(self.path, *bgr.shape[:2])
                stamp_ns = round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
                yield Picture(_rgb(bgr), intrinsics, f"{self.path.stem}_{index:06d}", stamp_ns)
                index += 1
        finally:
            capture.release()


def _rgb(bgr: UInt8[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "height width 3"]:
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _calibration_beside(file: Path, height: int, width: int) -> Intrinsics | None:
    for calibration in (file.with_suffix(".yaml"), file.parent / FOLDER_CALIBRATION):
        if calibration.is_file():
            try:
                return fit_intrinsics(read_calibration(calibration), width, height)
            except ValueError as error:
                raise ValueError(f"{file} with {calibration.name}: {error}") from error
    return None
