"""torch.compile, in a process of its own: here jaxtyping's checks wrap every function of core."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fourier_depth_ros.runtime.compiled import _InBatches

SCRIPT = Path(__file__).parents[1] / "helpers" / "compile_frame.py"


@pytest.fixture(scope="module")
def compiled():
    if shutil.which("g++") is None:
        pytest.skip("torch.compile on a CPU needs g++")
    done = subprocess.run([sys.executable, SCRIPT], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.timeout(600)
def test_the_frame_compiles_as_one_graph_for_every_camera(compiled):
    """fullgraph=True refuses a graph break, and the script compares with the plain frame."""
    assert compiled["graphs"] == {"corners": 1, "shared": 1}


def test_the_compiled_network_is_within_a_thousandth(compiled):
    assert max(compiled["differences"]) < 1e-3


def test_any_number_of_crops_runs_in_two_sizes_of_batch():
    sizes = []

    def network(batch):
        sizes.append(len(batch))
        return batch[:, 0].float()

    batch = torch.arange(14 * 3 * 2 * 2).reshape(14, 3, 2, 2)
    assert torch.equal(_InBatches(network)(batch), batch[:, 0].float())
    assert sizes == [4, 4, 4, 1, 1]
