import pytest
import torch
from checkpoints import constant_checkpoint

from fourier_depth_ros.config import CombinationSettings, Hierarchy
from fourier_depth_ros.core.checkpoint import Fit
from fourier_depth_ros.core.statistics import CombinerStatistics
from fourier_depth_ros.core.subsets import (
    RING_RIDGES,
    Folds,
    Ranked,
    choose_hierarchy,
    choose_presets,
    forward_selection,
    ladder,
)

RATIOS = (1.0, 0.8, 0.6)


@pytest.fixture(scope="module")
def folds():
    """Three folds; the candidates' noise says that 0.6 is the best and 0.8 worthless."""
    g = torch.Generator().manual_seed(1)
    noise = torch.tensor([1.0, 50.0, 0.1] * 2, dtype=torch.float64)[:, None, None]
    parts = []
    for _ in range(3):
        truth = 3 + torch.randn(25, 72, 96, generator=g, dtype=torch.float64)
        error = torch.randn(25, 6, 72, 96, generator=g, dtype=torch.float64)
        part = CombinerStatistics.empty(RATIOS)
        part.update(truth[:, None] + noise * error, truth)
        parts.append(part)
    return parts


@pytest.mark.parametrize("levels", ["ring", "frequency"])
def test_cross_validation_never_tests_on_what_it_fitted(folds, levels):
    validation = Folds.of(folds)
    settings = CombinationSettings(crop_ratios=RATIOS[:2])
    hierarchy = Hierarchy(levels=levels)
    squares = []
    for i, held in enumerate(folds):
        a, b = (fold for j, fold in enumerate(folds) if j != i)
        squares.append(held.expected_rmse(a.merge(b).solve(settings, hierarchy)) ** 2)
    expected = (sum(squares) / 3) ** 0.5
    assert validation.rmse(settings, hierarchy) == pytest.approx(expected)


def test_forward_selection_takes_the_useful_ratio_first(folds):
    ranked = forward_selection(Folds.of(folds), RATIOS, Hierarchy())
    plain = [s.settings.crop_ratios for s in ranked if not s.settings.use_flips]
    assert plain == [(1.0,), (1.0, 0.6), (1.0, 0.8, 0.6)]
    assert [s.settings.cost for s in ranked] == [1, 5, 9, 2, 10, 18]


def test_shared_subsets_cost_what_their_zoomed_pictures_do(folds):
    ranked = forward_selection(Folds.of(folds), RATIOS, Hierarchy(), "shared")
    assert {s.settings.crops for s in ranked} == {"shared"}
    # 1, 1 + 1 / 0.6^2, 1 + 1 / 0.6^2 + 1 / 0.8^2; and twice that with flips
    assert [s.settings.cost for s in ranked] == [1, 3.78, 5.34, 2, 7.56, 10.68]
    assert choose_presets(ranked)["paper"].cost == 10.68


def test_no_ring_ridge_beats_the_chosen_hierarchy(folds):
    validation = Folds.of(folds)
    settings = CombinationSettings(crop_ratios=RATIOS)
    chosen = validation.rmse(settings, choose_hierarchy(validation, settings))
    for ridge in RING_RIDGES:
        assert chosen <= validation.rmse(settings, Hierarchy(levels="ring", ring_ridge=ridge))


def test_presets_by_hand():
    def ranked(crops_and_errors):
        by_crops = {
            1: ((1.0,), False),
            2: ((1.0,), True),
            5: ((1.0, 0.8), False),
            9: ((1.0, 0.8, 0.6), False),
            10: ((1.0, 0.8), True),
            18: ((1.0, 0.8, 0.6), True),
        }
        return [
            Ranked(CombinationSettings(crop_ratios=by_crops[c][0], use_flips=by_crops[c][1]), e)
            for c, e in crops_and_errors
        ]

    presets = choose_presets(
        ranked([(1, 0.9), (2, 0.85), (5, 0.8), (9, 0.81), (10, 0.7501), (18, 0.75)])
    )
    costs = {name: preset.cost for name, preset in presets.items()}
    assert costs == {"fast": 1, "balanced": 5, "accurate": 10, "paper": 18}
    assert presets["accurate"].use_flips
    # a curve that is flat from the start: accurate is never less than balanced
    flat = choose_presets(ranked([(1, 0.751), (5, 0.75), (18, 0.75)]))
    assert flat["accurate"].cost == 5


def test_one_fold_is_refused(folds):
    with pytest.raises(ValueError, match="at least 2"):
        Folds.of([folds[0], CombinerStatistics.empty(RATIOS)])


def test_each_rung_of_a_ladder_costs_more_and_errs_less(folds):
    fitted, held_out = folds[0].merge(folds[1]), folds[2]
    fit = Fit("corners", RATIOS, Hierarchy(), {}, fitted, held_out)
    wish = CombinationSettings(crop_ratios=(0.8,), combination="paper", ridge=0.5)
    rungs = ladder(fit, wish)
    chosen = [(rung.crop_ratios, rung.use_flips) for rung in rungs]
    # 0.8 is worthless and 0.6 ten times better than 1.0, but outside the disc 1.0 alone counts, and
    # its mirrored candidate halves the noise there: 0.6 without it is dear and worse
    assert chosen[:3] == [((1.0,), False), ((1.0,), True), ((1.0, 0.6), True)]
    assert {(rung.combination, rung.ridge) for rung in rungs} == {("paper", 0.5)}

    def error(rung):
        settings = CombinationSettings(crop_ratios=rung.crop_ratios, use_flips=rung.use_flips)
        there = held_out.expected_rmse(fitted.solve(settings, Hierarchy()))
        back = fitted.expected_rmse(held_out.solve(settings, Hierarchy()))
        return held_out.count * there**2 + fitted.count * back**2

    costs, errors = [rung.cost for rung in rungs], [error(rung) for rung in rungs]
    assert costs == sorted(set(costs))
    assert errors == sorted(errors, reverse=True)


def test_the_ladder_of_an_unfitted_checkpoint_starts_with_the_largest_ratio():
    fit = constant_checkpoint(fitted=False).fit_of("shared")  # 64 px: ratios 1 and 0.667
    rungs = ladder(fit, CombinationSettings(crops="shared", combination="mean", crop_ratios=(1.0,)))
    assert [(rung.crop_ratios, rung.use_flips) for rung in rungs] == [
        ((1.0,), False),
        ((1.0, 0.666667), False),
        ((1.0, 0.666667), True),
    ]
