"""launch/depth.launch.py under the stand-in: what it starts for which arguments."""

from pathlib import Path

import pytest
import yaml
from bags import write_bag
from layout import PACKAGE

ARGUMENTS = {
    "namespace": "",
    "image": "image",
    "camera_info": "",
    "params_file": "depth.yaml",
    "checkpoint": "",
    "device": "",
    "preset": "",
    "target_rate": "",
    "camera": "",
    "rate": "",
    "rviz": "false",
    "frame": "",
    "use_sim_time": "false",
    "respawn": "false",
    "log_level": "info",
}


@pytest.fixture
def description(describe):
    return describe("depth.launch.py")


@pytest.fixture
def launch(description):
    """`ros2 launch fourier_depth_ros depth.launch.py name:=value ...`: what would start."""
    import launch as standin

    return lambda **arguments: standin.run(description, **arguments)


def declared_arguments(description) -> list:
    return [each for each in description.entities if hasattr(each, "default_value")]


def test_every_argument_has_a_default_and_a_description(description):
    shown = {each.name: each.default_value for each in declared_arguments(description)}
    shown["params_file"] = Path(shown["params_file"]).name
    assert shown == ARGUMENTS
    for each in declared_arguments(description):
        assert isinstance(each.default_value, str)
        assert each.description
        assert each.description[0] not in " A"


def test_by_default_one_node_starts_with_the_installed_parameters(launch, share, executables):
    (depth,) = launch()
    assert (depth.package, depth.executable, depth.name) == (PACKAGE, "depth_node", "depth")
    assert depth.executable in executables
    assert depth.namespace == "/"
    assert depth.parameter_files == [str(share / "config" / "depth.yaml")]
    assert Path(depth.parameter_files[0]).is_file()
    assert depth.parameters == {"use_sim_time": False}  # nothing over the file's values
    assert depth.remappings == {
        "image": "image",
        "image/compressed": "image/compressed",
        "camera_info": "camera_info",
    }
    assert depth.ros_arguments == ["--log-level", "info"]
    assert depth.respawn is False
    assert depth.output == "screen"


def test_given_arguments_override_the_file_as_strings(launch):
    (depth,) = launch(preset="accurate", device="cuda:0", checkpoint="2024", use_sim_time="true")
    assert depth.parameters == {
        "use_sim_time": True,
        "preset": "accurate",
        "device": "cuda:0",
        "checkpoint": "2024",
    }
    assert type(depth.parameters["checkpoint"]) is str


def test_the_target_rate_is_a_number_or_nothing_starts(launch):
    (depth,) = launch(target_rate="10")
    assert depth.parameters["target_rate"] == 10.0
    assert type(depth.parameters["target_rate"]) is float
    with pytest.raises(
        ValueError, match="target_rate: 'fast' is not a number; give one such as 10"
    ):
        launch(target_rate="fast", rviz="true")


def test_overrides_are_parameters_of_the_node(launch, share):
    (depth,) = launch(preset="fast", device="cpu", checkpoint="x", target_rate="5")
    document = yaml.safe_load((share / "config" / "depth.yaml").read_text(encoding="utf-8"))
    known = document["/**"]["ros__parameters"]
    assert set(depth.parameters) - {"use_sim_time"} <= set(known)


@pytest.mark.parametrize(
    ("image", "camera_info", "expected"),
    [
        ("/camera/image_rect", "", "/camera/camera_info"),
        ("left/image_rect", "", "left/camera_info"),
        ("/image", "", "/camera_info"),
        ("/camera/image_rect", "/calibration", "/calibration"),
    ],
)
def test_camera_info_is_looked_for_beside_the_image(launch, image, camera_info, expected):
    (depth,) = launch(image=image, camera_info=camera_info)
    assert depth.remappings == {
        "image": image,
        "image/compressed": f"{image}/compressed",
        "camera_info": expected,
    }


def test_the_camera_publishes_what_the_node_reads(launch, executables):
    depth, camera = launch(camera="demo", image="/front/image", namespace="robot1")
    assert (camera.package, camera.executable) == (PACKAGE, "fourier-depth")
    assert camera.executable in executables
    assert camera.arguments == ["camera", "demo"]
    assert camera.remappings == depth.remappings
    assert camera.namespace == depth.namespace == "/robot1"


def test_home_is_expanded_where_the_shell_does_not(launch, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").touch()
    depth, camera = launch(camera="~/rooms", params_file="~/mine.yaml", checkpoint="~/w")
    assert camera.arguments[:2] == ["camera", f"{tmp_path}/rooms"]
    assert depth.parameter_files == [f"{tmp_path}/mine.yaml"]
    assert depth.parameters["checkpoint"] == f"{tmp_path}/w"


def test_rviz_opens_the_installed_view_in_the_node_s_namespace(launch, share):
    rviz, depth = launch(rviz="true", frame="front", image="/front/image", namespace="/robot1")
    assert (rviz.package, rviz.executable) == ("rviz2", "rviz2")
    assert rviz.arguments == ["-d", str(share / "config" / "depth.rviz"), "-f", "front"]
    assert Path(rviz.arguments[1]).is_file()
    assert rviz.remappings == depth.remappings
    assert rviz.namespace == depth.namespace == "/robot1"


def test_rviz_looks_at_the_frame_that_the_camera_publishes_in(launch):
    rviz, _, camera = launch(rviz="true", camera="demo", frame="front")
    assert rviz.arguments[-2:] == ["-f", "front"]
    assert camera.arguments == ["camera", "demo", "--frame-id", "front"]


def test_rviz_looks_at_the_bag_s_own_frame_unless_asked_otherwise(launch, tmp_path):
    write_bag(tmp_path / "bag", [0.0], frame_id="front_optical")
    rviz, _, camera = launch(rviz="true", camera=str(tmp_path / "bag"))
    assert rviz.arguments[-2:] == ["-f", "front_optical"]
    assert camera.arguments == ["camera", f"{tmp_path}/bag"]  # which publishes in it
    rviz, _, _ = launch(rviz="true", camera=str(tmp_path / "bag"), frame="map")
    assert rviz.arguments[-2:] == ["-f", "map"]
    rviz, _, _ = launch(rviz="true", camera="demo")
    assert rviz.arguments[-2:] == ["-f", "camera_optical_frame"]


def test_a_recording_s_own_pace_can_be_changed(launch):
    _, camera = launch(camera="/walk.mp4", rate="2.5")
    assert camera.arguments == ["camera", "/walk.mp4", "--rate", "2.5"]
    with pytest.raises(ValueError, match="rate: 'own' is not a number; give one such as 10"):
        launch(camera="/walk.mp4", rate="own", rviz="true")


def test_respawn_and_log_level(launch):
    (depth,) = launch(respawn="true", log_level="debug")
    assert depth.respawn is True
    assert depth.ros_arguments == ["--log-level", "debug"]


@pytest.mark.parametrize("name", ["rviz", "use_sim_time", "respawn", "log_level"])
def test_a_word_that_means_nothing_stops_the_launch_before_anything_starts(launch, name):
    with pytest.raises(RuntimeError, match=rf"{name}: 'perhaps' is none of"):
        launch(**{name: "perhaps"})


def test_booleans_are_taken_as_other_launch_files_write_them(launch):
    (depth,) = launch(use_sim_time="True", respawn="False", rviz="0")
    assert depth.parameters == {"use_sim_time": True}
    assert depth.respawn is False


def test_a_missing_parameter_file_stops_the_launch(launch):
    with pytest.raises(FileNotFoundError, match=r"params_file: /nowhere/p.yaml does not exist"):
        launch(params_file="/nowhere/p.yaml")
