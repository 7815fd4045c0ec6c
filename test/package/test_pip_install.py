"""`pip install .`, not editable: the commands in bin/, the files in share/, from any folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from installs import copy_source, run, where_from
from layout import PACKAGE

from fourier_depth_ros.images.encodings import decode_compressed


class Installed(NamedTuple):
    """A prefix, and the environment in which its commands run; the dependencies are this one's."""

    prefix: Path
    env: dict[str, str]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("pip")
    source, prefix = copy_source(folder / "source"), folder / "prefix"
    env = {name: value for name, value in os.environ.items() if name != "AMENT_PREFIX_PATH"}
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    offline = ("--no-deps", "--no-build-isolation", "--no-index")
    run(*pip, "wheel", *offline, "--wheel-dir", str(folder), str(source), env=env, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    # or pip would first uninstall the copy that this very test runs from
    options = ("--ignore-installed", "--no-deps", "--no-index", "--no-warn-script-location")
    run(*pip, "install", *options, "--prefix", str(prefix), str(wheel), env=env, cwd=folder)
    (packages,) = prefix.glob("lib/python3*/site-packages")
    return Installed(prefix, {**env, "PYTHONPATH": str(packages)})


def test_code_and_files_are_the_installed_ones(installed, tmp_path):
    code, share = where_from(sys.executable, installed.env, tmp_path)
    assert code.is_relative_to(installed.prefix / "lib")
    assert share == installed.prefix / "share" / PACKAGE
    for file in ("package.xml", "launch/depth.launch.py", "config/depth.yaml", "config/depth.rviz"):
        assert (share / file).is_file()


def test_the_commands_are_in_bin_and_predict_finds_the_weights(installed, tmp_path):
    assert {path.name for path in (installed.prefix / "bin").iterdir()} == {
        "depth_node",
        "fourier-depth",
    }
    command = installed.prefix / "bin" / "fourier-depth"
    assert "predict" in run(command, "--help", env=installed.env, cwd=tmp_path)
    version = run(command, "--version", env=installed.env, cwd=tmp_path)
    assert version.startswith("fourier-depth 0.")
    picture = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "room.png"), picture)
    arguments = ("predict", "room.png", "--out", "depths", "--device", "cpu", "--preset", "fast")
    run(command, *arguments, env=installed.env, cwd=tmp_path)
    depth = np.load(tmp_path / "depths" / "room.npy")
    assert depth.shape == (48, 64)
    assert np.nanmin(depth) > 0
    shown = decode_compressed((tmp_path / "depths" / "room_color.png").read_bytes(), "png")
    assert shown.shape == (48, 64, 3)
