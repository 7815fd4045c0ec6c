import math

import pytest
import torch

from fourier_depth_ros.config import Uncertainty
from fourier_depth_ros.core.uncertainty import (
    ause,
    candidate_spread,
    coverage,
    fit_uncertainty,
    sparsification,
    standard_deviation,
)


def test_spread_by_hand():
    candidates = torch.tensor([1.0, 3.0])[:, None, None].expand(2, 4, 5)
    torch.testing.assert_close(candidate_spread(candidates), torch.ones(4, 5))
    assert (candidate_spread(candidates[:1]) == 0).all()


def test_sigma_by_hand():
    model = Uncertainty(floor=0.3, per_depth=0.1, per_spread=2.0)
    sigma = standard_deviation(torch.tensor([4.0]), torch.tensor([0.6]), model)
    assert sigma.item() == pytest.approx(math.sqrt(0.09 + 0.16 + 1.44))


def errors_of(model, pixels=60_000, seed=0):
    g = torch.Generator().manual_seed(seed)
    depth = 1 + 5 * torch.rand(pixels, generator=g)
    spread = 0.5 * torch.rand(pixels, generator=g)
    sigma = standard_deviation(depth, spread, model)
    return depth, spread, sigma, sigma * torch.randn(pixels, generator=g)


def test_a_planted_model_is_recovered():
    planted = Uncertainty(floor=0.1, per_depth=0.08, per_spread=1.5)
    depth, spread, sigma, error = errors_of(planted)
    fitted = fit_uncertainty(depth, spread, error)
    found = standard_deviation(depth, spread, fitted)
    assert (found / sigma - 1).abs().max() < 0.03
    assert coverage(error, found, 1.0) == pytest.approx(0.683, abs=0.01)
    assert coverage(error, found, 2.0) == pytest.approx(0.954, abs=0.01)


def test_without_spread_the_depth_has_to_do():
    depth, _, _, error = errors_of(Uncertainty(floor=0.0, per_depth=0.2, per_spread=0.0))
    fitted = fit_uncertainty(depth, torch.zeros_like(depth), error)
    assert fitted.per_spread == 0.0
    assert fitted.per_depth == pytest.approx(0.2, rel=0.03)


def test_a_useless_spread_gets_no_weight():
    g = torch.Generator().manual_seed(3)
    depth, _, _, error = errors_of(Uncertainty(floor=0.3, per_depth=0.1, per_spread=0.0))
    spread = torch.rand(len(depth), generator=g)
    fitted = fit_uncertainty(depth, spread, error)
    assert fitted.per_spread < 0.1


def test_too_few_pixels():
    with pytest.raises(ValueError, match="99 pixels"):
        fit_uncertainty(torch.ones(99), torch.ones(99), torch.ones(99))


def test_sparsification_by_hand():
    error = torch.zeros(100)
    error[:50] = 2.0
    best = sparsification(error, error.abs())
    # half of the pixels hold all of the error: sqrt((50 - n) / (100 - n)) after removing n of them
    expected = [math.sqrt((50 - n) / (100 - n) / 0.5) for n in range(0, 50, 2)] + [0.0] * 25
    torch.testing.assert_close(best, torch.tensor(expected, dtype=torch.float64))
    assert ause(error, error.abs()) == 0.0
    # the worst order removes the good half first
    worst = sparsification(error, -error)
    assert worst[25:].tolist() == pytest.approx([math.sqrt(2)] * 25)
    assert ause(error, -error) > 0.5
