"""Depth metrics against numpy loops by hand, and SciPy's rank correlation."""

import math

import numpy as np
import pytest
import torch
from edge_loops import BOUNDARY_RATIOS, boundaries_by_loops, edges_by_loops
from scipy.stats import spearmanr

from fourier_depth_ros.evaluation.metrics import DepthMetrics, abs_rel

HOLE = math.nan


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


@pytest.fixture(scope="module")
def pictures():
    """Three pictures of different sizes: (truth, two predicted maps), truth with holes and steps.

    The first depth is in centimetres, so that its ranks have ties.
    """
    rng = np.random.default_rng(0)
    made = []
    for height, width in ((24, 33), (40, 20), (9, 130)):
        truth = rng.uniform(0.5, 7, (height // 4 + 1, width // 4 + 1))
        truth = truth.repeat(4, 0).repeat(4, 1)[:height, :width]
        truth += rng.uniform(0, 0.1, truth.shape)
        truth[rng.random(truth.shape) < 0.1] = HOLE
        truth[0, 0], truth[1, 1] = 0.0, -1.0  # invalid too
        predicted = truth * rng.uniform(0.7, 1.4, (2, height, width)) + 0.1
        predicted = np.where(np.isfinite(predicted), predicted, 3.0)
        made.append((truth.round(2).astype(np.float32), predicted.astype(np.float32)))
    return made


def by_loops(d, t):
    """All metrics of one map of one picture, pixel after pixel."""
    good = np.isfinite(t) & (t > 0)
    band = edges_by_loops(t)
    values = {"sums": dict.fromkeys(("abs", "sqrel", "sq", "sqlog", "log", "log10"), 0.0)}
    sums = values["sums"]
    deltas, scaled, count = [0, 0, 0], 0.0, 0
    parts = {name: [] for name in ("edge", "0-1 m", "1-2 m", "2-3 m", "3-5 m", "over 5 m")}
    lower = np.sort(t[good])[(good.sum() - 1) // 2] / np.sort(d[good])[(good.sum() - 1) // 2]
    for i, j in np.argwhere(good):
        a, b = float(d[i, j]), float(t[i, j])
        count += 1
        sums["abs"] += abs(a - b) / b
        sums["sqrel"] += (a - b) ** 2 / b
        sums["sq"] += (a - b) ** 2
        sums["sqlog"] += math.log(a / b) ** 2
        sums["log"] += math.log(a / b)
        sums["log10"] += abs(math.log10(a) - math.log10(b))
        scaled += abs(a * lower - b) / b
        for power in range(3):
            deltas[power] += max(a / b, b / a) < 1.25 ** (power + 1)
        name = next(n for n, end in zip(list(parts)[1:], (1, 2, 3, 5, 1e9), strict=True) if b < end)
        for part in (name, *(["edge"] if band[i, j] else [])):
            parts[part].append((abs(a - b) / b, (a - b) ** 2))
    lattice = good[::4, ::4]
    values |= {
        "count": count,
        "abs_rel": sums["abs"] / count,
        "sq_rel": sums["sqrel"] / count,
        "rmse": math.sqrt(sums["sq"] / count),
        "rmse_log": math.sqrt(sums["sqlog"] / count),
        "log10": sums["log10"] / count,
        "si_log": math.sqrt(sums["sqlog"] / count - (sums["log"] / count) ** 2),
        "abs_rel_scaled": scaled / count,
        "spearman": spearmanr(d[::4, ::4][lattice], t[::4, ::4][lattice]).statistic,
        **{f"delta{power + 1}": deltas[power] / count for power in range(3)},
        "parts": parts,
    }
    for part, errors in parts.items():
        values[f"{part}/abs_rel"] = np.mean([e[0] for e in errors]) if errors else HOLE
        values[f"{part}/rmse"] = math.sqrt(np.mean([e[1] for e in errors])) if errors else HOLE
    values["boundaries"] = boundaries_by_loops(d, t)
    return values | boundary_scores(values["boundaries"])


def boundary_scores(counts):
    """F1, precision and recall of (true, the map's, both), ratio after ratio."""
    scores = {"edge/precision": 0.0, "edge/recall": 0.0, "edge/f1": 0.0}
    weights = 0.0
    for ratio, (true, mine, both) in zip(BOUNDARY_RATIOS, counts.T, strict=True):
        assert true
        assert both  # else their harmonic mean is 0 / 0
        precision, recall = both / mine, both / true
        scores["edge/precision"] += ratio * precision
        scores["edge/recall"] += ratio * recall
        scores["edge/f1"] += ratio * 2 * precision * recall / (precision + recall)
        weights += ratio
    return {name: score / weights for name, score in scores.items()}


def measured(pictures, order=(0, 1, 2)):
    metrics = DepthMetrics(maps=2)
    for number in order:
        truth, predicted = pictures[number]
        metrics.update(torch.from_numpy(predicted), torch.from_numpy(truth), number, number // 2)
    return metrics.compute()


@pytest.fixture(scope="module")
def expected(pictures):
    return [[by_loops(d, truth) for d in predicted] for truth, predicted in pictures]


def test_mean_over_pictures_of_every_metric(pictures, expected):
    for name, values in measured(pictures).per_picture().items():
        for column in range(2):
            of_each = [picture[column][name] for picture in expected]
            assert float(values[0, column]) == pytest.approx(np.nanmean(of_each), rel=2e-5), name


def test_pooled_over_all_pixels(pictures, expected):
    values = measured(pictures).pooled()
    for column in range(2):
        mine = [picture[column] for picture in expected]
        counts = np.array([m["count"] for m in mine])

        def pool(key, mine=mine, counts=counts):
            return sum(m["sums"][key] for m in mine) / counts.sum()

        def weigh(key, mine=mine, counts=counts):
            return sum(m[key] * n for m, n in zip(mine, counts, strict=True)) / counts.sum()

        pooled = {
            "abs_rel": pool("abs"),
            "sq_rel": pool("sqrel"),
            "rmse": math.sqrt(pool("sq")),
            "rmse_log": math.sqrt(pool("sqlog")),
            "log10": pool("log10"),
            "delta2": weigh("delta2"),
            "abs_rel_scaled": weigh("abs_rel_scaled"),
            # the variance of each picture's own, pooled
            "si_log": math.sqrt(
                sum(m["si_log"] ** 2 * n for m, n in zip(mine, counts, strict=True)) / counts.sum()
            ),
            "spearman": np.mean([m["spearman"] for m in mine]),
            **boundary_scores(sum(m["boundaries"] for m in mine)),
        }
        for part in mine[0]["parts"]:
            errors = [e for m in mine for e in m["parts"][part]]
            pooled[f"{part}/abs_rel"] = np.mean([e[0] for e in errors])
            pooled[f"{part}/rmse"] = math.sqrt(np.mean([e[1] for e in errors]))
        for name, value in pooled.items():
            assert float(values[name][0, column]) == pytest.approx(value, rel=2e-5), name


def test_a_picture_drawn_twice_counts_twice(pictures):
    sums = measured(pictures)
    weights = torch.tensor([[2.0, 0.0, 1.0]], dtype=torch.float64)
    twice = DepthMetrics(maps=2)
    for number, place in enumerate((0, 0, 2)):
        truth, predicted = pictures[place]
        twice.update(torch.from_numpy(predicted), torch.from_numpy(truth), number, 0)
    repeated = twice.compute()
    for ours, theirs in (
        (sums.pooled(weights), repeated.pooled()),
        (sums.per_picture(weights), repeated.per_picture()),
    ):
        for name in ours:
            torch.testing.assert_close(ours[name], theirs[name], equal_nan=True)


def test_order_changes_not_a_bit_and_numbers_and_rooms_come_back(pictures):
    a, b = measured(pictures), measured(pictures, order=(2, 0, 1))
    assert a.numbers.tolist() == b.numbers.tolist() == [0, 1, 2]
    assert a.groups.tolist() == b.groups.tolist() == [0, 0, 1]
    assert torch.equal(a.sums, b.sums)


def test_no_prediction_is_left_out():
    truth = torch.full((8, 8), 2.0)
    predicted = torch.full((1, 8, 8), 2.0)
    predicted[0, 0, :4] = torch.tensor([math.nan, -1.0, 0.0, math.inf])
    metrics = DepthMetrics(maps=1)
    metrics.update(predicted, truth, 0, 0)
    # four of 64 pixels answer 1 mm instead of 2 m
    assert float(metrics.compute().pooled()["abs_rel"]) == pytest.approx(4 / 64 * 1.999 / 2)


def test_no_truth_at_all_and_another_number_of_maps():
    metrics = DepthMetrics(maps=1)
    metrics.update(torch.ones(1, 4, 4), torch.full((4, 4), HOLE), 0, 0)
    with pytest.raises(ValueError, match="no picture has a pixel of valid true depth"):
        metrics.compute()
    with pytest.raises(ValueError, match="2 depth maps given, expected 1"):
        metrics.update(torch.ones(2, 4, 4), torch.ones(4, 4), 0, 0)
