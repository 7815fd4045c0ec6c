"""fourier_depth_ros.load: a checkpoint, a device and a preset, and nothing imported before."""

import subprocess
import sys

import pytest
import torch
from checkpoints import save_constant

import fourier_depth_ros
from fourier_depth_ros import resources


@pytest.fixture
def checkpoint(tmp_path):
    return save_constant(tmp_path / "two_metres.safetensors", 2.0, fitted=False)


def test_a_path_and_a_preset_give_an_estimator(checkpoint):
    estimator = fourier_depth_ros.load(str(checkpoint), device="cpu", preset="paper")
    assert isinstance(estimator, fourier_depth_ros.DepthEstimator)
    assert estimator.combination.cost == 66


def test_without_a_preset_a_cpu_gets_the_fast_one(checkpoint):
    estimator = fourier_depth_ros.load(str(checkpoint), device="cpu")
    assert estimator.combination.cost == 1
    camera = fourier_depth_ros.Intrinsics(80.0, 80.0, 49.5, 39.5, 100, 80)
    depth = estimator.predict(torch.zeros(3, 80, 100, dtype=torch.uint8), camera).depth
    # fx / width is the training camera's, 0.8: the network's own 2 m
    torch.testing.assert_close(depth, torch.full((80, 100), 2.0), rtol=0, atol=0.02)


def test_another_preset_acts_on_the_next_frame(checkpoint):
    estimator = fourier_depth_ros.load(str(checkpoint), device="cpu", preset="fast")
    image = torch.zeros(3, 64, 64, dtype=torch.uint8)
    assert len(estimator.predict(image).candidates) == 1
    estimator.use("balanced")
    assert len(estimator.predict(image).candidates) == len(estimator.combination.crop_ratios) == 2
    estimator.use("auto")
    assert len(estimator.predict(image).candidates) == 1


def test_auto_says_which_checkpoint_and_why(tmp_path, monkeypatch, caplog):
    (tmp_path / "models").mkdir()
    save_constant(tmp_path / "models" / "resnet18_indoor.safetensors", 2.0, fitted=False)
    monkeypatch.setattr(resources, "share_directory", lambda: tmp_path)
    estimator = fourier_depth_ros.load(device="cpu")
    assert estimator.config.network.trunk == "resnet18"
    (record,) = (r for r in caplog.records if r.levelname == "WARNING")
    said = record.getMessage()
    assert said.startswith("checkpoint: 'auto' chose resnet18_indoor: device is cpu, no vision")
    caplog.clear()
    fourier_depth_ros.load("resnet18_indoor", device="cpu")
    assert not [r for r in caplog.records if r.levelname == "WARNING"]


def test_what_does_not_exist_is_named(checkpoint):
    with pytest.raises(FileNotFoundError, match="resnet18_rooms"):
        fourier_depth_ros.load("resnet81_rooms", device="cpu")
    with pytest.raises(ValueError, match="'best' is not in this checkpoint, which has fast, bal"):
        fourier_depth_ros.load(str(checkpoint), device="cpu", preset="best")
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = fourier_depth_ros.lode


def test_the_front_door_alone_imports_no_torch():
    code = "import sys, fourier_depth_ros; print('torch' in sys.modules, end='')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "False"
