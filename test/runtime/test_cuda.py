"""The CUDA path on a machine without CUDA: what can be shown is shown, see benchmarks/cuda.md."""

import pytest
import torch
from fake_cuda import CUDA, WAYS, NoCopies, paper_frame, to_cuda
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)

from fourier_depth_ros.runtime.graph import StaticInput


@pytest.mark.parametrize("way", WAYS)
def test_the_papers_frame_never_waits_and_never_leaves_the_device(way):
    """ResNet-152, 66 crops, float16, standard deviation: everything between input and output."""
    frame = paper_frame(settings=WAYS[way])
    with FakeTensorMode(allow_non_fake_inputs=True):
        to_cuda(frame)
        static = StaticInput(
            staging=torch.empty(480, 640, 3, dtype=torch.uint8),
            image=torch.empty(480, 640, 3, dtype=torch.uint8, device=CUDA),
            factor=torch.empty((), device=CUDA),
        )
        with torch.inference_mode(), NoCopies() as watched:
            depth, std, candidates = frame(static.image.permute(2, 0, 1), static.factor)
    assert watched.operations > 400  # the trunk alone has 155 convolutions
    assert depth.device.type == std.device.type == candidates.device.type == "cuda"
    assert (depth.shape, std.shape, candidates.shape) == (
        (480, 640),
        (480, 640),
        (WAYS[way].candidates, 72, 96),
    )


@pytest.mark.parametrize(
    ("waiting", "refusal"),
    [
        (lambda x: x.max().item(), DataDependentOutputException),
        (lambda x: bool((x > 0).all()), DataDependentOutputException),
        (lambda x: x.nonzero(), DynamicOutputShapeException),
        (lambda x: x[x > 0], DynamicOutputShapeException),
    ],
)
def test_the_check_would_have_noticed_a_wait(waiting, refusal):
    with FakeTensorMode():
        x = torch.empty(4, device=CUDA)
        with pytest.raises(refusal):
            waiting(x)


@pytest.mark.parametrize(
    "leaving", [lambda x: x.cpu(), lambda x: x + torch.ones(()), lambda x: torch.zeros(4)]
)
def test_the_check_would_have_noticed_a_copy(leaving):
    with FakeTensorMode():
        x = torch.empty(4, device=CUDA)
        with NoCopies(), pytest.raises(AssertionError, match="leaves the device"):
            leaving(x)


def test_static_input_is_three_bytes_a_pixel_and_one_number():
    static = StaticInput.allocate((1080, 1920), torch.device("cpu"))
    assert static.staging.nbytes == static.image.nbytes == 1080 * 1920 * 3
    assert static.factor.nbytes == 4
    # rows of interleaved RGB: filling it from a camera's picture is one memcpy
    assert static.staging.is_contiguous()
