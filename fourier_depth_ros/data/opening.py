"""RGB-D data told by its path: a folder of pairs, a rosbag2, or NYU Depth v2."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from fourier_depth_ros.config import Settings
from fourier_depth_ros.data.bag import BagDepth
from fourier_depth_ros.data.folder import FolderDepth
from fourier_depth_ros.data.nyu import FILE, NyuDepth
from fourier_depth_ros.data.sample import RgbdDataset
from fourier_depth_ros.images.sources import BAG_SUFFIXES


class RgbdOptions(Settings):
    """What a path does not tell; each kind of data looks at its own."""

    depth_unit: float = Field(0.001, gt=0, description="folder: metres that a depth of 1 means")
    truth: bool = Field(True, description="folder: False: photographs in rgb/, without depth")
    split: Literal["train", "test", "all"] = Field("train", description="NYUv2: which part")
    splits: Path | None = Field(None, description="NYUv2: splits.mat; None: beside the data")
    topic: str | None = Field(None, description="bag: colour topic; None: the first")
    depth_topic: str | None = Field(None, description="bag: depth topic; None: the registered one")
    tolerance: float = Field(0.02, ge=0, description="bag: time between picture and depth [s]")


def open_rgbd(path: Path | str, options: RgbdOptions | None = None) -> RgbdDataset:
    """The RGB-D samples at ``path``.

    A folder with rgb/ and depth/ is FolderDepth; one with metadata.yaml, a .mcap and a .db3 file
    are a rosbag2; a .mat file, or a folder with nyu_depth_v2_labeled.mat, is NYU Depth v2.

    Raises:
        FileNotFoundError: nothing is there, or one of NYUv2's files is missing.
        ValueError: something else is there, or a broken file.
        ImportError: the package that reads it is not installed.
    """
    path, options = Path(path), options or RgbdOptions()
    if path.suffix == ".mat" or (path / FILE).is_file():
        file = path if path.suffix == ".mat" else path / FILE
        return NyuDepth(file, options.split, options.splits)
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist; expected {_LAYOUTS}")
    if (path / "metadata.yaml").is_file() or path.suffix.lower() in BAG_SUFFIXES:
        return BagDepth(path, options.topic, options.depth_topic, options.tolerance)
    if (path / "rgb").is_dir() or (path / "depth").is_dir():
        return FolderDepth(path, options.depth_unit, truth=options.truth)
    raise ValueError(f"{path} is no RGB-D data; expected {_LAYOUTS}")


_LAYOUTS = (
    f"a folder with rgb/NAME.jpg and depth/NAME.png, a rosbag2 (its folder, .mcap or .db3), or "
    f"NYUv2's {FILE}"
)
