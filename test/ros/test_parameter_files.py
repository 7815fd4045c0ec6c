"""`ros2 param load` and `dump` of a running node, by the calls that they make."""

import pytest
import yaml
from harness import set_parameters, state
from layout import ROOT
from lifecycle_msgs.msg import State
from rcl_interfaces.srv import ListParameters
from rclpy.parameter import parameter_dict_from_yaml_file, parameter_value_to_python

from fourier_depth_ros.ros.settings import NodeParameters

NAMES = list(NodeParameters.model_fields)


@pytest.fixture
def node(graph, start):
    """As the package is shipped."""
    process = start()
    assert state(graph) == State.PRIMARY_STATE_ACTIVE
    yield process
    assert "Traceback" not in process.output()


def read(path):
    """The parameters of a file as `ros2 param load /depth` sends them."""
    return list(parameter_dict_from_yaml_file(str(path), True, ["/depth"]).values())


def dumped(graph, path):
    """What `ros2 param dump /depth` writes, of the parameters that are ours."""
    request = ListParameters.Request()
    names = graph.call_again(ListParameters, "depth/list_parameters", request).result.names
    assert set(names) >= set(NAMES)
    values = dict(zip(sorted(NAMES), graph.get(*sorted(NAMES)), strict=True))
    path.write_text(yaml.dump({"/depth": {"ros__parameters": values}}, default_flow_style=False))
    return path


def shown(graph):
    return dict(zip(NAMES, graph.get(*NAMES), strict=True))


def test_the_shipped_file_can_be_loaded_on_a_running_node(graph, node):
    """One by one and as a whole; and what it sets is what the node started with."""
    started = shown(graph)
    assert started["preset"] in ("fast", "accurate")
    shipped = read(ROOT / "config" / "depth.yaml")
    assert [parameter.name for parameter in shipped] == NAMES
    values = {p.name: parameter_value_to_python(p.value) for p in shipped}
    for other in ({}, {"crop_ratios": "1 .8", "max_depth": 5}, {"preset": "balanced"}):
        assert graph.set(**other).successful
        results = graph.set_each(shipped)
        assert [result.reason for result in results if not result.successful] == []
        assert shown(graph) == started
        assert graph.set(**other).successful
        assert graph.set(**values).successful
        assert shown(graph) == started
    for name, value in (("device", "cuda:7"), ("max_batch", 3), ("autostart", False)):
        result = graph.set(**{name: value, "max_depth": 3.0})
        assert not result.successful
        assert f"{name}: is " in result.reason
        assert "only while the node is not configured" in result.reason
    assert shown(graph) == started


def test_what_was_dumped_can_be_loaded_and_is_the_same(graph, start, tmp_path):
    """Of a ResNet, which can have shared crops."""
    node = start(*set_parameters(checkpoint="resnet18_indoor"))
    assert state(graph) == State.PRIMARY_STATE_ACTIVE
    default = dumped(graph, tmp_path / "default.yaml")
    started = shown(graph)
    for number, changes in enumerate(
        (
            {"preset": "balanced", "far_policy": "inf", "output_size": "320x240"},
            {"crop_ratios": "[1, 0.85]", "use_flips": True, "ridge": 1e-5, "min_depth": 0},
            {"preset": "paper", "combination": "mean", "publish_points": True},
            {"crops": "shared", "preset": "balanced"},
        )
    ):
        assert graph.set(**changes).successful
        file = dumped(graph, tmp_path / f"{number}.yaml")
        before = shown(graph)
        for path, expected in ((default, started), (file, before)):
            failed = [result.reason for result in graph.set_each(read(path)) if result.reason]
            assert failed == []
            assert shown(graph) == expected
    assert "Traceback" not in node.output()
