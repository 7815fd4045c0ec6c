"""One picture's way through the method, for docs/method.md: crops, answers, candidates, weights.

    python experiments/method_picture.py CHECKPOINT FOLDER NAME OUT.jpg

FOLDER is RGB-D data, NAME one of its pictures. Everything is drawn from what the package's own
functions return. Depth has the colours of one range; it begins at 0.6 times the nearest truth, for
the answers for a crop are r times the depth. Prints the errors.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.patches import Circle, Rectangle
from torch import Tensor

from fourier_depth_ros.config import CombinationSettings
from fourier_depth_ros.core.checkpoint import load_checkpoint
from fourier_depth_ros.core.crops import (
    GRID,
    CropMerger,
    crop_boxes,
    extract_crops,
    merge_crops,
)
from fourier_depth_ros.core.fourier import RADIUS, FourierCombiner
from fourier_depth_ros.core.geometry import focal_factor
from fourier_depth_ros.core.network import FoldedNetwork
from fourier_depth_ros.core.space import to_depth
from fourier_depth_ros.data.opening import open_rgbd
from fourier_depth_ros.evaluation.metrics import abs_rel
from fourier_depth_ros.images.encodings import colorize_depth

SHOWN = 0.6  # the ratio whose crops are shown
BOXES = {1.0: "white", 0.8: "yellow", SHOWN: "red"}
#: Of a spectrum of the 72 x 96 grid, zero frequency in the middle [cycles per picture].
EXTENT = (-GRID[1] / 2, GRID[1] / 2, GRID[0] / 2, -GRID[0] / 2)


@torch.inference_mode()
def main(checkpoint_path: str, folder: str, name: str, out: str) -> None:
    """Run the method step by step and draw what each step gives."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    sample = next(s for s in open_rgbd(Path(folder)) if s.name == name)
    checkpoint = load_checkpoint(checkpoint_path)
    config = checkpoint.config
    settings = CombinationSettings()  # the paper's nine ratios, plain and mirrored
    ratios = settings.crop_ratios
    size = sample.rgb.shape[:2]

    image = torch.from_numpy(sample.rgb).permute(2, 0, 1)
    crops = extract_crops(image, ratios, config.network.input_size, flips=True)
    answers = to_depth(FoldedNetwork(checkpoint.network)(crops), config.space)
    merger = CropMerger.build(size, ratios, config.network.map_size)
    candidates = merge_crops(answers, merger, flips=True)
    combiner = checkpoint.fit_of("corners").combiner(settings)
    metres = focal_factor(sample.intrinsics, config.space.canonical_focal)
    depth = combiner(candidates) * metres
    candidates = candidates * metres

    place = ratios.index(SHOWN)
    first = len(crop_boxes(size, ratios[:place]))  # crops of larger ratios come before
    inputs = crops[first : first + 4].permute(0, 2, 3, 1).numpy()
    maps = (answers[first : first + 4] * metres).numpy()
    near, far = np.nanpercentile(sample.depth, (1, 99))

    figure, axes = plt.subplots(2, 5, figsize=(16, 5.6))
    figure.subplots_adjust(0.005, 0.01, 0.995, 0.92, 0.03, 0.18)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])

    def show(axis: Axes, depth: np.ndarray, title: str) -> None:
        axis.imshow(colorize_depth(depth, float(near) * SHOWN, float(far)), aspect="auto")
        axis.set_title(title, fontsize=10)

    def error(depth: Tensor) -> str:
        whole = F.interpolate(depth[None, None], size, mode="bilinear", align_corners=False)
        return f"AbsRel {abs_rel(whole[0, 0], torch.from_numpy(sample.depth)):.3f}"

    show_boxes(axes[0, 0], sample.rgb)
    axes[0, 1].imshow(tiled(inputs, 4), aspect="auto")
    axes[0, 1].set_title(f"r = {SHOWN:g}: what the network sees", fontsize=10)
    show(axes[0, 2], tiled(maps, 1), "its answers: r times the depth")
    show(axes[0, 3], candidates[place].numpy(), f"candidate r = {SHOWN:g}: merged, divided by r")
    show(axes[0, 4], candidates[0].numpy(), "candidate r = 1: one crop")
    show_spectrum(axes[1, 0], candidates[0])
    show_weights(axes[1, 1], combiner, [0, len(ratios)], "weight of r = 1")
    show_weights(axes[1, 2], combiner, [place, len(ratios) + place], f"weight of r = {SHOWN:g}")
    show(axes[1, 3], depth.numpy(), "combined")
    show(axes[1, 4], sample.depth, f"truth, {near:.1f} to {far:.1f} m")
    figure.savefig(out, dpi=90)
    print(f"{name}: r = 1 {error(candidates[0])}, r = {SHOWN:g} {error(candidates[place])}")
    print(f"mean of {len(candidates)} {error(candidates.mean(dim=0))}, combined {error(depth)}")


def tiled(four: np.ndarray, gap: int) -> np.ndarray:
    """TL, TR, BL, BR as one picture, with white or invalid pixels between them."""
    pads = [(0, 0), (gap, gap), (gap, gap)] + [(0, 0)] * (four.ndim - 3)
    value = np.nan if four.dtype.kind == "f" else 255
    padded = np.pad(four, pads, constant_values=value)
    return np.concatenate([np.concatenate(padded[i : i + 2], axis=1) for i in (0, 2)])


def show_boxes(axis: Axes, rgb: np.ndarray) -> None:
    """The picture and its crops of three ratios."""
    axis.imshow(rgb, aspect="auto")
    for ratio, colour in BOXES.items():
        for top, left, height, width in crop_boxes(rgb.shape[:2], (ratio,)):
            box = Rectangle((left, top), width - 1, height - 1, fill=False, color=colour, lw=2)
            axis.add_patch(box)
    axis.set_title("corner crops, r = 0.8 and 0.6", fontsize=10)


def show_spectrum(axis: Axes, depth: Float[Tensor, "72 96"]) -> None:
    """The size of each frequency, and the disc in which they are combined."""
    spectrum = torch.fft.fftshift(torch.fft.fft2(depth)).abs().clamp(min=1e-3).log10()
    axis.imshow(spectrum, extent=EXTENT, cmap="gray", aspect="auto")
    axis.add_patch(Circle((0, 0), RADIUS, fill=False, color="red", lw=1.5))
    axis.set_title(f"its spectrum, |k| <= {RADIUS}", fontsize=10)


def show_weights(axis: Axes, combiner: FourierCombiner, columns: list[int], title: str) -> None:
    """The summed weights of some candidates' real parts at every frequency: blue -1, red 1."""
    half = combiner.weights[columns, :, :, 0].sum(dim=0)  # rfft2's layout: kx >= 0
    mirrored = torch.cat((half[:1], half[1:].flip(0)))[:, 1:-1].flip(1)  # those of -k
    whole = torch.fft.fftshift(torch.cat((half, mirrored), dim=1))
    axis.imshow(whole, extent=EXTENT, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    axis.set_title(f"{title} and its mirror", fontsize=10)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        raise SystemExit(__doc__)
    main(*sys.argv[1:])
