"""Real pictures with truth: Motorcycle in metres, Cones and Aloe up to scale and shift; a sheet.

    python experiments/real_pictures.py CHECKPOINT SHEET.jpg \\
        --cones FOLDER --aloe FOLDER --photos PHOTO...

Motorcycle (Middlebury 2014) comes with scikit-image. Cones (Middlebury 2003) is in the source
archive of PyPI's pandora 1.9.0, folder notebooks/data; Aloe (Middlebury 2006) in Debian's
opencv-doc, folder /usr/share/doc/opencv-doc/examples/data. Prints a table; photographs have no
truth and are on the sheet only.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NamedTuple

import cv2
import matplotlib
import numpy as np
import torch
from scipy.stats import spearmanr

from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.demo.photographs import (
    MOTORCYCLE_CAMERA,
    PHOTOGRAPHS,
    motorcycle_depth,
    skimage_data,
)
from fourier_depth_ros.evaluation.metrics import abs_rel
from fourier_depth_ros.images.encodings import colorize_depth
from fourier_depth_ros.runtime import open_estimator

COLUMNS = 3  # pictures in a row of the sheet


class Picture(NamedTuple):
    """A picture, and what is known: depth [m], or disparity up to scale; NaN unknown."""

    name: str
    rgb: np.ndarray
    camera: Intrinsics | None = None
    depth: np.ndarray | None = None
    disparity: np.ndarray | None = None


def read(path: Path) -> np.ndarray:
    """RGB of a picture file; floating point, as of Cones, counts from 0 to 255 too."""
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if bgr is None:
        raise SystemExit(f"{path} is no picture that OpenCV reads")
    return np.ascontiguousarray(bgr[..., ::-1].astype(np.uint8))


def read_disparity(path: Path) -> np.ndarray:
    """Disparity of one channel, whose 0 is unknown."""
    values = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise SystemExit(f"{path} is no picture that OpenCV reads")
    values = values if values.ndim == 2 else values[..., 0]
    return np.where(values > 0, values, np.nan).astype(np.float64)


def aligned(disparity: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Scale and shift of ``disparity`` by least squares to ``truth`` (Ranftl et al., "MiDaS")."""
    valid = np.isfinite(truth)
    matrix = np.stack([disparity[valid], np.ones(valid.sum())], axis=1)
    scale, shift = np.linalg.lstsq(matrix, truth[valid], rcond=None)[0]
    return scale * disparity + shift


def errors(picture: Picture, depth: np.ndarray) -> tuple[str, ...]:
    """Cells of the table: AbsRel, median-scaled, of aligned disparity, Spearman."""
    if picture.depth is not None:
        both = torch.from_numpy(depth), torch.from_numpy(picture.depth)
        first = [abs_rel(*both, median_scaled=scaled) for scaled in (False, True)]
        disparity = 1 / picture.depth
    else:
        assert picture.disparity is not None
        first, disparity = [], picture.disparity
    valid = np.isfinite(disparity)
    off = np.abs(aligned(1 / depth, disparity) - disparity)[valid] / disparity[valid]
    rank = spearmanr(depth[valid], -disparity[valid]).statistic
    cells = [f"{value:.3f}" for value in (*first, float(off.mean()), float(rank))]
    return tuple(cells if first else ["", "", *cells])


def predict(estimator: DepthEstimator, picture: Picture) -> np.ndarray:
    """Depth [m]."""
    rgb = torch.from_numpy(picture.rgb).permute(2, 0, 1)
    return estimator.predict(rgb, picture.camera).depth.cpu().numpy()


def draw(sheet: Path, shown: list[tuple[Picture, np.ndarray]]) -> None:
    """Each picture beside its depth, each depth in colours of its own range."""
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    rows = -(-len(shown) // COLUMNS)
    figure, axes = plt.subplots(
        rows, 2 * COLUMNS, figsize=(14, 1.9 * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat:
        axis.axis("off")
    pairs = axes.reshape(-1, 2)
    for (left, right), (picture, depth) in zip(pairs, shown, strict=False):
        near, far = np.nanpercentile(depth, (2, 98))
        left.imshow(picture.rgb)
        right.imshow(colorize_depth(depth, float(near), float(far)))
        left.set_title(picture.name, fontsize=8)
        right.set_title(f"{near:.1f} to {far:.1f} m", fontsize=8)
    figure.savefig(sheet, dpi=100)
    plt.close(figure)


def main() -> None:
    """Read, predict, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("sheet", type=Path)
    parser.add_argument("--cones", type=Path, help="folder of Cones_LEFT_GT.tif and left_rgb.tif")
    parser.add_argument("--aloe", type=Path, help="folder of aloeL.jpg and aloeGT.png")
    parser.add_argument("--photos", type=Path, nargs="*", default=[])
    parser.add_argument("--preset", default="paper")
    given = parser.parse_args()
    folder = skimage_data()
    pictures = [
        Picture("Motorcycle", read(folder / PHOTOGRAPHS[0]), MOTORCYCLE_CAMERA, motorcycle_depth())
    ]
    if given.cones:
        truth = read_disparity(given.cones / "Cones_LEFT_GT.tif")
        pictures.append(Picture("Cones", read(given.cones / "left_rgb.tif"), disparity=truth))
    if given.aloe:
        truth = read_disparity(given.aloe / "aloeGT.png")
        pictures.append(Picture("Aloe", read(given.aloe / "aloeL.jpg"), disparity=truth))
    photos = [folder / name for name in PHOTOGRAPHS[1:]] + given.photos
    pictures += [Picture(photo.stem, read(photo)) for photo in photos]
    estimator = open_estimator(given.checkpoint, device="cpu")
    estimator.use(given.preset)
    shown = [(picture, predict(estimator, picture)) for picture in pictures]
    print("| picture | AbsRel | median-scaled | disparity, scale and shift aligned | Spearman |")
    print("|---|---|---|---|---|")
    for picture, depth in shown:
        if picture.depth is not None or picture.disparity is not None:
            print("| " + " | ".join((picture.name, *errors(picture, depth))) + " |")
    draw(given.sheet, shown)


if __name__ == "__main__":
    main()
