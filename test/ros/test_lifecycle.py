"""Life cycle, signals, and a checkpoint that is not there yet."""

import shutil
import signal

import numpy as np
import pytest
from checkpoints import save_constant
from harness import set_parameters
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from sensor_msgs.msg import Image

from fourier_depth_ros.ros.conversions import depth_from_msg


def transition(graph, number):
    request = ChangeState.Request(transition=Transition(id=number))
    return graph.call(ChangeState, "depth/change_state", request).success


def state(graph):
    return graph.call(GetState, "depth/get_state", GetState.Request()).current_state.id


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_cleanly_in_mid_frame(graph, start, constant, number):
    node = start(
        *set_parameters(checkpoint=constant, combination="mean", crop_ratios="'1 0.8 0.6'")
    )
    depths = graph.listen(Image, "depth/image")
    graph.answer(depths)
    for _ in range(3):
        graph.send(np.zeros((480, 640, 3), np.uint8))
    assert node.end(number) == 0
    assert "Traceback" not in node.output(), node.output()
    graph.unlisten(depths)


def test_an_invalid_parameter_at_start_is_one_line_and_exit_1(start):
    node = start("-p", "crop_ratios:=[0.4]")
    assert node.process.wait(60) == 1
    assert "cannot start: crop_ratios: 0.4 is not in (0.5, 1]" in node.output()
    assert "Traceback" not in node.output()


def test_misspelt_parameters_are_named(graph, start, constant):
    node = start(*set_parameters(checkpoint=constant, combination="mean", crop_ratio="[1.0]"))
    graph.spin(lambda: "'crop_ratio' does not exist and is ignored" in node.output())
