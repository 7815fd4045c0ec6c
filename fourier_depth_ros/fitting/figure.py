"""What a fit found, in one figure: error against crops, and the weights by frequency band."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fourier_depth_ros.config import CombinationSettings
from fourier_depth_ros.core.checkpoint import Fit
from fourier_depth_ros.core.fourier import half_plane
from fourier_depth_ros.core.moments import RING_WIDTH, ring_of_frequency, sum_by_ring
from fourier_depth_ros.fitting.fit import FitReport


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    return find_spec("matplotlib") is not None


def weights_by_ring(fit: Fit) -> Float[Tensor, "rings ratios"]:
    """The mean weight of each ratio, its mirror included, in each band of |k| (a fitted one)."""
    settings = CombinationSettings(crops=fit.crops, crop_ratios=fit.ratios, use_flips=True)
    weights = fit.solve(settings).weights.clone()
    # DC has no imaginary part: what stands there weighs nothing
    weights[half_plane().radius == 0, 1] = 0.0
    total = sum_by_ring(weights)
    counts = torch.ones_like(weights[..., :1])
    counts[half_plane().radius == 0, 1] = 0.0
    plain, mirrored = (total / sum_by_ring(counts)).chunk(2, dim=1)
    return plain + mirrored


def write_figure(path: Path, fit: Fit, report: FitReport) -> Path:
    """Draw the figure of a fit.

    Raises:
        ImportError: matplotlib is not installed.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
    _draw_curve(left, report)
    image = _draw_weights(right, fit)
    figure.colorbar(image, ax=right, label="mean weight, mirror included")
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _draw_curve(axis: Any, report: FitReport) -> None:
    """Cross-validated error of the ranked subsets against their cost."""
    for flips, name in ((False, "without flips"), (True, "with flips")):
        subsets = [s for s in report.ranked if s.settings.use_flips == flips]
        axis.plot([s.settings.cost for s in subsets], [s.rmse for s in subsets], "o-", label=name)
    by_subset = {(s.settings.crop_ratios, s.settings.use_flips): s.rmse for s in report.ranked}
    places: dict[tuple[float, float], list[str]] = {}
    for name, preset in report.presets.items():
        rmse = by_subset[preset.crop_ratios, preset.use_flips]
        places.setdefault((preset.cost, rmse), []).append(name)
    for place, names in places.items():
        # up and to the right of a falling curve is room
        axis.annotate(", ".join(names), place, xytext=(5, 5), textcoords="offset points")
    axis.set_xscale("log")
    ticks = sorted({s.settings.cost for s in report.ranked})
    shown = [t for i, t in enumerate(ticks) if i == 0 or i == len(ticks) - 1 or i % 3 == 0]
    axis.set_xticks(shown, labels=[f"{tick:.3g}" for tick in shown])
    axis.minorticks_off()
    axis.set_xlim(0.8, 3 * max(ticks))
    axis.set_xlabel("crops a frame (network passes)")
    axis.set_ylabel("cross-validated RMSE [canonical m]")
    axis.set_title(f"{report.pictures} pictures of {report.rooms} rooms")
    axis.legend()


def _draw_weights(axis: Any, fit: Fit) -> Any:
    """Which ratio weighs how much in which band; a dot on each band's largest."""
    weights = weights_by_ring(fit).T.numpy()
    ratios = fit.ratios
    limit = np.percentile(abs(weights), 95)  # DC, of few pictures, may have wild ones
    image = axis.imshow(weights, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    axis.plot(range(weights.shape[1]), weights.argmax(axis=0), "k.", label="largest")
    rings = int(ring_of_frequency().max()) + 1
    axis.set_xticks(range(rings), labels=[f"{RING_WIDTH * ring:g}" for ring in range(rings)])
    axis.set_yticks(range(len(ratios)), labels=[f"{ratio:.3g}" for ratio in ratios])
    axis.set_xlabel(f"frequency band: |k| from, {RING_WIDTH:g} wide [cycles per picture]")
    axis.set_ylabel("crop ratio")
    axis.set_title("weight of each ratio")
    axis.legend(loc="lower right", bbox_to_anchor=(1.0, 1.0))
    return image
