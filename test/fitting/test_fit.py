"""Fitting on small rooms, with a network whose answer depends on the picture."""

from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from checkpoints import SHARED_RATIOS, constant_checkpoint, vit_checkpoint
from rgbd import write_rgbd

from fourier_depth_ros.config import CombinationSettings
from fourier_depth_ros.core.crops import GRID
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.core.fourier import half_plane
from fourier_depth_ros.data.collection import RgbdCollection
from fourier_depth_ros.data.folder import FolderDepth
from fourier_depth_ros.fitting.candidates import (
    DROPPED,
    CandidateMaker,
    GridSample,
    stream_candidates,
)
from fourier_depth_ros.fitting.figure import weights_by_ring, write_figure
from fourier_depth_ros.fitting.fit import FoldCollector, assess, fit_combination

RATIOS = (1.0, 0.8)


def lively():
    checkpoint = constant_checkpoint(2.5, fitted=False)
    torch.manual_seed(1)
    checkpoint.network.head.weight.normal_(0, 0.02)
    return checkpoint


def maker(checkpoint=None, crops="corners"):
    estimator = DepthEstimator(checkpoint or lively(), "cpu", "float32")
    return CandidateMaker(estimator, RATIOS if crops == "corners" else SHARED_RATIOS, crops)


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rooms")
    return (
        RgbdCollection([FolderDepth(write_rgbd(folder / "fit", rooms=8, views=4, seed=1))]),
        RgbdCollection([FolderDepth(write_rgbd(folder / "held", rooms=6, views=2, seed=2))]),
    )


@pytest.fixture(scope="module")
def fitted(rooms):
    checkpoint, reports = fit_combination(lively(), *rooms, device="cpu", folds=3, ratios=RATIOS)
    assert list(reports) == ["corners"]
    return checkpoint, reports["corners"]


@pytest.fixture(scope="module")
def both(rooms):
    """Both ways out of one run through the pictures."""
    return fit_combination(
        *(lively(), *rooms), device="cpu", folds=3, ratios=RATIOS, ways=("corners", "shared")
    )


def test_candidates_and_truth_are_canonical(rooms):
    used: Counter[int] = Counter()
    ((first, windows), *_) = stream_candidates([maker(), maker(crops="shared")], rooms[1], used)
    _, _, sample = next(iter(rooms[1]))
    # the camera has fx / width = 0.8 = phi_c: canonical metres are metres
    assert first.truth.mean() == pytest.approx(np.nanmean(sample.depth), abs=0.01)
    image = torch.from_numpy(sample.rgb).permute(2, 0, 1)
    settings = CombinationSettings(crop_ratios=RATIOS, use_flips=True, combination="mean")
    estimator = DepthEstimator(lively(), "cpu", "float32")
    estimator.set_combination(settings)
    torch.testing.assert_close(first.candidates, estimator.predict(image).candidates)
    estimator.set_combination(
        settings.model_copy(update={"crops": "shared", "crop_ratios": SHARED_RATIOS})
    )
    torch.testing.assert_close(windows.candidates, estimator.predict(image).candidates)
    assert not torch.equal(windows.candidates[1], first.candidates[1])
    assert used == Counter(dict.fromkeys(range(6), 2))


def test_pictures_with_too_few_valid_pixels_are_dropped_and_counted(rooms):
    def holey():
        for numbered in rooms[1]:
            depth = numbered.sample.depth.copy()
            # 1/8 of the others, 5/8 of the first
            depth[:, : (20 if numbered.number else 100)] = np.nan
            yield numbered._replace(sample=replace(numbered.sample, depth=depth))

    used: Counter[int] = Counter()
    samples = [sample for (sample,) in stream_candidates([maker()], holey(), used)]
    assert used[DROPPED] == 1
    assert len(samples) == 11
    for sample in samples:
        assert torch.isfinite(sample.truth).all()
        assert not sample.valid[:, :11].any()


def test_a_group_is_never_split_between_folds(rooms):
    collector = FoldCollector(RATIOS, folds=3)
    for (sample,) in stream_candidates([maker()], rooms[0], Counter()):
        collector.add(sample)
    assert [fold.count for fold in collector.finish()] == [
        12,
        12,
        8,
    ]  # rooms 0 3 6, 1 4 7, 2 5; four views each


def test_relative_errors_count_a_picture_by_its_mean_depth():
    """At 1, 2 and 4 m: 1 + 1/4 + 1/16 of a picture at 1 m, and the squares of its truth alike."""
    for errors, total in (("relative", 1.3125), ("metres", 3.0)):
        collector = FoldCollector(RATIOS, folds=1, errors=errors)
        for room, metres in enumerate((1.0, 2.0, 4.0)):
            truth = torch.full(GRID, metres)
            sample = GridSample(0, room, truth.expand(4, -1, -1), truth, truth > 0)
            collector.add(sample)
        (statistics,) = collector.finish()
        assert statistics.moments().total == pytest.approx(total)
        assert statistics.count == 3


def test_the_fit_helps_and_its_promise_holds(rooms, fitted):
    checkpoint, report = fitted
    held = report.held_out
    assert (report.pictures, held.pictures, report.dropped) == (32, 12, 0)
    assert held.ablation["hierarchical, 4"] < held.ablation["network only (r = 1)"]
    # the promised RMSE of a preset is what predict does on the held-out pictures' grid
    preset = checkpoint.config.presets_of("corners")["balanced"]
    estimator = DepthEstimator(checkpoint, "cpu")
    estimator.set_combination(preset.combination(CombinationSettings()))
    assert preset.expected_rmse == pytest.approx(rmse(estimator, rooms[1]), rel=0.02)


def rmse(estimator, pictures):
    """Of predict, on the pictures' 72 x 96 grid [m]."""
    squares = []
    for _, _, rgbd in pictures:
        depth = estimator.predict(
            torch.from_numpy(rgbd.rgb).permute(2, 0, 1), rgbd.intrinsics, output_size=GRID
        ).depth
        truth = torch.nn.functional.interpolate(
            torch.from_numpy(rgbd.depth)[None, None], GRID, mode="bilinear", antialias=True
        )[0, 0]
        squares.append((depth - truth).square().mean())
    return torch.stack(squares).mean().sqrt().item()


def test_presets_and_their_sigma(fitted):
    checkpoint, report = fitted
    presets = checkpoint.config.presets_of("corners")
    assert [presets[n].cost for n in ("fast", "paper")] == [1, 10]
    assert presets["fast"].cost <= presets["balanced"].cost <= presets["accurate"].cost
    for name, preset in presets.items():
        assert preset.uncertainty is not None
        assert 0.3 < report.held_out.calibration[name].coverage_1 <= 1
    assert presets["fast"].uncertainty.per_spread == 0  # one candidate has no spread


def test_both_ways_together_are_each_alone(rooms, fitted, both):
    """To the last bit; and a fit of one way leaves the other's in the checkpoint."""
    checkpoint, reports = both
    corners, _ = fitted
    after, alone = fit_combination(
        *(corners, *rooms), device="cpu", folds=3, ratios=RATIOS, ways=("shared",)
    )
    assert after.config == checkpoint.config
    for crops, parts in checkpoint.statistics.items():
        for part, expected in parts._asdict().items():
            found = getattr(after.statistics[crops], part)
            assert torch.equal(found.factor, expected.factor), (crops, part)
    assert reports["corners"].held_out == fitted[1].held_out
    assert reports["shared"].held_out == alone["shared"].held_out
    assert checkpoint.config.ratios_of("shared") == SHARED_RATIOS
    assert checkpoint.config.presets_of("shared") != checkpoint.config.presets_of("corners")
    # 1 + 1.5^2, and with flips twice that
    assert {s.settings.cost for s in reports["shared"].ranked} == {1, 3.25, 2, 6.5}


def test_the_promise_of_shared_presets_holds(rooms, both):
    checkpoint, reports = both
    assert (
        reports["shared"].held_out.ablation["hierarchical, 4"]
        < (reports["shared"].held_out.ablation["network only (r = 1)"])
    )
    estimator = DepthEstimator(checkpoint, "cpu")
    preset = checkpoint.config.presets_of("shared")["paper"]
    assert preset.crop_ratios == SHARED_RATIOS
    estimator.set_combination(preset.combination(CombinationSettings(crops="shared")))
    assert rmse(estimator, rooms[1]) == pytest.approx(preset.expected_rmse, rel=0.02)


def test_an_unfitted_checkpoint_cannot_be_assessed(rooms):
    with pytest.raises(ValueError, match="this one is not"):
        assess(lively(), [maker()], rooms[1])


def test_no_usable_held_out_picture(rooms, fitted):
    def blind():
        for numbered in rooms[1]:
            depth = np.full_like(numbered.sample.depth, np.nan)
            yield numbered._replace(sample=replace(numbered.sample, depth=depth))

    with pytest.raises(ValueError, match="no held-out picture"):
        assess(fitted[0], [maker(fitted[0])], blind())


def test_one_room_cannot_be_cross_validated(rooms):
    one = [numbered for numbered in rooms[0] if numbered.room == 0]
    with pytest.raises(ValueError, match="give pictures of more rooms"):
        fit_combination(lively(), one, rooms[1], device="cpu", ratios=RATIOS)


def test_the_figure(fitted, tmp_path):
    checkpoint, report = fitted
    fit = checkpoint.fit_of("corners")
    weights = weights_by_ring(fit)
    assert weights.shape == (11, 2)
    # ring 10, |k| from 30 to 32: the plain mean of the solved weights, plain and mirrored added
    settings = CombinationSettings(crop_ratios=RATIOS, use_flips=True)
    solved = checkpoint.fit_of("corners").solve(settings).weights
    ring = solved[half_plane().radius >= 30].mean(dim=(0, 1))
    torch.testing.assert_close(weights[10], ring[:2] + ring[2:])
    path = write_figure(tmp_path / "figure.png", fit, report)
    assert cv2.imread(str(path)).std() > 10


def test_a_vision_transformer_is_fitted_and_has_a_standard_deviation(rooms):
    checkpoint, _ = fit_combination(vit_checkpoint(), *rooms, device="cpu", folds=3, ratios=RATIOS)
    estimator = DepthEstimator(checkpoint, "cpu", "float32")
    estimator.use("balanced")
    assert estimator.combination.combination == "hierarchical"
    _, _, sample = next(iter(rooms[1]))
    image = torch.from_numpy(sample.rgb).permute(2, 0, 1)
    prediction = estimator.predict(image, sample.intrinsics, with_std=True)
    assert prediction.depth.nanmedian() == pytest.approx(np.nanmedian(sample.depth), rel=0.5)
    assert (prediction.std[prediction.depth.isfinite()] > 0).all()


def test_shared_crops_are_refused_before_a_picture_is_read():
    def unread():
        raise AssertionError("a picture was read")
        yield

    with pytest.raises(ValueError, match=r"crops: 'shared' .* vits14 is a vision transformer"):
        fit_combination(
            vit_checkpoint(), unread(), unread(), device="cpu", ways=("corners", "shared")
        )
