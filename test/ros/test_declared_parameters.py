"""Declaring, overriding and showing the parameters of a real node."""

from typing import Literal, get_args, get_origin

import pytest
import rclpy
from node_settings import change
from rcl_interfaces.msg import ParameterType, SetParametersResult
from rclpy.parameter import (
    Parameter,
)

from fourier_depth_ros.ros import parameters
from fourier_depth_ros.ros.settings import NodeParameters
from fourier_depth_ros.ros.spellings import ParameterError


@pytest.fixture
def make_node(domain):
    context = rclpy.Context()
    nodes = []

    def make(*args, **kwargs):
        if not context.ok():
            rclpy.init(args=["--ros-args", *args], context=context, domain_id=domain)
        nodes.append(rclpy.create_node("depth", context=context, **kwargs))
        return nodes[-1]

    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.shutdown(context=context)


def test_declaring_gives_the_defaults_and_describes_them(make_node):
    node = make_node()
    assert parameters.declare(node) == NodeParameters()
    for name, field in NodeParameters.model_fields.items():
        descriptor = node.describe_parameter(name)
        assert field.description in descriptor.description
        assert not descriptor.read_only  # or it could not be set while the node is unconfigured
        late = "can be changed only while the node is not configured"
        assert (late in descriptor.additional_constraints) == (not parameters.is_live(name))
        for choice in get_args(field.annotation) if get_origin(field.annotation) is Literal else ():
            assert choice in descriptor.additional_constraints
    for name, choices in (
        ("preset", "fast, balanced, accurate, paper, auto, or ''"),
        ("device", "auto, cpu, cuda or cuda:N; can be changed only"),
        ("backend", "auto, eager, graph, compiled, openvino, onnxruntime; can be changed only"),
        ("crop_ratios", "numbers in (0.5, 1]"),
        ("output_size", "WIDTHxHEIGHT"),
    ):
        assert choices in node.describe_parameter(name).additional_constraints
    stride = node.describe_parameter("points_stride").integer_range[0]
    assert (stride.from_value, stride.to_value) == (1, 64)
    scale = node.describe_parameter("max_depth").floating_point_range[0]
    assert (scale.from_value, scale.to_value) == (0.0, 10000.0)
    assert "[m]" in node.describe_parameter("max_depth").description


def test_overrides_in_the_spellings_of_the_command_line(make_node):
    node = make_node("-p", "crop_ratios:=[1.0, 0.8]", "-p", "max_depth:=8", "-p", "preset:=''")
    settings = parameters.declare(node)
    assert (settings.crop_ratios, settings.max_depth) == ((1.0, 0.8), 8.0)


def test_an_invalid_override_names_the_parameter(make_node):
    with pytest.raises(ParameterError, match=r"max_depth out of range Min: 0\.0"):
        parameters.declare(make_node("-p", "max_depth:=-3.0"))


def test_misspelt_overrides_are_named_with_a_hint(make_node):
    node = make_node("-p", "crop_ratio:=[1.0]", "-p", "use_sim_time:=true")
    parameters.declare(node)
    (sentence,) = parameters.misspelt(node)
    assert "'crop_ratio' does not exist" in sentence
    assert "'crop_ratios'" in sentence


def test_the_mirror_shows_canonical_doubles(make_node):
    node = make_node()
    parameters.declare(node)
    node.set_parameters(
        [Parameter("crop_ratios", value="[1, .8]"), Parameter("max_depth", value=8)]
    )
    settings = change(crop_ratios="[1, .8]", max_depth=8)
    node.set_parameters(parameters.mirror(node, settings))
    shown = node.get_parameter("crop_ratios")
    assert shown.get_parameter_value().type == ParameterType.PARAMETER_DOUBLE_ARRAY
    assert list(shown.value) == [1.0, 0.8]
    assert node.get_parameter("max_depth").value == 8.0
    assert parameters.mirror(node, settings) == []


def test_integers_that_equal_the_ratios_are_shown_as_doubles_too(make_node):
    node = make_node()
    parameters.declare(node)
    node.set_parameters([Parameter("crop_ratios", value=[1])])
    node.set_parameters(parameters.mirror(node, change(crop_ratios=[1])))
    shown = node.get_parameter("crop_ratios").get_parameter_value()
    assert shown.type == ParameterType.PARAMETER_DOUBLE_ARRAY


def test_a_refused_value_leaves_no_type_in_the_description(make_node):
    node = make_node()
    settings = parameters.declare(node)

    def refuse(_):
        return SetParametersResult(successful=False)

    node.add_on_set_parameters_callback(refuse)
    node.set_parameters([Parameter("max_depth", value="deep")])
    node.remove_on_set_parameters_callback(refuse)
    assert node.describe_parameter("max_depth").type == ParameterType.PARAMETER_STRING  # rclpy's
    node.set_parameters(parameters.mirror(node, settings))
    assert node.describe_parameter("max_depth").type == ParameterType.PARAMETER_DOUBLE
