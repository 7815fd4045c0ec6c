"""Depth of several cameras whose drivers already run: a node for each, in its namespace.

    ros2 launch fourier_depth_ros cameras.launch.py cameras:=front,rear image:=image_rect

reads /front/image_rect and /rear/image_rect, with the camera_info beside each, and publishes
/front/depth/image and /rear/depth/image. Each is a process with a network of its own: that many
times the memory, while a shared GPU or CPU divides the rate. Arguments of depth.launch.py work too.
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

DEPTH = Path(get_package_share_directory("fourier_depth_ros")) / "launch" / "depth.launch.py"


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "cameras", default_value="front,rear", description="namespaces, with commas between"
            ),
            OpaqueFunction(function=start),
        ]
    )


def start(context: LaunchContext) -> list[GroupAction]:
    names = LaunchConfiguration("cameras").perform(context).split(",")
    return [
        GroupAction(  # or the first camera's namespace would be the second's default
            [
                IncludeLaunchDescription(
                    PythonLaunchDescriptionSource(str(DEPTH)),
                    launch_arguments={"namespace": name.strip()}.items(),
                )
            ]
        )
        for name in names
        if name.strip()
    ]
