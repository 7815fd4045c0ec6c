"""The network as a graph that other runtimes read: torch.export, and from it ONNX."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from fourier_depth_ros.core.networks import DepthNetwork

#: Largest relative difference to torch that an exported float32 network may have.
TOLERANCE = 1e-3
INPUT, OUTPUT = "crops", "maps"


def export_maps(network: DepthNetwork) -> ExportedProgram:
    """All below the head: (n, 3, side, side) uint8 -> the network's maps; ``network`` is folded.

    Any n; a ResNet's is all convolutions, so that another runtime may change the side too.
    """
    return torch.export.export(_Maps(network), (_example(network),), dynamic_shapes=(_DYNAMIC,))


def export_onnx(
    network: DepthNetwork,
    path: Path,
    metadata: Mapping[str, str] = MappingProxyType({}),
    side: int | None = None,
) -> None:
    """Write the folded network as ONNX, with the input `crops` and the output `maps` of any batch.

    ``side`` [px]: of zoomed pictures, whose output is four maps each; None: of crops.

    Raises:
        ImportError: onnx or onnxscript is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(f"ONNX takes: pip install onnx onnxscript ({error})") from error
    with _quiet():
        program = torch.onnx.export(
            network,
            (_example(network, side),),
            dynamo=True,
            dynamic_shapes=(_DYNAMIC,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            verbose=False,
        )
        assert program is not None
        program.model.metadata_props.update(metadata)
        program.save(path, external_data=False)


def check_onnx(network: DepthNetwork, path: Path) -> float:
    """The largest difference between the file's answer and torch's, relative to the largest answer.

    Raises:
        ImportError: onnxruntime is not installed.
        ValueError: the difference is over TOLERANCE, or not a number.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError(f"the check takes: pip install onnxruntime ({error})") from error
    generator = torch.Generator().manual_seed(0)
    side = network.config.input_size
    crops = torch.randint(0, 256, (3, 3, side, side), dtype=torch.uint8, generator=generator)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (answer,) = session.run([OUTPUT], {INPUT: crops.numpy()})
    with torch.inference_mode():
        expected = network(crops)
    difference = float((torch.from_numpy(answer) - expected).abs().max() / expected.abs().max())
    if not difference <= TOLERANCE:
        raise ValueError(
            f"{path}: its answer is {difference:.1e} of the largest away from torch's, expected at "
            f"most {TOLERANCE:g}; the exporter and these weights do not go together"
        )
    return difference


class _Maps(nn.Module):
    def __init__(self, network: DepthNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, crops: Tensor) -> tuple[Tensor, ...]:
        return self.network.maps(crops)


_DYNAMIC = {0: Dim("n", min=1, max=4096)}


def _example(network: DepthNetwork, side: int | None = None) -> Tensor:
    side = side or network.config.input_size
    return torch.zeros(2, 3, side, side, dtype=torch.uint8)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's remarks about its own dependencies."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
