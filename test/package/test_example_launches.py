"""launch/examples under the stand-in: each driver's topics are those that the node reads."""

import ast
from pathlib import Path

import pytest
import yaml
from ament_index_python.packages import PackageNotFoundError
from layout import ROOT

from fourier_depth_ros.ros.settings import NodeParameters

EXAMPLES = sorted((ROOT / "launch" / "examples").glob("*.launch.py"))


PROFILES = ("FASTRTPS_DEFAULT_PROFILES_FILE", "FASTDDS_DEFAULT_PROFILES_FILE")


@pytest.fixture(autouse=True)
def no_profile(monkeypatch):
    for variable in PROFILES:
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def launch(describe):
    """`ros2 launch fourier_depth_ros FILE name:=value ...`: what would start."""
    import launch as standin

    return lambda file, **arguments: standin.run(describe(file), **arguments)


def resolved(node, topic: str) -> str:
    """The full name of a node's topic."""
    name = node.remappings.get(topic, topic)
    return name if name.startswith("/") else f"{node.namespace.rstrip('/')}/{name}"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_the_first_line_of_use_names_the_file(path):
    doc = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert f"ros2 launch fourier_depth_ros {path.name}" in doc


def test_a_usb_camera_without_calibration_is_used_as_it_is(launch):
    camera, depth = launch("usb_cam.launch.py", video_device="/dev/video2", preset="fast")
    assert (camera.package, camera.executable) == ("usb_cam", "usb_cam_node_exe")
    assert camera.parameters["video_device"] == "/dev/video2"
    assert "camera_info_url" not in camera.parameters
    assert resolved(depth, "image") == resolved(camera, "image_raw") == "/camera/image_raw"
    assert resolved(depth, "camera_info") == resolved(camera, "camera_info")
    assert resolved(depth, "depth/image") == "/camera/depth/image"
    assert depth.parameters["preset"] == "fast"  # arguments reach the included file
    ((variable, profile),) = camera.environment.items()
    assert variable in PROFILES
    assert Path(profile).name == "fastdds_shm.xml"
    assert Path(profile).is_file()


def test_a_calibrated_usb_camera_is_rectified(launch, share, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "front.yaml").touch()
    with pytest.raises(PackageNotFoundError, match="image_proc"):
        launch("usb_cam.launch.py", calibration="~/front.yaml")
    (share.parent / "ament_index/resource_index/packages/image_proc").touch()
    arguments = {"calibration": "~/front.yaml", "namespace": "front"}
    camera, rectify, depth = launch("usb_cam.launch.py", **arguments)
    assert camera.parameters["camera_info_url"] == f"file://{tmp_path}/front.yaml"
    assert (rectify.package, rectify.executable) == ("image_proc", "rectify_node")
    assert resolved(rectify, "image") == resolved(camera, "image_raw")
    assert resolved(depth, "image") == resolved(rectify, "image_rect") == "/front/image_rect"
    assert resolved(depth, "camera_info") == resolved(camera, "camera_info")
    assert rectify.environment == camera.environment  # it publishes images, too
    with pytest.raises(FileNotFoundError, match=r"calibration: /nowhere.yaml does not exist"):
        launch("usb_cam.launch.py", calibration="/nowhere.yaml")


def test_a_usb_camera_publishes_in_the_frame_that_rviz_looks_at(launch):
    camera, rviz, _ = launch("usb_cam.launch.py", rviz="true")
    assert rviz.arguments[-1] == camera.parameters["frame_id"] == "camera_optical_frame"
    camera, rviz, _ = launch("usb_cam.launch.py", rviz="true", frame="front")
    assert rviz.arguments[-1] == camera.parameters["frame_id"] == "front"


def test_a_camera_keeps_the_profile_that_its_user_has_set(launch, monkeypatch):
    monkeypatch.setenv(PROFILES[0], "/mine.xml")
    camera, _ = launch("usb_cam.launch.py")
    assert camera.environment == {}


DRIVER = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
NAMES = ("camera_name", "camera_namespace", "enable_depth", "rgb_camera.color_profile")
def generate_launch_description():
    # log_level has another meaning than in depth.launch.py, as in the real rs_launch.py
    return LaunchDescription([
        DeclareLaunchArgument("log_level", default_value="fatal"),
        Node(
            package="realsense2_camera", executable="realsense2_camera_node",
            namespace=LaunchConfiguration("camera_namespace"),
            name=LaunchConfiguration("camera_name"),
            parameters=[{n: ParameterValue(LaunchConfiguration(n), value_type=str) for n in NAMES}],
        ),
    ])
"""


def test_a_realsense_gives_colour_only(launch, share):
    driver = share.parent / "realsense2_camera" / "launch" / "rs_launch.py"
    driver.parent.mkdir(parents=True)
    driver.write_text(DRIVER, encoding="utf-8")
    index = share.parent / "ament_index" / "resource_index" / "packages"
    (index / "realsense2_camera").touch()
    camera, depth = launch("realsense.launch.py")
    assert camera.parameters["enable_depth"] == "false"
    # realsense2_camera 4 publishes in /NAMESPACE/NAME/color
    assert resolved(depth, "image") == f"{camera.namespace}/{camera.name}/color/image_raw"
    assert resolved(depth, "camera_info") == f"{camera.namespace}/{camera.name}/color/camera_info"
    assert resolved(depth, "depth/image") == "/camera/mono/depth/image"
    assert depth.ros_arguments == ["--log-level", "info"]
    assert set(camera.environment) & set(PROFILES)
    camera, rviz, _ = launch("realsense.launch.py", enable_depth="true", rviz="true")
    assert camera.parameters["enable_depth"] == "true"
    # CAMERANAME_color_optical_frame, and in no frame of another name are there points to see
    assert rviz.arguments[-2:] == ["-f", f"{camera.name}_color_optical_frame"]
    _, rviz, _ = launch("realsense.launch.py", rviz="true", frame="map")
    assert rviz.arguments[-2:] == ["-f", "map"]


def test_a_bag_brings_its_clock(launch, tmp_path):
    player, depth = launch("bag.launch.py", bag=str(tmp_path), image="/camera/image_rect")
    assert player.command[:4] == ["ros2", "bag", "play", str(tmp_path)]
    assert "--clock" in player.command
    assert set(player.environment) & set(PROFILES)
    assert depth.parameters["use_sim_time"] is True
    assert resolved(depth, "image") == "/camera/image_rect"
    with pytest.raises(FileNotFoundError, match="bag: /nowhere does not exist"):
        launch("bag.launch.py", bag="/nowhere")


def test_several_cameras_get_a_node_each(launch):
    front, rear = launch("cameras.launch.py", cameras="front, rear", image="image_rect")
    assert resolved(front, "image") == "/front/image_rect"
    assert resolved(rear, "image") == "/rear/image_rect"
    assert resolved(rear, "camera_info") == "/rear/camera_info"
    assert resolved(front, "depth/image") == "/front/depth/image"
    assert (front.name, rear.name) == ("depth", "depth")


NAVIGATION = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
def generate_launch_description():
    return LaunchDescription([
        DeclareLaunchArgument("namespace", default_value=""),
        DeclareLaunchArgument("params_file", default_value="/opt/nav2_params.yaml"),
        DeclareLaunchArgument("use_sim_time", default_value="false"),
        Node(
            package="nav2_controller", executable="controller_server",
            namespace=LaunchConfiguration("namespace"),
            parameters=[
                LaunchConfiguration("params_file"),
                {"use_sim_time": ParameterValue(
                    LaunchConfiguration("use_sim_time"), value_type=bool)},
            ],
        ),
    ])
"""


def costmap():
    """The parameters of config/nav2_costmap.yaml, and its sources with what they name."""
    document = yaml.safe_load((ROOT / "config" / "nav2_costmap.yaml").read_text(encoding="utf-8"))
    parameters = document["local_costmap"]["local_costmap"]["ros__parameters"]
    layers = [each for each in parameters.values() if "observation_sources" in each]
    return parameters, [
        (layer, layer[name]) for layer in layers for name in layer["observation_sources"].split()
    ]


def test_nav2_reads_what_the_node_publishes(launch, share):
    (depth,) = launch("nav2.launch.py", image="/camera/image_rect")
    assert depth.parameter_files == [str(share / "config" / "nav2_depth.yaml")]
    assert resolved(depth, "image") == "/camera/image_rect"
    parameters, sources = costmap()
    assert set(parameters["plugins"]) <= set(parameters)
    published = {"PointCloud2": "depth/points", "LaserScan": "depth/laserscan"}
    assert {source["data_type"] for _, source in sources} == set(published)
    for _, source in sources:
        assert source["topic"] == resolved(depth, published[source["data_type"]])


def test_a_costmap_s_heights_and_ranges_make_sense_of_the_node_s():
    given = yaml.safe_load((ROOT / "config" / "nav2_depth.yaml").read_text(encoding="utf-8"))
    node = NodeParameters(**given["/**"]["ros__parameters"])
    assert not node.limits_height  # or the floor would not clear
    for layer, source in costmap()[1]:
        assert source["min_obstacle_height"] < source["max_obstacle_height"]
        if source["marking"]:
            assert source["max_obstacle_height"] <= layer["max_obstacle_height"]
            assert source["obstacle_min_range"] >= node.min_depth
            assert source["obstacle_max_range"] < node.max_depth
        if source["clearing"]:
            assert source["raytrace_max_range"] < node.max_depth
        if layer["plugin"].endswith("VoxelLayer"):
            top = layer["origin_z"] + layer["z_voxels"] * layer["z_resolution"]
            assert layer["max_obstacle_height"] <= top
            assert layer["z_voxels"] <= 16  # Nav2's voxels are the bits of an integer


def test_nav2_is_started_with_its_own_parameters(launch, share, tmp_path, monkeypatch):
    bringup = share.parent / "nav2_bringup" / "launch" / "navigation_launch.py"
    bringup.parent.mkdir(parents=True)
    bringup.write_text(NAVIGATION, encoding="utf-8")
    index = share.parent / "ament_index" / "resource_index" / "packages"
    (index / "nav2_bringup").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").touch()
    depth, nav2 = launch("nav2.launch.py", nav2_params="~/mine.yaml", use_sim_time="true")
    assert depth.namespace == "/camera"
    assert depth.parameter_files == [str(share / "config" / "nav2_depth.yaml")]
    assert nav2.namespace in ("/", "")
    assert nav2.parameter_files == [str(tmp_path / "mine.yaml")]
    assert depth.parameters["use_sim_time"] is nav2.parameters["use_sim_time"] is True
    with pytest.raises(FileNotFoundError, match=r"nav2_params: /nowhere.yaml does not exist"):
        launch("nav2.launch.py", nav2_params="/nowhere.yaml")
