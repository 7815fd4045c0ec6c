"""fourier-depth export, read back by ONNX Runtime itself."""

import json

import pytest
import torch
from checkpoints import save_constant

from fourier_depth_ros.cli.export import export
from fourier_depth_ros.core.network import FoldedNetwork
from fourier_depth_ros.runtime.exporting import check_onnx, export_onnx


def test_onnx_runs_any_number_of_crops_and_says_what_it_is(tmp_path, capsys):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript", reason="the exporter needs onnxscript")
    out = tmp_path / "constant.onnx"
    export(str(save_constant(tmp_path / "constant.safetensors", 2.0)), out)
    assert "differs from torch by at most" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(out, providers=["CPUExecutionProvider"])
    for count in (1, 7):
        crops = torch.randint(0, 256, (count, 3, 64, 64), dtype=torch.uint8)
        (maps,) = session.run(["maps"], {"crops": crops.numpy()})
        assert maps.shape == (count, 25, 32)
        assert maps == pytest.approx(1.5 * 2 - 0.05 * 4, abs=1e-4)  # g(2)
    config = json.loads(session.get_modelmeta().custom_metadata_map["fourier_depth"])
    assert config["network"]["trunk"] == "resnet18"


def test_the_check_notices_other_weights(lively, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript", reason="the exporter needs onnxscript")
    network = FoldedNetwork(lively.network)
    export_onnx(network, tmp_path / "lively.onnx")
    assert check_onnx(network, tmp_path / "lively.onnx") < 1e-4
    network.trunk.conv1.weight *= 1.1
    with pytest.raises(ValueError, match=r"away from torch's, expected at most 0\.001"):
        check_onnx(network, tmp_path / "lively.onnx")


def test_what_cannot_be_written_is_refused(tmp_path):
    checkpoint = str(save_constant(tmp_path / "constant.safetensors"))
    with pytest.raises(ValueError, match=r"ends neither in \.onnx nor in \.int8\.xml"):
        export(checkpoint, tmp_path / "model.engine")
    with pytest.raises(ValueError, match="give --calibration PICTURES"):
        export(checkpoint, tmp_path / "model.int8.xml")
