"""What a training run needs to go on as if nothing had happened: weights, averages, optimiser.

One safetensors file with a JSON header, written whole or not at all; no pickle. The data needs no
state, see samples.py.
"""

from __future__ import annotations

import copy
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from fourier_depth_ros.core.networks import DepthNetwork
from fourier_depth_ros.files import whole_file

_KEY = "fourier_depth_training"


@dataclass
class Progress:
    """How far a stage is.

    step: optimiser steps taken. best: the lowest AbsRel on the held-out pictures so far.
    validation_due: a signal came before the validation that follows ``step``. scaler: of float16's
    gradient scaling, empty else. config: the run's, as JSON.
    """

    step: int = 0
    best: float = float("inf")
    validation_due: bool = False
    scaler: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)


class AveragedWeights:
    """An exponential moving average of a network's parameters and batch-norm statistics.

    The decay grows to its value over the first steps, (1 + step) / (10 + step), so that the initial
    weights are soon forgotten. Integer buffers are copied.
    """

    def __init__(self, network: DepthNetwork, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after ``step`` steps."""
        weight = 1.0 - min(self._decay, (1 + step) / (10 + step))
        averages, values = [], []
        for average, value in zip(
            self.network.state_dict().values(), network.state_dict().values(), strict=True
        ):
            if average.is_floating_point():
                averages.append(average)
                values.append(value)
            else:
                average.copy_(value)
        torch._foreach_lerp_(averages, values, weight)


def save_state(
    path: Path,
    model: nn.Module,
    average: nn.Module,
    optimizer: Optimizer,
    progress: Progress,
) -> None:
    """Write the state; a process that is killed meanwhile leaves the last one as it was."""
    tensors = {f"model.{name}": t for name, t in model.state_dict().items()}
    tensors |= {f"average.{name}": t for name, t in average.state_dict().items()}
    for index, values in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": t for name, t in values.items()}
    stored = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    with whole_file(path, durable=True) as partial:
        save_file(stored, partial, metadata={_KEY: json.dumps(asdict(progress))})


def load_state(path: Path, model: nn.Module, average: nn.Module, optimizer: Optimizer) -> Progress:
    """Read a state into these three, the inverse of save_state.

    Raises:
        ValueError: not a whole state file, or of another network.
    """
    progress = read_progress(path)
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    parts: dict[str, dict[str, Tensor]] = {"model": {}, "average": {}, "optimizer": {}}
    for name, tensor in tensors.items():
        part, _, rest = name.partition(".")
        parts[part][rest] = tensor
    try:
        model.load_state_dict(parts["model"])
        average.load_state_dict(parts["average"])
        _load_optimizer(optimizer, parts["optimizer"])
    except (RuntimeError, ValueError, LookupError) as error:
        raise ValueError(f"{path} is of another network or optimiser: {error}") from error
    return progress


def read_progress(path: Path) -> Progress:
    """The header of a state file.

    Raises:
        ValueError: not a whole state file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            return Progress(**json.loads((file.metadata() or {})[_KEY]))
    except (SafetensorError, OSError, KeyError, TypeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path} is not a training state ({error!r})") from error


def _load_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, _, key = name.partition(".")
        if tensor.dim():  # in the memory format of its parameter, as the optimiser made it
            like = torch.empty_like(parameters[int(index)], device="cpu", dtype=tensor.dtype)
            tensor = like.copy_(tensor)  # noqa: PLW2901
        state.setdefault(int(index), {})[key] = tensor
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
