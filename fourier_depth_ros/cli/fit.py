"""``fourier-depth fit``: fit the combination of a checkpoint on your own RGB-D pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from fourier_depth_ros.cli.device import Device
from fourier_depth_ros.config import PAPER_RATIOS, CombinationSettings, CropsName
from fourier_depth_ros.data.options import RgbdOptions
from fourier_depth_ros.resources import ADAPTER_SUFFIXES, fit_path

if TYPE_CHECKING:
    from fourier_depth_ros.fitting.fit import FitReport


def fit(
    *,
    data: tyro.conf.UseAppendAction[tuple[Path, ...]],
    held_out: tyro.conf.UseAppendAction[tuple[Path, ...]] = (),
    checkpoint: str = "auto",
    out: Path | None = None,
    crops: Literal["corners", "shared", "both"] = "corners",
    crop_ratios: tuple[float, ...] = PAPER_RATIOS,
    errors: Literal["relative", "metres"] = "relative",
    device: Device = "auto",
    reading: tyro.conf.OmitArgPrefixes[RgbdOptions] = RgbdOptions(),  # noqa: B008 (frozen)
) -> None:
    """Fit the Fourier combination of a checkpoint on RGB-D pairs; the network does not change.

    Fit on pictures that the network was NOT trained on: on those it was, its candidates are better
    than they will ever be, and the weights believe them too much.

    Data is a folder with rgb/NAME.jpg, rgb/NAME.yaml or rgb/camera_info.yaml, and depth/NAME.png
    (NAME up to its last underscore is the room), a rosbag2 with colour, depth registered to it and
    CameraInfo, or NYU Depth v2. Cross-validation splits by rooms; a bag is split into stretches of
    time, so its expected error is for the place where it was recorded.

    Several processes share the pictures: torchrun --nproc-per-node 8 --no-python fourier-depth fit
    --data ... The figure OUT.png beside OUT shows error against crops, and which ratio weighs most
    in which frequency band; that of shared crops is OUT_shared.png.

    Args:
        data: RGB-D data to fit on; may be given several times.
        held_out: data of other rooms, for the expected error only; may be given several times.
            Without it every fifth room of the data is held out.
        checkpoint: path or name of the checkpoint to fit, or an adapter's NAME.yaml; auto: what
            the node takes here.
        out: where the fitted checkpoint goes; of NAME.yaml it goes to NAME.fit.safetensors beside
            it, where it is found again.
        crops: what to fit: corners (each crop passes the network by itself), shared (one pass of a
            zoomed picture a ratio) or both; the other keeps the fit that the checkpoint has.
        crop_ratios: the ratios that the corners will know, such as 1.0 0.8 0.6; shared crops always
            know all that they can have.
        errors: what the fit makes small: relative, each picture's error over its mean depth, so
            that near scenes count as much as far ones; or metres, as in the paper.
        device: auto, cpu, cuda or cuda:N.
        reading: how to read the data.
    """
    import sys
    from functools import partial

    from fourier_depth_ros.cli.outputs import prepare_file
    from fourier_depth_ros.data.opening import open_all
    from fourier_depth_ros.resources import find_checkpoint

    if crops == "shared" and crop_ratios != PAPER_RATIOS:
        raise ValueError("crop-ratios are of the corners; crops 'shared' fits all it can have")
    ratios = CombinationSettings(crop_ratios=crop_ratios).crop_ratios
    sets = open_all(data, reading)
    held_out_sets = open_all(held_out, reading) if held_out else None
    if checkpoint != "auto":
        find_checkpoint(checkpoint, cuda=False)
    out = _destination(checkpoint, out)
    prepare_file("out", out)

    from fourier_depth_ros.core.checkpoint import save_checkpoint
    from fourier_depth_ros.data.collection import RgbdCollection, hold_out
    from fourier_depth_ros.data.processes import join_processes
    from fourier_depth_ros.fitting.figure import can_draw, write_figure
    from fourier_depth_ros.fitting.fit import fit_combination
    from fourier_depth_ros.runtime import choose_checkpoint, read_checkpoint

    path, why = choose_checkpoint(checkpoint, device)
    with join_processes() as processes:
        if why and processes.first:
            print(f"fourier-depth: {why}", file=sys.stderr)
        names = ("to fit on", "held out") if processes.first else (None, None)
        if held_out_sets is not None:
            to_fit = RgbdCollection(sets, names[0])
            held = RgbdCollection(held_out_sets, names[1])
        else:
            to_fit = RgbdCollection(sets, names[0], lambda room: not hold_out(room))
            held = RgbdCollection(sets, names[1], hold_out)
        ways: tuple[CropsName, ...] = ("corners", "shared") if crops == "both" else (crops,)
        fitted, reports = fit_combination(
            read_checkpoint(path),
            to_fit,
            held,
            device,
            ratios=ratios,
            ways=ways,
            say=partial(print, file=sys.stderr, flush=True) if processes.first else lambda _: None,
            processes=processes,
            errors=errors,
        )
        if not processes.first:
            return
        save_checkpoint(out, fitted)
        unreadable = to_fit.skipped + (held.skipped if held_out else 0)
        for way, report in reports.items():
            _print(way, report, unreadable)
            if can_draw():
                name = out.stem if way == "corners" else f"{out.stem}_{way}"
                figure = write_figure(out.with_name(f"{name}.png"), fitted.fit_of(way), report)
                print(f"look at {figure}")
        if not can_draw():
            print("no figure: it takes the package matplotlib")


def _destination(checkpoint: str, out: Path | None) -> Path:
    """Where the fit goes."""
    path = Path(checkpoint)
    adapter = path.suffix in ADAPTER_SUFFIXES
    beside = fit_path(path)
    if out is None and not adapter:
        raise ValueError("out is missing: give --out FITTED.safetensors")
    if adapter and out is not None and out != beside:
        raise ValueError(
            f"out: {out} is not where the fit of {path} is looked for, {beside}; leave it out"
        )
    return beside if out is None else out


def _print(way: CropsName, report: FitReport, unreadable: int) -> None:
    """What was used, the held-out errors, and how the standard deviation does."""
    held = report.held_out
    print(
        f"crops {way}: {report.pictures} pictures of {report.rooms} rooms fitted, "
        f"{held.pictures} of {held.rooms} held out; "
        f"{report.dropped + held.dropped} dropped for holes, {unreadable} unreadable\n"
        f"{report.seconds:.1f} s, {report.network_share:.1%} of it in the network's passes\n"
        f"hierarchy: {report.hierarchy}\n"
        f"held-out RMSE [canonical m] on the 72 x 96 grid:"
    )
    for name, rmse in held.ablation.items():
        print(f"  {name:32s} {rmse:.4f}")
    for name, preset in report.presets.items():
        sigma = held.calibration[name]
        print(
            f"preset {name}: {preset.cost:g} crops, ratios "
            f"{', '.join(f'{ratio:.4g}' for ratio in preset.crop_ratios)}"
            f"{' with flips' if preset.use_flips else ''}, expected {preset.expected_rmse:.4f}\n"
            f"    within 1 sigma {sigma.coverage_1:.1%}, 2 sigma {sigma.coverage_2:.1%}; AUSE "
            f"{sigma.ause:.3f}, of a depth-only sigma {sigma.ause_depth_only:.3f}"
        )
