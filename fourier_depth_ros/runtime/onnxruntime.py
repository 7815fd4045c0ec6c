"""ONNX Runtime: on a CPU, and through its CUDA and TensorRT providers on a GPU.

Crops and maps stay where torch has them: both are bound by their addresses, nothing is copied.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Num
from torch import Tensor

from fourier_depth_ros.core.frame import DTYPES, Backend
from fourier_depth_ros.core.network import DepthEstimationNetwork, FoldedNetwork
from fourier_depth_ros.runtime.cache import cache_directory, cached, weights_digest
from fourier_depth_ros.runtime.exporting import INPUT, OUTPUT, export_onnx

_PRECISIONS = {"cpu": ("float32",), "cuda": ("float16", "float32")}


def onnxruntime_backend(
    network: DepthEstimationNetwork, device: torch.device, precision: str
) -> Backend:
    """The network in ONNX Runtime; TensorRT before CUDA where both are there.

    Raises:
        ImportError: onnxruntime, onnx or onnxscript is not installed.
        ValueError: a precision that it does not have there, or no provider for the device.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(f"backend: 'onnxruntime' takes: pip install onnxruntime ({error})") from (
            error
        )
    if precision not in _PRECISIONS[device.type]:
        raise ValueError(
            f"precision: '{precision}' is not for ONNX Runtime on {device.type}, which takes "
            f"{', '.join(_PRECISIONS[device.type])}"
        )

    def make(folder: Path) -> None:
        folded = FoldedNetwork(network)
        folded.set_precision(DTYPES[precision])
        export_onnx(folded, folder / "model.onnx")

    name = f"onnx_{torch.__version__}_{precision}_{weights_digest(network)}"
    path = cached(name, "model.onnx", make)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(path, options, providers=_providers(device))
    if device.type == "cuda" and session.get_providers()[0] == "CPUExecutionProvider":
        raise ValueError(
            "backend: this onnxruntime has no CUDA; pip install onnxruntime-gpu in its place"
        )
    map_size = network.config.map_size
    return Backend("onnxruntime", device, precision, _Runner(session, device, map_size))


def _providers(device: torch.device) -> list[Any]:
    import onnxruntime

    if device.type == "cpu":
        return ["CPUExecutionProvider"]
    # torch's stream: what torch enqueued before is done when the network starts, without a wait
    stream = str(torch.cuda.current_stream(device).cuda_stream)
    common = {"device_id": device.index or 0, "user_compute_stream": stream}
    engines = str(cache_directory() / "tensorrt")
    tensorrt = {"trt_engine_cache_enable": True, "trt_engine_cache_path": engines}
    wanted = [
        ("TensorrtExecutionProvider", {**common, **tensorrt}),
        ("CUDAExecutionProvider", common),
    ]
    there = onnxruntime.get_available_providers()
    return [each for each in wanted if each[0] in there] + ["CPUExecutionProvider"]


class _Runner:
    """Runs a session on torch's own memory."""

    def __init__(self, session: Any, device: torch.device, map_size: tuple[int, int]) -> None:
        self._session = session
        self._place = (device.type, device.index or 0)
        self._device = device
        self._map_size = map_size

    def __call__(self, crops: Num[Tensor, "n 3 side side"]) -> Float[Tensor, "n rows columns"]:
        if crops.dtype != torch.uint8:  # of a GPU's resize
            crops = crops.round().to(torch.uint8)
        crops = crops.contiguous()
        maps = torch.empty((len(crops), *self._map_size), device=self._device)
        binding = self._session.io_binding()
        binding.bind_input(INPUT, *self._place, np.uint8, crops.shape, crops.data_ptr())
        binding.bind_output(OUTPUT, *self._place, np.float32, maps.shape, maps.data_ptr())
        self._session.run_with_iobinding(binding)
        return maps
