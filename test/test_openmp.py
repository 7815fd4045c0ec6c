"""That OpenMP's threads get out of the way, as GNU's OpenMP itself reports its settings."""

import os
import subprocess
import sys

import pytest

ENVIRONMENT = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}


def settings_of(code, **environment):
    """What the OpenMP that comes with PyTorch says when it is loaded: {name: value}."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**ENVIRONMENT, "OMP_DISPLAY_ENV": "VERBOSE", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    lines = [line.split(" = ") for line in done.stderr.splitlines() if " = " in line]
    return {name.split()[-1]: value.strip("'") for name, value in lines}


WAIT = "from fourier_depth_ros.openmp import wait_briefly; wait_briefly(); import torch"
COMMAND = """
import sys
sys.argv = ["fourier-depth", "predict", "--help"]
from fourier_depth_ros.cli.main import main
try:
    main()
except SystemExit:
    pass
import torch
"""


@pytest.mark.parametrize("code", [WAIT, COMMAND])
def test_idle_threads_soon_sleep(code):
    assert settings_of(code)["GOMP_SPINCOUNT"] == "10000"


def test_what_the_user_set_is_kept():
    assert settings_of(WAIT, GOMP_SPINCOUNT="777")["GOMP_SPINCOUNT"] == "777"
    chosen = settings_of(WAIT, OMP_WAIT_POLICY="active")
    assert chosen["OMP_WAIT_POLICY"] == "ACTIVE"
    assert chosen["GOMP_SPINCOUNT"] != "10000"
