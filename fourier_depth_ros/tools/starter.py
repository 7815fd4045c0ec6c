"""Turns the feasibility study's starter weights into a checkpoint of this package.

    python -m fourier_depth_ros.tools.starter starter_resnet18_160.safetensors OUT.safetensors

One use, kept so that models/resnet18_starter.safetensors can be made again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

from fourier_depth_ros.config import CheckpointConfig, DepthSpace, NetworkConfig
from fourier_depth_ros.core.checkpoint import Checkpoint, save_checkpoint
from fourier_depth_ros.core.network import IMAGENET_MEAN, IMAGENET_STD, DepthEstimationNetwork

_CONVS = {"a": "across", "b": "down"}


def convert(source: Path) -> Checkpoint:
    """The starter's network under this package's names, not yet fitted."""
    config = CheckpointConfig(
        network=NetworkConfig(trunk="resnet18", input_size=160),
        space=DepthSpace(max_depth=12.0, canonical_focal=0.81),
        description="starter: a ResNet-18 of a feasibility study, to be replaced",
        data="4408 simulated room pictures, 33k samples at 160 px, DINOv2-S feature distillation",
        licence="Apache-2.0; trained on renders of CC-BY 3.0, CC0 and GPL models, see the card",
    )
    tensors = {_rename(name): tensor.float() for name, tensor in load_file(source).items()}
    for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
        tensors[name] = 255 * torch.tensor(values)[:, None, None]
    network = DepthEstimationNetwork(config.network)
    network.load_state_dict(tensors)
    return Checkpoint(config, network.eval())


def _rename(name: str) -> str:
    """t.* trunk, s3.I.a / s4.I.b extra paths, head.*"""
    part, _, rest = name.partition(".")
    if part == "t":
        return f"trunk.{rest}"
    if part in ("s3", "s4"):
        index, conv, weight = rest.split(".")
        return f"extra.layer{part[1]}_{index}.{_CONVS[conv]}.{weight}"
    return name


if __name__ == "__main__":
    save_checkpoint(sys.argv[2], convert(Path(sys.argv[1])))
