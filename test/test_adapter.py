"""Adapters that make no sense are refused with what was given, what was expected, what to do."""

import copy
import re
from pathlib import Path

import pytest
import yaml

from fourier_depth_ros.adapter import AdapterConfig
from fourier_depth_ros.core.checkpoint import CheckpointError
from fourier_depth_ros.runtime.adapted import parse_adapter

RIGHT = {
    "model": "net.onnx",
    "input": {"name": "image", "size": [56, 70]},
    "output": {"name": "depth", "kind": "metric", "direction": "farther"},
}


@pytest.mark.parametrize(
    ("part", "change", "sentence"),
    [
        ("input", {"size": [57, 70], "multiple": 14}, "57 is no multiple of 14; set 56, or the mu"),
        ("input", {"size": [8, 70]}, "8 is no side of a picture; expected 32 to 4096 px"),
        ("input", {"mean": [123.7, 116.3, 103.5]}, "reach 123.7, but range is 1; give them for pi"),
        ("input", {"std": [0, 1, 1]}, "has to be positive; it divides the pixels"),
        ("input", {"layout": "CHW"}, "input.layout is 'CHW'; it should be 'NCHW' or 'NHWC'"),
        ("input", {"constants": {"image": 1}}, "'image' is given two roles; give each input one"),
        ("input", {"camera": {"K": "quaternion"}}, "it should be 'matrix' or 'rays'"),
        ("input", {"sise": 3}, "input.sise is no key that is known here"),
        (
            "output",
            {"kind": "disparity"},
            "it should be 'metric', 'metric-per-focal', 'inverse-aff",
        ),
        ("output", {"kind": "metric-per-focal"}, "needs focal: 300 or 1000, as its authors say"),
        (
            "output",
            {"focal": 300},
            "kind 'metric' takes no focal; leave it out, or set kind: metri",
        ),
        ("output", {"direction": None}, "it should be 'farther' or 'nearer'"),
        (
            "output",
            {"kind": "inverse-affine", "canonical_focal": 0.8},
            "canonical_focal 0.8 is for metres; kind 'inverse-affine' has its own rule",
        ),
        ("output", {"kind": "point-map", "direction": "nearer"}, "'nearer' is not for a point-map"),
        ("output", {"shifted": True}, "shifted: true is for a point-map, kind is 'metric'"),
        ("output", {"max_depth": 0}, "output.max_depth is 0; it should be greater than 0"),
        ("output", {"unit": float("nan")}, "output.unit is nan; it should be a finite number"),
    ],
)
def test_one_wrong_key(part, change, sentence):
    content = copy.deepcopy(RIGHT)
    content[part].update(change)
    with pytest.raises(CheckpointError, match=re.escape(sentence)) as refusal:
        parse_adapter(content, "NET.yaml")
    assert str(refusal.value).startswith("NET.yaml: ")


def test_what_is_missing_is_named():
    with pytest.raises(CheckpointError, match=r"input is missing; output is missing"):
        parse_adapter({"model": "net.onnx"}, "NET.yaml")
    told = copy.deepcopy(RIGHT)
    told["input"]["camera"] = {"K": "matrix"}
    told["output"]["canonical_focal"] = 0.8
    with pytest.raises(CheckpointError, match=r"told the camera .*leave canonical_focal out"):
        parse_adapter(told, "NET.yaml")


def test_sizes_of_contents_and_their_paddings():
    def of(resize, fixed):
        given = {"size": [616, 1064], "multiple": 14, "resize": resize, "fixed": fixed}
        content = {**RIGHT, "input": {"name": "image", **given}}
        return AdapterConfig.model_validate(content).input

    assert of("stretch", True).content_size((480, 640)) == (616, 1064)
    pad = of("pad", True)
    assert pad.content_size((480, 640)) == (616, 821)  # 640 * 616 / 480 = 821.3
    assert pad.padded_size((616, 821)) == (616, 1064)
    assert pad.content_size((375, 1242)) == (321, 1064)  # KITTI: 375 * 1064 / 1242 = 321.3
    assert of("pad", False).padded_size((321, 1064)) == (322, 1064)


def test_the_example_of_the_documentation_is_one():
    page = Path(__file__).parents[1] / "docs" / "networks.md"
    (example,) = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert parse_adapter(yaml.safe_load(example), "networks.md").output.max_depth == 20.0
