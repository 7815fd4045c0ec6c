"""Fixtures of the node's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from checkpoints import SPACE, balanced, save_constant
from harness import Graph, NodeProcess, set_parameters

from fourier_depth_ros.config import CheckpointConfig, NetworkConfig
from fourier_depth_ros.core.checkpoint import Checkpoint, save_checkpoint
from fourier_depth_ros.core.network import DepthEstimationNetwork


@pytest.fixture(scope="module")
def graph(domain: int) -> Iterator[Graph]:
    graph = Graph(domain)
    yield graph
    graph.close()


@pytest.fixture
def start(domain: int, tmp_path: Path) -> Iterator[Callable[..., NodeProcess]]:
    """Start a depth node with ROS arguments; it is gone after the test."""
    started: list[NodeProcess] = []

    def start_one(*args: str) -> NodeProcess:
        started.append(NodeProcess(tmp_path / f"node_{len(started)}.log", *args))
        return started[-1]

    yield start_one
    for process in started:
        process.end()


@pytest.fixture(scope="session")
def constant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint that answers 2 canonical metres whatever it sees, phi_c = 0.8."""
    return save_constant(tmp_path_factory.mktemp("checkpoint") / "constant.safetensors")


@pytest.fixture(scope="session")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As `constant`, but each crop takes a core about 0.2 s, and nothing is fitted."""
    config = CheckpointConfig(network=NetworkConfig(trunk="resnet18", input_size=256), space=SPACE)
    network = DepthEstimationNetwork(config.network).eval().requires_grad_(False)
    network.head.weight.zero_()
    network.head.bias.fill_(balanced(2.0))
    path = tmp_path_factory.mktemp("checkpoint") / "slow.safetensors"
    save_checkpoint(path, Checkpoint(config, network), dtype=torch.float32)
    return path


@pytest.fixture(scope="module")
def mean_node(
    domain: int, constant: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[NodeProcess]:
    """One node for all tests of a module; combination mean: ratio r answers 2 / r metres."""
    args = set_parameters(checkpoint=constant, combination="mean", device="cpu")
    process = NodeProcess(tmp_path_factory.mktemp("node") / "node.log", *args)
    yield process
    process.end()
    assert "Traceback" not in process.output(), process.output()
