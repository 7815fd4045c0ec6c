"""Life cycle, signals, and a checkpoint that is not there yet."""

import json
import pickle
import shutil

import numpy as np
import pytest
import torch
from checkpoints import save_constant
from harness import set_parameters, state, transition
from lifecycle_msgs.msg import State, Transition
from safetensors import safe_open
from safetensors.torch import save
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

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
    one_preset = {"corners": {"presets": {"fast": fast}}}
    no_fast = {"corners": {"presets": {"paper": fast}}}
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
