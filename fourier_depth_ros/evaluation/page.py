"""One page of pictures: where the depth is best, as usual, and worst."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fourier_depth_ros.data.collection import RgbdCollection
from fourier_depth_ros.data.processes import Processes
from fourier_depth_ros.data.sample import RgbdSample
from fourier_depth_ros.evaluation.evaluate import Evaluation, enlarge
from fourier_depth_ros.evaluation.zoom import ZoomRule
from fourier_depth_ros.images.encodings import colorize_depth

#: Pictures of each kind.
EACH = 3
#: Relative error at which the error map saturates.
_WORST_SHOWN = 0.5


def choose_pictures(evaluation: Evaluation) -> list[tuple[str, int, float]]:
    """(kind, number, AbsRel) of the best, median and worst pictures by the best row's AbsRel."""
    errors = _of_each(evaluation, "abs_rel")
    order = sorted(errors, key=errors.__getitem__)
    each = min(EACH, max(1, len(order) // 3))
    middle = (len(order) - each) // 2
    kinds = {"best": order[:each], "median": order[middle : middle + each], "worst": order[-each:]}
    chosen = {}  # of very few pictures one may be several kinds: the last counts
    for kind, numbers in kinds.items():
        for number in numbers:
            chosen[number] = kind
    return [(kind, number, errors[number]) for number, kind in chosen.items()]


def _of_each(evaluation: Evaluation, metric: str) -> dict[int, float]:
    """A metric of the best row by the pictures' numbers."""
    sums, subject = evaluation.sums["eigen"], evaluation.subjects[0]
    values = sums.of_each(metric)[:, evaluation.column(subject, subject.best)]
    return dict(zip(sums.numbers.tolist(), values.tolist(), strict=True))


def write_page(
    path: Path, evaluation: Evaluation, samples: RgbdCollection, processes: Processes
) -> None:
    """A row a picture: picture, truth, the network alone, the best row, and its relative error.
    Below, the zoom rule.

    ``samples`` are read once more, the network is not run. All processes must call this; the first
    one writes.
    """
    chosen = choose_pictures(evaluation)
    found = _of_each(evaluation, "edge/f1")
    numbers = {number for _, number, _ in chosen}
    mine = {number: evaluation.maps[number] for number in numbers & evaluation.maps.keys()}
    maps = {number: m for part in processes.gather(mine) for number, m in part.items()}
    if not processes.first:
        return
    shown: dict[int, RgbdSample] = {}
    for number, _, sample in samples:
        if number in numbers:
            shown[number] = sample
        if len(shown) == len(numbers):
            break
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    titles = [
        "picture",
        "truth",
        "network only (r = 1)",
        evaluation.subjects[0].best,
        "|d - t| / t",
    ]
    heights = [1.95 * len(chosen) + 0.6, *([2.2] if evaluation.zooms else [])]
    page = plt.figure(figsize=(2.4 * len(titles), sum(heights)), layout="constrained")
    figure, *rest = page.subfigures(len(heights), height_ratios=heights, squeeze=False)[:, 0]
    axes = figure.subplots(len(chosen), len(titles), squeeze=False)
    for row, (kind, number, error) in zip(axes, chosen, strict=True):
        image = _draw_row(row, shown[number], maps[number])
        label = f"{kind}\nAbsRel {error:.3f}"
        if math.isfinite(found[number]):  # the truth has a boundary
            label += f"\nboundary F1 {found[number]:.3f}"
        row[0].set_ylabel(f"{label}\n{shown[number].name}", fontsize=7)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title, fontsize=9)
    for axis in axes.flat:
        axis.set_xticks([])
        axis.set_yticks([])
    figure.colorbar(image, ax=axes[:, -1], label="relative error", shrink=0.5)
    for below in rest:
        _draw_zooms(below.subplots(), evaluation.zooms)
    page.savefig(path, dpi=100)
    plt.close(page)


def _draw_row(row: Any, sample: RgbdSample, grids: torch.Tensor) -> Any:
    """Draws one picture's row; depth shares the colours of its truth. Returns the error map."""
    truth = sample.depth
    maps = enlarge(grids.float(), truth.shape).numpy()
    near, far = np.nanpercentile(truth, (1, 99))
    row[0].imshow(sample.rgb)
    for axis, depth in zip(row[1:4], (truth, *maps), strict=True):
        axis.imshow(colorize_depth(depth.astype(np.float32), 0.9 * near, 1.1 * far))
    row[1].set_xlabel(f"{near:.1f} to {far:.1f} m", fontsize=7)
    return row[4].imshow(np.abs(maps[1] - truth) / truth, vmin=0, vmax=_WORST_SHOWN, cmap="magma")


def _draw_zooms(axis: Any, rules: Sequence[ZoomRule]) -> None:
    """Candidate of r over candidate of 1 against r: thick the interval, thin the spread."""
    axis.set_title("zoom rule: candidate of r over candidate of 1; 1.00 where it holds", fontsize=9)
    axis.axhline(1.0, color="black", linewidth=0.8)
    for place, rule in enumerate(rules):
        found = rule.figures()
        shift = 0.004 * (place - (len(rules) - 1) / 2)  # bars beside each other
        r = [each.crop_ratio + shift for each in found]
        label = f"{rule.checkpoint}, {rule.crops}"
        (line,) = axis.plot(r, [each.ratio for each in found], "o-", markersize=3, label=label)
        for x, each in zip(r, found, strict=True):
            factor = math.exp(each.spread)
            axis.vlines(x, each.ratio / factor, each.ratio * factor, line.get_color(), linewidth=1)
            if each.ratio_interval is not None:
                axis.vlines(x, *each.ratio_interval, line.get_color(), linewidth=4, alpha=0.5)
    axis.set_xlabel("crop ratio r (thick: 95 % interval over rooms; thin: spread between pictures)")
    axis.legend(fontsize=7)
