"""RGB-D data told by its path: a folder of pairs, a rosbag2, or NYU Depth v2."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fourier_depth_ros.data.bag import BagDepth
from fourier_depth_ros.data.folder import FolderDepth
from fourier_depth_ros.data.nyu import FILE, NyuDepth
from fourier_depth_ros.data.options import RgbdOptions, check_options
from fourier_depth_ros.data.sample import RgbdDataset
from fourier_depth_ros.images.sources import BAG_SUFFIXES


def open_rgbd(
    path: Path | str, options: RgbdOptions | None = None, *, truth: bool = True
) -> RgbdDataset:
    """The RGB-D samples at ``path``; ``truth`` False: a folder of photographs, without depth/.

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
        return FolderDepth(path, options.depth_unit, truth=truth)
    raise ValueError(f"{path} is no RGB-D data; expected {_LAYOUTS}")


def open_all(paths: Sequence[Path], options: RgbdOptions) -> list[RgbdDataset]:
    """The data sets at ``paths``.

    Raises:
        ValueError: no paths, or an option is out of range.
        FileNotFoundError, ValueError, ImportError: as open_rgbd.
    """
    check_options(options)
    if not paths:
        raise ValueError("no data given; give --data PATH, a folder of pairs, a bag or NYUv2")
    return [open_rgbd(path, options) for path in paths]


_LAYOUTS = (
    f"a folder with rgb/NAME.jpg and depth/NAME.png, a rosbag2 (its folder, .mcap or .db3), or "
    f"NYUv2's {FILE}"
)
