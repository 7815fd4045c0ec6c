"""A frame: a slow plain reference in double precision, and what it may cost beside the network."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from fourier_depth_ros.config import CombinationSettings, DepthSpace, Uncertainty
from fourier_depth_ros.core.crops import GRID, CropMerger, crop_boxes
from fourier_depth_ros.core.estimator import limit_depth
from fourier_depth_ros.core.fourier import FourierCombiner, half_plane
from fourier_depth_ros.core.frame import Frame

SIDE, MAP = 64, (25, 32)
SPACE = DepthSpace(output_space="depth")
SIGMA = Uncertainty(floor=0.1, per_depth=0.05, per_spread=0.7)
FACTOR = 1.3
VGA = (480, 640)


def network(crops):
    """A depth [m] that varies with what is seen."""
    return 1 + 5 * F.adaptive_avg_pool2d(crops.float().mean(dim=1) / 255, MAP)


def combiner_of(candidates, seed=0):
    """Random weights, and an offset that takes a part of the picture below zero."""
    g = torch.Generator().manual_seed(seed)
    frequencies = len(half_plane().rows)
    weights = (1 + 0.3 * torch.randn(frequencies, 2, candidates, generator=g)) / candidates
    offset = torch.randn(frequencies, 2, generator=g)
    offset[half_plane().radius == 0] = torch.tensor([3.4 * GRID[0] * GRID[1], 0.0])
    return FourierCombiner(weights, offset, torch.full((candidates,), 1 / candidates))


def frame_of(size, output_size, ratios, flips, combiner=None, uncertainty=SIGMA):
    settings = CombinationSettings(crop_ratios=ratios, use_flips=flips)
    return Frame(
        network=network,
        side=SIDE,
        space=SPACE,
        settings=settings,
        merger=CropMerger.build(size, settings.crop_ratios, MAP),
        combiner=combiner or combiner_of(settings.candidates),
        output_size=output_size,
        uncertainty=uncertainty,
        max_batch=5,
    )


def picture_of(size):
    """Structure of every size, interleaved as a camera gives it."""
    rows, columns = size
    v, u = np.meshgrid(np.linspace(0, 5, rows), np.linspace(0, 7, columns), indexing="ij")
    noise = np.random.default_rng(0).uniform(-40, 40, (rows, columns, 3))
    smooth = 128 + 80 * np.sin(v) * np.cos(u)
    return torch.from_numpy((smooth[..., None] + noise).astype(np.uint8)).permute(2, 0, 1)


def resized(values, size):
    picture = torch.as_tensor(values)[None, None]
    return F.interpolate(picture, size, mode="bilinear", align_corners=False, antialias=True)[0, 0]


def plain_candidates(image, ratios, flips):
    """One crop after another, laid out at the picture's full size."""
    size, found = image.shape[-2:], []
    for flip in (False, True) if flips else (False,):
        for ratio in ratios:
            total, count = torch.zeros(size).double(), torch.zeros(size).double()
            for top, left, h, w in crop_boxes(size, (ratio,)):
                window = image[:, top : top + h, left : left + w]
                window = (window.flip(-1) if flip else window).contiguous()
                crop = F.interpolate(window[None], (SIDE, SIDE), mode="bilinear", antialias=True)
                depth = resized(network(crop)[0].double(), (h, w))
                total[top : top + h, left : left + w] += depth.flip(-1) if flip else depth
                count[top : top + h, left : left + w] += 1
            found.append(resized(total / count / ratio, GRID))
    return torch.stack(found).numpy()


def plain_frame(image, output_size, ratios, flips, combiner):
    """(depth before it is cut at zero, std), of NumPy's FFT."""
    candidates = plain_candidates(image, ratios, flips)
    total = -combiner.offset.numpy().astype(np.complex128)
    for candidate, weight in zip(candidates, combiner.weights.double().numpy(), strict=True):
        spectrum = np.fft.rfft2(candidate)
        total += spectrum.real * weight[..., 0] + 1j * spectrum.imag * weight[..., 1]
    depth, spread = np.fft.irfft2(total, s=GRID), candidates.std(axis=0)
    variance = SIGMA.floor**2 + (SIGMA.per_depth * depth) ** 2 + (SIGMA.per_spread * spread) ** 2
    return resized(depth * FACTOR, output_size), resized(np.sqrt(variance) * FACTOR, output_size)


@pytest.mark.parametrize(
    ("size", "output_size", "ratios", "flips"),
    [
        (VGA, VGA, (1.0,), False),
        (VGA, VGA, (1.0, 0.8, 0.6), True),
        ((97, 131), (97, 131), (1.0, 0.95, 0.501), True),
        ((64, 64), (2 * 64, 3 * 64), (0.7,), True),
        (VGA, (40, 50), (1.0, 0.6), False),  # smaller than the grid
        (VGA, (60, 640), (1.0, 0.6), False),  # one side of it
        (VGA, GRID, (1.0, 0.9), False),
    ],
)
@torch.inference_mode()
def test_a_frame_is_the_plain_reference_within_a_tenth_of_a_millimetre(
    size, output_size, ratios, flips
):
    image = picture_of(size)
    frame = frame_of(size, output_size, ratios, flips)
    depth, std, _ = frame(image, torch.tensor(FACTOR))
    expected, expected_std = plain_frame(image, output_size, ratios, flips, frame.combiner)
    known = expected > 0
    assert 0.05 < known.double().mean() < 0.95  # both kinds are there
    clear = expected.abs() > 1e-4
    assert torch.equal(depth.isnan()[clear], ~known[clear])
    assert torch.equal(depth.isnan(), std.isnan())
    both = known & clear
    torch.testing.assert_close(depth[both].double(), expected[both], rtol=0, atol=1e-4)
    torch.testing.assert_close(std[both].double(), expected_std[both], rtol=0, atol=1e-4)


class NewMaps(TorchDispatchMode):
    """Counts the float32 maps of ``size`` whose memory is new."""

    def __init__(self, size):
        super().__init__()
        self.pixels, self.operations = size[0] * size[1], []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        given = {t.untyped_storage().data_ptr() for t in tree_leaves(args) if torch.is_tensor(t)}
        for tensor in tree_leaves(result):
            if not torch.is_tensor(tensor) or tensor.dtype != torch.float32:
                continue
            new = tensor.untyped_storage().data_ptr() not in given
            if new and tensor.numel() >= self.pixels:
                self.operations.append(str(func))
        return result


@torch.inference_mode()
def test_a_frame_takes_memory_for_one_map_and_so_does_its_limit():
    """At 1080p a map is 8 MB: fetching that from the system takes longer than filling it."""
    frame = frame_of(VGA, VGA, (1.0,), False, uncertainty=None)
    image, factor = picture_of(VGA), torch.tensor(FACTOR)
    frame(image, factor)
    with NewMaps(VGA) as frames:
        depth = frame(image, factor).depth
    with NewMaps(VGA) as limits:
        limit_depth(depth, 0.5, 10.0, "nan")
    assert len(frames.operations) == 1, frames.operations
    assert len(limits.operations) == 1, limits.operations


class Threads(FourierCombiner):
    """Sees how many threads there are."""

    def __init__(self, fails):
        nn.Module.__init__(self)
        self.fails, self.threads = fails, 0

    def forward(self, candidates):
        self.threads = torch.get_num_threads()
        if self.fails:
            raise RuntimeError("no memory")
        return candidates[0]


@pytest.mark.parametrize("fails", [False, True])
def test_small_maps_do_not_wait_for_other_threads_and_large_ones_have_them_again(fails):
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        combiner = Threads(fails)
        frame = frame_of((64, 64), (64, 64), (1.0,), False, combiner)
        if fails:
            with pytest.raises(RuntimeError, match="no memory"):
                frame(picture_of((64, 64)), torch.tensor(1.0))
        else:
            frame(picture_of((64, 64)), torch.tensor(1.0))
        assert combiner.threads == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
