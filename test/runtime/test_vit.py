"""Every backend that is installed runs the vision transformer as torch does, eager and unfolded."""

import pytest
import torch
from checkpoints import vit_checkpoint

from fourier_depth_ros.core.networks import fold
from fourier_depth_ros.core.space import to_depth
from fourier_depth_ros.runtime import open_backend
from fourier_depth_ros.runtime.exporting import check_onnx, export_onnx

NEEDS = {"onnxruntime": ("onnxruntime", "onnx", "onnxscript"), "openvino": ("openvino",)}


def need(backend):
    for library in NEEDS.get(backend, ()):
        pytest.importorskip(library, reason=f"backend '{backend}' needs {library}")


@pytest.fixture(scope="module")
def vit():
    return vit_checkpoint()


@pytest.fixture(scope="module")
def crops():
    coarse = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 255
    return torch.nn.functional.interpolate(coarse, (70, 70), mode="bilinear").to(torch.uint8)


@pytest.mark.parametrize("backend", ["eager", "openvino", "onnxruntime"])
def test_float32_is_within_a_thousandth(backend, vit, crops):
    need(backend)
    runner = open_backend(vit, backend, "cpu", "float32").network
    expected = vit.network(crops)
    assert expected.std() > 0.3
    for count in (5, 1, 2):
        with torch.inference_mode():
            actual = runner(crops[:count])
        assert actual.dtype == torch.float32
        torch.testing.assert_close(
            actual, expected[:count], rtol=1e-3, atol=1e-3 * float(expected.abs().max())
        )


@pytest.mark.parametrize("backend", ["eager", "openvino"])
def test_bfloat16_is_within_centimetres(backend, vit, crops):
    need(backend)
    runner = open_backend(vit, backend, "cpu", "bfloat16").network
    expected = to_depth(vit.network(crops), vit.config.space)
    assert expected.std() > 0.2
    with torch.inference_mode():
        error = to_depth(runner(crops), vit.config.space) - expected
    assert error.abs().mean() < 0.05


def test_int8_after_a_calibration(vit, crops, tmp_path):
    need("openvino")
    pytest.importorskip("nncf", reason="int8 needs nncf")
    from fourier_depth_ros.runtime.openvino import quantize

    model = tmp_path / "vit.int8.xml"
    quantize(vit.network, crops.split(1), model)
    backend = open_backend(vit, "auto", "cpu", "int8", model)
    assert (backend.name, backend.precision) == ("openvino", "int8")
    expected = to_depth(vit.network(crops), vit.config.space)
    with torch.inference_mode():
        error = to_depth(backend.network(crops), vit.config.space) - expected
    assert 0 < error.abs().mean() < 0.3 * expected.std()


def test_onnx_runs_any_number_of_crops(vit, tmp_path):
    need("onnxruntime")
    folded = fold(vit.network)
    export_onnx(folded, tmp_path / "vit.onnx")
    assert check_onnx(folded, tmp_path / "vit.onnx") < 1e-4  # three crops; two were exported
