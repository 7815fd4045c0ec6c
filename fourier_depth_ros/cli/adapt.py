"""``fourier-depth adapt``: a YAML that puts somebody else's depth network under the node."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fourier_depth_ros.cli.device import Device

if TYPE_CHECKING:
    from fourier_depth_ros.data.sample import RgbdSample

#: Pairs of --data that are looked at, spread over all.
PAIRS = 8


def adapt(
    model: Path,
    /,
    *,
    out: Path,
    preset_of: str = "",
    config: Path | None = None,
    picture: Path | None = None,
    fx: float | None = None,
    data: Path | None = None,
    device: Device = "auto",
) -> int:
    """Describe a depth network of somebody else's in a YAML that the node takes as a checkpoint.

    Looks into the file, fills in what a preset or a YAML of yours knows, asks for what neither
    says, runs one picture and draws it beside OUT, as OUT.png: near is red, far is blue. With RGB-D
    data a wrong direction, unit or focal length is found and named; the exit code is 1 then.

    Nothing is downloaded. Which networks, where their files come from, and what their licences say:
    docs/networks.md.

    Args:
        model: an ONNX file, or a folder that transformers' save_pretrained wrote.
        out: the YAML to write, in the model's folder.
        preset_of: what is known of a public network, such as depth-anything-v2; a wrong name lists
            them all.
        config: a YAML with the keys that neither the file nor the preset knows, or knows wrongly.
        picture: what to run it on; otherwise one of the data's, or a photograph of scikit-image's.
        fx: focal length of the picture [px], for networks that need it; else 0.8 of its width.
        data: RGB-D pairs to hold the adapter against, as for fit; a few are enough.
        device: auto, cpu, cuda or cuda:N.
    """
    from fourier_depth_ros.cli.outputs import prepare_file
    from fourier_depth_ros.resources import ADAPTER_SUFFIXES

    if out.suffix not in ADAPTER_SUFFIXES:
        raise ValueError(f"out: {out} has to end in .yaml, which is how adapters are known")
    if not model.exists():
        raise FileNotFoundError(
            f"{model} is not there; nothing is downloaded, see docs/networks.md"
        )
    prepare_file("out", out)

    from fourier_depth_ros.fitting.trial import Trial, doubts, floor_doubt, write_sheet
    from fourier_depth_ros.runtime import read_checkpoint
    from fourier_depth_ros.runtime.adapted import parse_adapter, write_adapter
    from fourier_depth_ros.runtime.proposal import propose

    known = _known(preset_of, config)
    content, notes = propose(model, known)
    content["model"] = os.path.relpath(model.resolve(), out.parent.resolve())
    adapter = parse_adapter(content, str(out))
    write_adapter(out, adapter, "An adapter of fourier_depth_ros, see docs/networks.md.")
    for note in notes:
        print(f"in the file: {note}")
    trial = Trial(read_checkpoint(out), device)
    print(
        f"{out}: {adapter.output.kind}, runs by {trial.backend.name} in {trial.backend.precision}"
    )
    samples = _pairs(data)
    rgb, camera = _picture(picture, samples, fx)
    depths = trial.depths(rgb, camera)
    sheet = out.with_suffix(".png")
    unit = "in no unit" if adapter.output.relative else "m"
    print(f"look at {sheet}: {write_sheet(sheet, rgb, depths, unit)}")
    if samples:
        found = doubts(trial, samples)
    else:
        found = [doubt for doubt in (floor_doubt(depths[0]),) if doubt]
    for doubt in found:
        print(f"doubt: {doubt}")
    if adapter.output.relative:
        print(f"it has no metres until: fourier-depth fit --checkpoint {out} --data RGBD")
    if adapter.licence:
        print(f"licence: {adapter.licence}")
    return 1 if samples and found else 0


def _known(preset_of: str, config: Path | None) -> dict[str, Any]:
    """The preset with the YAML's keys in place of its own."""
    import yaml

    from fourier_depth_ros.runtime.proposal import preset

    known = dict(preset(preset_of)) if preset_of else {}
    if config is None:
        return known
    try:
        given = yaml.safe_load(config.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ValueError(
            f"config: {config} is not a YAML file that can be read ({error})"
        ) from error
    if not isinstance(given, dict):
        raise ValueError(f"config: {config} is no mapping; expected the keys input and output")
    for part in ("input", "output"):
        known[part] = {**known.get(part, {}), **(given.get(part) or {})}
    return {**known, **{k: v for k, v in given.items() if k not in ("model", "input", "output")}}


def _pairs(data: Path | None) -> list[RgbdSample]:
    """A few samples, spread over all."""
    if data is None:
        return []
    from itertools import islice

    from fourier_depth_ros.data.opening import open_rgbd

    dataset = open_rgbd(data)
    step = max(1, len(dataset) // PAIRS)
    return list(islice(dataset, 0, None, step))[:PAIRS]


def _picture(picture: Path | None, samples: list[RgbdSample], fx: float | None) -> Any:
    """An RGB picture and its intrinsics."""
    import tempfile

    from fourier_depth_ros.core.geometry import Intrinsics
    from fourier_depth_ros.images.sources import open_source

    if picture is None and samples:
        return samples[0].rgb, samples[0].intrinsics
    with tempfile.TemporaryDirectory() as folder:
        if picture is None:
            from fourier_depth_ros.demo.photographs import write_photographs

            write_photographs(Path(folder))
            picture = Path(folder)
        first = next(iter(open_source(picture)))
    height, width = first.rgb.shape[:2]
    focal = fx or 0.8 * width
    made = Intrinsics(focal, focal, (width - 1) / 2, (height - 1) / 2, width, height)
    return first.rgb, (None if fx else first.intrinsics) or made
