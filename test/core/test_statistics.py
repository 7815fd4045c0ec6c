"""The statistics against numpy: FFT of everything, then lstsq per frequency and part."""

import numpy as np
import pytest
import torch

from fourier_depth_ros.config import CombinationSettings, Hierarchy
from fourier_depth_ros.core.fourier import half_plane
from fourier_depth_ros.core.statistics import CombinerStatistics

RATIOS = (1.0, 0.8, 0.6)


def smooth(shape, generator, cells=(9, 12)):
    coarse = torch.randn(*shape, *cells, generator=generator, dtype=torch.float64)
    flat = coarse.reshape(-1, 1, *cells)
    up = torch.nn.functional.interpolate(flat, (72, 96), mode="bicubic")
    return 3 + up.reshape(*shape, 72, 96)


@pytest.fixture(scope="module")
def pictures():
    """40 pictures: truth, and 6 candidates that are truth plus shared and own errors and a bias."""
    g = torch.Generator().manual_seed(5)
    truth = smooth((40,), g)
    noise = torch.randn(40, 6, 72, 96, generator=g, dtype=torch.float64)
    bias = torch.linspace(-0.5, 0.5, 6, dtype=torch.float64)[:, None, None]
    candidates = 0.9 * truth[:, None] + 0.4 * (smooth((40, 6), g) - 3) + 0.2 * noise + bias
    return candidates, truth


def statistics_of(candidates, truth, ratios=RATIOS):
    statistics = CombinerStatistics.empty(ratios)
    statistics.update(candidates, truth)
    return statistics


def paper(**changes):
    return CombinationSettings(**{"crop_ratios": RATIOS, "combination": "paper", **changes})


def rows_of(candidates, truth):
    """numpy's DFT on the half plane: (frequencies, 2, pictures, M) and one less for the truth."""
    half = half_plane()
    pick = (Ellipsis, half.rows.numpy(), half.columns.numpy())
    x, y = np.fft.fft2(candidates.numpy())[pick], np.fft.fft2(truth.numpy())[pick]
    x = np.stack((x.real, x.imag)).transpose(3, 0, 1, 2)
    y = np.stack((y.real, y.imag)).transpose(2, 0, 1)
    return x, y


def paper_by_lstsq(candidates, truth):
    """Lee et al. 2018, sec. 3.4, frequency after frequency, with numpy."""
    x, y = rows_of(candidates, truth)
    bias = x.mean(axis=2) - y.mean(axis=2)[..., None]
    weights = np.zeros_like(bias)
    for k in range(len(x)):
        for part in range(2):
            a = x[k, part] - bias[k, part]
            weights[k, part] = np.linalg.lstsq(a, y[k, part], rcond=None)[0]
    return weights, (weights * bias).sum(axis=-1)


def test_paper_weights_equal_numpys_lstsq(pictures):
    solved = statistics_of(*pictures).solve(paper())
    weights, offset = paper_by_lstsq(*pictures)
    dc = half_plane().radius.argmin().item()
    weights[dc, 1] = [0.5, 0, 0, 0.5, 0, 0]  # no imaginary part there: w0
    np.testing.assert_allclose(solved.weights, weights, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(solved.offset, offset, rtol=1e-6, atol=1e-6)


def test_updates_in_parts_equal_one_update(pictures):
    candidates, truth = pictures
    whole = statistics_of(candidates, truth)
    parts = CombinerStatistics.empty(RATIOS)
    for start in range(0, 40, 7):
        parts.update(candidates[start : start + 7], truth[start : start + 7])
    for settings in (paper(), paper(combination="hierarchical")):
        torch.testing.assert_close(parts.solve(settings).weights, whole.solve(settings).weights)
    assert parts.count == 40


def test_a_picture_of_weight_two_counts_as_if_it_were_there_twice(pictures):
    candidates, truth = pictures
    twice = [*range(40), *range(25, 40)]
    weight = torch.ones(40).index_fill(0, torch.arange(25, 40), 2.0)
    weighed = CombinerStatistics.empty(RATIOS)
    for part in (slice(0, 30), slice(30, 40)):
        weighed.update(candidates[part], truth[part], weight[part])
    repeated = statistics_of(candidates[twice], truth[twice])
    for settings in (paper(), paper(combination="hierarchical")):
        solved = repeated.solve(settings)
        torch.testing.assert_close(weighed.solve(settings).weights, solved.weights)
        assert weighed.expected_rmse(solved) == pytest.approx(repeated.expected_rmse(solved))
    assert weighed.count == 40


def test_two_halves_merged_equal_the_whole(pictures):
    candidates, truth = pictures
    merged = statistics_of(candidates[:13], truth[:13]).merge(
        statistics_of(candidates[13:], truth[13:])
    )
    whole = statistics_of(candidates, truth)
    solved = merged.solve(paper())
    torch.testing.assert_close(solved.weights, whole.solve(paper()).weights)
    assert merged.expected_rmse(solved) == pytest.approx(whole.expected_rmse(solved))


@pytest.mark.parametrize("combination", ["paper", "hierarchical"])
@pytest.mark.parametrize("flips", [False, True])
def test_a_subset_from_the_statistics_equals_a_fit_on_that_subset_alone(
    pictures, combination, flips
):
    candidates, truth = pictures
    settings = paper(crop_ratios=(1.0, 0.6), use_flips=flips, combination=combination)
    subset = statistics_of(candidates[:, [0, 2, 3, 5]], truth, (1.0, 0.6)).solve(settings)
    full = statistics_of(candidates, truth).solve(settings)
    torch.testing.assert_close(full.weights, subset.weights)
    torch.testing.assert_close(full.offset, subset.offset)


def test_planted_weights_are_recovered():
    """Truth made of the candidates by known weights: the fit finds them and leaves no error."""
    g = torch.Generator().manual_seed(2)
    candidates = 3 + torch.randn(30, 6, 72, 96, generator=g, dtype=torch.float64)
    planted = torch.tensor([0.5, 0.2, -0.1, 0.3, 0.05, 0.05], dtype=torch.float64)
    truth = (candidates * planted[:, None, None]).sum(dim=1)
    solved = statistics_of(candidates, truth).solve(paper())
    expected = planted.expand(1605, 2, 6).clone()
    expected[half_plane().radius.argmin(), 1] = solved.outside
    torch.testing.assert_close(solved.weights, expected)


@pytest.mark.parametrize("ridge", [None, 0.5])
@pytest.mark.parametrize("combination", ["paper", "hierarchical", "mean"])
@pytest.mark.parametrize("flips", [False, True])
def test_expected_rmse_is_the_rmse_of_the_combined_maps(pictures, combination, flips, ridge):
    candidates, truth = pictures
    settings = paper(crop_ratios=(1.0, 0.8), use_flips=flips, combination=combination, ridge=ridge)
    solved = statistics_of(candidates[:20], truth[:20]).solve(settings)
    held = statistics_of(candidates[20:], truth[20:])
    columns = [0, 1, 3, 4] if flips else [0, 1]
    combiner = solved.combiner()
    maps = torch.stack([combiner(c) for c in candidates[20:, columns].float()])
    expected = (maps - truth[20:]).square().mean().sqrt()
    assert held.expected_rmse(solved) == pytest.approx(expected.item(), rel=1e-4)


def test_hierarchy_by_hand_on_one_ring(pictures):
    """Weights of the ring 3 <= |k| < 6 from numpy's rows: no bias taken off, ridge to mean."""
    x, y = rows_of(*pictures)
    ring = ((half_plane().radius >= 3) & (half_plane().radius < 6)).numpy()
    a, b = x[ring].reshape(-1, 6), y[ring].reshape(-1)
    centred = x[ring] - x[ring].mean(axis=2, keepdims=True)
    ridge = 0.3 * (centred**2).sum() / 6
    mean = np.full(6, 1 / 6)
    expected = mean + np.linalg.solve(a.T @ a + ridge * np.eye(6), a.T @ (b - a @ mean))
    solved = statistics_of(*pictures).solve(
        paper(combination="hierarchical"), Hierarchy(levels="ring", ring_ridge=0.3)
    )
    np.testing.assert_allclose(
        solved.weights[ring], np.broadcast_to(expected, (ring.sum(), 2, 6)), rtol=1e-6
    )
    assert (solved.offset == 0).all()


def test_a_large_ridge_is_the_level_above(pictures):
    statistics = statistics_of(*pictures)
    settings = paper(combination="hierarchical")
    ring = statistics.solve(settings, Hierarchy(levels="ring", ring_ridge=0.3))
    deep = Hierarchy(levels="frequency", ring_ridge=0.3, frequency_ridge=1e12)
    torch.testing.assert_close(statistics.solve(settings, deep).weights, ring.weights)
    mean = statistics.solve(settings, Hierarchy(levels="ring", ring_ridge=1e12)).weights
    occupied = torch.ones(1605, 2, dtype=torch.bool)
    occupied[half_plane().radius.argmin(), 1] = False
    torch.testing.assert_close(mean[occupied], torch.full_like(mean, 1 / 6)[occupied])


@pytest.mark.parametrize("combination", ["paper", "hierarchical"])
def test_collinear_candidates_stay_finite(pictures, combination):
    candidates, truth = pictures
    doubled = candidates[:, [0, 0, 1, 3, 3, 4]]
    statistics = statistics_of(doubled, truth)
    solved = statistics.solve(paper(combination=combination))
    assert torch.isfinite(solved.weights).all()
    assert solved.weights.abs().max() < 100
    if combination == "paper":  # minimum norm: twins share their weight
        torch.testing.assert_close(solved.weights[1:, :, 0], solved.weights[1:, :, 1])


def test_fewer_pictures_than_candidates_stay_finite(pictures):
    candidates, truth = pictures
    statistics = statistics_of(candidates[:3], truth[:3])
    solved = statistics.solve(paper())
    assert torch.isfinite(solved.weights).all()
    assert statistics.expected_rmse(solved) < statistics.expected_rmse(
        statistics.solve(paper(combination="mean"))
    )


def test_moments_agree_with_the_factor(pictures):
    """R^T R are the moments of [1, candidates, truth]."""
    x, y = rows_of(*pictures)
    rows = np.concatenate((np.ones_like(y)[..., None], x, y[..., None]), axis=-1)
    factor = statistics_of(*pictures).factor
    moments = np.einsum("kpni,kpnj->kpij", rows, rows)
    np.testing.assert_allclose(factor.mT @ factor, moments, rtol=1e-8, atol=1e-4)


def test_tensors_round_trip(pictures):
    statistics = statistics_of(*pictures)
    back = CombinerStatistics.from_tensors(RATIOS, statistics.tensors())
    torch.testing.assert_close(back.factor, statistics.factor.triu())
    torch.testing.assert_close(back.outside, statistics.outside)
    assert back.count == 40
    torch.testing.assert_close(back.solve(paper()).weights, statistics.solve(paper()).weights)


def test_errors_name_what_is_wrong(pictures):
    candidates, truth = pictures
    statistics = CombinerStatistics.empty(RATIOS)
    with pytest.raises(ValueError, match="no pictures"):
        statistics.solve(paper())
    with pytest.raises(ValueError, match="4 candidates given, expected 6"):
        statistics.update(candidates[:, :4], truth)
    with pytest.raises(ValueError, match="finite"):
        statistics.update(candidates, truth.where(truth > 3, torch.nan))
    with pytest.raises(ValueError, match=r"0\.7 was not fitted; fitted ratios are 1, 0\.8, 0\.6"):
        statistics_of(candidates, truth).solve(paper(crop_ratios=(1.0, 0.7)))
    with pytest.raises(ValueError, match="fitted for ratios"):
        statistics.merge(CombinerStatistics.empty((1.0,)))
    with pytest.raises(ValueError, match="for 1 ratios"):
        CombinerStatistics.from_tensors((1.0,), statistics.tensors())
