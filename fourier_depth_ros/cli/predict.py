"""``fourier-depth predict``: depth of pictures on disk."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from fourier_depth_ros.config import CropsName

if TYPE_CHECKING:
    from torch import Tensor

    from fourier_depth_ros.config import CombinationSettings
    from fourier_depth_ros.core.estimator import DepthEstimator
    from fourier_depth_ros.core.geometry import Intrinsics
    from fourier_depth_ros.images.picture import Picture


def predict(
    images: tuple[Path, ...],
    /,
    *,
    out: Path,
    checkpoint: str = "auto",
    crops: CropsName = "corners",
    preset: str = "",
    crop_ratios: tuple[float, ...] = (),
    use_flips: bool = False,
    combination: str = "hierarchical",
    fx: float | None = None,
    device: str = "auto",
    max_depth: float = 10.0,
    json: bool = False,
) -> None:
    """Metric depth of pictures: STEM.npy, STEM_mm.png and STEM_color.png for each.

    STEM.npy is float32 in metres, NaN where invalid; STEM_mm.png is 16 bit in millimetres, 0 where
    invalid; STEM_color.png is for eyes, near red, far blue. A ROS calibration file STEM.yaml or
    camera_info.yaml beside a picture gives its focal length.

    Args:
        images: pictures, or folders of pictures.
        out: folder for the results.
        checkpoint: path or name of a checkpoint.
        crops: corners, or shared, which is faster and has presets of its own.
        preset: fast, balanced, accurate or paper; empty: fast on a CPU, accurate on CUDA.
        crop_ratios: crop ratios in place of a preset, such as 1.0 0.8.
        use_flips: with --crop-ratios, also run each crop mirrored.
        combination: hierarchical, paper or mean.
        fx: focal length of the pictures [px], where no calibration file says it.
        device: auto, cpu, cuda or cuda:N.
        max_depth: depth beyond it is invalid [m].
        json: print one line of JSON a picture.
    """
    import json as json_module
    import sys

    import torch
    import tqdm

    from fourier_depth_ros.core.estimator import limit_depth
    from fourier_depth_ros.images.sources import open_source
    from fourier_depth_ros.images.writing import write_depth
    from fourier_depth_ros.resources import find_checkpoint
    from fourier_depth_ros.runtime import open_estimator

    if fx is not None and not fx > 0:
        raise ValueError(f"fx is {fx:g}, expected a positive number of pixels")
    if not images:
        raise ValueError("no pictures given; give files or folders")
    sources = [open_source(path) for path in images]
    path, why = find_checkpoint(checkpoint, torch.cuda.is_available() and device != "cpu")
    if why:
        print(f"fourier-depth: {why}", file=sys.stderr)
    estimator = open_estimator(path, device=device)
    wanted = _choose(estimator, crops, preset, crop_ratios, use_flips, combination)
    estimator.set_combination(wanted)
    chosen = estimator.combination
    out.mkdir(parents=True, exist_ok=True)
    written: Counter[str] = Counter()
    pictures = (picture for source in sources for picture in source)
    for picture in tqdm.tqdm(pictures, unit="picture", disable=None):
        intrinsics = _intrinsics(picture, fx)
        image = torch.from_numpy(picture.rgb).permute(2, 0, 1)
        depth = limit_depth(estimator.predict(image, intrinsics).depth, 0.0, max_depth, "nan")
        written[picture.name] += 1  # two folders may hold the same name
        count = written[picture.name]
        stem = picture.name if count == 1 else f"{picture.name}_{count}"
        files = write_depth(out, stem, depth.cpu().numpy(), max_depth)
        if json:
            summary = {
                "name": stem,
                "files": [str(file) for file in files],
                "fx": intrinsics.fx if intrinsics else None,
                **chosen.model_dump(mode="json"),
                "median_depth_m": _median(depth),
            }
            print(json_module.dumps(summary), flush=True)


def _choose(
    estimator: DepthEstimator,
    crops: CropsName,
    preset: str,
    crop_ratios: tuple[float, ...],
    use_flips: bool,
    combination: str,
) -> CombinationSettings:
    from fourier_depth_ros.config import CombinationSettings

    presets = estimator.config.presets_of(crops)
    if preset and crop_ratios:
        raise ValueError("preset and crop-ratios contradict each other: give one of them")
    if preset and preset not in presets:
        raise ValueError(f"preset: {preset!r} is none of {', '.join(presets)}")
    if not crop_ratios:
        chosen = presets[preset or estimator.default_preset]
        crop_ratios, use_flips = chosen.crop_ratios, chosen.use_flips
    return CombinationSettings.model_validate(
        {
            "crops": crops,
            "crop_ratios": crop_ratios,
            "use_flips": use_flips,
            "combination": combination,
        }
    )


def _intrinsics(picture: Picture, fx: float | None) -> Intrinsics | None:
    """The picture's own intrinsics, else those that --fx means."""
    from fourier_depth_ros.core.geometry import Intrinsics

    if picture.intrinsics is not None or fx is None:
        return picture.intrinsics
    height, width = picture.rgb.shape[:2]
    return Intrinsics(fx, fx, (width - 1) / 2, (height - 1) / 2, width, height)


def _median(depth: Tensor) -> float | None:
    """The median of a map's valid depths [m]; None where there are none, for JSON has no NaN."""
    valid = depth[depth.isfinite()]
    return float(valid.median()) if len(valid) else None
