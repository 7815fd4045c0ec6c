"""OpenVINO on a CPU: float32, bfloat16, and int8 after a calibration on pictures (NNCF).

It runs trunk and extra paths; the head, and so depth, stays torch's in float32: OpenVINO would
round its weights and its answer too, three millimetres in a metre.

The first start with new weights converts the network (ResNet-18 2 s, ResNet-152 8 s of one core);
later ones read the cache.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from fourier_depth_ros.core.frame import Backend
from fourier_depth_ros.core.network import DepthEstimationNetwork, FoldedNetwork
from fourier_depth_ros.runtime.cache import cache_directory, cached, weights_digest
from fourier_depth_ros.runtime.exporting import export_features

_HINTS = {"float32": "f32", "bfloat16": "bf16"}
_RT_INFO = ["fourier_depth", "weights"]


def openvino_backend(
    network: DepthEstimationNetwork, precision: str, quantized: Path | None = None
) -> Backend:
    """The network compiled for this CPU.

    ``quantized`` is the int8 model that quantize wrote for this very network.

    Raises:
        ImportError: openvino is not installed.
        ValueError: a precision that it does not have, or ``quantized`` is missing or of other
            weights.
    """
    ov = _openvino()
    core = ov.Core()
    core.set_property({"CACHE_DIR": str(cache_directory() / "compiled")})
    if precision == "int8":
        model = _read_quantized(core, network, quantized)
        native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        hint = "bf16" if native else "f32"  # of the layers that stay floating point
    elif precision in _HINTS:
        model, hint = _converted(network), _HINTS[precision]
    else:
        raise ValueError(
            f"precision: '{precision}' is not for OpenVINO on a CPU, which takes "
            f"{', '.join((*_HINTS, 'int8'))}"
        )
    compiled = core.compile_model(
        model, "CPU", {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
    )
    return Backend("openvino", torch.device("cpu"), precision, _Runner(compiled, network))


def quantize(
    network: DepthEstimationNetwork, crops: Iterable[UInt8[Tensor, "n 3 side side"]], out: Path
) -> None:
    """Write the network in int8 as OUT.xml and OUT.bin, calibrated on ``crops``.

    Raises:
        ImportError: openvino or nncf is not installed.
    """
    ov = _openvino()
    try:
        import nncf
    except ImportError as error:
        raise ImportError(f"int8 takes: pip install nncf ({error})") from error
    nncf.set_log_level(logging.ERROR)
    model = ov.Core().read_model(_converted(network))
    batches = [batch.contiguous().numpy() for batch in crops]
    small = nncf.quantize(
        model,
        nncf.Dataset(batches),
        subset_size=len(batches),
        preset=nncf.QuantizationPreset.MIXED,
    )
    small.set_rt_info(weights_digest(network), _RT_INFO)
    ov.save_model(small, out, compress_to_fp16=False)


def _openvino() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise ImportError(f"backend: 'openvino' takes: pip install openvino ({error})") from error
    return openvino


def _converted(network: DepthEstimationNetwork) -> Path:
    """The network in OpenVINO's own format, float32, from the cache or for it."""
    ov = _openvino()

    def make(folder: Path) -> None:
        model = ov.convert_model(export_features(FoldedNetwork(network)))
        side = network.config.input_size
        model.reshape([-1, 3, side, side])
        ov.save_model(model, folder / "model.xml", compress_to_fp16=False)

    version = ov.__version__.split("-")[0]
    return cached(f"openvino_{version}_{weights_digest(network)}", "model.xml", make)


def _read_quantized(core: Any, network: DepthEstimationNetwork, path: Path | None) -> Any:
    how = "make it with 'fourier-depth export CHECKPOINT FILE.int8.xml --calibration PICTURES'"
    if path is None or not path.is_file():
        raise ValueError(f"precision: 'int8' takes a calibrated model, {path}; {how}")
    model = core.read_model(path)
    if not model.has_rt_info(_RT_INFO) or (
        model.get_rt_info(_RT_INFO).astype(str) != weights_digest(network)
    ):
        raise ValueError(f"{path} was made from other weights; {how}")
    return model


class _Runner:
    """Calls the compiled network, then the head at once: the next call overwrites the features."""

    def __init__(self, compiled: Any, network: DepthEstimationNetwork) -> None:
        self._request = compiled.create_infer_request()
        self._head = copy.deepcopy(network.head)
        self._map_size = network.config.map_size

    def __call__(self, crops: UInt8[Tensor, "n 3 side side"]) -> Float[Tensor, "n rows columns"]:
        self._request.infer([crops.contiguous().numpy()], share_inputs=True)
        features = torch.from_numpy(self._request.get_output_tensor().data)
        return self._head(features).unflatten(1, self._map_size)
