"""The depth node, and on request a camera (a folder, a video or a bag) and RViz beside it.

    ros2 launch fourier_depth_ros depth.launch.py image:=/camera/image_rect rviz:=true
    ros2 launch fourier_depth_ros depth.launch.py camera:=demo rviz:=true

Only actions that exist since Humble. The node configures and activates itself (``autostart``), so
it is a plain Node: `ros2 run`, a container's entry point and this file all start it alike.
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, GroupAction, OpaqueFunction
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node, PushRosNamespace
from launch_ros.parameter_descriptions import ParameterValue

PACKAGE = "fourier_depth_ros"
SHARE = Path(get_package_share_directory(PACKAGE))

#: Each argument's name, default and description, as `--show-args` lists them.
ARGUMENTS = (
    ("namespace", "", "namespace of every node and relative topic"),
    ("image", "image", "rectified colour image to read (its /compressed is remapped along)"),
    (
        "camera_info",
        "",
        "calibration of that image; empty: camera_info beside it, as in /camera/camera_info for "
        "/camera/image_rect",
    ),
    ("params_file", str(SHARE / "config" / "depth.yaml"), "YAML file of the node's parameters"),
    ("checkpoint", "", "weights, by path or name; empty: as in params_file"),
    ("device", "", "auto, cpu, cuda or cuda:N; empty: as in params_file"),
    ("preset", "", "auto, fast, balanced, accurate or paper; empty: as in params_file"),
    ("target_rate", "", "as many crops as keep this rate [Hz]; empty: as in params_file"),
    (
        "camera",
        "",
        "folder of pictures, video or bag to publish as the camera; 'demo': the photographs "
        "of `fourier-depth demo`; empty: your own driver publishes",
    ),
    (
        "rate",
        "",
        "pictures a second that 'camera' publishes [Hz]; empty: a video and a bag at their own "
        "pace, pictures at 10 Hz",
    ),
    ("rviz", "false", "show image, depth and points in RViz"),
    (
        "frame",
        "",
        "frame_id that 'camera' publishes with, and Fixed Frame of RViz; outputs keep their "
        "image's. Empty: the bag's own, else camera_optical_frame",
    ),
    ("use_sim_time", "false", "follow /clock, as when a bag plays with --clock"),
    ("respawn", "false", "start the depth node again 2 s after it died"),
    ("log_level", "info", "the least that the nodes log"),
)

#: Checked before anything starts: launch leaves running what it started before it fails.
YES = ("true", "True", "1")
BOOLEANS = (*YES, "false", "False", "0")
CHOICES = {
    "rviz": BOOLEANS,
    "use_sim_time": BOOLEANS,
    "respawn": BOOLEANS,
    "log_level": ("debug", "info", "warn", "error", "fatal"),
}

#: Arguments that override a parameter of the same name, where given.
OVERRIDES = ("checkpoint", "device", "preset")


def generate_launch_description() -> LaunchDescription:
    declared = [
        DeclareLaunchArgument(
            name, default_value=default, description=description, choices=CHOICES.get(name)
        )
        for name, default, description in ARGUMENTS
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[GroupAction]:
    """The nodes, once the arguments are known: an empty one has to leave no trace."""
    given = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}

    params_file = Path(given["params_file"]).expanduser()
    if not params_file.is_file():  # launch_ros only warns, and the node would run on its defaults
        raise FileNotFoundError(f"params_file: {params_file} does not exist")

    image = given["image"]
    remappings = [
        ("image", image),
        ("image/compressed", f"{image}/compressed"),
        ("camera_info", given["camera_info"] or beside(image, "camera_info")),
    ]
    common = {"remappings": remappings, "output": "screen", "emulate_tty": True}
    logging = ["--log-level", given["log_level"]]
    clock = {"use_sim_time": ParameterValue(LaunchConfiguration("use_sim_time"), value_type=bool)}
    overrides = {  # typed: launch would read a checkpoint named 2024 as an integer
        name: ParameterValue(user_path(given[name]), value_type=str)
        for name in OVERRIDES
        if given[name]
    }
    if given["target_rate"]:
        overrides["target_rate"] = number("target_rate", given["target_rate"])

    arguments = ["camera", user_path(given["camera"])]
    if given["rate"]:
        arguments += ["--rate", f"{number('rate', given['rate']):g}"]
    if given["frame"]:
        arguments += ["--frame-id", given["frame"]]

    nodes = [  # RViz first: where it is not installed, nothing else has been started
        Node(
            package="rviz2",
            executable="rviz2",
            arguments=["-d", str(SHARE / "config" / "depth.rviz"), "-f", fixed_frame(given)],
            parameters=[clock],
            condition=IfCondition(LaunchConfiguration("rviz")),
            **common,
        ),
        Node(
            package=PACKAGE,
            executable="depth_node",
            name="depth",
            parameters=[str(params_file), {**clock, **overrides}],
            respawn=LaunchConfiguration("respawn"),
            respawn_delay=2.0,
            ros_arguments=logging,
            **common,
        ),
    ]
    if given["camera"]:
        nodes.append(
            Node(
                package=PACKAGE,
                executable="fourier-depth",
                arguments=arguments,
                ros_arguments=logging,
                **common,
            )
        )
    return [GroupAction([PushRosNamespace(given["namespace"]), *nodes])]


def fixed_frame(given: dict[str, str]) -> str:
    """What RViz looks at: the frame that was given, else that of the camera."""
    frame = given["frame"]
    if not frame and given["camera"] not in ("", "demo") and given["rviz"] in YES:
        # nothing would be seen in another frame than the bag's; only here, for it takes OpenCV
        from fourier_depth_ros.images.sources import open_source

        frame = open_source(user_path(given["camera"])).frame_id
    return frame or "camera_optical_frame"


def beside(topic: str, name: str) -> str:
    """``name`` in the namespace of ``topic``: ('/camera/image_rect', 'x') -> '/camera/x'."""
    namespace, slash, _ = topic.rpartition("/")
    return namespace + slash + name


def number(name: str, text: str) -> float:
    """A float from ``text``, or an error that names the argument."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name}: '{text}' is not a number; give one such as 10") from None


def user_path(path: str) -> str:
    """``path`` with ~ expanded: the shell doesn't after := ."""
    return str(Path(path).expanduser()) if path.startswith("~") else path
