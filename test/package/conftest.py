"""What setup.py declares, and the share directory that installing it makes."""

from __future__ import annotations

import glob
import importlib.util
import runpy
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from layout import PACKAGE, ROOT


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> dict:
    """The arguments of setup(), and under "globs" the patterns it looked for files with."""
    recorded: dict = {"globs": []}
    real_glob = glob.glob
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("glob.glob", lambda p: recorded["globs"].append(p) or real_glob(p))
    monkeypatch.setattr("setuptools.setup", recorded.update)
    monkeypatch.setattr("setuptools.find_packages", lambda **_: [PACKAGE])
    runpy.run_path("setup.py")
    return recorded


@pytest.fixture
def executables(declared: dict) -> dict[str, str]:
    """name -> module:function of each console script."""
    scripts = declared["entry_points"]["console_scripts"]
    return {name.strip(): target.strip() for name, target in (s.split("=") for s in scripts)}


@pytest.fixture
def prefix(declared: dict, tmp_path: Path) -> Path:
    """An install prefix with everything that setup.py's data_files name: links, weights are big."""
    for folder, files in declared["data_files"]:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for file in files:
            (tmp_path / folder / Path(file).name).symlink_to(Path(file).absolute())
    return tmp_path


@pytest.fixture
def share(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The share directory in that prefix, which ament finds."""
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(prefix))
    return prefix / "share" / PACKAGE


@pytest.fixture
def describe(share: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable]:
    """Make the launch description of an installed file, by its name, of the stand-in's parts."""
    pytest.importorskip("ament_index_python")
    for name in launch_modules():
        monkeypatch.delitem(sys.modules, name)  # the real ones, where there are any
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "helpers" / "standin"))

    def load(file: str):
        (path,) = (share / "launch").rglob(file)  # as `ros2 launch` looks for it
        spec = importlib.util.spec_from_file_location("described_launch", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module.generate_launch_description()

    yield load
    for name in launch_modules():
        del sys.modules[name]


def launch_modules() -> list[str]:
    return [name for name in sys.modules if name.split(".")[0] in ("launch", "launch_ros")]
