"""Life cycle, signals, and a checkpoint that is not there yet."""

import json
import pickle
import shutil

import numpy as np
import pytest
import torch
from checkpoints import RATIOS, SPACE, balanced, save_constant
from harness import set_parameters, state, transition
from lifecycle_msgs.msg import State, Transition
from safetensors import safe_open
from safetensors.torch import save
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

from fourier_depth_ros.config import CheckpointConfig, NetworkConfig
from fourier_depth_ros.core.checkpoint import Checkpoint, save_checkpoint
from fourier_depth_ros.core.network import DepthEstimationNetwork
from fourier_depth_ros.ros.conversions import depth_from_msg


def test_a_missing_checkpoint_is_a_failure_with_a_reason_and_a_retry_works(
    graph, start, constant, tmp_path
):
    path = tmp_path / "later.safetensors"
    node = start(*set_parameters(checkpoint=path, combination="mean"))
    assert state(graph) == State.PRIMARY_STATE_UNCONFIGURED
    assert f"cannot configure: checkpoint: '{path}'" in node.output()
    path.write_bytes(constant.read_bytes()[:5000])
    assert not transition(graph, Transition.TRANSITION_CONFIGURE)
    graph.spin(lambda: "not a whole safetensors file" in node.output())
    shutil.copy(constant, path)
    assert transition(graph, Transition.TRANSITION_CONFIGURE)
    assert transition(graph, Transition.TRANSITION_ACTIVATE)
    depths = graph.listen(Image, "depth/image")
    assert depth_from_msg(graph.answer(depths)).mean() == pytest.approx(2.0, abs=1e-3)
    graph.unlisten(depths)
    assert "Traceback" not in node.output()


def test_start_only_parameters_are_set_until_configure_succeeds_and_after_cleanup(
    graph, start, constant, tmp_path
):
    """A wrong name at start; then right ones, without starting the node again."""
    node = start(*set_parameters(checkpoint="resnet19", device="cuda:9", combination="mean"))
    assert state(graph) == State.PRIMARY_STATE_UNCONFIGURED
    assert "cannot configure: checkpoint: 'resnet19'" in node.output()
    assert graph.set(checkpoint=str(constant)).successful
    assert not transition(graph, Transition.TRANSITION_CONFIGURE)
    graph.spin(lambda: "cannot configure: device: 'cuda:9' is not there" in node.output())
    assert not graph.set(device="gpu").successful
    assert graph.set(device="cpu", crops="shared", preset="balanced").successful
    assert transition(graph, Transition.TRANSITION_CONFIGURE)
    for values in ({"checkpoint": "auto"}, {"device": "auto", "max_depth": 3.0}, {"max_batch": 1}):
        result = graph.set(**values)
        assert not result.successful
        assert "can be changed only while the node is not configured" in result.reason
    assert graph.set(checkpoint=str(constant), device="cpu").successful  # what they are
    assert transition(graph, Transition.TRANSITION_ACTIVATE)
    assert graph.get("checkpoint", "device", "max_depth", "crop_ratios") == [
        *(str(constant), "cpu", 10.0, [1.0, 0.666667])
    ]
    assert not graph.set(checkpoint="auto").successful
    assert transition(graph, Transition.TRANSITION_DEACTIVATE)
    assert transition(graph, Transition.TRANSITION_CLEANUP)
    assert graph.get("preset", "crop_ratios") == ["balanced", ""]
    other = save_of_side(tmp_path / "other.safetensors", 128)
    assert graph.set(checkpoint=str(other), max_batch=1).successful
    assert transition(graph, Transition.TRANSITION_CONFIGURE)
    assert transition(graph, Transition.TRANSITION_ACTIVATE)
    assert graph.get("preset", "crop_ratios") == ["balanced", [1.0, 0.8]]
    depths = graph.listen(Image, "depth/image")
    expected = (2 + 2 / 0.8) / 2
    assert depth_from_msg(graph.answer(depths)).mean() == pytest.approx(expected, abs=2e-3)
    graph.unlisten(depths)
    assert "Traceback" not in node.output()


def save_of_side(path, side):
    """As `constant`, but another network whose presets of shared crops have other ratios."""
    config = CheckpointConfig(network=NetworkConfig(trunk="resnet18", input_size=side), space=SPACE)
    network = DepthEstimationNetwork(config.network).eval().requires_grad_(False)
    network.head.weight.zero_()
    network.head.bias.fill_(balanced(2.0))
    save_checkpoint(path, Checkpoint(config, network), dtype=torch.float32)
    return path


def test_reload_takes_the_preset_that_runs_as_it_is_in_the_new_file(
    graph, start, constant, tmp_path
):
    path = tmp_path / "c.safetensors"
    shutil.copy(constant, path)
    args = {"combination": "mean", "crops": "shared", "preset": "balanced"}
    start(*set_parameters(checkpoint=path, **args))
    assert graph.get("preset", "crop_ratios") == ["balanced", [1.0, 0.666667]]
    save_of_side(path, 128)
    response = graph.call_again(Trigger, "depth/reload", Trigger.Request())
    assert response.success, response.message
    assert graph.get("preset", "crop_ratios") == ["balanced", [1.0, 0.8]]


def rewritten(path, **changes):
    """The checkpoint with another header: whole, but not as this program wrote it."""
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    header = json.loads(metadata["fourier_depth"])
    header.update({k: v for k, v in changes.items() if k in header})
    header["config"].update({k: v for k, v in changes.items() if k in header["config"]})
    return save(tensors, metadata={"fourier_depth": json.dumps(header)})


def test_no_wrong_checkpoint_is_more_than_a_failure_with_a_reason(graph, start, constant, tmp_path):
    """One node, one path; then the right file."""
    whole = constant.read_bytes()
    fast = {"crop_ratios": [1.0], "use_flips": False, "cost": 1}
    one_preset = {"corners": {"fitted_ratios": RATIOS, "presets": {"fast": fast}}}
    no_fast = {"corners": {"fitted_ratios": RATIOS, "presets": {"paper": fast}}}
    wrong = {
        "not a whole safetensors file": [b"", b"weights", pickle.dumps({"a": 1}), whole[:-1]],
        "format version 3, this program reads versions 1 to 2; update": [
            rewritten(constant, format_version=3)
        ],
        "its configuration is broken": [rewritten(constant, format_version="1")],
        "not a fourier_depth checkpoint": [save({"a": torch.zeros(1)})],
        "not the tensors of a resnet50": [rewritten(constant, network={"trunk": "resnet50"})],
        "'fast'": [rewritten(constant, fits=no_fast)],
    }
    path = tmp_path / "c.safetensors"
    path.mkdir()
    node = start(*set_parameters(checkpoint=path, combination="mean"))
    graph.spin(lambda: "is neither a file nor one of" in node.output())
    path.rmdir()
    for reason, contents in wrong.items():
        for content in contents:
            path.write_bytes(content)
            failures = node.output().count("cannot configure: ")
            assert not transition(graph, Transition.TRANSITION_CONFIGURE)
            graph.spin(lambda n=failures: node.output().count("cannot configure: ") > n)
            assert reason in node.output().splitlines()[-1]
    path.write_bytes(rewritten(constant, fits=one_preset))
    assert transition(graph, Transition.TRANSITION_CONFIGURE)
    assert transition(graph, Transition.TRANSITION_ACTIVATE)
    refused = graph.set(preset="paper", depth_scale=3)
    assert not refused.successful
    assert "preset: 'paper' is not in this checkpoint, which has fast" in refused.reason
    path.write_bytes(whole[:9999])
    response = graph.call_again(Trigger, "depth/reload", Trigger.Request())
    assert not response.success
    assert "not a whole safetensors file" in response.message
    depths = graph.listen(Image, "depth/image")
    assert depth_from_msg(graph.answer(depths)).mean() == pytest.approx(2.0, abs=1e-3)
    graph.unlisten(depths)
    assert "Traceback" not in node.output()


def test_round_the_life_cycle_and_back(graph, start, tmp_path):
    checkpoint = save_constant(tmp_path / "c.safetensors", fitted=False)
    node = start(*set_parameters(checkpoint=checkpoint, combination="mean", autostart="false"))
    assert state(graph) == State.PRIMARY_STATE_UNCONFIGURED
    assert graph.set(crop_ratios="[1, 0.7]", depth_scale=2).successful
    depths = graph.listen(Image, "depth/image")
    for _ in range(2):
        assert transition(graph, Transition.TRANSITION_CONFIGURE)
        assert transition(graph, Transition.TRANSITION_ACTIVATE)
        expected = 2 * (2 + 2 / 0.7) / 2
        depth = depth_from_msg(graph.answer(depths))
        np.testing.assert_allclose(depth, expected, atol=5e-3)
        assert transition(graph, Transition.TRANSITION_DEACTIVATE)
        assert state(graph) == State.PRIMARY_STATE_INACTIVE
        assert transition(graph, Transition.TRANSITION_CLEANUP)
    assert graph.get("crop_ratios") == [[1.0, 0.7]]
    assert node.end() == 0
    assert "Traceback" not in node.output()
    graph.unlisten(depths)


def test_an_invalid_parameter_at_start_is_one_line_and_exit_1(start):
    node = start("-p", "crop_ratios:=[0.4]")
    assert node.process.wait(60) == 1
    assert "cannot start: crop_ratios: 0.4 is not in (0.5, 1]" in node.output()
    assert "Traceback" not in node.output()


def test_misspelt_parameters_are_named_and_a_senseless_qos_override_is_a_failure(
    graph, start, constant
):
    override = "qos_overrides./image.subscription.reliability:=sometimes"
    misspelt = set_parameters(checkpoint=constant, combination="mean", crop_ratio="[1.0]")
    node = start(*misspelt, "-p", override)
    graph.spin(lambda: "'crop_ratio' does not exist and is ignored" in node.output())
    graph.spin(lambda: "cannot activate: " in node.output())
    assert "sometimes" in node.output()
    assert state(graph) == State.PRIMARY_STATE_INACTIVE
    assert node.end() == 0
    assert "Traceback" not in node.output()
