"""``fourier-depth fit``: fit the combination of a checkpoint on your own RGB-D pairs."""

from __future__ import annotations

from pathlib import Path


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
    skipped = sum(p.skipped for p in pairs)
    print(
        f"{report.pictures} pictures of {report.groups} rooms fitted, "
        f"{report.held_out_pictures} held out; {report.dropped} dropped for holes, "
        f"{skipped} unreadable\n"
        f"hierarchy: {report.hierarchy}\n"
        f"held-out RMSE [canonical m] on the 72 x 96 grid:"
    )
    for name, rmse in report.ablation.items():
        print(f"  {name:32s} {rmse:.4f}")
    for name, preset in report.presets.items():
        print(
            f"  preset {name:10s} {preset.expected_rmse:.4f}  {preset.crops:2d} crops, "
            f"ratios {list(preset.crop_ratios)}{', flips' if preset.use_flips else ''}"
        )
