"""The package built by colcon, and its node run from the install tree, both kinds of install."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from installs import copy_source, run, where_from
from layout import PACKAGE, ROOT

pytest.importorskip("colcon_core")
pytest.importorskip("colcon_ros")

PATIENCE = 60.0


class Workspace(NamedTuple):
    """A colcon workspace, and the environment that `. install/setup.bash` makes."""

    folder: Path
    env: dict[str, str]
    symlinked: bool

    @property
    def prefix(self) -> Path:
        return self.folder / "install" / PACKAGE

    @property
    def source(self) -> Path:
        return self.folder / "src" / PACKAGE

    def executable(self, name: str) -> Path:
        """Where `ros2 run` and launch look."""
        return self.prefix / "lib" / PACKAGE / name


@pytest.fixture(scope="module", params=["", "--symlink-install"], ids=["copied", "symlinked"])
def workspace(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("workspace")
    copy_source(folder / "src" / PACKAGE)
    ros = {**os.environ, "AMENT_PREFIX_PATH": sys.prefix, "COLCON_HOME": str(folder / "home")}
    options = [request.param] if request.param else []
    run(sys.executable, "-m", "colcon", "build", *options, env=ros, cwd=folder)
    sourced = run("bash", "-c", ". install/setup.bash && env -0", env=ros, cwd=folder)
    env = dict(each.split("=", 1) for each in sourced.split("\0") if each)
    return Workspace(folder, env, symlinked=bool(options))


def test_the_index_and_the_share_directory_hold_what_ros_looks_for(workspace):
    assert workspace.env["AMENT_PREFIX_PATH"].split(os.pathsep)[0] == str(workspace.prefix)
    share = workspace.prefix / "share"
    assert (share / "ament_index/resource_index/packages" / PACKAGE).is_file()
    for file in ("package.xml", "launch/depth.launch.py", "config/depth.yaml", "config/depth.rviz"):
        assert (share / PACKAGE / file).read_bytes() == (ROOT / file).read_bytes()
    assert list((share / PACKAGE / "models").glob("*.safetensors"))
    code = f"import ament_index_python as a; print(a.get_package_share_directory({PACKAGE!r}))"
    found = run(sys.executable, "-c", code, env=workspace.env, cwd=workspace.folder)
    assert Path(found.splitlines()[-1]) == share / PACKAGE


def test_installed_code_finds_its_own_files_and_nothing_of_this_checkout(workspace, tmp_path):
    code, share = where_from(sys.executable, workspace.env, tmp_path)
    if workspace.symlinked:  # the source's own: an edit there needs no build
        assert code.resolve() == workspace.source / PACKAGE
        assert share == workspace.source
        installed = workspace.prefix / "share" / PACKAGE / "config" / "depth.yaml"
        assert installed.resolve() == workspace.source / "config" / "depth.yaml"
    else:
        assert code.is_relative_to(workspace.prefix / "lib")
        assert share == workspace.prefix / "share" / PACKAGE


def test_ament_prefix_path_alone_leads_to_the_files(workspace, tmp_path):
    """As when the code lies elsewhere than share/, such as in Debian's local/lib."""
    code, _ = where_from(sys.executable, workspace.env, tmp_path)
    (tmp_path / PACKAGE).mkdir()
    for name in ("__init__.py", "resources.py"):
        (tmp_path / PACKAGE / name).write_bytes((code / name).read_bytes())
    env = {**workspace.env, "PYTHONPATH": str(tmp_path)}
    _, share = where_from(sys.executable, env, tmp_path)
    assert share == workspace.prefix / "share" / PACKAGE


def test_the_executables_run_with_the_python_that_built_them(workspace, tmp_path):
    for name in ("depth_node", "fourier-depth"):
        first = workspace.executable(name).read_text().splitlines()[0]
        assert first == f"#!{sys.executable}"
    # as `ros2 run fourier_depth_ros fourier-depth` does: it is in no folder of the PATH
    shown = run(workspace.executable("fourier-depth"), "--help", env=workspace.env, cwd=tmp_path)
    assert "predict" in shown
    shown = run(workspace.executable("fourier-depth"), "--version", env=workspace.env, cwd=tmp_path)
    assert shown.splitlines()[-1] == f"fourier-depth {declared_version()}"
    paths = workspace.env["PATH"].split(os.pathsep)
    assert not [path for path in paths if Path(path).is_relative_to(workspace.prefix)]


def test_the_installed_node_answers_a_picture_and_ends_in_order(workspace, domain, tmp_path):
    env = {**workspace.env, **{name: os.environ[name] for name in os.environ if "ROS_" in name}}
    log = tmp_path / "node.log"
    arguments = ["--ros-args", "-r", "__ns:=/installed", "-p", "device:=cpu"]
    with log.open("wb") as output:
        node = subprocess.Popen(
            [workspace.executable("depth_node"), *arguments],
            env=env,
            cwd=tmp_path,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        depth = answer_of("/installed", domain)
    finally:
        node.send_signal(signal.SIGINT)
        code = node.wait(timeout=30)
    assert depth is not None, log.read_text()
    assert (depth.width, depth.height, depth.encoding) == (64, 48, "32FC1")
    assert code == 0, log.read_text()
    assert "resnet18" in log.read_text()
    assert "Traceback" not in log.read_text()


def declared_version() -> str:
    return ElementTree.parse(ROOT / "package.xml").getroot().findtext("version")


def answer_of(namespace: str, domain: int):
    """The node's first depth image of a grey picture of 64 x 48, None if none comes."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from sensor_msgs.msg import Image

    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    test = rclpy.create_node("test", namespace=namespace, context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(test)
    got: list = []
    test.create_subscription(Image, "depth/image", got.append, 1)
    pictures = test.create_publisher(Image, "image", 1)
    picture = Image(width=64, height=48, step=64, encoding="mono8", data=[90] * (64 * 48))
    end = time.monotonic() + PATIENCE
    while not got and time.monotonic() < end:
        pictures.publish(picture)
        executor.spin_once(timeout_sec=0.1)
    executor.shutdown()
    test.destroy_node()
    rclpy.shutdown(context=context)
    return got[0] if got else None
