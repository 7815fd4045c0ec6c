"""What setup.py declares, and the share directory that installing it makes."""

from __future__ import annotations

import glob
import runpy
import shutil
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
    """An install prefix with everything that setup.py's data_files name."""
    for folder, files in declared["data_files"]:
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, tmp_path / folder)
    return tmp_path
