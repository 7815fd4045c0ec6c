"""What 'auto' takes, what it says when that fails, and what is imported for it."""

import subprocess
import sys

import pytest
import torch
from checkpoints import constant_checkpoint, save_constant

from fourier_depth_ros.runtime import choice, open_backend, open_estimator
from fourier_depth_ros.runtime.cache import cache_directory, cached, weights_digest

CPU = torch.device("cpu")


@pytest.fixture
def installed(monkeypatch):
    """Whether openvino looks installed."""

    def set_installed(yes):
        monkeypatch.setattr(choice, "find_spec", lambda name: object() if yes else None)

    return set_installed


def test_auto_takes_openvino_on_a_cpu_where_it_is_installed(installed):
    installed(True)
    assert choice._first_choice(CPU, "bfloat16")[0] == "openvino"
    assert choice._first_choice(CPU, "float16")[0] == "eager"  # which OpenVINO does not have there
    installed(False)
    assert choice._first_choice(CPU, "bfloat16")[0] == "eager"
    assert choice._first_choice(torch.device("cuda"), "float16")[0] == "graph"


def test_auto_without_openvino_is_torch(installed):
    installed(False)
    warnings = []
    backend = open_backend(constant_checkpoint(), "auto", "cpu", "float32", warn=warnings.append)
    assert (backend.name, backend.precision, backend.device) == ("eager", "float32", CPU)
    assert warnings == []


def test_auto_falls_back_and_says_why(installed, monkeypatch):
    installed(True)
    monkeypatch.setitem(sys.modules, "openvino", None)  # importing it fails
    warnings = []
    backend = open_backend(constant_checkpoint(), "auto", "cpu", "float32", warn=warnings.append)
    assert backend.name == "eager"
    (sentence,) = warnings
    assert "'openvino' does not work here" in sentence
    assert "pip install openvino" in sentence


@pytest.mark.parametrize("name", ["openvino", "onnxruntime"])
def test_a_backend_asked_for_by_name_is_not_replaced(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ValueError, match=f"'{name}' takes: pip install {name}"):
        open_backend(constant_checkpoint(), name, "cpu", "float32")


@pytest.mark.parametrize(
    ("name", "precision", "reason"),
    [
        ("tensorflow", "auto", "'tensorflow' is none of auto, eager"),
        ("eager", "int8", "'int8' is not for torch"),
        ("openvino", "float16", "'float16' is not for OpenVINO"),
        ("onnxruntime", "bfloat16", "'bfloat16' is not for ONNX Runtime on cpu"),
    ],
)
def test_what_cannot_be_had_is_refused_with_what_can(name, precision, reason):
    pytest.importorskip("openvino")
    pytest.importorskip("onnxruntime")
    with pytest.raises(ValueError, match=reason):
        open_backend(constant_checkpoint(), name, "cpu", precision)


def test_the_estimator_of_a_file(tmp_path):
    path = save_constant(tmp_path / "constant.safetensors", 2.0)
    estimator = open_estimator(path, device="cpu", precision="float32")
    depth = estimator.predict(torch.zeros(3, 64, 64, dtype=torch.uint8)).depth
    assert (depth - 2.0).abs().max() < 0.05


def test_starting_imports_no_backend_that_is_not_used():
    check = (
        "import sys, fourier_depth_ros.ros.node\n"
        "print([m for m in ('openvino', 'nncf', 'onnx', 'onnxruntime') if m in sys.modules])"
    )
    pytest.importorskip("rclpy")
    done = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_a_digest_tells_weights_apart():
    one, same, other = (constant_checkpoint(depth).network for depth in (2.0, 2.0, 2.5))
    assert weights_digest(one) == weights_digest(same) != weights_digest(other)


def test_the_cache_makes_a_thing_once_and_never_half():
    made = []

    def make(folder):
        made.append(folder)
        (folder / "model").write_text("whole")

    def fail(folder):
        (folder / "model").write_text("half")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        cached("thing", "model", fail)
    for _ in range(2):
        assert cached("thing", "model", make).read_text() == "whole"
    assert len(made) == 1
    assert [each.name for each in cache_directory().iterdir() if "making" in each.name] == []
