"""The colour stream of a RealSense camera (package realsense2_camera 4), and depth from it alone.

    ros2 launch fourier_depth_ros realsense.launch.py rviz:=true

The camera's own depth is off: this is for outdoors, glass and distances that it cannot measure, or
to compare with (enable_depth:=true). A D400's colour pictures come with distortion coefficients of
zero: they need no rectification. Depth is on camera/mono/depth/image. Arguments
of depth.launch.py and of rs_launch.py work too.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    GroupAction,
    IncludeLaunchDescription,
    SetEnvironmentVariable,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from fourier_depth_ros.ros.transport import shared_memory_environment

SHARE = Path(get_package_share_directory("fourier_depth_ros"))
# Best-effort images get lost between processes unless their publisher has a large segment.
SHARED_MEMORY = shared_memory_environment()


def generate_launch_description() -> LaunchDescription:
    driver = Path(get_package_share_directory("realsense2_camera")) / "launch" / "rs_launch.py"
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "enable_depth", default_value="false", description="the camera's own depth"
            ),
            DeclareLaunchArgument(
                "frame",
                default_value="camera_color_optical_frame",  # the driver's, for this camera_name
                description="Fixed Frame of RViz: the image's frame_id, or one that TF knows",
            ),
            *(SetEnvironmentVariable(name, value) for name, value in SHARED_MEMORY.items()),
            # in groups of their own: both files have arguments of the same name (log_level)
            GroupAction(
                [
                    IncludeLaunchDescription(
                        PythonLaunchDescriptionSource(str(driver)),
                        launch_arguments={
                            "camera_namespace": "camera",
                            "camera_name": "camera",
                            "enable_depth": LaunchConfiguration("enable_depth"),
                            "rgb_camera.color_profile": "640x480x30",
                        }.items(),
                    )
                ]
            ),
            GroupAction(
                [
                    IncludeLaunchDescription(
                        PythonLaunchDescriptionSource(f"{SHARE}/launch/depth.launch.py"),
                        launch_arguments={
                            "namespace": "camera/mono",
                            "image": "/camera/camera/color/image_raw",
                            "frame": LaunchConfiguration("frame"),
                        }.items(),
                    )
                ]
            ),
        ]
    )
