"""Ctrl-C after OpenVINO's models have come and gone."""

import pytest
from harness import set_parameters, transition
from lifecycle_msgs.msg import Transition
from std_srvs.srv import Trigger


@pytest.mark.parametrize(
    "ending",
    [Transition.TRANSITION_CLEANUP, Transition.TRANSITION_INACTIVE_SHUTDOWN],
    ids=["cleanup", "shutdown"],
)
def test_a_node_that_reloaded_and_gave_its_network_back_ends_in_order(
    graph, start, constant, ending
):
    pytest.importorskip("openvino")
    given = set_parameters(checkpoint=constant, backend="openvino", device="cpu", autostart="false")
    node = start(*given)
    assert transition(graph, Transition.TRANSITION_CONFIGURE)
    for _ in range(2):  # one model more than the node keeps, whatever is freed first
        assert graph.call_again(Trigger, "depth/reload", Trigger.Request()).success
    assert transition(graph, ending)
    assert node.end() == 0, node.output()
    assert "Traceback" not in node.output()
