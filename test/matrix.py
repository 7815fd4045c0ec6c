"""`make matrix`: the tests on other releases of Python, NumPy, OpenCV and ROS than `make test` has.

    python3 test/matrix.py                                  every row
    python3 test/matrix.py py312-jazzy -- test/core -x      one row, some tests

A row is an environment in build/matrix/NAME (7 GB each, kept for the next call), made of
requirements.txt with other pins. Prints a table for docs/matrix.md; exit code 1 if a row failed.
Standard library only: it runs with any Python from 3.10 on.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "build" / "matrix"

#: Jazzy's releases of what requirements.txt takes from Kilted.
JAZZY = {
    "ros-rclpy": "7.1.6",
    "ros-rmw-fastrtps-cpp": "8.4.3",
    "ros-sensor-msgs": "5.3.6",
    "ros-std-msgs": "5.3.6",
    "ros-std-srvs": "5.3.6",
    "ros-diagnostic-msgs": "5.3.6",
    "ros-lifecycle-msgs": "2.0.3",
    "ros-domain-coordinator": "0.12.0",
}


class Row(NamedTuple):
    """What differs from requirements.txt; no pins: all as it says there for that Python."""

    python: str
    pins: dict[str, str] = {}  # noqa: RUF012 (never changed)
    jazzy: bool = False


#: Every value once or more, not every product. Python 3.11 on Kilted is `make test` itself.
ROWS = {
    "py310-kilted": Row("3.10"),
    # the oldest that setup.py takes: what Ubuntu 22.04 and 24.04 run in a venv beside apt's ROS
    "py310-jazzy": Row("3.10", {"numpy": "1.26.4", "opencv-python-headless": "4.11.0.86"}, True),
    "py312-jazzy": Row("3.12", {"numpy": "1.26.4", "opencv-python-headless": "4.8.1.78"}, True),
    "py313-kilted": Row("3.13"),
}

VERSIONS = """
import importlib.metadata as m, platform
names = "numpy", "opencv-python-headless", "torch", "rclpy", "ros-rclpy"
print("|".join([platform.python_version(), *(m.version(name) for name in names)]))
"""


def requirements(row: Row) -> str:
    """requirements.txt with the row's pins, as text."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return "\n".join(dict.fromkeys(requirement(line, row) for line in lines)) + "\n"


def requirement(line: str, row: Row) -> str:
    """A line of requirements.txt as the row has it."""
    name = re.split(r"[=;\s]", line, maxsplit=1)[0]
    if name in row.pins:
        return f"{name}=={row.pins[name]}"
    if not row.jazzy or not name.startswith("ros-"):
        return line
    if name not in JAZZY:
        raise SystemExit(f"{name} is new in requirements.txt: add its release to JAZZY")
    return f"ros-jazzy-{name.removeprefix('ros-')}=={JAZZY[name]}"


def interpreter(version: str) -> str | None:
    """pythonX.Y of the path or of pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = sorted(pyenv.glob(f"{version}.*/bin/python"))
    return str(found[-1]) if found else shutil.which(f"python{version}")


def prepare(name: str, row: Row, python: str) -> Path:
    """The row's environment, made anew only if what it is made of has changed."""
    folder, wanted = FOLDER / name, requirements(row)
    ready = folder / "requirements.txt"
    own = folder / "bin" / "python"
    if not ready.is_file() or ready.read_text(encoding="utf-8") != wanted:
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
        part = folder / "requirements.part.txt"
        part.write_text(wanted, encoding="utf-8")
        pip = [own, "-m", "pip", "install", "--disable-pip-version-check", "--quiet"]
        subprocess.run([*pip, "-r", part], check=True)
        subprocess.run([*pip, "--no-deps", "--no-build-isolation", "-e", ROOT], check=True)
        part.rename(ready)
    return own


def test(name: str, row: Row, arguments: list[str]) -> tuple[bool, str]:
    """Whether the row did not fail, and its line of the table."""
    python = interpreter(row.python)
    if python is None:
        return True, f"| {name} | not run: no python{row.python} here |"
    print(f"=== {name}", flush=True)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("_ROS_WHEELS", "LD_LIBRARY"))}
    begin = time.monotonic()
    try:
        own = prepare(name, row, python)
    except subprocess.CalledProcessError as error:
        return False, f"| {name} | not run: {error} |"
    found = subprocess.run(
        [own, "-c", VERSIONS], env=env, capture_output=True, text=True, check=True
    )
    pytest = [own, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    with subprocess.Popen(pytest, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True) as process:
        last = ""
        for line in process.stdout or ():
            print(line, end="", flush=True)
            last = line.strip() or last
    cells = (name, *found.stdout.strip().split("|"), last)
    print(f"{name}: {time.monotonic() - begin:.0f} s", flush=True)
    return process.returncode == 0, f"| {' | '.join(cells)} |"


def main(arguments: list[str]) -> int:
    split = arguments.index("--") if "--" in arguments else len(arguments)
    names, rest = arguments[:split] or list(ROWS), arguments[split + 1 :]
    if unknown := [name for name in names if name not in ROWS]:
        raise SystemExit(f"no row {', '.join(unknown)}; there are {', '.join(ROWS)}")
    results = [test(name, ROWS[name], rest) for name in names]
    print("\n| row | Python | NumPy | OpenCV | torch | rclpy | wheel | result |")
    print("|---|---|---|---|---|---|---|---|")
    print("\n".join(line for _, line in results))
    return 0 if all(passed for passed, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
