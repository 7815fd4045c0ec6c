"""``fourier-depth predict``: depth of pictures on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fourier_depth_ros.cli.device import Device
from fourier_depth_ros.config import PRESETS, CombinationName, CombinationSettings, CropsName

if TYPE_CHECKING:
    from torch import Tensor

    from fourier_depth_ros.core.estimator import DepthEstimator
    from fourier_depth_ros.core.geometry import Intrinsics
    from fourier_depth_ros.images.picture import Picture, PictureSource


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
    combination: CombinationName = "hierarchical",
    fx: float | None = None,
    device: Device = "auto",
    max_depth: float = 10.0,
    json: bool = False,
) -> int:
    """Metric depth of pictures: STEM.npy, STEM_mm.png and STEM_color.png for each.

    STEM.npy is float32 in metres, NaN where invalid; STEM_mm.png is 16 bit in millimetres, 0 where
    invalid; STEM_color.png is for eyes, near red, far blue. A ROS calibration file STEM.yaml or
    camera_info.yaml beside a picture gives its focal length. A picture that cannot be read is named
    at the end, and the exit code is 1; the others are done.

    Args:
        images: pictures, or folders of pictures.
        out: folder for the results.
        checkpoint: path or name of a checkpoint; auto: as the node, and says which and why.
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
    import math
    import sys

    from fourier_depth_ros.cli.outputs import prepare_folder
    from fourier_depth_ros.images.sources import open_source
    from fourier_depth_ros.resources import find_checkpoint

    if fx is not None and not fx > 0:
        raise ValueError(f"fx is {fx:g}, expected a positive number of pixels")
    if not 0 < max_depth < math.inf:
        raise ValueError(f"max-depth is {max_depth:g}, expected a positive number of metres")
    if not images:
        raise ValueError("no pictures given; give files or folders")
    given = _given(crops, preset, crop_ratios, use_flips, combination)
    sources = [open_source(path) for path in images]
    if checkpoint != "auto":
        find_checkpoint(checkpoint, cuda=False)
    prepare_folder("out", out)

    import torch

    from fourier_depth_ros.core.estimator import limit_depth
    from fourier_depth_ros.data.progress import track
    from fourier_depth_ros.images.writing import write_depth
    from fourier_depth_ros.runtime import choose_checkpoint, open_estimator

    path, why = choose_checkpoint(checkpoint, device)
    if why:
        print(f"fourier-depth: {why}", file=sys.stderr)
    estimator = open_estimator(path, device=device)
    estimator.set_combination(given or _of_preset(estimator, crops, preset, combination))
    chosen = estimator.combination
    written: Counter[str] = Counter()
    failed: list[str] = []
    for picture in track(_readable(sources, failed), "predicted", _total(sources)):
        intrinsics = _intrinsics(picture, fx)
        image = torch.from_numpy(picture.rgb).permute(2, 0, 1)
        try:
            prediction = estimator.predict(image, intrinsics)
        except ValueError as error:  # too small
            failed.append(f"{picture.name} ({error})")
            continue
        depth = limit_depth(prediction.depth, 0.0, max_depth, "nan")
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
    if failed:
        total = written.total() + len(failed)
        print(
            f"fourier-depth: error: {len(failed)} of {total} pictures failed: {'; '.join(failed)}",
            file=sys.stderr,
        )
    return 1 if failed else 0


def _given(
    crops: CropsName,
    preset: str,
    crop_ratios: tuple[float, ...],
    use_flips: bool,
    combination: CombinationName,
) -> CombinationSettings | None:
    """The combination that the flags spell out; None: a preset's, which the checkpoint knows."""
    if preset and preset not in PRESETS:
        raise ValueError(f"preset: {preset!r} is none of {', '.join(PRESETS)}")
    if preset and crop_ratios:
        raise ValueError("preset and crop-ratios contradict each other: give one of them")
    if not crop_ratios:
        return None
    return CombinationSettings(
        crops=crops, crop_ratios=crop_ratios, use_flips=use_flips, combination=combination
    )


def _of_preset(
    estimator: DepthEstimator, crops: CropsName, preset: str, combination: CombinationName
) -> CombinationSettings:
    settings = CombinationSettings(crops=crops, combination=combination)
    return estimator.config.with_preset(settings, preset or estimator.default_preset)


def _readable(sources: Sequence[PictureSource], failed: list[str]) -> Iterator[Picture]:
    """The pictures of all sources; what cannot be read goes into ``failed``, by name and reason."""
    from fourier_depth_ros.images.picture import NoPictureError

    for source in sources:
        try:
            yield from source
        except NoPictureError as error:
            if not source.unreadable:
                failed.append(str(error))
        except (ValueError, OSError) as error:  # a calibration that cannot be its picture's
            failed.append(str(error))
        failed += source.unreadable


def _total(sources: Sequence[PictureSource]) -> int | None:
    """How many pictures there are; None where a video is among them."""
    from collections.abc import Sized

    counts = [len(source) if isinstance(source, Sized) else None for source in sources]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


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
