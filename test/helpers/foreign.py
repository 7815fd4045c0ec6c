"""Networks of nobody's, as ONNX files whose depth is known: it is the picture's red.

The value c of a pixel is its red level over 255; what the file answers is made of c alone, in each
convention that there is. The file undoes its own normalisation first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml
from onnx import TensorProto, helper, numpy_helper, save_model

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
INPUT = {"name": "image", "mean": list(MEAN), "std": list(STD), "size": [56, 70], "multiple": 14}


class Graph:
    """Builds an ONNX file, one operation after another; tensors are known by their names."""

    def __init__(self, half: bool = False) -> None:
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.dtype = np.float16 if half else np.float32
        self.kind = TensorProto.FLOAT16 if half else TensorProto.FLOAT

    def constant(self, value: Any, dtype: Any = None) -> str:
        name = f"constant{len(self.constants)}"
        array = np.asarray(value, dtype or self.dtype)
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def __call__(self, operation: str, *inputs: Any, **attributes: Any) -> str:
        name = f"value{len(self.nodes)}"
        named = [each if isinstance(each, str) else self.constant(each) for each in inputs]
        self.nodes.append(helper.make_node(operation, named, [name], **attributes))
        return name

    def input(self, name: str, shape: list, kind: int | None = None) -> str:
        self.inputs.append(helper.make_tensor_value_info(name, kind or self.kind, shape))
        return name

    def output(self, name: str, value: str, kind: int | None = None) -> None:
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, kind or self.kind, None))

    def save(self, path: Path) -> None:
        graph = helper.make_graph(self.nodes, "foreign", self.inputs, self.outputs, self.constants)
        opset = [helper.make_opsetid("", 17)]
        save_model(helper.make_model(graph, opset_imports=opset, ir_version=8), path)


def red(
    g: Graph,
    shape: list,
    mean: tuple[float, ...] = MEAN,
    std: tuple[float, ...] = STD,
    largest: float = 1.0,
    layout: str = "NCHW",
) -> str:
    """c of each pixel, (n, 1, h, w), of the input `image`."""
    axis = layout.index("C")
    x = g.input("image", shape)
    index = g.constant([0], np.int64)
    channel = g("Gather", x, index, axis=axis)
    if layout == "NHWC":
        channel = g("Transpose", channel, perm=[0, 3, 1, 2])
    return g("Div", g("Add", g("Mul", channel, std[0]), mean[0]), largest)


def write(folder: Path, g: Graph, output: dict, name: str = "net", **inputs: Any) -> Path:
    """NAME.onnx and NAME.yaml; the YAML's path."""
    g.save(folder / f"{name}.onnx")
    content = {"model": f"{name}.onnx", "input": {**INPUT, **inputs}, "output": output}
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def metric(folder: Path, batch: Any = "n", half: bool = False, **output: Any) -> Path:
    """Answers 10 c [m], squeezed to (n, h, w)."""
    g = Graph(half)
    c = red(g, [batch, 3, 56, 70])
    g.output("depth", g("Squeeze", g("Mul", c, 10.0), g.constant([1], np.int64)))
    given = {"name": "depth", "kind": "metric", "direction": "farther", "max_depth": 20.0}
    return write(folder, g, {**given, **output})


def inverse(folder: Path, kind: str, sign: float = 1.0) -> Path:
    """Answers c of each crop as [0, 1] (inverse-affine), or over its largest (inverse-scaled).

    So each crop has a scale, and a shift, of its own. ``sign`` -1: larger is farther.
    """
    g = Graph()
    c = red(g, ["n", 3, 56, 70])
    most = g("ReduceMax", c, axes=[1, 2, 3])
    if kind == "inverse-affine":
        least = g("ReduceMin", c, axes=[1, 2, 3])
        answer = g("Div", g("Sub", c, least), g("Sub", most, least))
    else:
        answer = g("Div", c, most)
    g.output("depth", g("Mul", answer, sign))
    direction = "nearer" if sign > 0 else "farther"
    return write(folder, g, {"name": "depth", "kind": kind, "direction": direction})


def per_focal(folder: Path) -> Path:
    """Answers 3 c; z = f * answer / 300, f at the network's resolution."""
    g = Graph()
    g.output("depth", g("Mul", red(g, ["n", 3, 56, 70]), 3.0))
    output = {"name": "depth", "kind": "metric-per-focal", "focal": 300, "direction": "farther"}
    return write(folder, g, output)


def padded(folder: Path, fixed: bool = True) -> Path:
    """Answers 10 c [m] where the picture is, 99 in its padding, which is (7, 8, 9) of 255."""
    g = Graph()
    c = red(g, [1, 3, 56, 140] if fixed else [1, 3, "h", "w"], (0.0,), (1.0,), 255.0)
    inside = g("Greater", c, 7.5 / 255)
    g.output("depth", g("Where", inside, g("Mul", c, 10.0), 99.0))
    output = {"name": "depth", "kind": "metric", "direction": "farther", "max_depth": 200.0}
    given = {"mean": [0, 0, 0], "std": [1, 1, 1], "range": 255, "padding": [7, 8, 9]}
    return write(
        folder, g, output, size=[56, 140], resize="pad", fixed=fixed, layout="NCHW", **given
    )


def points(folder: Path) -> Path:
    """As MoGe: half of x, y, z - 3 m of a pinhole camera's pixels at z = 10 c, and their scale 2.

    Also a mask, false where c > 0.9; and `num_tokens`, which has to be 1800.
    """
    g = Graph()
    c = red(g, ["n", 3, 56, 70], (0.0,), (1.0,))
    tokens = g.input("num_tokens", [], TensorProto.INT64)
    right = g("Cast", g("Equal", tokens, g.constant(1800, np.int64)), to=TensorProto.FLOAT)
    z = g("Mul", g("Mul", c, 10.0), right)
    v, u = np.mgrid[:56, :70]
    x = g("Mul", z, ((u - 34.5) / 60)[None, None])
    y = g("Mul", z, ((v - 27.5) / 60)[None, None])
    xyz = g("Concat", x, y, g("Sub", z, 3.0), axis=1)
    g.output("points", g("Transpose", g("Mul", xyz, 0.5), perm=[0, 2, 3, 1]))
    squeezed = g("Squeeze", c, g.constant([1], np.int64))
    g.output("mask", g("Less", squeezed, 0.9), TensorProto.BOOL)
    ones = g("ReduceMax", g("Add", g("Mul", c, 0.0), 2.0), axes=[1, 2, 3], keepdims=0)
    g.output("metric_scale", ones)
    output = {"name": "points", "kind": "point-map", "direction": "farther", "mask": "mask"}
    more = {"scale": "metric_scale", "shifted": True, "max_depth": 50.0}
    plain = {"mean": [0, 0, 0], "std": [1, 1, 1], "constants": {"num_tokens": 1800}}
    return write(folder, g, {**output, **more}, **plain)


def told(folder: Path) -> Path:
    """Answers c fx / 10 [m], fx out of a matrix for each crop, as (n, h, w, 1); pixels are NHWC."""
    g = Graph()
    c = red(g, ["n", 56, 70, 3], layout="NHWC")
    matrix = g.input("K", ["n", 3, 3])
    row = g("Gather", matrix, g.constant([0], np.int64), axis=1)
    fx = g("Gather", row, g.constant([0], np.int64), axis=2)
    z = g("Mul", c, g("Div", g("Unsqueeze", fx, g.constant([3], np.int64)), 10.0))
    g.output("depth", g("Transpose", z, perm=[0, 2, 3, 1]))
    output = {"name": "depth", "kind": "metric", "direction": "farther"}
    return write(folder, g, output, layout="NHWC", camera={"K": "matrix"})


def rays(folder: Path) -> Path:
    """As UniDepth: points (n, 3, h, w), 10 c [m] along z of the pixel's unit ray."""
    g = Graph()
    c = red(g, ["n", 3, 56, 70])
    g.output("pts_3d", g("Mul", g("Mul", c, 10.0), g.input("rays", ["n", 3, 56, 70])))
    output = {"name": "pts_3d", "kind": "point-map", "direction": "farther"}
    return write(folder, g, output, camera={"rays": "rays"})


def skied(folder: Path) -> Path:
    """As Depth Anything 3: 10 c [m], and `sky`, 1 where c > 0.9."""
    g = Graph()
    c = red(g, ["n", 3, 56, 70])
    g.output("depth", g("Mul", c, 10.0))
    g.output("sky", g("Cast", g("Greater", c, 0.9), to=TensorProto.FLOAT))
    output = {"name": "depth", "kind": "metric", "direction": "farther", "sky": "sky"}
    return write(folder, g, {**output, "max_depth": 50.0})
