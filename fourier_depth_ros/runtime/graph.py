"""One CUDA graph over the whole frame: crops, network, merging, FFT, resize; one launch a frame.

The picture is copied into a pinned buffer and from there to the device; everything else stays in
the graph's own static memory. The host never waits, but for the previous picture's copy.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from fourier_depth_ros.core.frame import Backend, Frame, FrameMaps, FrameRunner, eager_backend
from fourier_depth_ros.core.networks import DepthNetwork

#: Frames that run uncaptured first: cuDNN chooses its kernels, Inductor compiles.
WARM_UP = 2

#: Records what a function does: a call that does it again, and the memory its results appear in.
Recorder = Callable[[Callable[[], FrameMaps]], tuple[Callable[[], None], FrameMaps]]


def graph_backend(network: DepthNetwork, device: torch.device, precision: str) -> Backend:
    """torch's kernels, channels last, replayed as one CUDA graph.

    Raises:
        ValueError: the device is not a CUDA device, or torch does not compute in that precision.
    """
    if device.type != "cuda":
        raise ValueError(f"backend: 'graph' takes a CUDA device, this is {device}; set 'auto'")
    torch.backends.cudnn.benchmark = True  # the sizes of a graph never change
    eager = eager_backend(network, device, precision)
    return Backend("graph", device, precision, eager.network, capture)


def capture(frame: Frame, device: torch.device) -> FrameRunner:
    """A runner of ``frame`` that captures it on its third picture."""
    return CapturedFrame(frame, device, record_cuda_graph)


class StaticInput(NamedTuple):
    """What a captured frame reads: written before each replay, never moved.

    staging: the picture in pinned host memory, rows of interleaved RGB as cameras give them, so
        that filling it is one memcpy. image: on the device. factor: of the camera, on the device.
    """

    staging: UInt8[Tensor, "height width 3"]
    image: UInt8[Tensor, "height width 3"]
    factor: Float[Tensor, ""]

    @staticmethod
    def allocate(size: tuple[int, int], device: torch.device) -> StaticInput:
        """Buffers for pictures of ``size`` (height, width); 3 bytes a pixel on either side."""
        shape = (*size, 3)
        return StaticInput(
            staging=torch.empty(shape, dtype=torch.uint8, pin_memory=device.type == "cuda"),
            image=torch.empty(shape, dtype=torch.uint8, device=device),
            factor=torch.ones((), device=device),
        )


class CapturedFrame:
    """Runs a frame; from the third picture on as a recording over static memory.

    Results are copies: they stay what they are when the next picture comes.
    """

    def __init__(self, frame: Frame, device: torch.device, record: Recorder) -> None:
        self._frame = frame
        self._device = device
        self._record = record
        self._calls = 0
        self._input: StaticInput | None = None
        self._replay: Callable[[], None] | None = None
        self._results: FrameMaps | None = None
        self._copied: torch.cuda.Event | None = None
        if device.type == "cuda":
            self._copied = torch.cuda.Event()  # type: ignore[no-untyped-call]

    def __call__(self, image: UInt8[Tensor, "3 height width"], factor: float) -> FrameMaps:
        """The frame's maps of one picture."""
        self._fill(image, factor)
        self._calls += 1
        if self._replay is None:
            if self._calls <= WARM_UP:
                return self._compute()
            self._replay, self._results = self._record(self._compute)
        self._replay()
        assert self._results is not None
        depth, std, candidates = self._results
        return FrameMaps(depth.clone(), None if std is None else std.clone(), candidates.clone())

    def _fill(self, image: Tensor, factor: float) -> None:
        if self._input is None:
            self._input = StaticInput.allocate((image.shape[1], image.shape[2]), self._device)
        staging, static, scale = self._input
        pixels = image.permute(1, 2, 0)
        if image.is_cpu:
            if self._copied is not None:
                self._copied.synchronize()  # of the previous picture; long since done
            staging.copy_(pixels)
            pixels = staging
        static.copy_(pixels, non_blocking=True)
        if self._copied is not None:
            self._copied.record()
        scale.fill_(factor)

    def _compute(self) -> FrameMaps:
        assert self._input is not None
        return self._frame(self._input.image.permute(2, 0, 1), self._input.factor)


def record_cuda_graph(
    compute: Callable[[], FrameMaps],
) -> tuple[Callable[[], None], FrameMaps]:
    """Capture ``compute`` in a CUDA graph; other threads may use the device meanwhile."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):
        results = compute()
    return graph.replay, results
