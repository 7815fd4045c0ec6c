"""A USB camera (package usb_cam), rectified where its calibration is known, and its depth.

    ros2 launch fourier_depth_ros usb_cam.launch.py rviz:=true
    ros2 launch fourier_depth_ros usb_cam.launch.py calibration:=~/.ros/camera_info/front.yaml

Depth is on camera/depth/image. Arguments of depth.launch.py (preset, device, rviz ...) work too.
Needs ros-DISTRO-usb-cam, and ros-DISTRO-image-proc to rectify.
"""

from pathlib import Path

from ament_index_python.packages import get_package_prefix, get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from fourier_depth_ros.ros.transport import shared_memory_environment

SHARE = Path(get_package_share_directory("fourier_depth_ros"))
# Best-effort images get lost between processes unless their publisher has a large segment.
SHARED_MEMORY = shared_memory_environment()
#: Each argument's name, default and description.
ARGUMENTS = (
    ("namespace", "camera", "namespace of the camera and of its depth"),
    ("video_device", "/dev/video0", "the camera"),
    ("frame", "camera_optical_frame", "the images' frame_id, and the Fixed Frame of RViz"),
    ("calibration", "", "file that camera_calibration wrote; empty: distorted, of unknown focus"),
)


def generate_launch_description() -> LaunchDescription:
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, default, description in ARGUMENTS
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list:
    given = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    calibration = Path(given["calibration"]).expanduser()
    parameters = {
        "video_device": given["video_device"],
        "pixel_format": "yuyv2rgb",
        "frame_id": given["frame"],
        "camera_name": "camera",
    }
    if given["calibration"]:
        if not calibration.is_file():
            raise FileNotFoundError(f"calibration: {calibration} does not exist")
        get_package_prefix("image_proc")  # missing: said before the camera is started
        parameters["camera_info_url"] = f"file://{calibration.resolve()}"
    common = {
        "namespace": given["namespace"],
        "output": "screen",
        "additional_env": SHARED_MEMORY,
    }
    camera = Node(
        package="usb_cam",
        executable="usb_cam_node_exe",
        name="camera",
        parameters=[
            {name: ParameterValue(value, value_type=str) for name, value in parameters.items()}
        ],
        **common,
    )
    rectify = Node(
        package="image_proc",
        executable="rectify_node",
        name="rectify",
        remappings=[("image", "image_raw")],
        **common,
    )
    depth = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(f"{SHARE}/launch/depth.launch.py"),
        launch_arguments={
            "namespace": given["namespace"],
            "image": "image_rect" if given["calibration"] else "image_raw",
        }.items(),
    )
    return [camera, *([rectify] if given["calibration"] else []), depth]
