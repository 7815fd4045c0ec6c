"""The CUDA path on a GPU; without one these are skipped. What ran where: benchmarks/cuda.md."""

import pytest
import torch

from fourier_depth_ros.core.checkpoint import load_checkpoint
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.resources import find_checkpoint
from fourier_depth_ros.runtime import open_backend

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture(scope="module")
def checkpoint():
    return load_checkpoint(find_checkpoint("resnet18_rooms", cuda=False)[0])


def picture(height=480, width=640, seed=0):
    """Something smooth, as pictures are: shades of random blobs."""
    torch.manual_seed(seed)
    blobs = torch.rand(1, 3, 9, 12)
    smooth = torch.nn.functional.interpolate(blobs, (height, width), mode="bicubic").clamp(0, 1)
    return (255 * smooth[0]).to(torch.uint8)


def estimators(checkpoint, preset="fast", way="corners"):
    """On the GPU, and the oracle: float32 on the CPU; with the same combination."""
    ours = DepthEstimator(checkpoint, backend=open_backend(checkpoint, "graph", "cuda"))
    oracle = DepthEstimator(checkpoint, "cpu", "float32")
    for one in (ours, oracle):
        chosen = one.config.presets_of(way)[preset]
        one.set_combination(chosen.combination(one.combination.model_copy(update={"crops": way})))
    return ours, oracle


def assert_near(ours, oracle, relative=0.01):
    assert ours.device.type == "cuda"
    expected = oracle.cpu()
    assert torch.equal(ours.isfinite().cpu(), expected.isfinite())
    error = (ours.cpu() - expected).abs() / expected
    assert error[expected.isfinite()].median() < relative


@pytest.mark.parametrize("way", ["corners", "shared"])
@pytest.mark.parametrize("preset", ["fast", "balanced", "accurate", "paper"])
def test_captured_frames_are_the_cpu_s(checkpoint, preset, way):
    ours, oracle = estimators(checkpoint, preset, way)
    assert ours.precision == "float16"
    for seed in range(5):  # the third is captured, the rest replayed
        seen = picture(seed=seed)
        predicted, expected = ours.predict(seen, with_std=True), oracle.predict(seen, with_std=True)
        assert_near(predicted.depth, expected.depth)
        assert_near(predicted.std, expected.std, relative=0.03)


def test_auto_takes_the_graph(checkpoint):
    warnings = []
    assert open_backend(checkpoint, device="cuda", warn=warnings.append).name == "graph"
    assert not warnings


def test_pictures_of_a_replay_do_not_mix(checkpoint):
    ours, _ = estimators(checkpoint, "accurate")
    a, b = picture(seed=1), picture(seed=2)
    first = [ours.predict(one).depth for one in (a, b, a, b)]
    again = [ours.predict(one).depth for one in (a, b, a, b, a, b)]
    for k, depth in enumerate(again):
        # from the third picture on kernels are the same
        assert torch.allclose(depth, first[2 + k % 2], rtol=1e-3)
    assert not torch.allclose(again[0], again[1], rtol=1e-2)


def test_ratios_and_sizes_change_live(checkpoint):
    ours, oracle = estimators(checkpoint, "fast")
    for ratios, size in [
        ((1.0, 0.8), (480, 640)),
        ((1.0, 0.75, 0.6), (480, 640)),
        ((1.0, 0.75, 0.6), (720, 1280)),
        ((1.0,), (240, 320)),
    ]:
        settings = ours.combination.model_copy(update={"crop_ratios": ratios})
        for one in (ours, oracle):
            one.set_combination(settings)
        for seed in range(4):
            seen = picture(*size, seed=seed)
            assert_near(ours.predict(seen).depth, oracle.predict(seen).depth)
            assert_near(ours.predict(seen.cuda()).depth, oracle.predict(seen).depth)
