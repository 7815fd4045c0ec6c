"""Copies of the package to build from, and programs run from what was installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from layout import PACKAGE, ROOT

#: Not the package's, or big, or made by a tool.
OUTSIDE = ("test", "docs", "demo", "benchmarks", "experiments", "build", "install", "log")


def copy_source(folder: Path) -> Path:
    """The files that a build reads, so that it litters no checkout and finds none."""
    for path in ROOT.iterdir():
        if path.name.startswith(".") or path.name in OUTSIDE or path.suffix == ".egg-info":
            continue
        if path.is_dir():
            shutil.copytree(
                path, folder / path.name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
            )
        else:
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder)
    return folder


def run(*command: str | Path, env: dict[str, str], cwd: Path) -> str:
    """The command's standard output; its whole output if it fails."""
    done = subprocess.run(
        command, env=env, cwd=cwd, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def where_from(python: str, env: dict[str, str], cwd: Path) -> tuple[Path, Path]:
    """Which code and which share directory Python finds."""
    code = f"import {PACKAGE}.resources as r; print(r.__file__); print(r.share_directory(), end='')"
    module, share = run(python, "-c", code, env=env, cwd=cwd).splitlines()[-2:]
    return Path(module).parent, Path(share)
