"""config/: the YAML is the table of NodeParameters, RViz shows what the node publishes."""

import os
import re
import xml.etree.ElementTree as ET

import pytest
import yaml
from layout import ROOT

from fourier_depth_ros.ros.settings import NodeParameters

YAML = ROOT / "config" / "depth.yaml"
BOUNDS = ("ge", "gt", "le")


def parameters() -> dict[str, object]:
    document = yaml.safe_load(YAML.read_text(encoding="utf-8"))
    assert list(document) == ["/**"]  # any namespace, any node name
    assert list(document["/**"]) == ["ros__parameters"]
    return document["/**"]["ros__parameters"]


def expected_comment(name: str) -> str:
    """A parameter's description, then in brackets its unit, range and when it may change."""
    field = NodeParameters.model_fields[name]
    bounds = {b: getattr(m, b) for m in field.metadata for b in BOUNDS if hasattr(m, b)}
    notes = [field.json_schema_extra["unit"]]
    if bounds:
        low = f"{bounds['ge']:.10g}" if "ge" in bounds else f"above {bounds['gt']:.10g}"
        notes.append(f"{low} to {bounds['le']:.10g}")
    notes.append("live" if field.json_schema_extra["live"] else "at start")
    return f"{field.description} [{', '.join(filter(None, notes))}]"


def test_yaml_has_every_parameter_with_its_default_in_the_table_s_order():
    given = parameters()
    assert list(given) == list(NodeParameters.model_fields)
    defaults = NodeParameters().model_dump()
    for name, value in given.items():
        # ROS has no empty list without a type: the string "" stands for it
        assert value == (defaults[name] if defaults[name] != () else ""), name
        assert type(value) is type(defaults[name]) or defaults[name] == (), name


def test_yaml_validates():
    given = parameters()
    assert given.pop("crop_ratios") == ""
    assert NodeParameters(**given) == NodeParameters()


@pytest.mark.parametrize("name", NodeParameters.model_fields)
def test_yaml_says_what_the_table_says(name):
    lines = YAML.read_text(encoding="utf-8").splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(f"    {name}:"))
    comment: list[str] = []
    while lines[at - 1].startswith("    # "):
        at -= 1
        comment.insert(0, lines[at].removeprefix("    # "))
    assert " ".join(comment) == expected_comment(name)


# rosidl's lark, on import
@pytest.mark.filterwarnings("ignore:module 'sre_:DeprecationWarning")
def test_ros_reads_from_the_yaml_what_is_meant(monkeypatch, tmp_path):
    """ROS's parser is not YAML's: an unquoted nan is a number to it, and mixed lists are fatal."""
    rclpy = pytest.importorskip("rclpy")
    monkeypatch.setenv("ROS_LOG_DIR", str(tmp_path))
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "OFF")
    context = rclpy.Context()
    rclpy.init(args=["--ros-args", "--params-file", str(YAML)], context=context)
    try:
        node = rclpy.create_node(
            "any_name",
            context=context,
            namespace="any_namespace",
            automatically_declare_parameters_from_overrides=True,
        )
        read = {name: node.get_parameter(name).value for name in parameters()}
        node.destroy_node()
    finally:
        rclpy.shutdown(context=context)
    assert read == parameters()
    assert {name: type(value) for name, value in read.items()} == {
        name: type(value) for name, value in parameters().items()
    }


def rviz() -> dict:
    return yaml.safe_load((ROOT / "config" / "depth.rviz").read_text(encoding="utf-8"))


def displays() -> dict[str, dict]:
    return {each["Name"]: each for each in rviz()["Visualization Manager"]["Displays"]}


def test_rviz_shows_the_node_s_topics():
    topics = {
        name: (each["Class"], each["Topic"]["Value"])
        for name, each in displays().items()
        if "Topic" in each
    }
    # relative, so that RViz in a namespace, or with `image` remapped, follows the node
    assert topics == {
        "Image": ("rviz_default_plugins/Image", "image"),
        "Depth": ("rviz_default_plugins/Image", "depth/color"),
        "Points": ("rviz_default_plugins/PointCloud2", "depth/points"),
    }
    assert displays()["Points"]["Color Transformer"] == "RGB8"
    assert displays()["Points"]["Position Transformer"] == "XYZ"


#: What RViz reads, as in the sources of Humble, Jazzy and Rolling (October 2024): a key that is not
#: among a class's properties is ignored without a word.
DISPLAY = {"Class", "Enabled", "Name", "Value"}
TOPIC = {
    "Depth",
    "Durability Policy",
    "Filter size",
    "History Policy",
    "Reliability Policy",
    "Value",
}
PROPERTIES = {
    "Axes": {"Length", "Radius", "Reference Frame"},
    "Grid": {
        "Alpha", "Cell Size", "Color", "Line Style", "Normal Cell Count", "Offset", "Plane",
        "Plane Cell Count", "Reference Frame",
    },
    "Image": {"Max Value", "Median window", "Min Value", "Normalize Range", "Topic"},
    "PointCloud2": {
        "Alpha", "Color Transformer", "Decay Time", "Position Transformer", "Selectable",
        "Size (Pixels)", "Size (m)", "Style", "Topic",
        # of the transformers of position and colour that are not chosen, too
        "Autocompute Intensity Bounds", "Autocompute Value Bounds", "Axis", "Channel Name", "Color",
        "Invert Rainbow", "Max Color", "Max Intensity", "Min Color", "Min Intensity",
        "Use Fixed Frame", "Use rainbow",
    },
    "TF": {
        "Frame Timeout", "Frames", "Marker Scale", "Show Arrows", "Show Axes", "Show Names", "Tree",
        "Update Interval",
    },
}  # fmt: skip
VIEW = {
    "Class", "Distance", "Enable Stereo Rendering", "Focal Point", "Focal Shape Fixed Size",
    "Focal Shape Size", "Invert Z Axis", "Name", "Near Clip Distance", "Pitch", "Target Frame",
    "Value", "Yaw",
}  # fmt: skip


def test_rviz_knows_every_class_and_property():
    for each in displays().values():
        package, name = each["Class"].split("/")
        assert package == "rviz_default_plugins"
        assert set(each) <= DISPLAY | PROPERTIES[name], each["Name"]
        assert set(each.get("Topic", {})) <= TOPIC
    assert set(rviz()["Visualization Manager"]["Views"]["Current"]) <= VIEW
    # the classes of pictures and clouds are there, and TF for a robot that has one
    shown = [each["Class"].split("/")[1] for each in displays().values()]
    assert sorted(shown) == ["Axes", "Grid", "Image", "Image", "PointCloud2", "TF"]
    assert set(rviz()["Window Geometry"]) >= {"Image", "Depth"}  # a dock for each picture


def test_rviz_asks_for_no_more_than_the_publishers_offer():
    asked = {
        name: (each["Topic"]["Reliability Policy"], each["Topic"]["Durability Policy"])
        for name, each in displays().items()
        if "Topic" in each
    }
    # camera drivers publish Best Effort, which a Reliable subscriber never matches
    assert asked == {
        "Image": ("Best Effort", "Volatile"),
        "Depth": ("Reliable", "Volatile"),
        "Points": ("Reliable", "Volatile"),
    }


def test_rviz_looks_along_the_optical_axis_with_the_picture_upright():
    """Orbit sits at focal + distance (cos yaw cos pitch, sin yaw cos pitch, sin pitch)."""
    manager = rviz()["Visualization Manager"]
    assert manager["Global Options"]["Fixed Frame"] == "camera_optical_frame"
    view = manager["Views"]["Current"]
    assert view["Class"] == "rviz_default_plugins/Orbit"
    # cos(3 pi / 2) = 0, sin(3 pi / 2) = -1: neither left nor right, but above (y points down)
    assert view["Yaw"] == pytest.approx(4.712389, abs=1e-5)
    # sin(-1.3) = -0.96: behind the camera by 6 * 0.96 - 3 = 2.8 m, and 6 cos(-1.3) = 1.6 m above it
    assert view["Pitch"] == pytest.approx(-1.3)
    assert (view["Distance"], view["Focal Point"]) == (6, {"X": 0, "Y": 0, "Z": 3})
    grid = displays()["Grid"]
    assert (grid["Plane"], grid["Offset"]["Y"] > 0) == ("XZ", True)  # a floor, below


def test_shared_memory_profile_has_room_for_a_full_hd_image():
    root = ET.parse(ROOT / "config" / "fastdds_shm.xml").getroot()
    ns = re.match(r"\{.*\}", root.tag).group()
    transports = {
        each.findtext(f"{ns}transport_id"): each for each in root.iter(f"{ns}transport_descriptor")
    }
    participant = root.find(f"{ns}participant")
    assert participant.get("is_default_profile") == "true"
    used = [each.text for each in participant.iter(f"{ns}transport_id")]
    assert [transports[name].findtext(f"{ns}type") for name in used] == ["SHM", "UDPv4"]
    # or the default segment of 512 kB stays beside ours
    assert participant.findtext(f"{ns}rtps/{ns}useBuiltinTransports") == "false"
    assert int(transports[used[0]].findtext(f"{ns}segment_size")) >= 2 * 1920 * 1080 * 3


def test_no_file_of_the_package_is_executable_by_accident():
    for path in [*(ROOT / "config").rglob("*.*"), *(ROOT / "launch").rglob("*.py")]:
        assert not os.access(path, os.X_OK), path
