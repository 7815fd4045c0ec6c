"""Where pictures come from: a picture, a folder, a video or a rosbag2, with their calibration."""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml
from jaxtyping import UInt8

from fourier_depth_ros.core.geometry import Intrinsics, fit_intrinsics

PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".ppm")
BAG_SUFFIXES = (".mcap", ".db3")
FOLDER_CALIBRATION = "camera_info.yaml"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture, and what is known of it.

    Attributes:
        rgb: (H, W, 3) uint8.
        intrinsics: of exactly this picture's size; None where nobody calibrated the camera.
        name: unique in its source and fit for a file name, without a suffix.
        stamp_ns: a bag's stamp, a video's time since its start, None for a picture [ns].
    """

    rgb: UInt8[np.ndarray, "height width 3"]
    intrinsics: Intrinsics | None
    name: str
    stamp_ns: int | None


class FrameSource(ABC):
    """Frames in order, read one at a time; each ``iter`` starts anew and closes what it opened.

    Unreadable pictures are skipped: the first with a warning, each counted in ``skipped`` (of the
    latest pass). ``len``, where a source has it, counts them too: they show only on reading.

    Raises:
        ValueError: while iterating, when not a single picture could be read, or when a calibration
            file is malformed or made for another shape of picture.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.skipped = 0
        self._warned = False

    def __iter__(self) -> Iterator[Frame]:
        self.skipped = 0
        empty = True
        for frame in self._read():
            empty = False
            yield frame
        if empty:
            raise ValueError(
                f"{self.path}: no picture could be read ({self.skipped} unreadable), is it whole?"
            )

    @abstractmethod
    def _read(self) -> Iterator[Frame]:
        """One pass; calls ``_skip`` for what cannot be read."""

    def _skip(self, name: str, reason: object) -> None:
        self.skipped += 1
        if not self._warned:
            logger.warning("%s: skipped %s (%s); further ones are counted", self.path, name, reason)
        self._warned = True


def open_source(path: Path | str) -> FrameSource:
    """The frames of a picture, a folder of pictures, a video file or a rosbag2, told by ``path``.

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
        from fourier_depth_ros.tools.bag import BagSource  # it builds on Frame, hence not above

        return BagSource(path)
    if path.is_dir():
        return _Pictures(path, sorted(filter(_is_picture, path.iterdir())))
    return _Pictures(path, [path]) if _is_picture(path) else _Video(path)


def _is_picture(path: Path) -> bool:
    # macOS leaves "._NAME.jpg" beside "NAME.jpg" on foreign disks
    return path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".")


class _Pictures(FrameSource):
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

    def _read(self) -> Iterator[Frame]:
        stems = Counter(file.stem for file in self._files)
        for file in self._files:
            try:
                rgb = _read_picture(file)
            except (ValueError, OSError, cv2.error) as error:
                self._skip(file.name, error)
                continue
            name = file.stem if stems[file.stem] == 1 else file.name.replace(".", "_")
            yield Frame(rgb, _calibration_beside(file, *rgb.shape[:2]), name, None)


def _read_picture(file: Path) -> UInt8[np.ndarray, "height width 3"]:
    data = file.read_bytes()
    # OpenCV fills up a truncated JPEG with grey: whole, an end marker follows the last scan's start
    if data.startswith(b"\xff\xd8") and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise ValueError("a truncated JPEG")
    bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if bgr is None:
        raise ValueError("not a picture that OpenCV can decode")
    return _rgb(bgr)


class _Video(FrameSource):
    """A video file. Its length is not known: containers only estimate their number of frames."""

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

    def _read(self) -> Iterator[Frame]:
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
                yield Frame(_rgb(bgr), intrinsics, f"{self.path.stem}_{index:06d}", stamp_ns)
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

    Convention: as in a CameraInfo, ``projection_matrix`` (P, of the rectified picture) counts where
    its first entry is positive, else ``camera_matrix`` (K, of the picture as it is).

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
            fx, _, cx, _, _, fy, cy, *_ = _matrix(values, "projection_matrix", 12)
            if fx > 0:
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
