"""OpenVINO on a CPU: float32, bfloat16, and int8 after a calibration on pictures (NNCF).

It runs all below the head; the head, and so depth, stays torch's in float32: OpenVINO would
round its weights and its answer too, three millimetres in a metre.

The first start with new weights converts the network (ResNet-18 2 s, ResNet-152 8 s of one core);
later ones read the cache. One conversion serves every size of picture, each compiled by itself when
the first such picture comes.
"""

from __future__ import annotations

import copy
import functools
import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from fourier_depth_ros.core.frame import Backend
from fourier_depth_ros.core.networks import DepthNetwork, fold
from fourier_depth_ros.runtime.cache import cache_directory, cached, weights_digest
from fourier_depth_ros.runtime.exporting import export_maps

HINTS = {"float32": "f32", "bfloat16": "bf16"}
#: Under which an int8 model says of which weights it is; renamed when what it gives changes.
_RT_INFO = ["fourier_depth", "maps_of_weights"]


def openvino_backend(
    network: DepthNetwork, precision: str, quantized: Path | None = None
) -> Backend:
    """The network compiled for this CPU.

    ``quantized`` is the int8 model that quantize wrote for this very network.

    Raises:
        ImportError: openvino is not installed.
        ValueError: a precision that it does not have, or ``quantized`` is missing or of other
            weights.
    """
    core = open_core()
    compiling = {
        "PERFORMANCE_HINT": "LATENCY",
        "CACHE_DIR": str(cache_directory() / "compiled"),
    }
    if precision == "int8":
        path = _check_quantized(core, network, quantized)
        native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        hint = "bf16" if native else "f32"  # of the layers that stay floating point
    elif precision in HINTS:
        path, hint = _converted(network), HINTS[precision]
    else:
        raise ValueError(
            f"precision: '{precision}' is not for OpenVINO on a CPU, which takes "
            f"{', '.join((*HINTS, 'int8'))}"
        )
    own_side = network.config.input_size  # not the network, which would stay in memory

    def compiled(side: int) -> Any:
        model: Any = path
        if side != own_side:
            model = core.read_model(path)
            model.reshape([-1, 3, side, side])
        return core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": hint, **compiling})

    return Backend("openvino", torch.device("cpu"), precision, _Runner(compiled, network))


def quantize(
    network: DepthNetwork, crops: Iterable[UInt8[Tensor, "n 3 side side"]], out: Path
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
    model = _core(ov).read_model(_converted(network))
    batches = [batch.contiguous().numpy() for batch in crops]
    of_family: dict[str, Any] = {"ignored_scope": nncf.IgnoredScope(names=_extra_paths(model))}
    if network.config.family == "vit":
        of_family = {"model_type": nncf.ModelType.TRANSFORMER}
    small = nncf.quantize(
        model,
        nncf.Dataset(batches),
        subset_size=len(batches),
        preset=nncf.QuantizationPreset.MIXED,
        fast_bias_correction=False,
        **of_family,
    )
    small.set_rt_info(weights_digest(network), _RT_INFO)
    ov.save_model(small, out, compress_to_fp16=False)


def _extra_paths(model: Any) -> list[str]:
    """The names of the extra paths' convolutions, two before each output but the last.

    They stay floating point: in int8 they cost most of what int8 costs (docs/decisions/
    openvino-head-in-float32.md), and they are a fiftieth of the time.
    """
    names: list[str] = []
    for number, output in enumerate(model.outputs[:-1], start=1):
        node = output.get_node()
        while len(names) < 2 * number:
            node = node.input_value(0).get_node()
            if node.get_type_name() == "Convolution":
                names.append(node.get_friendly_name())
    return names


def _openvino() -> Any:
    try:
        import openvino
    except ImportError as error:
        raise ImportError(f"backend: 'openvino' takes: pip install openvino ({error})") from error
    return openvino


def open_core() -> Any:
    """The one Core of this process; see _core.

    Raises:
        ImportError: openvino is not installed.
    """
    return _core(_openvino())


@functools.cache
def _core(openvino: Any) -> Any:
    """The one Core of this process, which is never freed.

    Loading its CPU plugin gives the calling thread a stack for signals (sigaltstack), and freeing
    it gives back the stack that was there before. Of two Cores, the one freed last would give back
    what the other has unmapped already: a segmentation fault at the next signal, Ctrl-C first.
    """
    return openvino.Core()


def _converted(network: DepthNetwork) -> Path:
    """The network in OpenVINO's own format, float32, from the cache or for it."""
    ov = _openvino()

    def make(folder: Path) -> None:
        model = ov.convert_model(export_maps(fold(network)))
        side = network.config.input_size
        model.reshape([-1, 3, side, side])
        ov.save_model(model, folder / "model.xml", compress_to_fp16=False)

    version = ov.__version__.split("-")[0]
    return cached(f"openvino_maps_{version}_{weights_digest(network)}", "model.xml", make)


def _check_quantized(core: Any, network: DepthNetwork, path: Path | None) -> Path:
    how = "make it with 'fourier-depth export CHECKPOINT FILE.int8.xml --calibration PICTURES'"
    if path is None or not path.is_file():
        raise ValueError(f"precision: 'int8' takes a calibrated model, {path}; {how}")
    model = core.read_model(path)
    if not model.has_rt_info(_RT_INFO) or (
        model.get_rt_info(_RT_INFO).astype(str) != weights_digest(network)
    ):
        raise ValueError(f"{path} was made from other weights, or by an older release; {how}")
    return path


class _Runner:
    """Calls the network compiled for the pictures' size, then the head.

    The head comes at once: the next call overwrites the maps. A size may be in one thread only.
    """

    def __init__(self, compiled: Callable[[int], Any], network: DepthNetwork) -> None:
        self._compiled = compiled
        self._head = copy.deepcopy(network.head)
        self._side = network.config.input_size
        self._requests: dict[int, Any] = {}
        self._request(self._side)

    def __call__(
        self, pictures: UInt8[Tensor, "n 3 side side"]
    ) -> Float[Tensor, "crops rows columns"]:
        side = pictures.shape[-1]
        request = self._request(side)
        # not torch's contiguous: its threads would go on spinning on the cores that OpenVINO needs
        request.infer(
            [np.ascontiguousarray(pictures.numpy())], share_inputs=True, share_outputs=True
        )
        maps = [tensor.data for tensor in request.output_tensors]
        return self._head.answer(tuple(map(torch.from_numpy, maps)), side - self._side)

    def _request(self, side: int) -> Any:
        if side not in self._requests:
            self._requests[side] = self._compiled(side).create_infer_request()
        return self._requests[side]
