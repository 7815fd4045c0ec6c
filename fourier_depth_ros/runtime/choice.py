"""Which checkpoint's network runs here, by which backend, and why."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import torch

from fourier_depth_ros.config import BackendName
from fourier_depth_ros.core.adapted import AdaptedNetwork
from fourier_depth_ros.core.checkpoint import Checkpoint
from fourier_depth_ros.core.estimator import DepthEstimator, resolve_device, resolve_precision
from fourier_depth_ros.core.frame import Backend, eager_backend
from fourier_depth_ros.resources import find_checkpoint
from fourier_depth_ros.runtime.adapted import read_checkpoint, require_metres

_logger = logging.getLogger(__name__)


def choose_checkpoint(name: str = "auto", device: str = "auto") -> tuple[Path, str]:
    """The checkpoint file behind a path, a name or 'auto' on this machine; see find_checkpoint.

    Raises:
        FileNotFoundError: no such file; the text lists the names that there are.
    """
    return find_checkpoint(name, torch.cuda.is_available(), device)


def open_estimator(
    path: Path,
    backend: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    max_batch: int = 66,
    warn: Callable[[str], object] = _logger.warning,
) -> DepthEstimator:
    """The estimator of a checkpoint file, or an adapter's YAML, on this machine; see open_backend.

    An int8 model is looked for beside the checkpoint: NAME.int8.xml.

    Raises:
        CheckpointError: see read_checkpoint.
        ValueError: see open_backend; or a relative network has no metres, see require_metres.
    """
    checkpoint = read_checkpoint(path)
    require_metres(checkpoint, path)
    quantized = quantized_path(path)
    chosen = open_backend(checkpoint, backend, device, precision, quantized, warn)
    return DepthEstimator(checkpoint, max_batch=max_batch, backend=chosen)


def quantized_path(checkpoint: Path) -> Path:
    """Where the int8 model of a checkpoint file is looked for."""
    return checkpoint.with_name(f"{checkpoint.stem}.int8.xml")


def open_backend(
    checkpoint: Checkpoint,
    name: str = "auto",
    device: str = "auto",
    precision: str = "auto",
    quantized: Path | None = None,
    warn: Callable[[str], object] = _logger.warning,
) -> Backend:
    """The backend ``name`` for a checkpoint's network; "auto" always gives one that runs.

    "auto" is a CUDA graph of torch's kernels on a GPU, OpenVINO on a CPU if it is installed, else
    torch, eagerly; where the first choice fails, torch again, and ``warn`` is told why.

    Args:
        checkpoint: whose network is to run; it stays as it is.
        name: one of BackendName.
        device: "auto", "cpu", "cuda" or "cuda:N".
        precision: "auto", "float32", "bfloat16", "float16" or "int8".
        quantized: for int8, the model that `fourier-depth export` made.
        warn: told in one sentence that another backend had to be taken, or would be faster.

    Raises:
        ValueError: an unknown name, a device that is not there, a precision that the backend does
            not have, or a library that is not installed, of a backend asked for by name.
    """
    if name not in get_args(BackendName):
        raise ValueError(f"backend: '{name}' is none of {', '.join(get_args(BackendName))}")
    chosen_device = resolve_device(device)
    if isinstance(checkpoint.network, AdaptedNetwork):
        try:
            return checkpoint.network.open(name, chosen_device, precision)
        except ImportError as error:
            raise ValueError(f"backend: {error}") from error
    chosen_precision = resolve_precision(precision, chosen_device)
    if name != "auto":
        try:
            return _open(checkpoint, name, chosen_device, chosen_precision, quantized)
        except ImportError as error:
            raise ValueError(str(error)) from error
    first, why = _first_choice(chosen_device, chosen_precision)
    try:
        return replace(
            _open(checkpoint, first, chosen_device, chosen_precision, quantized), why=why
        )
    except (ImportError, RuntimeError, OSError) as error:
        if first == "eager" or chosen_precision == "int8":
            raise ValueError(f"backend: {error}") from error
        warn(f"backend: '{first}' does not work here ({error}); torch runs the network, slower")
        fallback = eager_backend(checkpoint.own_network, chosen_device, chosen_precision)
        return replace(fallback, why=f"'{first}' does not work")


def _first_choice(device: torch.device, precision: str) -> tuple[str, str]:
    """What "auto" tries first, and why."""
    if device.type == "cuda":
        return "graph", "there is CUDA"
    if precision == "int8":
        return "openvino", "int8 is its own"
    if precision == "float16":
        return "eager", "float16 on a CPU is torch's alone"
    if find_spec("openvino") is not None:
        return "openvino", "it is installed"
    return "eager", "openvino, which is faster on a CPU, is not installed"


def _open(
    checkpoint: Checkpoint,
    name: str,
    device: torch.device,
    precision: str,
    quantized: Path | None,
) -> Backend:
    network = checkpoint.own_network
    if name == "openvino":
        from fourier_depth_ros.runtime.openvino import openvino_backend

        if device.type != "cpu":
            raise ValueError(f"backend: 'openvino' runs on the CPU, device is {device}; set 'cpu'")
        return openvino_backend(network, precision, quantized)
    if name == "onnxruntime":
        from fourier_depth_ros.runtime.onnxruntime import onnxruntime_backend

        return onnxruntime_backend(network, device, precision)
    if name == "compiled":
        from fourier_depth_ros.runtime.compiled import compiled_backend

        return compiled_backend(network, device, precision)
    if name == "graph":
        from fourier_depth_ros.runtime.graph import graph_backend

        return graph_backend(network, device, precision)
    return eager_backend(network, device, precision)
