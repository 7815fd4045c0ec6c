"""What OpenVINO leaves behind in the process that used it."""

import subprocess
import sys

import pytest
from checkpoints import save_constant

# as a node that reloads its checkpoint, and gives it back; then Ctrl-C
RELOADED_AND_FREED = """
import gc, os, signal, sys
from pathlib import Path
from fourier_depth_ros.runtime import open_estimator

estimator = open_estimator(Path(sys.argv[1]), "openvino", "cpu", "float32")
estimator = open_estimator(Path(sys.argv[1]), "openvino", "cpu", "float32")
del estimator
gc.collect()
signal.signal(signal.SIGINT, lambda *_: print("handled"))
os.kill(os.getpid(), signal.SIGINT)
"""


def test_a_signal_after_two_loads_is_handled(tmp_path):
    pytest.importorskip("openvino")
    checkpoint = save_constant(tmp_path / "constant.safetensors")
    ended = subprocess.run(
        [sys.executable, "-c", RELOADED_AND_FREED, checkpoint],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "handled\n"), ended.stderr
