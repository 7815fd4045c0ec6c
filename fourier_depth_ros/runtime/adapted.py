"""Adapters on disk: NAME.yaml beside the model's file, NAME.fit.safetensors with its fit.

Nothing is downloaded: a file that is not there is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
import yaml
from pydantic import ValidationError

from fourier_depth_ros.adapter import AdapterConfig
from fourier_depth_ros.config import CheckpointConfig, explain
from fourier_depth_ros.core.adapted import AdaptedNetwork, AdaptedRunner
from fourier_depth_ros.core.adapted_frame import adapted_space
from fourier_depth_ros.core.checkpoint import Checkpoint, CheckpointError, load_checkpoint
from fourier_depth_ros.core.frame import Backend
from fourier_depth_ros.files import whole_file
from fourier_depth_ros.resources import ADAPTER_SUFFIXES, fit_path


def read_checkpoint(path: str | Path) -> Checkpoint:
    """A checkpoint file of ours, or an adapter's YAML with the fit beside it.

    Raises:
        CheckpointError: see load_checkpoint and read_adapter; or the fit beside the YAML is of
            another adapter.
    """
    path = Path(path)
    if path.suffix not in ADAPTER_SUFFIXES:
        return load_checkpoint(path)
    config = read_adapter(path)
    network = AdaptedNetwork(config, partial(_open, config, path.parent / config.model))
    fitted = fit_path(path)
    if not fitted.is_file():
        plain = CheckpointConfig(
            network=config, space=adapted_space(config), licence=config.licence
        )
        return Checkpoint(plain, network)
    found = load_checkpoint(fitted, network)
    if found.config.network != config:
        raise CheckpointError(
            f"{fitted} was fitted for other settings than {path.name} has now; fit again with "
            f"'fourier-depth fit --checkpoint {path}', or remove it"
        )
    return found


def read_adapter(path: Path) -> AdapterConfig:
    """The content of an adapter's YAML.

    Raises:
        CheckpointError: no such file, not YAML, a key is missing, unknown or makes no sense, or the
            model's file is not there; the text says what was expected.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CheckpointError(f"{path}: not a YAML file that can be read ({error})") from error
    config = parse_adapter(content, str(path))
    if not (path.parent / config.model).exists():
        raise CheckpointError(
            f"{path}: model: {path.parent / config.model} is not there, expected an ONNX file or a "
            f"transformers folder; put it there (nothing is downloaded), or correct its name"
        )
    return config


def parse_adapter(content: object, where: str) -> AdapterConfig:
    """An adapter out of plain values.

    Raises:
        CheckpointError: see read_adapter; the text begins with ``where``.
    """
    if not isinstance(content, Mapping):
        raise CheckpointError(
            f"{where}: no adapter, {str(content)!r:.60} is no mapping of keys; expected model, "
            f"input and output, as 'fourier-depth adapt' writes them (docs/networks.md)"
        )
    try:
        return AdapterConfig.model_validate(content)
    except ValidationError as error:
        raise CheckpointError(
            f"{where}: {explain(error)}; see docs/networks.md, or let 'fourier-depth adapt' make it"
        ) from error


def write_adapter(path: Path, config: AdapterConfig, head: str = "") -> None:
    """The inverse of read_adapter; ``head`` goes before it, as comments."""
    lines = "".join(f"# {line}\n" for line in head.splitlines())
    with whole_file(path) as partial_file:
        text = yaml.safe_dump(plain(config), sort_keys=False, allow_unicode=True, width=100)
        partial_file.write_text(lines + text, encoding="utf-8")


def plain(config: AdapterConfig) -> dict[str, Any]:
    """All values that are not the defaults, and those that people look for."""
    values = config.model_dump(mode="json", exclude_defaults=True)
    shown = {
        "input": ("layout", "range", "mean", "std", "fixed", "resize"),
        "output": ("max_depth",),
    }
    whole = config.model_dump(mode="json")
    for part, names in shown.items():
        values[part] = {
            name: value
            for name, value in whole[part].items()
            if name in values[part] or name in names
        }
    return values


def require_metres(checkpoint: Checkpoint, path: Path) -> None:
    """Whether a checkpoint's depth is in metres.

    Raises:
        ValueError: it is a relative network without a fit; the text says what to do.
    """
    config = checkpoint.config.network
    if not isinstance(config, AdapterConfig) or not config.output.relative:
        return
    if checkpoint.config.space.disparity is None:
        raise ValueError(
            f"{path.name}: {config.trunk} answers '{config.output.kind}', which has no metres; "
            f"give it some with 'fourier-depth fit --checkpoint {path} --data RGBD', which writes "
            f"{fit_path(path).name} beside it, or adapt a metric network"
        )


def _open(
    config: AdapterConfig, model: Path, name: str, device: torch.device, precision: str
) -> Backend:
    """What runs an adapter's model; AdaptedNetwork.open."""
    from fourier_depth_ros.runtime.sessions import open_session

    opened = open_session(config, model, name, device, precision)
    runner = AdaptedRunner(config, opened.session, device)
    return Backend(opened.backend, device, opened.precision, runner, opened.capture, opened.why)
