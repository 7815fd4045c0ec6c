"""ONNX Runtime: on a CPU, and through its CUDA and TensorRT providers on a GPU.

Crops and maps stay where torch has them: both are bound by their addresses, nothing is copied. Each
size of zoomed picture is a model of its own, converted when the first such picture comes.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Num
from torch import Tensor

from fourier_depth_ros.core.frame import DTYPES, Backend
from fourier_depth_ros.core.networks import DepthNetwork, fold
from fourier_depth_ros.runtime.cache import cache_directory, cached, weights_digest
from fourier_depth_ros.runtime.exporting import INPUT, OUTPUT, export_onnx

_PRECISIONS = {"cpu": ("float32",), "cuda": ("float16", "float32")}


def onnxruntime_backend(network: DepthNetwork, device: torch.device, precision: str) -> Backend:
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

    digest, map_size = weights_digest(network), network.config.map_size

    def session(side: int) -> Any:
        def make(folder: Path) -> None:
            folded = fold(network)
            folded.set_precision(DTYPES[precision])
            export_onnx(folded, folder / "model.onnx", side=side)

        zoomed = "" if side == network.config.input_size else f"_{side}"
        name = f"onnx_{torch.__version__}_{precision}_{digest}{zoomed}"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        return onnxruntime.InferenceSession(
            cached(name, "model.onnx", make), options, providers=providers(device)
        )

    runner = _Runner(session, device, map_size, network.config.input_size)
    return Backend("onnxruntime", device, precision, runner)


def providers(device: torch.device) -> list[Any]:
    """What ONNX Runtime should try, best first; on a GPU on torch's stream."""
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
    """Runs the session of the pictures' size on torch's own memory."""

    def __init__(
        self,
        session: Callable[[int], Any],
        device: torch.device,
        map_size: tuple[int, int],
        side: int,
    ) -> None:
        self._session = session
        self._sessions = {side: session(side)}
        self._place = (device.type, device.index or 0)
        self._device = device
        self._map_size = map_size
        self._side = side
        if device.type == "cuda" and (
            self._sessions[side].get_providers()[0] == "CPUExecutionProvider"
        ):
            raise ValueError(
                "backend: this onnxruntime has no CUDA; pip install onnxruntime-gpu in its place"
            )

    def __call__(
        self, pictures: Num[Tensor, "n 3 side side"]
    ) -> Float[Tensor, "crops rows columns"]:
        if pictures.dtype != torch.uint8:  # of a GPU's resize
            pictures = pictures.round().to(torch.uint8)
        pictures = pictures.contiguous()
        side = pictures.shape[-1]
        if side not in self._sessions:
            self._sessions[side] = self._session(side)
        corners = 1 if side == self._side else 4
        maps = torch.empty((corners * len(pictures), *self._map_size), device=self._device)
        session = self._sessions[side]
        binding = session.io_binding()
        binding.bind_input(INPUT, *self._place, np.uint8, pictures.shape, pictures.data_ptr())
        binding.bind_output(OUTPUT, *self._place, np.float32, maps.shape, maps.data_ptr())
        session.run_with_iobinding(binding)
        return maps
