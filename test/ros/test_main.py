"""The executable, before there is a node, and after."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import set_parameters


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_pytorch_is_imported_ends_it_without_a_traceback(number, domain):
    # a line for each module that has been imported, the innermost first
    command = [sys.executable, "-X", "importtime", "-m", "fourier_depth_ros.ros.main"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as node:
        for line in node.stderr:
            if line.split("|")[-1].strip() == "torch.types":
                break
        node.send_signal(number)
        rest = node.stderr.read()
    assert node.returncode == 0, rest
    assert "Traceback" not in rest
    assert "[depth]" not in rest  # it was soon enough


def test_a_params_file_that_ros_cannot_read_is_named_without_a_traceback(tmp_path, domain):
    file = tmp_path / "mixed.yaml"
    file.write_text("/**: {ros__parameters: {crop_ratios: [1, 0.8]}}\n")
    command = [sys.executable, "-m", "fourier_depth_ros.ros.main"]
    ended = subprocess.run(
        [*command, "--ros-args", "--params-file", file],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 1
    assert "cannot start" in ended.stderr
    assert str(file) in ended.stderr
    assert "same type" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_idle_threads_of_pytorch_soon_sleep(domain):
    """OpenVINO needs their cores; GNU's OpenMP reports its settings as PyTorch is imported."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    command = [sys.executable, "-m", "fourier_depth_ros.ros.main"]
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, env={**kept, "OMP_DISPLAY_ENV": "VERBOSE"}
    ) as node:
        spins = next(line for line in node.stderr if "GOMP_SPINCOUNT" in line)
        node.send_signal(signal.SIGTERM)
        node.stderr.read()
    assert "'10000'" in spins


def test_the_middleware_leaves_no_shared_memory_behind(start, constant):
    node = start(*set_parameters(checkpoint=constant, combination="mean"))
    deadline = time.monotonic() + 60
    while not (own := segments(node.process.pid)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert own
    assert node.end() == 0
    assert not [name for name in own if Path(name).exists()]


def segments(pid):
    """Fast DDS's shared memory that a process has mapped, but for the ports, which are shared."""
    mapped = re.findall(r"/dev/shm/fast(?:dds|rtps)_\w+", Path(f"/proc/{pid}/maps").read_text())
    return {name for name in mapped if "port" not in name}
