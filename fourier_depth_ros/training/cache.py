"""RGB-D pairs decoded and shrunk once, then memory-mapped: training reads them in microseconds."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch

from fourier_depth_ros.data.opening import open_rgbd
from fourier_depth_ros.data.progress import track
from fourier_depth_ros.data.sample import RgbdSample
from fourier_depth_ros.data.truth import resize_depth
from fourier_depth_ros.files import whole_folder
from fourier_depth_ros.training.config import DataConfig

VERSION = 1

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Pair:
    """One picture with true depth, as training sees it.

    rgb: (height, width, 3) uint8. depth: (height, width), Z [m], NaN invalid.
    focal: phi = fx / width of the picture.
    """

    name: str
    group: str
    rgb: np.ndarray
    depth: np.ndarray
    focal: float


class PairCache(Sequence[Pair]):
    """The pairs in a cache folder: rgb.npy (uint8), depth.npy (float16) and meta.json."""

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
        self.skipped: int = meta["skipped"]
        self._names: list[str] = meta["names"]
        self._groups: list[str] = meta["groups"]
        self._focals: list[float] = meta["focals"]
        self._rgb = np.load(folder / "rgb.npy", mmap_mode="r")
        self._depth = np.load(folder / "depth.npy", mmap_mode="r")

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: int) -> Pair:  # type: ignore[override]  # no slices
        if not 0 <= index < len(self):
            raise IndexError(index)
        return Pair(
            self._names[index],
            self._groups[index],
            self._rgb[index],
            self._depth[index],
            self._focals[index],
        )


def cached_pairs(source: DataConfig, root: Path, short_side: int) -> PairCache:
    """The pairs of ``source``, out of a folder in ``root`` that is made on the first call.

    Pictures shrink to ``short_side`` [px] (none is enlarged) with the aspect of the first one, and
    depth with them, averaged over valid pixels. The folder's name depends on the path, the options
    and the files' number, sizes and dates: changed data makes a new cache. One that was cut off
    is made again.

    Raises:
        ValueError: not a single pair could be read. FileNotFoundError, ImportError: as open_rgbd.
    """
    folder = root / _key(source, short_side)
    if not (folder / "meta.json").is_file():
        _build(source, folder, short_side)
    pairs = PairCache(folder)
    if pairs.skipped:
        logger.warning("%s: %d unreadable pairs are left out", source.path, pairs.skipped)
    return pairs


def _key(source: DataConfig, short_side: int) -> str:
    path = source.path.resolve()
    files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
    stats = [f.stat() for f in files if f.exists()]
    options = asdict(replace(source, path=path))
    del options["weight"]  # of the training, not of the pictures
    content = [
        VERSION,
        {name: str(value) for name, value in options.items()},
        short_side,
        len(stats),
        sum(s.st_size for s in stats),
        max((s.st_mtime_ns for s in stats), default=0),
    ]
    return f"{path.stem}-{hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]}"


def _build(source: DataConfig, folder: Path, short_side: int) -> None:
    path = source.path
    dataset = open_rgbd(path, source, truth=source.truth)
    with whole_folder(folder) as partial:
        meta: dict[str, list[str | float]] = {"names": [], "groups": [], "focals": []}
        rgb = depth = None
        for sample in track(dataset, f"decoding {path}", len(dataset)):
            if rgb is None or depth is None:
                height, width = sample.depth.shape
                size = _shrunk(height, width, short_side)
                rgb = np.lib.format.open_memmap(
                    partial / "rgb.npy", "w+", np.uint8, (len(dataset), *size, 3)
                )
                depth = np.lib.format.open_memmap(
                    partial / "depth.npy", "w+", np.float16, (len(dataset), *size)
                )
            place = len(meta["names"])
            rgb[place], depth[place] = _resized(sample, size)
            meta["names"].append(sample.name)
            meta["groups"].append(sample.group)
            meta["focals"].append(sample.intrinsics.fx / sample.intrinsics.width)
        if rgb is None or depth is None:
            raise ValueError(f"{path}: not a single RGB-D pair could be read ({dataset.skipped})")
        rgb.flush()
        depth.flush()
        (partial / "meta.json").write_text(json.dumps({**meta, "skipped": dataset.skipped}))


def _shrunk(height: int, width: int, short_side: int) -> tuple[int, int]:
    scale = min(1.0, short_side / min(height, width))
    return round(height * scale), round(width * scale)


def _resized(sample: RgbdSample, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Picture and depth at ``size`` (rows, columns), both antialiased."""
    depth = torch.from_numpy(np.require(sample.depth, np.float32, ("C", "W")))
    if depth.shape == size:
        return sample.rgb, depth.where(torch.isfinite(depth) & (depth > 0), torch.nan).numpy()
    rgb = cv2.resize(sample.rgb, size[::-1], interpolation=cv2.INTER_AREA)
    return rgb, resize_depth(depth, size).numpy()
