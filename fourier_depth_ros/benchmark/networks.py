"""The checkpoints that are timed, and the backends that are installed for them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torchvision.models.resnet import Bottleneck

from fourier_depth_ros.config import NetworkConfig, TrunkName
from fourier_depth_ros.core.checkpoint import Checkpoint
from fourier_depth_ros.core.estimator import resolve_precision
from fourier_depth_ros.core.frame import Backend
from fourier_depth_ros.core.networks import build_network
from fourier_depth_ros.runtime import open_backend


def random_checkpoint(like: Checkpoint, trunk: TrunkName, side: int = 224) -> Checkpoint:
    """A network with random weights and ``like``'s combination: right for time, not for depth.

    Without shared crops where the side is another, for their ratios follow from it, or where the
    trunk has none.
    """
    torch.manual_seed(0)
    config = NetworkConfig(trunk=trunk, input_size=side)
    network = build_network(config).eval().requires_grad_(False)
    for module in network.modules():
        if isinstance(module, Bottleneck):  # or the values grow to 1e8 over fifty blocks
            torch.nn.init.constant_(module.bn3.weight, 0.2)
    assert network.head.bias is not None
    network.head.bias.fill_(3.0)
    fits, statistics = dict(like.config.fits), dict(like.statistics)
    if side != like.config.network.input_size or config.family == "vit":
        fits.pop("shared", None)
        statistics.pop("shared", None)
    changed = like.config.model_copy(update={"network": config, "fits": fits})
    return Checkpoint(changed, network, statistics)


@dataclass(frozen=True)
class Installed:
    """The backends of one checkpoint that work here, and why others don't."""

    backends: dict[str, Backend]
    skipped: dict[str, str]


def open_all(
    checkpoint: Checkpoint,
    device: torch.device,
    folder: Path,
    calibration: list[Tensor],
    names: tuple[tuple[str, str], ...],
) -> Installed:
    """Each (backend, precision) of ``names``, by the name "backend precision".

    ``calibration`` holds crops of (1, 3, side, side) for int8, whose model is written to
    ``folder``.
    """
    backends, skipped = {}, {}
    for name, precision in names:
        key = f"{name} {precision}"
        model = folder / f"{checkpoint.config.network.trunk}.int8.xml"
        try:
            if precision == "int8" and not model.is_file():
                from fourier_depth_ros.runtime.openvino import quantize

                quantize(checkpoint.own_network, calibration, model)
            backends[key] = open_backend(checkpoint, name, str(device), precision, model)
        except (ValueError, ImportError, RuntimeError, OSError) as error:
            skipped[key] = str(error)
    return Installed(backends, skipped)


def names_for(device: torch.device, quick: bool) -> tuple[tuple[str, str], ...]:
    """What is timed on a device; the first is the oracle, the second what 'auto' takes."""
    best = resolve_precision("auto", device)
    if device.type == "cuda":
        names = [("eager", "float32"), ("graph", best), ("eager", best), ("compiled", best)]
        names.append(("onnxruntime", "float16"))
        return tuple(names[:3] if quick else names)
    names = [("eager", "float32"), ("openvino", best), ("eager", best)]
    more = [("openvino", "float32"), ("onnxruntime", "float32")]
    slow = [("openvino", "int8"), ("compiled", best)]
    names += more if quick else more + slow
    return tuple(dict.fromkeys(names))
