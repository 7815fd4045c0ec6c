"""A recorded bag as the camera, on the bag's clock.

    ros2 launch fourier_depth_ros bag.launch.py bag:=~/kitchen image:=/camera/image_rect rviz:=true

Needs ros2 bag; `depth.launch.py camera:=~/kitchen` plays one without it, on the wall's clock.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from fourier_depth_ros.ros.transport import shared_memory_environment

SHARE = Path(get_package_share_directory("fourier_depth_ros"))
# Best-effort images get lost between processes unless their publisher has a large segment.
SHARED_MEMORY = shared_memory_environment()


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription(
        [
            DeclareLaunchArgument("bag", description="folder of the bag"),
            DeclareLaunchArgument("rate", default_value="1.0", description="speed of replay"),
            OpaqueFunction(function=start),
        ]
    )


def start(context: LaunchContext) -> list:
    bag = Path(LaunchConfiguration("bag").perform(context)).expanduser()
    if not bag.exists():
        raise FileNotFoundError(f"bag: {bag} does not exist")
    rate = LaunchConfiguration("rate").perform(context)
    return [
        ExecuteProcess(
            cmd=["ros2", "bag", "play", str(bag), "--rate", rate, "--clock"],
            output="screen",
            additional_env=SHARED_MEMORY,
        ),
        IncludeLaunchDescription(
            PythonLaunchDescriptionSource(f"{SHARE}/launch/depth.launch.py"),
            launch_arguments={"use_sim_time": "true"}.items(),
        ),
    ]
