"""Every backend that is installed against the network itself, eager, unfolded, in float32."""

import pytest
import torch
from checkpoints import SHARED_RATIOS

from fourier_depth_ros.config import CombinationSettings
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.core.space import to_depth
from fourier_depth_ros.runtime import open_backend

NEEDS = {"onnxruntime": ("onnxruntime", "onnx", "onnxscript"), "openvino": ("openvino",)}


def need(backend):
    for library in NEEDS.get(backend, ()):
        pytest.importorskip(library, reason=f"backend '{backend}' needs {library}")


@pytest.mark.parametrize("backend", ["eager", "openvino", "onnxruntime"])
def test_float32_is_within_a_thousandth(backend, lively, crops):
    need(backend)
    runner = open_backend(lively, backend, "cpu", "float32").network
    expected = lively.network(crops)
    for count in (5, 1, 2):  # no batch is special
        with torch.inference_mode():
            actual = runner(crops[:count])
        assert actual.dtype == torch.float32
        torch.testing.assert_close(
            actual, expected[:count], rtol=1e-3, atol=1e-3 * float(expected.abs().max())
        )


@pytest.mark.parametrize("backend", ["eager", "openvino", "onnxruntime"])
def test_zoomed_pictures_are_within_a_thousandth_and_crops_stay_so(backend, lively, crops, zoomed):
    need(backend)
    runner = open_backend(lively, backend, "cpu", "float32").network
    for pictures in (zoomed, crops, zoomed[1:], crops[:1], zoomed):  # in turn, as presets change
        expected = lively.network(pictures)
        assert len(expected) == len(pictures) * (4 if pictures.shape[-1] == 96 else 1)
        with torch.inference_mode():
            actual = runner(pictures)
        torch.testing.assert_close(
            actual, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max())
        )


@pytest.mark.parametrize("backend", ["eager", "openvino"])
def test_bfloat16_is_within_centimetres(backend, lively, crops, zoomed):
    need(backend)
    runner = open_backend(lively, backend, "cpu", "bfloat16").network
    for pictures in (crops, zoomed):
        expected = to_depth(lively.network(pictures), lively.config.space)
        with torch.inference_mode():
            error = to_depth(runner(pictures), lively.config.space) - expected
        assert expected.std() > 0.3  # the answers differ by more than what is allowed below
        assert error.abs().mean() < 0.02
        assert error.abs().max() < 0.1


def convolutions_input(model):
    """What feeds the last convolution before the first output, an extra path's, and the last."""
    import openvino

    found = {}
    outputs = openvino.Core().read_model(model).outputs
    for name, output in (("extra path", outputs[0]), ("last", outputs[-1])):
        node = output.get_node()
        while node.get_type_name() != "Convolution":
            node = node.input_value(0).get_node()
        found[name] = node.input_value(0).get_node().get_type_name()
    return found


def test_int8_after_a_calibration(lively, crops, zoomed, tmp_path):
    need("openvino")
    pytest.importorskip("nncf", reason="int8 needs nncf")
    from fourier_depth_ros.runtime.openvino import quantize

    model = tmp_path / "lively.int8.xml"
    with pytest.raises(ValueError, match=r"lively\.int8\.xml; make it with 'fourier-depth export"):
        open_backend(lively, "auto", "cpu", "int8", model)
    quantize(lively.network, crops.split(1), model)
    backend = open_backend(lively, "auto", "cpu", "int8", model)
    assert (backend.name, backend.precision) == ("openvino", "int8")
    for pictures in (crops, zoomed):  # calibrated on crops; one file for every size
        expected = to_depth(lively.network(pictures), lively.config.space)
        with torch.inference_mode():
            error = to_depth(backend.network(pictures), lively.config.space) - expected
        assert 0 < error.abs().mean() < 0.2 * expected.std()
    assert convolutions_input(model) == {"extra path": "Relu", "last": "FakeQuantize"}
    from checkpoints import constant_checkpoint

    with pytest.raises(ValueError, match="made from other weights"):
        open_backend(constant_checkpoint(), "auto", "cpu", "int8", model)
    # before shared crops the key had another name, and the model one flat output
    older = model.read_text().replace("maps_of_weights", "weights")
    model.write_text(older)
    with pytest.raises(ValueError, match="or by an older release; make it with 'fourier-depth"):
        open_backend(lively, "auto", "cpu", "int8", model)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_a_whole_frame_is_the_same_by_any_backend(backend, lively):
    need(backend)
    image = torch.randint(0, 256, (3, 120, 160), dtype=torch.uint8)
    plain = DepthEstimator(lively, "cpu", "float32")
    other = DepthEstimator(lively, backend=open_backend(lively, backend, "cpu", "float32"))
    for crops, ratios in (
        ("corners", (1.0,)),
        ("shared", SHARED_RATIOS),
        ("corners", (1.0, 0.8, 0.6)),
    ):
        chosen = CombinationSettings(crops=crops, crop_ratios=ratios)
        plain.set_combination(chosen)
        other.set_combination(chosen)
        torch.testing.assert_close(
            other.predict(image).depth,
            plain.predict(image).depth,
            rtol=1e-3,
            atol=1e-3,
            equal_nan=True,
        )
