"""Depth for Nav2's costmap, as config/nav2_costmap.yaml reads it, and on request Nav2 itself.

    ros2 launch fourier_depth_ros nav2.launch.py image:=/camera/image_rect
    ros2 launch fourier_depth_ros nav2.launch.py image:=/camera/image_rect nav2_params:=my_nav2.yaml

The first is for a Nav2 that runs already. my_nav2.yaml is your parameters of Nav2 with the layers
of config/nav2_costmap.yaml in them. Points are on camera/depth/points, a scan on
camera/depth/laserscan; TF has to know the image's frame. docs/nav2.md says more. Arguments of
depth.launch.py work too; its params_file is config/nav2_depth.yaml here.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    OpaqueFunction,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

SHARE = Path(get_package_share_directory("fourier_depth_ros"))
#: Each argument's name, default and description.
ARGUMENTS = (
    ("namespace", "camera", "namespace of the depth node; the costmap's topics name it"),
    ("params_file", f"{SHARE}/config/nav2_depth.yaml", "YAML file of the depth node's parameters"),
    ("nav2_params", "", "YAML file of Nav2's parameters; empty: Nav2 is started elsewhere"),
    ("use_sim_time", "false", "follow /clock"),
)


def generate_launch_description() -> LaunchDescription:
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, default, description in ARGUMENTS
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[GroupAction]:
    nav2_params = LaunchConfiguration("nav2_params").perform(context)
    depth = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(f"{SHARE}/launch/depth.launch.py")
    )
    if not nav2_params:
        return [GroupAction([depth])]
    path = Path(nav2_params).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"nav2_params: {path} does not exist")
    bringup = Path(get_package_share_directory("nav2_bringup")) / "launch" / "navigation_launch.py"
    nav2 = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(bringup)),
        # whatever is not given is the depth node's: they have arguments of the same name
        launch_arguments={
            "namespace": "",
            "params_file": str(path),
            "use_sim_time": LaunchConfiguration("use_sim_time"),
        }.items(),
    )
    return [GroupAction([depth]), GroupAction([nav2])]
