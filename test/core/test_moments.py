"""The ring level's short cuts against numpy over a ring's rows, written out."""

import numpy as np
import pytest
import torch

from fourier_depth_ros.config import CombinationSettings, Hierarchy
from fourier_depth_ros.core.fourier import half_plane
from fourier_depth_ros.core.moments import ring_of_frequency, sum_by_ring
from fourier_depth_ros.core.statistics import CombinerStatistics, largest_ratio_mean

RATIOS = (1.0, 0.8)


@pytest.fixture(scope="module")
def pictures():
    g = torch.Generator().manual_seed(3)
    truth = 3 + torch.randn(12, 72, 96, generator=g, dtype=torch.float64)
    noise = torch.randn(12, 4, 72, 96, generator=g, dtype=torch.float64)
    return 0.8 * truth[:, None] + 0.5 * noise + 0.3, truth


@pytest.fixture(scope="module")
def moments(pictures):
    statistics = CombinerStatistics.empty(RATIOS)
    statistics.update(*pictures)
    return statistics.moments()


def test_sums_by_ring_count_every_frequency_of_the_disc():
    ones = torch.ones(1605, 2, 1, dtype=torch.float64)
    by_ring = sum_by_ring(ones)[:, 0]
    assert by_ring.sum() == 2 * 3209  # Re and Im of the whole disc
    ky, kx = np.meshgrid(np.arange(-36, 36), np.arange(-48, 48), indexing="ij")
    radius = np.hypot(ky, kx)
    assert by_ring.tolist() == [
        2 * int(((radius >= 3 * ring) & (radius < 3 * ring + 3) & (radius <= 32)).sum())
        for ring in range(11)
    ]


def test_ring_weights_are_ridge_regression_over_the_rings_rows(pictures, moments):
    candidates, truth = pictures
    half = half_plane()
    ring = (ring_of_frequency() == 2).numpy()
    pick = (Ellipsis, half.rows.numpy()[ring], half.columns.numpy()[ring])
    x, y = np.fft.fft2(candidates[:, [0, 3]].numpy())[pick], np.fft.fft2(truth.numpy())[pick]
    centred = x - x.mean(axis=0)
    a = x.transpose(0, 2, 1).reshape(-1, 2)
    a, b = np.concatenate((a.real, a.imag)), np.concatenate((y.real.ravel(), y.imag.ravel()))
    ridge = 0.3 * (np.abs(centred) ** 2).sum() / 2
    mean = np.full(2, 0.5)
    expected = mean + np.linalg.solve(a.T @ a + ridge * np.eye(2), a.T @ (b - a @ mean))
    np.testing.assert_allclose(moments.ring_weights([0, 3], 0.3)[2], expected, rtol=1e-9)


@pytest.mark.parametrize("levels", ["ring", "frequency"])
def test_square_sums_are_the_errors_of_the_combined_maps(pictures, levels):
    candidates, truth = pictures
    statistics = CombinerStatistics.empty(RATIOS)
    statistics.update(candidates, truth)
    hierarchy = Hierarchy(levels=levels, ring_ridge=0.1)
    settings = CombinationSettings(crop_ratios=RATIOS)
    combiner = statistics.solve(settings, hierarchy).combiner()
    maps = torch.stack([combiner(c.float()) for c in candidates])
    expected = (maps - truth).square().mean(dim=(1, 2)).sum().item()
    moments, outside, everything = statistics.moments(), largest_ratio_mean(settings), range(4)
    weights, offset = moments.hierarchical_weights(list(everything), hierarchy)
    full = moments.square_sum(list(everything), weights, offset, outside)
    assert full == pytest.approx(expected, rel=1e-5)
    if levels == "ring":
        rings = moments.ring_weights(list(everything), 0.1)
        short = moments.ring_square_sum(list(everything), rings, outside)
        assert short == pytest.approx(expected, rel=1e-5)
