"""A network whose answers differ, and a cache that the tests have for themselves."""

from __future__ import annotations

import pytest
import torch
from checkpoints import constant_checkpoint

from fourier_depth_ros.core.checkpoint import Checkpoint


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory):
    """What was converted in one test need not be in the next."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_cache(cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


@pytest.fixture(scope="session")
def lively() -> Checkpoint:
    """A fitted ResNet-18 at 64 x 64 with random weights; its depths are spread over metres."""
    checkpoint = constant_checkpoint(4.0, shared=True)
    torch.manual_seed(1)
    for module in checkpoint.network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as after a training, or folding is trivial
            module.weight.uniform_(0.5, 1.5)
            module.running_var.uniform_(0.5, 2.0)
            module.running_mean.normal_(0, 0.1)
    checkpoint.network.head.weight.normal_(0, 0.02)
    return checkpoint


@pytest.fixture(scope="session")
def crops() -> torch.Tensor:
    """Five crops with structure: blocks of noise, as uint8."""
    g = torch.Generator().manual_seed(0)
    coarse = torch.rand(5, 3, 8, 8, generator=g) * 255
    return torch.nn.functional.interpolate(coarse, (64, 64), mode="bilinear").to(torch.uint8)


@pytest.fixture(scope="session")
def zoomed() -> torch.Tensor:
    """Two pictures as large as shared crops have them at 64 pixels."""
    g = torch.Generator().manual_seed(1)
    coarse = torch.rand(2, 3, 12, 12, generator=g) * 255
    return torch.nn.functional.interpolate(coarse, (96, 96), mode="bilinear").to(torch.uint8)
