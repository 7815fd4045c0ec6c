"""torch.compile: Inductor's kernels, with frozen weights on a CPU, inside one CUDA graph on a GPU.

Needs a C++ compiler on a CPU. The first frame waits for the compiler, tens of seconds and more, the
next start for less; so it is never chosen by itself.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Num
from torch import Tensor

from fourier_depth_ros.core.frame import Backend, NetworkRunner, eager_backend, run_plainly
from fourier_depth_ros.core.networks import DepthNetwork
from fourier_depth_ros.runtime.graph import capture

#: Crops in one call of the compiled network on a CPU; what is left over runs one by one.
BATCH = 4


def compiled_backend(network: DepthNetwork, device: torch.device, precision: str) -> Backend:
    """The network compiled by Inductor, as one graph.

    Raises:
        ValueError: torch does not compute in that precision.
    """
    eager = eager_backend(network, device, precision)
    on_cpu = device.type == "cpu"
    # each size of zoomed picture, and on a GPU each number of crops, is compiled for itself
    torch._dynamo.config.cache_size_limit = 64
    compiled = torch.compile(
        eager.network, fullgraph=True, dynamic=False, options={"freezing": on_cpu}
    )
    return Backend(
        "compiled",
        device,
        precision,
        _InBatches(compiled) if on_cpu else compiled,
        run_plainly if on_cpu else capture,
    )


class _InBatches:
    """Calls with BATCH crops or one, so that any number of crops is two compilations, not more."""

    def __init__(self, network: NetworkRunner) -> None:
        self._network = network

    def __call__(self, crops: Num[Tensor, "n 3 side side"]) -> Float[Tensor, "_ rows columns"]:
        whole, rest = divmod(len(crops), BATCH)
        batches = torch.split(crops, [BATCH] * whole + [1] * rest)
        return torch.cat([self._network(batch.contiguous()) for batch in batches])
