"""Fitting on small rooms, with a network whose answer depends on the picture."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from checkpoints import constant_checkpoint
from rgbd import write_rgbd

from fourier_depth_ros.config import CombinationSettings
from fourier_depth_ros.core.crops import GRID
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.tools.candidates import stream_candidates
from fourier_depth_ros.tools.data.folder import FolderDepth
from fourier_depth_ros.tools.fitting import assess, collect_statistics, fit_combination

RATIOS = (1.0, 0.8)


def lively():
    checkpoint = constant_checkpoint(2.5, fitted=False)
    torch.manual_seed(1)
    checkpoint.network.head.weight.normal_(0, 0.02)
    return checkpoint


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rooms")
    return (
        FolderDepth(write_rgbd(folder / "fit", rooms=8, views=4, seed=1)),
        FolderDepth(write_rgbd(folder / "held", rooms=6, views=2, seed=2)),
    )


@pytest.fixture(scope="module")
def fitted(rooms):
    return fit_combination(lively(), *rooms, device="cpu", folds=3, ratios=RATIOS)


def test_candidates_and_truth_are_canonical(rooms):
    estimator = DepthEstimator(lively(), "cpu", "float32")
    used: Counter[str] = Counter()
    (first, *_) = list(stream_candidates(estimator, rooms[1], RATIOS, used))
    sample = next(iter(rooms[1]))
    # the camera has fx / width = 0.8 = phi_c: canonical metres are metres
    assert first.truth.mean() == pytest.approx(np.nanmean(sample.depth), abs=0.01)
    image = torch.from_numpy(sample.rgb).permute(2, 0, 1)
    settings = CombinationSettings(crop_ratios=RATIOS, use_flips=True, combination="mean")
    estimator.set_combination(settings)
    torch.testing.assert_close(first.candidates, estimator.predict(image).candidates)
    assert used == Counter({f"room2{room:02d}": 2 for room in range(6)})


def test_pictures_with_too_few_valid_pixels_are_dropped_and_counted(rooms):
    def holey():
        for i, sample in enumerate(rooms[1]):
            depth = sample.depth.copy()
            depth[:, : (20 if i else 100)] = np.nan  # 1/8 of the others, 5/8 of the first
            yield replace(sample, depth=depth)

    used: Counter[str] = Counter()
    samples = list(stream_candidates(DepthEstimator(lively(), "cpu"), holey(), RATIOS, used))
    assert used[""] == 1
    assert len(samples) == 11
    for sample in samples:
        assert torch.isfinite(sample.truth).all()
        assert not sample.valid[:, :11].any()


def test_a_group_is_never_split_between_folds(rooms):
    estimator = DepthEstimator(lively(), "cpu")
    samples = list(stream_candidates(estimator, rooms[0], RATIOS, Counter()))
    folds = collect_statistics(samples, RATIOS, folds=3)
    assert sum(fold.count for fold in folds) == 32
    assert all(fold.count % 4 == 0 for fold in folds)  # four views a room


def test_the_fit_helps_and_its_promise_holds(rooms, fitted):
    checkpoint, report = fitted
    held = report.held_out
    assert (report.pictures, held.pictures, report.dropped) == (32, 12, 0)
    assert held.ablation["hierarchical"] < held.ablation["network only (r = 1)"]
    # the promised RMSE of a preset is what predict does on the held-out pictures' grid
    preset = checkpoint.config.presets["balanced"]
    estimator = DepthEstimator(checkpoint, "cpu")
    estimator.set_combination(preset.combination(CombinationSettings()))
    squares = []
    for rgbd in rooms[1]:
        depth = estimator.predict(
            torch.from_numpy(rgbd.rgb).permute(2, 0, 1), rgbd.intrinsics, output_size=GRID
        ).depth
        truth = torch.nn.functional.interpolate(
            torch.from_numpy(rgbd.depth)[None, None], GRID, mode="bilinear", antialias=True
        )[0, 0]
        squares.append((depth - truth).square().mean())
    rmse = torch.stack(squares).mean().sqrt().item()
    assert preset.expected_rmse == pytest.approx(rmse, rel=0.02)


def test_presets_and_their_sigma(fitted):
    checkpoint, report = fitted
    presets = checkpoint.config.presets
    assert [presets[n].crops for n in ("fast", "paper")] == [1, 10]
    assert presets["fast"].crops <= presets["balanced"].crops <= presets["accurate"].crops
    for name, preset in presets.items():
        assert preset.uncertainty is not None
        assert 0.3 < report.held_out.calibration[name].coverage_1 <= 1
    assert presets["fast"].uncertainty.per_spread == 0  # one candidate has no spread


def test_an_unfitted_checkpoint_cannot_be_assessed(rooms):
    with pytest.raises(ValueError, match="not fitted"):
        assess(lively(), rooms[1], "cpu")


def test_no_usable_held_out_picture(rooms, fitted):
    def blind():
        for sample in rooms[1]:
            yield replace(sample, depth=np.full_like(sample.depth, np.nan))

    with pytest.raises(ValueError, match="no held-out picture"):
        assess(fitted[0], blind(), "cpu")
