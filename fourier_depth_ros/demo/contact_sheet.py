"""The demo's one picture: photographs, depth of each phase, a cloud, and the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from fourier_depth_ros.demo.photographs import MOTORCYCLE_CAMERA, motorcycle_depth
from fourier_depth_ros.demo.splat import splat_points
from fourier_depth_ros.images.encodings import colorize_depth

NEAR, FAR = 0.4, 6.0  # [m], the ends of the colours
TICKS = (0.4, 0.6, 0.8, 1, 1.5, 2, 3, 4, 6)


class Shot(Protocol):
    """A picture, its depth [m], and its points with their colours."""

    @property
    def rgb(self) -> np.ndarray: ...  # noqa: D102
    @property
    def depth(self) -> np.ndarray: ...  # noqa: D102
    @property
    def points(self) -> tuple[np.ndarray, np.ndarray] | None: ...  # noqa: D102


def write_contact_sheet(
    path: Path,
    shots: Sequence[Mapping[tuple[int, int], Shot]],
    phases: Sequence[Mapping[str, Any]],
) -> Path:
    """One row a photograph; columns: picture, truth or cloud, depth of each phase; numbers on top.

    ``shots`` holds one phase's shots each, by the picture's (width, height); ``phases`` their
    entries of report.json, in the same order.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    sizes = list(dict.fromkeys(size for phase in shots for size in phase))
    # the photograph with truth first
    sizes.sort(key=lambda size: size != (MOTORCYCLE_CAMERA.width, MOTORCYCLE_CAMERA.height))
    columns = 3 + len(phases)
    figure, axes = plt.subplots(
        max(len(sizes), 1),
        columns,
        figsize=(3.0 * columns, 2.35 * max(len(sizes), 1) + 1.2),
        squeeze=False,
        layout="constrained",
    )
    for row, size in zip(axes, sizes, strict=False):
        _draw_row(row, size, [phase.get(size) for phase in shots])
    titles = ["photograph", "truth", "cloud, turned 25 degrees"]
    for axis, title in zip(axes[0], titles + [_title(phase) for phase in phases], strict=True):
        axis.set_title(title, fontsize=9)
    for axis in axes.flat:
        axis.set_axis_off()
    bar = figure.colorbar(_scale(plt), ax=axes, location="bottom", shrink=0.4, aspect=50, pad=0.01)
    bar.set_label("depth [m]", fontsize=9)
    bar.set_ticks(TICKS, labels=[f"{tick:g}" for tick in TICKS])
    bar.minorticks_off()
    figure.savefig(path, dpi=110)
    plt.close(figure)
    return path


def _draw_row(row: Any, size: tuple[int, int], shots: Sequence[Shot | None]) -> None:
    shown = [shot for shot in shots if shot is not None]
    if not shown:
        return
    row[0].imshow(shown[0].rgb)
    if size == (MOTORCYCLE_CAMERA.width, MOTORCYCLE_CAMERA.height):
        row[1].imshow(colorize_depth(motorcycle_depth(), NEAR, FAR))
    else:
        row[1].text(0.5, 0.5, "no truth", ha="center", va="center", color="grey", fontsize=9)
    clouds = [shot.points for shot in shown if shot.points is not None]
    if clouds:
        width, height = size
        row[2].imshow(splat_points(*clouds[-1], size=(360, round(360 * width / height))))
    for axis, shot in zip(row[3:], shots, strict=True):
        if shot is not None:
            axis.imshow(colorize_depth(shot.depth, NEAR, FAR))


def _title(phase: Mapping[str, Any]) -> str:
    return (
        f"{phase['name']}\n{phase['rate_hz']:.1f} Hz, age {phase['age_ms_p50']:.0f} ms\n"
        f"AbsRel {phase['abs_rel']:.2f}, scaled {phase['abs_rel_median_scaled']:.2f}"
    )


def _scale(plt: Any) -> Any:
    """The colour bar of colorize_depth: turbo reversed, logarithmic."""
    from matplotlib.colors import LogNorm

    return plt.cm.ScalarMappable(norm=LogNorm(NEAR, FAR), cmap="turbo_r")
