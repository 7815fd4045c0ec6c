"""A CUDA device that is not there: shapes and devices are followed, values do not exist.

FakeTensorMode refuses whatever would wait for a value (item, bool, nonzero); NoCopies refuses what
would cross between host and device. What passes both can be captured in a CUDA graph.
"""

from __future__ import annotations

import dataclasses

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from fourier_depth_ros.config import (
    CombinationSettings,
    DepthSpace,
    NetworkConfig,
    Uncertainty,
    shared_ratios,
)
from fourier_depth_ros.core.crops import CropMerger
from fourier_depth_ros.core.fourier import FourierCombiner
from fourier_depth_ros.core.frame import Frame
from fourier_depth_ros.core.network import DepthEstimationNetwork, FoldedNetwork

CUDA = torch.device("cuda")
SIDE = 224
#: Every candidate of either way of making crops.
WAYS = {
    "corners": CombinationSettings(),
    "shared": CombinationSettings(crops="shared", crop_ratios=shared_ratios(SIDE)),
}


def paper_frame(
    trunk: str = "resnet152",
    size: tuple[int, int] = (480, 640),
    settings: CombinationSettings = WAYS["corners"],
) -> Frame:
    """66 crops of a VGA picture with a standard deviation; the network on the meta device."""
    with torch.device("meta"):
        network = DepthEstimationNetwork(NetworkConfig(trunk=trunk, input_size=SIDE)).eval()
    folded = FoldedNetwork(network)
    folded.set_precision(torch.float16)
    return Frame(
        network=folded.to(memory_format=torch.channels_last),
        side=SIDE,
        space=DepthSpace(),
        settings=settings,
        merger=CropMerger.build(size, settings.crop_ratios, (25, 32)),
        combiner=FourierCombiner.mean(settings.candidates),
        output_size=size,
        uncertainty=Uncertainty(floor=0.1, per_depth=0.1, per_spread=0.1),
        max_batch=66,
    )


def to_cuda(frame: Frame) -> None:
    """Every tensor of the frame as one on the device that is not there; call it in the mode."""
    for module in frame.modules():
        for tensors in (module._parameters, module._buffers):
            for name, tensor in tensors.items():
                if tensor is not None:
                    moved = torch.empty_like(tensor, device=CUDA)
                    grown = isinstance(tensor, nn.Parameter)
                    tensors[name] = nn.Parameter(moved, requires_grad=False) if grown else moved
    merger = frame.merger
    fields = {f.name: getattr(merger, f.name) for f in dataclasses.fields(merger)}
    frame.merger = CropMerger(**{n: torch.empty_like(t, device=CUDA) for n, t in fields.items()})


class NoCopies(TorchDispatchMode):
    """Refuses every operation that touches a tensor outside the device."""

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self.operations += 1
        tensors = [
            leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, torch.Tensor)
        ]
        if any(tensor.device.type != "cuda" for tensor in tensors):
            raise AssertionError(f"{func} leaves the device")
        return result
