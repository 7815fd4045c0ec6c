"""``fourier-depth fit``: fit the combination of a checkpoint on your own RGB-D pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fourier_depth_ros.config import Preset
    from fourier_depth_ros.tools.fitting import HeldOutReport


def fit(
    data: Path,
    /,
    *,
    held_out: Path,
    checkpoint: Path,
    out: Path,
    device: str = "auto",
    depth_unit: float = 0.001,
) -> None:
    """Fit the Fourier combination of a checkpoint on RGB-D pairs; the network does not change.

    Args:
        data: folder with rgb/NAME.jpg, rgb/NAME.yaml or rgb/camera_info.yaml, and depth/NAME.png;
            NAME up to its last underscore is the room, by which cross-validation splits.
        held_out: a folder like it, of other rooms: for the expected error only.
        checkpoint: the checkpoint to fit.
        out: where the fitted checkpoint goes.
        device: auto, cpu, cuda or cuda:N.
        depth_unit: metres that a depth of 1 means (0.001: millimetres); 0 is invalid.
    """
    import tqdm

    from fourier_depth_ros.core.checkpoint import load_checkpoint, save_checkpoint
    from fourier_depth_ros.tools.data.folder import FolderDepth
    from fourier_depth_ros.tools.fitting import fit_combination

    pairs = [FolderDepth(folder, depth_unit) for folder in (data, held_out)]
    named = zip(pairs, ("fit", "held out"), strict=True)
    bars = [tqdm.tqdm(p, desc=n, unit="picture") for p, n in named]
    fitted, report = fit_combination(
        load_checkpoint(checkpoint), bars[0], bars[1], device, say=print
    )
    save_checkpoint(out, fitted)
    held = report.held_out
    print(
        f"{report.pictures} pictures of {report.groups} rooms fitted, {held.pictures} of "
        f"{held.groups} held out; {report.dropped + held.dropped} dropped for holes, "
        f"{sum(p.skipped for p in pairs)} unreadable\n"
        f"hierarchy: {report.hierarchy}"
    )
    print_held_out(report.presets, held)


def print_held_out(presets: dict[str, Preset], report: HeldOutReport) -> None:
    """The table of held-out errors, and how the standard deviation does."""
    print("held-out RMSE [canonical m] on the 72 x 96 grid:")
    for name, rmse in report.ablation.items():
        print(f"  {name:32s} {rmse:.4f}")
    for name, preset in presets.items():
        sigma = report.calibration[name]
        print(
            f"  preset {name:9s} {preset.expected_rmse:.4f}  {preset.crops:2d} crops, "
            f"ratios {list(preset.crop_ratios)}{', flips' if preset.use_flips else ''}\n"
            f"    within 1 sigma {sigma.coverage_1:.1%}, 2 sigma {sigma.coverage_2:.1%}; AUSE "
            f"{sigma.ause:.3f}, of a depth-only sigma {sigma.ause_depth_only:.3f}"
        )
