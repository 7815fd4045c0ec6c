"""Boundaries against loops over pixels, and counted by hand."""

import math

import numpy as np
import pytest
import torch
from edge_loops import boundaries_by_loops, edges_by_loops

from fourier_depth_ros.evaluation.boundary import boundary_counts, near_edges
from fourier_depth_ros.evaluation.metrics import DepthMetrics


@pytest.fixture(params=[(24, 33), (12, 240), (1, 330)])
def picture(request):
    """Blocks with noise, holes and invalid depths, of several widths; and two maps of it."""
    rng = np.random.default_rng(0)
    height, width = request.param
    truth = rng.uniform(0.5, 7, (height // 4 + 1, width // 4 + 1))
    truth = truth.repeat(4, 0).repeat(4, 1)[:height, :width] + rng.uniform(0, 0.1, (height, width))
    maps = (truth * rng.uniform(0.8, 1.2, (2, height, width))).astype(np.float32)
    truth[rng.random(truth.shape) < 0.1] = math.nan
    truth[0, 0], truth[0, 1] = 0.0, -1.0
    return truth.astype(np.float32), maps


def test_edges_by_loops(picture):
    truth, _ = picture
    np.testing.assert_array_equal(near_edges(torch.from_numpy(truth)), edges_by_loops(truth))


def test_boundaries_by_loops(picture):
    truth, maps = picture
    counts = boundary_counts(torch.from_numpy(maps), torch.from_numpy(truth))
    for mine, depth in zip(counts, maps, strict=True):
        np.testing.assert_array_equal(mine, boundaries_by_loops(depth, truth))


def scores(predicted, truth):
    metrics = DepthMetrics(maps=len(predicted))
    metrics.update(torch.tensor(predicted), torch.tensor(truth), 0, 0)
    found = metrics.compute().per_picture()
    return {name: found[f"edge/{name}"][0].tolist() for name in ("f1", "precision", "recall")}


def test_scores_by_hand():
    """A row of 4 pixels, so that pairs are neighbours: true steps up by 1.12, by 2, and down by 2.

    At 1.1 there are three boundaries, at 1.15, 1.2 and 1.25 two.
    """
    truth = [[1.0, 1.12, 2.24, 1.12]]
    maps = [
        [[3.0, 3.36, 6.72, 3.36]],  # the same times 3
        [[1.0, 1.0, 1.22, 1.0]],  # both large steps, but by 1.22 only: not over 1.25
        [[1.0, 1.0, 0.5, 1.0]],  # the right places, the wrong way around
        [[1.0, 2.0, 4.0, 4.0]],  # two steps up, the first too large, and none down
        [[1.0, 1.0, 1.0, 1.0]],  # nothing
    ]
    found = scores(maps, truth)
    whole = 1.1 + 1.15 + 1.2 + 1.25
    # shares at 1.1, at 1.15 and 1.2, and at 1.25
    precision = [1, (1.1 + 1.15 + 1.2) / whole, 0, (1.1 + 0.5 * (1.15 + 1.2 + 1.25)) / whole, 0]
    recall = [
        1,
        (1.1 * 2 / 3 + 1.15 + 1.2) / whole,
        0,
        (1.1 * 2 / 3 + 0.5 * (1.15 + 1.2 + 1.25)) / whole,
        0,
    ]
    f1 = [
        1,
        (1.1 * 0.8 + 1.15 + 1.2) / whole,
        0,
        (1.1 * 0.8 + 0.5 * (1.15 + 1.2 + 1.25)) / whole,
        0,
    ]
    assert found["precision"] == pytest.approx(precision)
    assert found["recall"] == pytest.approx(recall)
    assert found["f1"] == pytest.approx(f1)


def test_pairs_reach_over_a_narrow_hole_but_not_into_one():
    """Of 300 pixels a pair is 3 apart; at the step from 1 m to 2 m lies a hole of two pixels."""
    truth = [[1.0] * 149 + [math.nan] * 2 + [2.0] * 149]
    exact = [1.0] * 150 + [2.0] * 150
    near = [1.0] * 150 + [5.0] + [2.0] * 149  # absurd, but within the hole
    counts = boundary_counts(torch.tensor([[exact], [near]]), torch.tensor(truth))
    # from pixel 148 on one side to 151 on the other is the one pair without an end in the hole
    assert counts.tolist() == [[[1, 1, 1, 1]] * 3] * 2
    wide = [[1.0] * 148 + [math.nan] * 3 + [2.0] * 149]
    assert boundary_counts(torch.tensor([[exact]]), torch.tensor(wide)).sum() == 0


def test_without_a_true_boundary_nothing_is_said():
    """What a map invents on a plane is its error's matter."""
    found = scores([[[1.0, 2.0]], [[1.0, 1.0]]], [[1.0, 1.0]])
    assert all(math.isnan(value) for values in found.values() for value in values)
