"""package.xml, setup.py and the files that get installed agree with each other."""

import importlib.util
import xml.etree.ElementTree as ET
from itertools import chain
from pathlib import Path

import pytest
from layout import PACKAGE, ROOT


@pytest.fixture
def manifest() -> ET.Element:
    return ET.parse(ROOT / "package.xml").getroot()


def test_manifest_and_setup_name_the_same_package(manifest, declared):
    assert manifest.get("format") == "3"
    assert manifest.findtext("name") == declared["name"] == PACKAGE
    assert manifest.findtext("version") == declared["version"]
    assert manifest.findtext("license") == declared["license"]
    assert manifest.findtext("export/build_type") == "ament_python"


def test_manifest_declares_each_dependency_once(manifest):
    depends = [each.text for each in manifest if each.tag.endswith("depend")]
    assert len(depends) == len(set(depends))
    # a robot without these gets 'No module named ...' at start, not at rosdep install
    assert {"rclpy", "sensor_msgs", "launch_ros", "python3-numpy", "python3-pytorch-pip"} <= set(
        depends
    )


def test_keys_that_are_not_ros_packages_are_rosdep_s(manifest):
    """As in rosdistro's rosdep/python.yaml of August 2026, with a rule for Ubuntu and Debian each.

    pydantic is no key on purpose: apt's is version 1 up to Noble. The README's pip brings it.
    """
    python = {e.text for e in manifest if e.tag.endswith("depend") and e.text.startswith("python")}
    assert python == {
        "python3-numpy",
        "python3-opencv",
        "python3-pytest",
        "python3-pytorch-pip",  # torch and torchvision
        "python3-tqdm",
        "python3-yaml",
    }


def test_ros_comes_from_the_robot_and_never_from_pip(declared):
    required = [*declared["install_requires"], *chain(*declared["extras_require"].values())]
    assert not [each for each in required if each.startswith(("ros-", "rclpy", "cv-bridge"))]


def test_executables_point_at_functions_that_exist(executables):
    assert set(executables) == {"depth_node", "fourier-depth"}
    for target in executables.values():
        module, function = target.split(":")
        spec = importlib.util.find_spec(module)
        assert spec is not None, f"{module} does not exist"
        assert f"def {function}(" in Path(spec.origin).read_text(encoding="utf-8")


def test_every_glob_of_setup_finds_files(declared):
    assert len(declared["globs"]) == 5  # launch, its examples, config, its train, models
    for pattern in declared["globs"]:
        assert list(ROOT.glob(pattern)), f"{pattern} matches nothing"


def test_share_holds_what_ament_and_the_node_look_for(prefix):
    share = prefix / "share" / PACKAGE
    assert (prefix / "share/ament_index/resource_index/packages" / PACKAGE).is_file()
    assert (share / "package.xml").is_file()
    assert (share / "launch/depth.launch.py").is_file()
    for name in ("depth.yaml", "depth.rviz", "fastdds_shm.xml"):
        assert (share / "config" / name).is_file()
    # nothing in these folders is left behind by a pattern
    for folder in ("launch", "launch/examples", "config", "config/train"):
        source = {p.name for p in (ROOT / folder).iterdir() if p.name != "__pycache__"}
        assert {p.name for p in (share / folder).iterdir()} == source


def test_scripts_go_where_ros2_run_looks():
    setup_cfg = (ROOT / "setup.cfg").read_text(encoding="utf-8")
    assert f"script_dir=$base/lib/{PACKAGE}" in setup_cfg
    assert f"install_scripts=$base/lib/{PACKAGE}" in setup_cfg
