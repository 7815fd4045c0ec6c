"""What a stage's network starts from: ImageNet weights, a file, an earlier stage, or nothing.

A vision transformer starts from DINOv2's own weights in place of ImageNet's.
"""

from __future__ import annotations

import logging
import pickle
from pathlib import Path
from typing import Any

import torch
import torchvision
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from fourier_depth_ros.config import DepthSpace, NetworkConfig
from fourier_depth_ros.core.checkpoint import Checkpoint, load_checkpoint
from fourier_depth_ros.core.networks import DepthNetwork, build_network
from fourier_depth_ros.core.vit import VitDepthNetwork, resize_positions
from fourier_depth_ros.training.growth import with_modified_blocks, with_output_space
from fourier_depth_ros.training.teacher.features import load_encoder

logger = logging.getLogger(__name__)


def start_network(
    start: str, config: NetworkConfig, space: DepthSpace
) -> tuple[DepthNetwork, bool]:
    """A stage's network before its first step, float32 on the CPU; and whether its head is new.

    ``start``: "imagenet" (torchvision's weights, fetched), "scratch", a checkpoint of this package,
    or a file of trunk weights under torchvision's names (.pth, .safetensors). A checkpoint of stage
    1 becomes stage 2 as the paper does it. Of a vision transformer: "scratch", a checkpoint, or
    DINOv2's file (.onnx; see load_encoder), which has nothing above the trunk.

    Raises:
        FileNotFoundError: no such file.
        ConnectionError: the ImageNet weights could not be fetched; says what to do.
        ValueError: a file that does not fit the network; says why.
        ImportError: a .onnx file, and onnx is not installed.
    """
    weights = "imagenet" if config.family == "resnet" else "vit_s_focus.onnx"
    if start == "scratch":
        logger.warning(
            "%s starts from scratch: far worse than from %s weights (start: %s, or the path of a "
            "file of them)",
            config.trunk,
            "ImageNet" if config.family == "resnet" else "DINOv2's",
            weights,
        )
        return build_network(config), True
    if start == "imagenet" and config.family == "vit":
        raise ValueError(
            f"start: torchvision has no weights of {config.trunk}; give the path of {weights}, "
            f"DINOv2's, or write 'start: scratch'"
        )
    path = Path(start)
    if start != "imagenet" and not path.is_file():
        raise FileNotFoundError(
            f"start: '{start}' is no file; give {weights}, scratch, a checkpoint, or a file of "
            f"{config.trunk} weights (.pth, .safetensors, .onnx)"
        )
    if start != "imagenet" and _is_checkpoint(path):
        return _continue(path, load_checkpoint(path), config, space), False
    if start == "imagenet":
        tensors = _imagenet(config.trunk)
    elif config.family == "vit":
        tensors = dict(load_encoder(path, config.input_size).state_dict())
    else:
        tensors = _read_tensors(path)
    network = build_network(config)
    _load_trunk(network, tensors, start)
    return network, True


def _continue(
    path: Path, checkpoint: Checkpoint, config: NetworkConfig, space: DepthSpace
) -> DepthNetwork:
    """The checkpoint's network as this stage has it."""
    network = checkpoint.own_network.requires_grad_(True)
    found, answers = network.config, checkpoint.config.space
    if answers.model_copy(update={"output_space": space.output_space}) != space:
        raise ValueError(
            f"start: {path} answers in another space ({answers}) than this run's ({space}); give "
            f"it the checkpoint's under `space` (output_space may differ)"
        )
    if found.family != config.family:
        raise ValueError(
            f"start: {path} has the trunk {found.trunk}, this run {config.trunk}: another network "
            f"altogether"
        )
    if found.trunk != config.trunk:
        raise ValueError(
            f"start: {path} has the trunk {found.trunk}, this run {config.trunk}; deepen it first "
            f"with 'fourier-depth grow {path} OUT --trunk {config.trunk}'"
        )
    if answers.output_space != space.output_space:
        logger.warning("%s emits %s: its head is rescaled", path, answers.output_space)
        network = with_output_space(network, answers)
    if isinstance(network, VitDepthNetwork):
        return network if found == config else _at_another_size(network, config)
    if config.modified and not found.modified:
        return with_modified_blocks(network, config.input_size)
    if found.modified and (not config.modified or found.input_size != config.input_size):
        raise ValueError(
            f"start: {path} is of stage 2 at {found.input_size} px; its head fits no other size or "
            f"stage, and this one has modified: {config.modified}, input_size: {config.input_size}"
        )
    network.config = config  # stage 1 at another size: the pooled feature has none
    return network


def _at_another_size(network: VitDepthNetwork, config: NetworkConfig) -> VitDepthNetwork:
    """The position embeddings are all that has a size."""
    resized = VitDepthNetwork(config)
    positions = resize_positions(network.trunk.positions, resized.trunk.cells)
    resized.load_state_dict({**network.state_dict(), "trunk.positions": positions})
    return resized


def _imagenet(trunk: str) -> dict[str, Tensor]:
    try:
        weights = torchvision.models.get_model_weights(trunk).DEFAULT
        logger.info("%s starts from torchvision's %s", trunk, weights)
        return weights.get_state_dict(progress=False, check_hash=True)
    except (OSError, RuntimeError) as error:
        raise ConnectionError(
            f"start: torchvision's ImageNet weights of {trunk} could not be fetched ({error}); "
            f"fetch {weights.url} elsewhere and give its path, or write 'start: scratch'"
        ) from error


def _is_checkpoint(path: Path) -> bool:
    if path.suffix != ".safetensors":
        return False
    try:
        with safe_open(path, framework="pt") as file:
            return "fourier_depth" in (file.metadata() or {})
    except (SafetensorError, OSError):
        return True  # load_checkpoint says what is wrong


def _read_tensors(path: Path) -> dict[str, Tensor]:
    if path.suffix == ".safetensors":
        return load_file(path)
    try:
        # never a pickle that can run code
        loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise ValueError(f"start: {path} is no file of torch weights ({error})") from error
    if not isinstance(loaded, dict) or not all(isinstance(t, Tensor) for t in loaded.values()):
        raise ValueError(
            f"start: {path} is not one flat dictionary of tensors, as torchvision's .pth files are"
        )
    return loaded


def _load_trunk(network: DepthNetwork, tensors: dict[str, Tensor], start: str) -> None:
    # torchvision's classifier has no place here
    trunk = {name: t for name, t in tensors.items() if not name.startswith("fc.")}
    try:
        network.trunk.load_state_dict(trunk)
    except RuntimeError as error:
        raise ValueError(f"start: {start} does not fit {network.config.trunk}: {error}") from error
