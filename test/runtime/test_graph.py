"""The life of a captured frame, with a recorder that replays on the CPU as a CUDA graph would."""

import pytest
import torch
from checkpoints import constant_checkpoint
from torch import nn

from fourier_depth_ros.core.frame import FrameMaps
from fourier_depth_ros.runtime import open_backend
from fourier_depth_ros.runtime.graph import WARM_UP, CapturedFrame

CPU = torch.device("cpu")


class Brightness(nn.Module):
    """depth = the picture's first channel times the factor."""

    def forward(self, image, factor):
        depth = image[0].float() * factor
        return FrameMaps(depth, None, depth[None])


class Recorder:
    """Replaying does again what was recorded, into the memory of the first results."""

    def __init__(self):
        self.recorded = self.replayed = 0

    def __call__(self, compute):
        self.recorded += 1
        results = compute()

        def replay():
            self.replayed += 1
            for kept, new in zip(results, compute(), strict=True):
                if kept is not None:
                    kept.copy_(new)

        return replay, results


def grey(value):
    return torch.full((3, 4, 6), value, dtype=torch.uint8)


def test_the_first_pictures_run_as_they_are_and_the_rest_is_one_recording():
    recorder = Recorder()
    run = CapturedFrame(Brightness(), CPU, recorder)
    for picture in range(WARM_UP):
        assert (run(grey(picture), 1.0).depth == picture).all()
    assert recorder.recorded == 0
    for picture in range(10, 20):
        assert (run(grey(picture), 1.0).depth == picture).all()
    assert (recorder.recorded, recorder.replayed) == (1, 10)


def test_a_new_camera_needs_no_new_recording():
    recorder = Recorder()
    run = CapturedFrame(Brightness(), CPU, recorder)
    for factor in (1.0, 2.0, 0.5, 3.0, 1.5):
        assert (run(grey(10), factor).depth == 10 * factor).all()
    assert recorder.recorded == 1


def test_a_result_stays_when_the_next_picture_comes():
    run = CapturedFrame(Brightness(), CPU, Recorder())
    results = [run(grey(picture), 1.0) for picture in range(6)]
    for picture, result in enumerate(results):
        assert (result.depth == picture).all()
        assert (result.candidates == picture).all()


def test_planar_and_interleaved_pictures_are_the_same():
    run = CapturedFrame(Brightness(), CPU, Recorder())
    planar = torch.arange(3 * 4 * 6, dtype=torch.uint8).reshape(3, 4, 6)
    interleaved = planar.permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert torch.equal(run(planar, 1.0).depth, run(interleaved, 1.0).depth)


def test_without_cuda_the_graph_is_refused():
    with pytest.raises(ValueError, match="'graph' takes a CUDA device, this is cpu"):
        open_backend(constant_checkpoint(), "graph", "cpu")
