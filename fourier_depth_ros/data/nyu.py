"""NYU Depth v2, the labelled part: nyu_depth_v2_labeled.mat, with the official split."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.data.sample import RgbdSample

FILE = "nyu_depth_v2_labeled.mat"
SPLITS_FILE = "splits.mat"
SPLIT_SIZES = {"train": 795, "test": 654}
#: The colour camera, as the data set's toolbox has it; depth is registered to it.
INTRINSICS = Intrinsics(fx=518.8579, fy=519.4696, cx=325.5824, cy=253.7362, width=640, height=480)
#: Rows and columns inside the white frame: 427 x 561 (Lee et al. 2018 evaluate there).
CROP_ROWS, CROP_COLUMNS = slice(44, 471), slice(40, 601)

_WHERE = (
    f"get {FILE} (2.8 GB) from http://horatio.cs.nyu.edu/mit/silberman/nyu_depth_v2/{FILE} and "
    f"{SPLITS_FILE} from http://horatio.cs.nyu.edu/mit/silberman/indoor_seg_sup/{SPLITS_FILE} "
    f"(see https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html), into one folder"
)

logger = logging.getLogger(__name__)


class NyuDepth:
    """The labelled pairs of NYU Depth v2: 795 to train, 654 to test. The group is the scene.

    ``crop``: the 427 x 561 pixels inside the white frame, with the principal point shifted; else
    all 480 x 640. ``splits``: path of splits.mat; None: beside ``path``; not needed for "all".
    Names are nyu_NNNN, with MATLAB's number, which counts from 1.

    Convention: depth is the file's ``depths`` [m], whose holes the data set's authors filled in;
    MATLAB 7.3 stores arrays transposed, so a picture is (3, 640, 480) there.

    Raises:
        FileNotFoundError: a file is missing; says where to get both.
        ValueError: not that file, or arrays of other shapes.
        ImportError: h5py or scipy is not installed.
    """

    def __init__(
        self,
        path: Path | str,
        split: Literal["train", "test", "all"] = "train",
        splits: Path | str | None = None,
        crop: bool = True,
    ) -> None:
        self.path = Path(path)
        self.skipped = 0
        self._crop = crop
        with _open(self.path) as file:
            self._scenes = _read_scenes(self.path, file)
        count = len(self._scenes)
        if split == "all":
            self._indices = list(range(count))
        else:
            self._indices = _read_split(Path(splits or self.path.with_name(SPLITS_FILE)), split)
            if max(self._indices) >= count:
                raise ValueError(
                    f"{self.path} holds {count} pictures, and the {split} split names number "
                    f"{max(self._indices) + 1}; {_WHERE}"
                )

    def __len__(self) -> int:
        return len(self._indices)

    def __iter__(self) -> Iterator[RgbdSample]:
        self.skipped = 0
        with _open(self.path) as file:
            for index in self._indices:
                try:
                    rgb = np.ascontiguousarray(file["images"][index].transpose(2, 1, 0))
                    depth = np.ascontiguousarray(file["depths"][index].T, np.float32)
                except OSError as error:  # HDF5's checksums and compressed blocks
                    self._skip(index, error)
                    continue
                yield self._sample(index, rgb, depth)

    def _sample(self, index: int, rgb: np.ndarray, depth: np.ndarray) -> RgbdSample:
        depth = np.where(np.isfinite(depth) & (depth > 0), depth, np.float32(np.nan))
        camera = INTRINSICS
        if self._crop:
            rgb = np.ascontiguousarray(rgb[CROP_ROWS, CROP_COLUMNS])
            depth = np.ascontiguousarray(depth[CROP_ROWS, CROP_COLUMNS])
            top, left = CROP_ROWS.start, CROP_COLUMNS.start
            height, width = depth.shape
            camera = Intrinsics(
                camera.fx, camera.fy, camera.cx - left, camera.cy - top, width, height
            )
        return RgbdSample(f"nyu_{index + 1:04d}", self._scenes[index], rgb, depth, camera)

    def _skip(self, index: int, reason: object) -> None:
        if not self.skipped:
            logger.warning(
                "%s: skipped number %d (%s); further ones are counted", self.path, index + 1, reason
            )
        self.skipped += 1


def _open(path: Path) -> Any:
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; {_WHERE}")
    try:
        import h5py
    except ImportError as error:
        raise ImportError(f"reading {path} takes the package h5py: pip install h5py") from error
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise ValueError(
            f"{path} is not a MATLAB 7.3 (HDF5) file, or not a whole one ({error}); {_WHERE}"
        ) from error


def _read_scenes(path: Path, file: Any) -> list[str]:
    """The scene of each picture, after checking the shapes of all arrays."""
    found = {name: file[name].shape for name in ("images", "depths", "scenes") if name in file}
    count = found.get("images", (0,))[0]
    height, width = INTRINSICS.height, INTRINSICS.width
    expected = {
        "images": (count, 3, width, height),
        "depths": (count, width, height),
        "scenes": (1, count),
    }
    if found != expected:
        raise ValueError(
            f"{path} holds arrays {found}, expected images (1449, 3, 640, 480), depths (1449, 640, "
            f"480) and scenes (1, 1449); {_WHERE}"
        )
    return ["".join(map(chr, file[reference][()].ravel())) for reference in file["scenes"][0]]


def _read_split(path: Path, split: str) -> list[int]:
    """Indices from 0 of a split, sorted."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; {_WHERE}")
    try:
        from scipy.io import loadmat
    except ImportError as error:
        raise ImportError(f"reading {path} takes the package scipy: pip install scipy") from error
    try:
        numbers = loadmat(path)[f"{split}Ndxs"].ravel()
    except Exception as error:  # scipy lets through whatever the damage leads to
        raise ValueError(f"{path} holds no {split}Ndxs ({error}); {_WHERE}") from error
    if len(numbers) != SPLIT_SIZES[split]:
        logger.warning(
            "%s: the %s split has %d pictures, the official one %d",
            path,
            split,
            len(numbers),
            SPLIT_SIZES[split],
        )
    return sorted(int(number) - 1 for number in numbers)
