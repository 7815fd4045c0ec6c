"""Somebody else's network under the node: checkpoint:=NAME.yaml, over DDS."""

from dataclasses import replace

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from harness import set_parameters, transition
from lifecycle_msgs.msg import Transition
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger

pytest.importorskip("onnx", reason="the tests' networks are ONNX files")
pytest.importorskip("onnxruntime", reason="adapted networks run in ONNX Runtime")
import foreign

from fourier_depth_ros.config import Disparity
from fourier_depth_ros.core.checkpoint import save_checkpoint
from fourier_depth_ros.resources import fit_path
from fourier_depth_ros.ros.conversions import depth_from_msg
from fourier_depth_ros.runtime import read_checkpoint

#: Evenly red 51 of 255: c = 0.2.
PICTURE = np.full((120, 160, 3), 51, np.uint8)


def test_metres_come_out_to_the_millimetre(graph, start, tmp_path):
    """10 c = 2 m as seen with phi = 1.6; the camera's phi is 0.8, and crops of 0.8 say 1.25 x."""
    path = foreign.metric(tmp_path, canonical_focal=1.6)
    args = set_parameters(
        checkpoint=path, device="cpu", backend="onnxruntime", combination="mean", preset="fast"
    )
    node = start(*args)
    outputs = graph.listen(Image, "depth/image")
    graph.send_info()
    np.testing.assert_allclose(
        depth_from_msg(graph.answer(outputs, picture=PICTURE)), 1.0, atol=1e-3
    )
    assert graph.set(crop_ratios=[1.0, 0.8]).successful  # live
    np.testing.assert_allclose(
        depth_from_msg(graph.answer(outputs, picture=PICTURE)), 1.125, atol=1e-3
    )
    refusal = graph.set(crops="shared")
    assert not refusal.successful
    assert "is an adapted network" in refusal.reason
    assert "net in float32 on cpu by onnxruntime" in node.output()
    graph.unlisten(outputs)


def test_a_relative_network_has_metres_once_it_is_fitted(graph, start, tmp_path):
    path = foreign.inverse(tmp_path, "inverse-scaled")
    node = start(*set_parameters(checkpoint=path, device="cpu", preset="fast", autostart=True))
    diagnostics = graph.listen(DiagnosticArray, "/diagnostics")

    def said(text):
        return any(text in s.message for msg in diagnostics for s in msg.status)

    graph.spin(lambda: said("has no metres"))
    assert "fourier-depth fit --checkpoint" in node.output()
    assert not graph.node.get_publishers_info_by_topic("/depth/image")
    assert graph.call_again(Trigger, "depth/reload", Trigger.Request()).success is False
    # as fit would: every crop of an even picture answers 1, which is to be 2.5 canonical metres
    checkpoint = read_checkpoint(path)
    space = checkpoint.config.space.model_copy(update={"disparity": Disparity(scale=0.4, shift=0)})
    config = checkpoint.config.model_copy(update={"space": space})
    save_checkpoint(fit_path(path), replace(checkpoint, config=config))
    # without the statistics that a fit leaves there too, only the mean can be had
    assert graph.set(combination="mean").successful
    assert transition(graph, Transition.TRANSITION_CONFIGURE)
    assert transition(graph, Transition.TRANSITION_ACTIVATE)
    outputs = graph.listen(Image, "depth/image")
    graph.send_info()
    depth = depth_from_msg(graph.answer(outputs, picture=PICTURE))
    np.testing.assert_allclose(depth, 2.0, atol=1e-3)  # times phi = 0.8
    graph.unlisten(outputs)
    graph.unlisten(diagnostics)
