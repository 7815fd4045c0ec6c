"""`crops: shared` in the estimator: the answer by hand, the ratios, and live changes."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from checkpoints import RATIOS, SHARED_RATIOS, constant_checkpoint

from fourier_depth_ros.config import (
    CheckpointConfig,
    CombinationSettings,
    DepthSpace,
    NetworkConfig,
    Uncertainty,
    shared_ratios,
)
from fourier_depth_ros.core.crops import CropMerger, merge_crops
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.core.frame import eager_backend

CPU = torch.device("cpu")


def shared(*ratios, flips=False, combination="mean"):
    return CombinationSettings(
        crops="shared", crop_ratios=ratios, use_flips=flips, combination=combination
    )


def picture(height=120, width=160):
    g = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=g)


def lively():
    checkpoint = constant_checkpoint(shared=True)
    torch.manual_seed(1)
    checkpoint.network.head.weight.normal_(0, 0.02)
    return checkpoint


def estimate(checkpoint, chosen, image, **kwargs):
    estimator = DepthEstimator(checkpoint, "cpu", "float32", **kwargs)
    estimator.set_combination(chosen)
    return estimator.predict(image)


@pytest.mark.parametrize("flips", [False, True])
def test_mean_of_a_constant_by_hand(flips):
    """c / r: 2 and 2 / (64 / 96) = 3."""
    prediction = estimate(constant_checkpoint(2.0), shared(*SHARED_RATIOS, flips=flips), picture())
    expected = torch.tensor([2.0, 3.0]).repeat(2 if flips else 1)
    torch.testing.assert_close(prediction.candidates.mean(dim=(1, 2)), expected)
    torch.testing.assert_close(
        prediction.candidates.std(dim=(1, 2)), 0 * expected, atol=1e-4, rtol=0
    )
    torch.testing.assert_close(prediction.depth, torch.full((120, 160), 2.5), rtol=1e-4, atol=1e-4)


def test_predict_is_its_parts_in_order():
    """The network's answers for the zoomed pictures, in the crops' order, merged as crops are."""
    checkpoint = lively()
    image = picture(480, 640)

    def zoom(side):
        resized = F.interpolate(image[None].float(), (side, side), mode="bilinear", antialias=True)
        return resized.round()

    small, large = zoom(64), zoom(96)
    network = checkpoint.network
    maps = torch.cat((network(small), network(large)))
    right_first = [1, 0, 3, 2]  # the mirrored picture's left windows are the right crops
    mirrored = torch.cat((network(small.flip(-1)), network(large.flip(-1))[right_first]))
    depths = 15 - torch.sqrt(
        225 - 20 * torch.cat((maps, mirrored)).clamp(0, 1.5 * 12 - 0.05 * 144 - 1e-4)
    )
    merger = CropMerger.build((480, 640), SHARED_RATIOS, (25, 32))
    candidates = merge_crops(depths, merger, flips=True)
    chosen = shared(*SHARED_RATIOS, flips=True, combination="hierarchical")
    actual = estimate(checkpoint, chosen, image)
    torch.testing.assert_close(actual.candidates, candidates, rtol=1e-3, atol=1e-3)
    combined = checkpoint.fit_of("shared").combiner(chosen)(candidates)
    expected = F.interpolate(combined[None, None], (480, 640), mode="bilinear")[0, 0]
    torch.testing.assert_close(
        actual.depth, expected.where(expected > 0, torch.nan), rtol=1e-2, atol=1e-2, equal_nan=True
    )


def test_a_mirrored_picture_mirrors_the_depth_with_flips():
    chosen = shared(*SHARED_RATIOS, flips=True)
    torch.testing.assert_close(
        estimate(lively(), chosen, picture().flip(-1)).depth,
        estimate(lively(), chosen, picture()).depth.flip(-1),
        rtol=1e-3,
        atol=1e-3,
        equal_nan=True,
    )


def test_the_whole_picture_alone_is_what_corners_make_of_it():
    corners = shared(1.0, flips=True).model_copy(update={"crops": "corners"})
    torch.testing.assert_close(
        estimate(lively(), shared(1.0, flips=True), picture()).candidates,
        estimate(lively(), corners, picture()).candidates,
    )


def test_max_batch_bounds_the_pixels_of_a_pass_and_not_the_answer():
    passes = []
    checkpoint = lively()
    eager = eager_backend(checkpoint.network, CPU, "float32")

    def watched(pictures):
        passes.append(tuple(pictures.shape[::2]))
        return eager.network(pictures)

    chosen = shared(*SHARED_RATIOS, flips=True)
    candidates = {}
    for most in (66, 4, 1):
        estimator = DepthEstimator(
            checkpoint, max_batch=most, backend=replace(eager, network=watched)
        )
        estimator.set_combination(chosen)
        passes.clear()
        candidates[most] = estimator.predict(picture()).candidates
        # a picture of 96 pixels counts as 2.25 crops; one is always taken
        both = [(2, 64), (2, 96)]
        assert (
            passes
            == {66: both, 4: [(2, 64), *[(1, 96)] * 2], 1: [(1, 64)] * 2 + [(1, 96)] * 2}[most]
        )
        torch.testing.assert_close(candidates[most], candidates[66])


@pytest.mark.parametrize(
    ("side", "sides"),
    [
        (64, [64, 96]),
        (192, [192, 224, 256, 288, 320]),
        (224, [224, 256, 288, 320, 352, 384]),
        (228, [228, 260, 292, 324, 356, 388]),
    ],
)
def test_possible_ratios_by_hand(side, sides):
    assert shared_ratios(side) == pytest.approx([side / each for each in sides], abs=1e-6)
    estimator_settings = shared(*shared_ratios(side))
    assert estimator_settings.possible(NetworkConfig(input_size=side)) == estimator_settings


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ((1, 0.86, 0.75, 0.67, 0.6), (1.0, 0.857143, 0.75, 0.666667, 0.6)),
        ((0.857, 0.852, 0.75), (0.857143, 0.75)),
        ((0.995,), (1.0,)),
    ],
)
def test_a_ratio_near_a_possible_one_means_that(given, meant):
    assert shared(*given).possible(NetworkConfig(input_size=192)).crop_ratios == meant
    corners = CombinationSettings(crop_ratios=given)
    assert corners.possible(NetworkConfig(input_size=192)) == corners


def test_other_ratios_are_refused_with_what_is_possible_and_the_old_ones_stay():
    estimator = DepthEstimator(constant_checkpoint(), "cpu", "float32")
    before = estimator.combination
    for bad in ((1.0, 0.8), (0.55,)):
        with pytest.raises(
            ValueError, match=r"is not possible with crops 'shared'.*1, 0\.667; set"
        ):
            estimator.set_combination(shared(*bad))
    assert estimator.combination == before


def test_costs_by_hand():
    assert shared(1.0).cost == 1
    assert shared(1.0, 0.857143).cost == 2.36  # 1 + (224 / 192)^2
    assert shared(*shared_ratios(192)).cost == pytest.approx(
        1 + 1.361 + 1.778 + 2.25 + 2.778, abs=0.01
    )
    assert shared(1.0, 0.6, flips=True).cost == 7.56
    assert CombinationSettings().cost == 66


def test_presets_before_a_fit_take_the_largest_ratios():
    config = CheckpointConfig(network=NetworkConfig(input_size=192), space=DepthSpace())
    presets = config.presets_of("shared")
    assert [len(presets[name].crop_ratios) for name in presets] == [1, 2, 4, 5]
    assert [preset.use_flips for preset in presets.values()] == [False, False, False, True]
    assert presets["balanced"].cost == 2.36
    assert config.presets_of("corners")["paper"].cost == 66


def test_the_statistics_and_the_calibration_follow_the_way():
    """Fitted on truth / r: the answer is the truth, in either way and back again."""
    checkpoint = constant_checkpoint(2.0, shared=True)
    sigmas = {
        way: Uncertainty(floor=floor, per_depth=0, per_spread=0)
        for way, floor in (("corners", 1.0), ("shared", 2.0))
    }
    for way, sigma in sigmas.items():
        fit = checkpoint.fit_of(way)
        presets = checkpoint.config.presets_of(way)
        fast = presets["fast"].model_copy(update={"uncertainty": sigma})
        checkpoint = checkpoint.with_fit(replace(fit, presets={**presets, "fast": fast}))
    estimator = DepthEstimator(checkpoint, "cpu", "float32")
    for ratios, crops, floor in (
        (RATIOS, "corners", 1.0),
        (SHARED_RATIOS, "shared", 2.0),
        (RATIOS, "corners", 1.0),
    ):
        estimator.set_combination(CombinationSettings(crops=crops, crop_ratios=ratios))
        prediction = estimator.predict(picture(), with_std=True)
        assert (prediction.depth - 2.0).abs().max() < 0.05
        torch.testing.assert_close(prediction.std, torch.full((120, 160), floor))
        assert estimator.presets["fast"].uncertainty == sigmas[crops]


def test_without_a_shared_fit_only_the_mean_is_possible():
    estimator = DepthEstimator(constant_checkpoint(), "cpu", "float32")
    before = estimator.combination
    with pytest.raises(
        ValueError, match="fitted for crops 'shared', and this one is not; set 'mean'"
    ):
        estimator.set_combination(shared(1.0, combination="hierarchical"))
    assert estimator.combination == before
    estimator.set_combination(shared(1.0))


def test_only_a_size_never_seen_runs_in_set_combination():
    """A frame of the old combination may just be running: its sizes are left alone."""
    ran = []
    eager = eager_backend(constant_checkpoint().network, CPU, "float32")

    def watched(pictures):
        ran.append(pictures.shape[-1])
        return eager.network(pictures)

    estimator = DepthEstimator(constant_checkpoint(), backend=replace(eager, network=watched))
    for chosen, new in (
        (shared(1.0), []),
        (shared(*SHARED_RATIOS), [96]),
        (CombinationSettings(combination="mean", crop_ratios=(1.0, 0.7)), []),
        (shared(*SHARED_RATIOS, flips=True), []),
    ):
        estimator.set_combination(chosen)
        assert ran == new
        ran.clear()
