"""A first look at an adapted network: one picture on a sheet, and what a few RGB-D pairs say.

Ours, not the paper's. A wrong direction, unit or focal length shows in the metres at once, and is
told by its name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from fourier_depth_ros.adapter import AdapterConfig, OutputConfig
from fourier_depth_ros.config import CombinationSettings, Disparity
from fourier_depth_ros.core.adapted_frame import disparity_of
from fourier_depth_ros.core.checkpoint import Checkpoint
from fourier_depth_ros.core.crops import GRID, extract_crops
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.data.sample import RgbdSample
from fourier_depth_ros.data.truth import canonical_truth
from fourier_depth_ros.images.encodings import colorize_depth

#: Beyond any clamp: what is wrong by a thousand has to show.
_NO_LIMIT = 1e8
#: A rank correlation with the truth below which the answers follow it hardly at all.
_HARDLY = 0.3
#: Metres that are off by more than this factor are another unit's, not another network's.
_FACTOR = 1.5
_UNITS = {0.001: "millimetres", 0.01: "centimetres", 0.3048: "feet"}
#: A floor's lower part is nearer than its upper part, by far more than this.
_FLOOR = 1.1
SHEET_HEIGHT = 300


class Trial:
    """Runs an adapted network unfitted, without its largest depth."""

    def __init__(self, checkpoint: Checkpoint, device: str) -> None:
        config = checkpoint.config.network
        assert isinstance(config, AdapterConfig)
        self.output: OutputConfig = config.output
        self._config = config
        self._unfitted = Checkpoint(
            checkpoint.config.model_copy(update={"fits": {}}), checkpoint.network
        )
        self.backend = DepthEstimator(self._unfitted, device).backend

    def depths(
        self, rgb: UInt8[np.ndarray, "height width 3"], camera: Intrinsics | None
    ) -> tuple[Float[Tensor, "72 96"], Float[Tensor, "72 96"]]:
        """Depth [m] of the whole picture (r = 1), and the mean with crops of 0.8 and 0.6.

        A relative network's is in no unit: from 1 to 10, nearly.
        """
        image = torch.from_numpy(np.ascontiguousarray(rgb)).permute(2, 0, 1)
        estimator = self._estimator_for(image)
        maps = []
        for ratios in ((1.0,), (1.0, 0.8, 0.6)):
            estimator.set_combination(
                CombinationSettings(crop_ratios=ratios, use_flips=False, combination="mean")
            )
            prediction = estimator.predict(image, camera, output_size=GRID)
            maps.append(prediction.candidates.mean(dim=0).cpu())
        return maps[0], maps[1]

    @torch.inference_mode()
    def _estimator_for(self, image: Tensor) -> DepthEstimator:
        """Without a largest depth; a relative network's disparity is spread over 0.1 to 1."""
        disparity = None
        if self.output.relative:
            size = self._config.crop_size((image.shape[1], image.shape[2]))
            whole = extract_crops(image.to(self.backend.device), (1.0,), size, flips=False)
            answer = disparity_of(self.backend.network(whole), self.output)
            low, high = answer[answer.isfinite()].quantile(torch.tensor([0.02, 0.98])).tolist()
            spread = 1.1 * max(high - low, 1e-9)
            disparity = Disparity(scale=1 / spread, shift=0.1 - low / spread)
        space = self._unfitted.config.space.model_copy(
            update={"max_depth": _NO_LIMIT, "disparity": disparity}
        )
        config = self._unfitted.config.model_copy(update={"space": space})
        return DepthEstimator(replace(self._unfitted, config=config), backend=self.backend)


def floor_doubt(depth: Float[Tensor, "72 96"]) -> str:
    """'' if depth grows upwards as over a floor, else a sentence; it needs no truth."""
    lower, middle = (float(depth[rows].median()) for rows in (slice(58, 72), slice(29, 43)))
    if lower <= _FLOOR * middle:
        return ""
    return (
        "the picture's lowest rows come out farther than its middle: over a floor that is upside "
        "down, and output.direction is wrong"
    )


def doubts(trial: Trial, samples: Iterable[RgbdSample]) -> list[str]:
    """What a few RGB-D pairs say against an adapter, a sentence each; none if nothing.

    Raises:
        ValueError: no picture has true depth.
    """
    output, ranks, ratios = trial.output, [], []
    for sample in samples:
        depth, _ = trial.depths(sample.rgb, sample.intrinsics)
        truth = canonical_truth(torch.from_numpy(sample.depth), 1.0, GRID)
        valid = truth.isfinite() & depth.isfinite()
        if valid.sum() < 100:
            continue
        ranks.append(_rank_correlation(depth[valid], truth[valid]))
        ratios.append(float((truth[valid] / depth[valid]).median()))
    if not ranks:
        raise ValueError("no picture of the data has true depth and an answer")
    rank = float(np.median(ranks))
    if rank < -_HARDLY:
        other = "nearer" if output.direction == "farther" else "farther"
        return [
            f"output.direction: '{output.direction}' is wrong: where depth is larger the network's "
            f"is smaller (rank correlation {rank:.2f}); set direction: {other}"
        ]
    found = []
    if rank < _HARDLY:
        found.append(
            f"the answers hardly follow the true depth (rank correlation {rank:.2f}): look at "
            f"input.range, mean, std, layout and resize, and at output.name"
        )
    elif not output.relative:
        found += _of_metres(output, float(np.median(ratios)))
    return found


def _of_metres(output: OutputConfig, ratio: float) -> list[str]:
    """What true depth over the network's says."""
    if 1 / _FACTOR < ratio < _FACTOR:
        return []
    for unit, name in _UNITS.items():
        if 1 / _FACTOR < ratio / (unit / output.unit) < _FACTOR and unit != output.unit:
            return [
                f"output.unit: {output.unit:g} is wrong: depth is {1 / ratio:.3g} times the true "
                f"one; the answers are {name}, set unit: {unit:g}"
            ]
    sentence = f"depth is {1 / ratio:.3g} times the true one"
    if output.focal is not None:
        return [
            f"output.focal: {output.focal:g} is doubtful: {sentence}; set focal: "
            f"{output.focal / ratio:.3g} if its authors say something like it (300, 1000)"
        ]
    if output.canonical_focal is not None:
        return [
            f"output.canonical_focal: {output.canonical_focal:g} is doubtful: {sentence}; another "
            f"camera's would be {output.canonical_focal / ratio:.3g}; or kind: metric-per-focal"
        ]
    return [
        f"output.unit or kind is doubtful: {sentence}; if that differs between cameras, set "
        f"canonical_focal or kind: metric-per-focal"
    ]


def _rank_correlation(a: Float[Tensor, " n"], b: Float[Tensor, " n"]) -> float:
    """Spearman's; 0 where one of them is constant."""
    ranks = torch.stack([each.argsort().argsort().double() for each in (a, b)])
    if a.max() == a.min() or b.max() == b.min():
        return 0.0
    return float(torch.corrcoef(ranks)[0, 1])


def write_sheet(
    path: Path,
    rgb: UInt8[np.ndarray, "height width 3"],
    depths: tuple[Float[Tensor, "72 96"], Float[Tensor, "72 96"]],
    unit: str,
) -> str:
    """The picture, depth of it whole, and the mean with its crops, side by side; the range's text.

    Raises:
        OSError: the file cannot be written.
    """
    whole = depths[0].numpy()
    near, middle, far = np.nanpercentile(whole, (2, 50, 98)).tolist()
    if not (math.isfinite(far) and far > 0):
        raise ValueError("the network's answers are no depth: not finite, or not positive")
    width = round(SHEET_HEIGHT * rgb.shape[1] / rgb.shape[0])
    low, high = 0.9 * max(near, 0.0), 1.1 * far
    tiles = [rgb, *(colorize_depth(each.numpy(), low, high) for each in depths)]
    row = np.hstack([cv2.resize(tile, (width, SHEET_HEIGHT)) for tile in tiles])
    if not cv2.imwrite(str(path), row[..., ::-1]):
        raise OSError(f"{path} could not be written")
    return f"{near:.3g} to {far:.3g} {unit}, median {middle:.3g}"
