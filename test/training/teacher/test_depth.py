"""The teacher's files and its head, on an encoder and depths that are known by hand."""

import math

import numpy as np
import pytest
import torch
from dinov2_files import write_dinov2
from rgbd import CAMERA

from fourier_depth_ros.config import DepthSpace
from fourier_depth_ros.core.space import to_depth
from fourier_depth_ros.data.sample import RgbdSample
from fourier_depth_ros.training.teacher.depth import (
    CHANNELS,
    MAP,
    canonical_map,
    train_head,
    write_depth_maps,
    write_features,
)
from fourier_depth_ros.training.teacher.features import PATCHES, SIDE, load_dinov2

SPACE = DepthSpace()


class Pictures(list):
    """A data set in memory."""

    skipped = 0


def sample(name: str, metres: float, level: int = 0) -> RgbdSample:
    shape = (CAMERA.height, CAMERA.width)
    rgb = np.full((*shape, 3), level, np.uint8)
    return RgbdSample(name, name, rgb, np.full(shape, metres, np.float32), CAMERA)


def test_features_are_the_encoder_s_and_written_once(tmp_path):
    pytest.importorskip("onnx")
    file, folder = tmp_path / "encoder.onnx", tmp_path / "features"
    write_dinov2(file)
    pictures = Pictures([sample(f"room_{i}", 1.0, level=20 * i) for i in range(10)])
    assert write_features(pictures, file, folder, device="cpu") == 10
    seen = torch.full((1, 3, SIDE, SIDE), 140, dtype=torch.uint8)
    expected = load_dinov2(file)(seen)[0].numpy()
    seven = np.load(folder / "room_7.npy")
    assert (seven.shape, seven.dtype) == (expected.shape, np.float16)
    error = np.abs(seven - expected).mean() / np.abs(expected).mean()
    assert error < 0.02  # of float16, and of bfloat16 where the CPU has that
    (folder / "room_3.npy").unlink()
    assert write_features(pictures, file, folder, device="cpu") == 1


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
