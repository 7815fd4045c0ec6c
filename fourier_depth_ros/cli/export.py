"""``fourier-depth export``: a checkpoint's network for other runtimes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from fourier_depth_ros.config import CheckpointConfig
    from fourier_depth_ros.images.picture import PictureSource

#: For int8: more pictures tell more than more crops of one.
CROPS_OF_A_PICTURE = 6


def export(
    checkpoint: str, out: Path, /, *, calibration: tuple[Path, ...] = (), crops: int = 300
) -> None:
    """Write a checkpoint's network as ONNX (OUT.onnx), or in int8 for OpenVINO (OUT.int8.xml).

    ONNX: input `crops` (n, 3, side, side) uint8 RGB, output `maps` (n, rows, columns) float32
    in the checkpoint's output space; its configuration is in the metadata `fourier_depth`. The file
    is checked against torch. int8: NAME.int8.xml beside NAME.safetensors is what `precision: int8`
    loads.

    Args:
        checkpoint: path or name of a checkpoint.
        out: the file to write; its ending says which.
        calibration: for int8, pictures or folders of pictures like those that the camera will give.
        crops: for int8, how many crops of them to calibrate on.
    """
    from fourier_depth_ros.cli.outputs import prepare_file
    from fourier_depth_ros.images.sources import open_source
    from fourier_depth_ros.resources import find_checkpoint

    int8 = out.name.endswith(".int8.xml")
    if not int8 and out.suffix != ".onnx":
        raise ValueError(f"{out} ends neither in .onnx nor in .int8.xml")
    if int8 and not calibration:
        raise ValueError("int8 is calibrated on pictures: give --calibration PICTURES")
    if crops < 1:
        raise ValueError(f"crops is {crops}, expected 1 or more")
    path, _ = find_checkpoint(checkpoint, cuda=False)
    sources = [open_source(pictures) for pictures in calibration]
    prepare_file("out", out)

    from fourier_depth_ros.core.networks import fold
    from fourier_depth_ros.runtime import read_checkpoint
    from fourier_depth_ros.runtime.exporting import check_onnx, export_onnx

    loaded = read_checkpoint(path)
    own = loaded.own_network
    if int8:
        from fourier_depth_ros.runtime.openvino import quantize

        chosen = _crops(sources, loaded.config, crops)
        quantize(own, chosen, out)
        print(f"{out}: {path.name} in int8, calibrated on {len(chosen)} crops")
        return
    network = fold(own)
    export_onnx(network, out, {"fourier_depth": loaded.config.model_dump_json()})
    difference = check_onnx(network, out)
    print(
        f"{out}: {path.name}; differs from torch by at most {difference:.1e} of the largest value"
    )


def _crops(sources: Sequence[PictureSource], config: CheckpointConfig, count: int) -> list[Tensor]:
    """Crops of all sizes, a few of each picture; each of shape (1, 3, side, side)."""
    from itertools import chain

    import torch

    from fourier_depth_ros.config import PAPER_RATIOS
    from fourier_depth_ros.core.crops import extract_crops

    generator = torch.Generator().manual_seed(0)
    chosen: list[Tensor] = []
    for picture in chain.from_iterable(sources):
        rgb = torch.from_numpy(picture.rgb).permute(2, 0, 1)
        crops = extract_crops(rgb, PAPER_RATIOS, config.network.input_size, flips=False)
        order = torch.randperm(len(crops), generator=generator)
        chosen += torch.split(crops[order[:CROPS_OF_A_PICTURE]], 1)
        if len(chosen) >= count:
            break
    return chosen[:count]
