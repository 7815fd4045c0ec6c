"""Two processes that torchrun starts fit and evaluate as one does."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from checkpoints import constant_checkpoint
from rgbd import write_rgbd

from fourier_depth_ros.core.checkpoint import save_checkpoint
from fourier_depth_ros.data.processes import Processes

HELPERS = Path(__file__).parents[1] / "helpers"


def test_turns_are_even():
    taken = [[n for n in range(7) if Processes(rank, 3).takes(n)] for rank in range(3)]
    assert taken == [[0, 3, 6], [1, 4], [2, 5]]


def test_two_processes_equal_one(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(HELPERS)
    from two_processes import fit_and_evaluate

    write_rgbd(tmp_path / "fit", rooms=5, views=2, seed=1)
    write_rgbd(tmp_path / "held", rooms=3, views=2, seed=2)
    write_rgbd(tmp_path / "single", rooms=1, views=1, seed=3)
    checkpoint = constant_checkpoint(2.5, fitted=False)
    torch.manual_seed(1)
    checkpoint.network.head.weight.normal_(0, 0.02)
    save_checkpoint(tmp_path / "network.safetensors", checkpoint, dtype=torch.float32)
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, *launch, str(HELPERS / "two_processes.py"), str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
    )
    assert done.returncode == 0, done.stderr
    fit_and_evaluate(tmp_path, tmp_path / "one.pt", Processes())
    one, two = (torch.load(tmp_path / f"{name}.pt") for name in ("one", "two"))
    assert one["counts"] == two["counts"] == (10, 5, 6)
    for part in ("fit", "held_out"):
        # merged in another order: the same sums but for the last bits
        grams = [figures["factors"][part].mT @ figures["factors"][part] for figures in (one, two)]
        torch.testing.assert_close(*grams, rtol=1e-9, atol=1e-6)
    assert two["ablation"] == pytest.approx(one["ablation"], rel=1e-6)
    for name, preset in one["presets"].items():
        other = two["presets"][name]
        assert other["crop_ratios"] == preset["crop_ratios"]
        assert other["expected_rmse"] == pytest.approx(preset["expected_rmse"], rel=1e-6)
        assert other["uncertainty"] == pytest.approx(preset["uncertainty"], rel=1e-3, abs=1e-6)
    assert one["evaluation"] == two["evaluation"]
    assert one["single"] == two["single"]
    pages = [cv2.imread(str(tmp_path / f"{name}.png")) for name in ("one", "two")]
    np.testing.assert_array_equal(*pages)
