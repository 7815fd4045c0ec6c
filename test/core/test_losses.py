import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fourier_depth_ros.config import DepthSpace
from fourier_depth_ros.core.losses import (
    depth_balanced_euclidean_loss,
    euclidean_loss,
    gradient_matching_loss,
    log_depth_loss,
    scale_invariant_log_loss,
)
from fourier_depth_ros.core.space import balance, to_depth, unbalance

SPACE = DepthSpace()
PLAIN = DepthSpace(output_space="depth")
NAN = math.nan


@pytest.mark.parametrize(("depth", "slope"), [(0.0, 1.5), (5.0, 1.0), (10.0, 0.5), (15.0, 0.0)])
def test_slope_of_g(depth, slope):
    d = torch.tensor(depth, dtype=torch.float64, requires_grad=True)
    balance(d, SPACE).backward()
    assert d.grad.item() == pytest.approx(slope)


@given(st.floats(0.0, 11.9))
def test_unbalance_inverts_balance(depth):
    d = torch.tensor([depth])
    torch.testing.assert_close(unbalance(balance(d, SPACE), SPACE), d, rtol=1e-5, atol=1e-5)


def test_unbalance_is_the_papers_formula():
    u = torch.linspace(0.1, 9.0, 7, dtype=torch.float64)
    torch.testing.assert_close(unbalance(u, SPACE), 15 - torch.sqrt(225 - 20 * u))


def test_unbalance_without_curvature_is_a_division():
    space = DepthSpace(a1=2.0, a2=0.0, max_depth=80.0)
    torch.testing.assert_close(unbalance(torch.tensor([3.0]), space), torch.tensor([1.5]))


def test_whatever_the_network_answers_depth_stays_in_range():
    wild = torch.tensor([-1e30, -1.0, 0.0, 1e9, 1e30])
    for space in (SPACE, DepthSpace(output_space="depth")):
        depth = to_depth(wild, space)
        assert torch.isfinite(depth).all()
        assert depth.min() == 0.0
        assert depth.max() <= 12.0


def test_a_range_that_reaches_the_vertex_is_refused():
    with pytest.raises(ValueError, match="vertex of g at 15 m"):
        DepthSpace(max_depth=15.0)


def test_dbe_loss_and_gradient_by_hand():
    # d = 2 -> g = 2.8; d^ = 3 -> g = 4.05: L = 1.25^2 / 2, dL/du = 1.25, dL/dd^ = 1.25 * 1.2
    predicted = torch.tensor([3.0, 7.0], requires_grad=True)
    truth = torch.tensor([2.0, math.nan])
    valid = torch.tensor([True, False])
    loss = depth_balanced_euclidean_loss(balance(predicted, SPACE), truth, valid, SPACE)
    loss.backward()
    assert loss.item() == pytest.approx(0.78125)
    torch.testing.assert_close(predicted.grad, torch.tensor([1.5, 0.0]))


def test_euclidean_loss_by_hand_and_with_nothing_valid():
    predicted, truth = torch.tensor([1.0, 2.0, 9.0]), torch.tensor([2.0, 4.0, 0.0])
    valid = torch.tensor([True, True, False])
    assert euclidean_loss(predicted, truth, valid).item() == pytest.approx(5 / 4)
    assert euclidean_loss(predicted, truth, torch.zeros(3, dtype=torch.bool)).item() == 0.0


def test_log_depth_loss_and_gradient_by_hand():
    # d = 2, d^ = 3: log 1.5, and dL/du = 1 / (d^ (a1 + a2 d^)) = 1 / (3 * 1.2), over N = 2;
    # d = 4, d^ = 1: log 4; the third is invalid
    output = balance(torch.tensor([3.0, 1.0, 7.0]), SPACE).requires_grad_()
    truth = torch.tensor([2.0, 4.0, math.nan])
    loss = log_depth_loss(output, truth, truth.isfinite(), SPACE)
    loss.backward()
    assert loss.item() == pytest.approx((math.log(1.5) + math.log(4.0)) / 2)
    torch.testing.assert_close(output.grad, torch.tensor([1 / 3.6 / 2, -1 / 1.4 / 2, 0.0]))


def test_log_depth_loss_stays_finite_whatever_the_network_answers():
    output = torch.tensor([-1e9, 0.0, 1e9], requires_grad=True)
    truth = torch.ones(3)
    for space in (SPACE, DepthSpace(output_space="depth")):
        loss = log_depth_loss(output, truth, truth.isfinite(), space)
        (gradient,) = torch.autograd.grad(loss, output)
        # |log 0.05| twice, and log of the largest depth, 12 m
        assert loss.item() == pytest.approx((2 * math.log(20.0) + math.log(12.0)) / 3, rel=1e-3)
        assert torch.equal(gradient, torch.zeros(3))
    assert log_depth_loss(output, truth, truth.isnan(), SPACE).item() == 0.0


def wrong_by(errors):
    """Output of a head that emits depth, and true depth of 2 m, with the given log d^ - log d."""
    e = torch.tensor(errors)
    output = (2.0 * e.nan_to_num(0.7).exp()).requires_grad_()
    return output, torch.full_like(e, 2.0).where(e.isfinite(), NAN)


def test_scale_invariant_loss_and_gradient_by_hand():
    # mean 0.1 and variance 0.01 of the first; 0.3 and 0 of the second; nothing of the third
    output, depth = wrong_by([[[0.0, 0.2, NAN]], [[NAN, 0.3, NAN]], [[NAN] * 3]])
    loss = scale_invariant_log_loss(output, depth, PLAIN, 0.5)
    first, second = math.sqrt(0.01 + 0.005 + 1e-6), math.sqrt(0.045 + 1e-6)
    assert loss.item() == pytest.approx((first + second) / 2, rel=1e-5)
    loss.backward()
    # dL/dd^ = ((e - mean) + w mean) / (N L) / d^, over two pictures
    expected = [
        [[(-0.1 + 0.05) / 2 / first / 2 / 2, 0.15 / 2 / first / (2 * math.exp(0.2)) / 2, 0]],
        [[0, 0.15 / second / (2 * math.exp(0.3)) / 2, 0]],
        [[0, 0, 0]],
    ]
    torch.testing.assert_close(output.grad, torch.tensor(expected), rtol=1e-4, atol=1e-6)


def test_a_scale_costs_what_the_picture_s_own_weight_says():
    output, depth = wrong_by([[[0.4, 0.4]], [[0.4, 0.4]]])
    for weight, expected in (((0.0, 0.0), 0.001), ((1.0, 1.0), 0.4), ((0.0, 0.25), 0.1005)):
        loss = scale_invariant_log_loss(output, depth, PLAIN, torch.tensor(weight))
        assert loss.item() == pytest.approx(expected, rel=1e-3), weight


def test_gradient_matching_loss_by_hand():
    # across 1, 2 and down 2, 0; of every second row and column one pair: 3; then none
    first = [[0.0, 0.1, 0.3], [0.2, NAN, 0.3]]
    apart = [[0.5, NAN, NAN], [NAN, 0.1, NAN]]  # two cells, and no pair
    output, depth = wrong_by([first, apart, [[NAN] * 3] * 2])
    loss = gradient_matching_loss(output, depth, PLAIN)
    assert loss.item() == pytest.approx((0.125 + 0.3) / 2 / 2, rel=1e-5)
    assert gradient_matching_loss(output, depth, PLAIN, 1).item() == pytest.approx(0.125 / 2)
    loss.backward()
    # cell (0, 0): (-1 - 1) / 4 of scale 0 and -1 of scale 1, over 2 scales, 2 pictures and d^ = 2
    assert output.grad[0, 0, 0].item() == pytest.approx(-1.5 / 2 / 2 / 2, rel=1e-4)
    assert torch.equal(output.grad[1:], torch.zeros(2, 2, 3))


@pytest.mark.parametrize("space", [SPACE, PLAIN])
def test_losses_of_log_error_have_finite_gradients_whatever_is_answered_or_unknown(space):
    for depth in (torch.full((2, 4, 4), NAN), torch.ones(2, 4, 4)):
        depth[0, :2] = NAN
        output = torch.tensor([-1e9, 0.0, 3.0, 1e9]).repeat(2, 4, 1).requires_grad_()
        for loss in (
            scale_invariant_log_loss(output, depth, space, 0.0),
            gradient_matching_loss(output, depth, space),
        ):
            (gradient,) = torch.autograd.grad(loss, output)
            assert loss.isfinite()
            assert gradient.isfinite().all()
            assert torch.equal(gradient[depth.isnan()], torch.zeros(int(depth.isnan().sum())))
            # beyond the range there is no slope; that is the DBE loss's to have
            assert torch.equal(gradient[:, :, [0, 3]], torch.zeros(2, 4, 2))
    right = torch.ones(1, 4, 4, requires_grad=True)  # no root of 0
    scale_invariant_log_loss(right, torch.ones(1, 4, 4), PLAIN, 1.0).backward()
    assert torch.equal(right.grad, torch.zeros(1, 4, 4))
