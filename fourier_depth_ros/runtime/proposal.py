"""An adapter out of a model's file and what somebody knows of it: the first half of 'adapt'.

The file says names, shapes, types; a transformers folder also its normalisation and its kind. What
neither says nor a preset knows is asked for, never guessed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from fourier_depth_ros.runtime.presets import PRESETS
from fourier_depth_ros.runtime.sessions import Port, by_onnxruntime

#: Keys of an adapter that no ONNX file holds, and what to find out.
_UNKNOWN = {
    "input": {
        "mean": "mean and std of the pixels (none: [0, 0, 0] and [1, 1, 1])",
        "std": "mean and std of the pixels",
    },
    "output": {
        "kind": "metric, metric-per-focal, inverse-affine, inverse-scaled or point-map",
        "direction": "whether a larger answer is 'farther' or 'nearer'",
    },
}


def preset(name: str) -> dict[str, Any]:
    """What is known of a public network.

    Raises:
        ValueError: no such preset; the text lists those that there are.
    """
    if name not in PRESETS:
        raise ValueError(f"preset-of: '{name}' is none of {', '.join(PRESETS)}")
    return PRESETS[name]


def propose(model: Path, known: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The content of an adapter for ``model``, and sentences about what was found in the file.

    ``known`` is a preset's content, or that of a YAML, whole or in parts.

    Raises:
        ValueError: the file cannot be read, or something is missing that it does not say; the text
            names each key and what to find out.
        ImportError: what reads the file is not installed.
    """
    given_input, given_output = dict(known.get("input") or {}), dict(known.get("output") or {})
    if model.is_dir():
        found_input, found_output, notes = _in_folder(model)
        # the folder is this very model's: a preset is of its kind
        input_, output = {**given_input, **found_input}, {**given_output, **found_output}
    else:
        input_, output, notes = _in_onnx(model, given_input, given_output)
    for part, values in (("input", input_), ("output", output)):
        missing = {key: what for key, what in _UNKNOWN[part].items() if key not in values}
        if missing and not (part == "input" and known):  # a preset without mean has none
            asked = "; ".join(f"{part}.{key}: {what}" for key, what in missing.items())
            raise ValueError(
                f"{model.name} does not say {asked}. Found: {' '.join(notes) or 'nothing'} Give "
                f"--preset-of one of {', '.join(PRESETS)}, or --config with these keys"
            )
    if output.get("kind") in ("inverse-affine", "inverse-scaled", "metric-per-focal"):
        output.pop("canonical_focal", None)
    rest = {key: known[key] for key in ("licence", "source") if key in known}
    return {"model": model.name, "input": input_, "output": output, **rest}, notes


def _in_onnx(
    model: Path, given: dict[str, Any], output: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    file = by_onnxruntime(model, torch.device("cpu"))
    notes = [f"inputs {_listed(file.inputs)}.", f"outputs {_listed(file.outputs)}."]
    taken = {*given.get("constants", {}), *given.get("camera", {})}
    free = [port for port in file.inputs if len(port.shape) == 4 and port.name not in taken]
    pictures = [port for port in free if 3 in (port.shape[1], port.shape[3])]
    if given.get("name") not in [port.name for port in file.inputs]:
        given.pop("name", None)
        if len(pictures) == 1:
            given["name"] = pictures[0].name
    main = next((port for port in file.inputs if port.name == given.get("name")), None)
    if main is None or len(main.shape) != 4:
        raise ValueError(
            f"{model.name}: which input takes pictures is not clear ({notes[0]}); give input.name "
            f"by --config"
        )
    given["layout"] = "NCHW" if main.shape[1] == 3 else "NHWC"
    sides = main.shape[2:] if given["layout"] == "NCHW" else main.shape[1:3]
    if None not in sides:
        given.update(size=list(sides), fixed=True)
    else:
        given["fixed"] = False
        given.setdefault("resize", "pad")
        if "size" not in given:
            raise ValueError(f"{model.name} takes any size: give input.size by --config")
    there = {port.name for port in file.inputs}
    for part in ("constants", "camera"):
        kept = {k: v for k, v in given.get(part, {}).items() if k in there}
        given.pop(part, None)
        if kept:
            given[part] = kept
    names = [port.name for port in file.outputs]
    if output.get("name") not in names:
        likely = [name for name in names if "depth" in name.lower()] or names
        if len(likely) != 1:
            raise ValueError(
                f"{model.name}: which output is depth is not clear ({notes[1]}); give output.name "
                f"by --config"
            )
        output["name"] = likely[0]
    for role in ("mask", "sky", "scale"):
        if role in output and output[role] not in names:
            notes.append(f"no output '{output.pop(role)}': {role} is left out.")
    return given, output, notes


def _listed(ports: tuple[Port, ...]) -> str:
    return ", ".join(
        f"{port.name} ({' x '.join(str(side or '?') for side in port.shape)}, {port.dtype})"
        for port in ports
    )


def _in_folder(folder: Path) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """What save_pretrained wrote: config.json, and preprocessor_config.json if it is there."""
    config = _json(folder / "config.json")
    input_: dict[str, Any] = {"name": "pixel_values", "fixed": False}
    output: dict[str, Any] = {"name": "predicted_depth"}
    notes = [f"transformers' {config.get('model_type', 'unknown model')}."]
    processor = folder / "preprocessor_config.json"
    if processor.is_file():
        made = _json(processor)
        if made.get("do_normalize", True) and "image_mean" in made:
            input_.update(mean=made["image_mean"], std=made["image_std"])
        multiple = made.get("ensure_multiple_of") or made.get("size_divisor") or 1
        size = made.get("size", {})
        if isinstance(size, Mapping) and "height" in size:
            input_.update(size=[size["height"], size["width"]], multiple=multiple)
        input_["resize"] = "pad" if made.get("keep_aspect_ratio") else "stretch"
        notes.append("normalisation and size of preprocessor_config.json.")
    kind = config.get("depth_estimation_type")
    if kind == "metric":
        output.update(
            kind="metric", direction="farther", max_depth=float(config.get("max_depth") or 80)
        )
    elif kind == "relative":
        output.update(kind="inverse-affine", direction="nearer")
    if kind:
        notes.append(f"depth_estimation_type {kind}.")
    return input_, output, notes


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: not a JSON file that can be read ({error})") from error
