"""What to install where an import fails: a plain install leaves out what a robot does not need."""

from __future__ import annotations

#: Of modules that have another name than the package they come in.
_PACKAGES = {"cv2": "opencv-python-headless", "skimage": "scikit-image", "yaml": "PyYAML"}
#: The extra of this package that brings a module and its like.
_EXTRAS = {
    "train": ("torchmetrics", "lightning_fabric", "matplotlib", "h5py", "scipy"),
    "bags": ("rosbags",),
    "sim": ("moderngl", "embreex"),
    "export": ("onnx", "onnxscript", "onnxruntime", "openvino", "nncf"),
    "demo": ("skimage",),
    "transformers": ("transformers",),
}
_ROS = ("rclpy", "sensor_msgs", "std_msgs", "rcl_interfaces")


def how_to_get(module: str) -> str:
    """One sentence: what is missing, and the command that brings it."""
    root = module.partition(".")[0]
    if root in _ROS:
        return (
            f"this takes ROS 2 ({root} is not there): source /opt/ros/DISTRO/setup.bash first, "
            f"or see requirements.txt for ROS 2 out of PyPI"
        )
    package = _PACKAGES.get(root, root.replace("_", "-"))
    sentence = f"this takes the package {package}: pip install {package}"
    extras = [extra for extra, modules in _EXTRAS.items() if root in modules]
    if extras:
        sentence += f" (pip install '.[{extras[0]}]' in a clone brings all of its kind)"
    return sentence
