import math

import pytest
import torch

from fourier_depth_ros.core.metrics import abs_rel


def test_abs_rel_by_hand():
    truth = torch.tensor([[1.0, 2.0, 4.0, math.nan, 3.0]])
    predicted = torch.tensor([[1.5, 2.0, 3.0, 1.0, math.inf]])
    assert abs_rel(predicted, truth) == pytest.approx((0.5 + 0 + 0.25) / 3)


def test_median_scaling_by_hand():
    truth = torch.tensor([[1.0, 2.0, 4.0]])
    predicted = torch.tensor([[0.5, 1.0, 1.0]])  # median 1 becomes 2
    assert abs_rel(predicted, truth, median_scaled=True) == pytest.approx((0 + 0 + 0.5) / 3)


def test_nothing_in_common():
    assert math.isnan(abs_rel(torch.ones(2, 2), torch.full((2, 2), math.nan)))
