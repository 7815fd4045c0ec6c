"""The whole of predict on networks with a known answer, and against its parts by hand."""

import math
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from checkpoints import CANONICAL_FOCAL, RATIOS, constant_checkpoint, vit_checkpoint

from fourier_depth_ros.config import (
    DEFAULT_PRESETS,
    PAPER_RATIOS,
    CombinationSettings,
    Uncertainty,
)
from fourier_depth_ros.core.crops import CropMerger, extract_crops, merge_crops
from fourier_depth_ros.core.estimator import (
    DepthEstimator,
    limit_depth,
    resolve_device,
    resolve_precision,
)
from fourier_depth_ros.core.geometry import Intrinsics


def settings(*ratios, flips=False, combination="hierarchical", ridge=None):
    return CombinationSettings(
        crop_ratios=ratios, use_flips=flips, combination=combination, ridge=ridge
    )


def picture(height=120, width=160, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, height, width), dtype=torch.uint8, generator=g)


def trained_looking():
    """A checkpoint whose answer depends on the picture: random weights, a lively head."""
    checkpoint = constant_checkpoint()
    torch.manual_seed(1)
    checkpoint.network.head.weight.normal_(0, 0.02)
    return checkpoint


@pytest.mark.parametrize("flips", [False, True])
@pytest.mark.parametrize("size", [(64, 64), (120, 160), (97, 331)])
def test_mean_of_a_constant_by_hand(size, flips):
    estimator = DepthEstimator(constant_checkpoint(2.0), "cpu", "float32")
    estimator.set_combination(settings(1.0, 0.8, flips=flips, combination="mean"))
    prediction = estimator.predict(picture(*size))
    expected = (2.0 + 2.0 / 0.8) / 2
    assert prediction.candidates.shape == (4 if flips else 2, 72, 96)
    torch.testing.assert_close(prediction.depth, torch.full(size, expected), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("ratios", [(1.0,), (0.8,), (1.0, 0.6)])
def test_the_fit_undoes_what_it_has_learnt(ratios):
    """Candidate r is truth / r in the fit: whatever subset is set, the answer is near the truth."""
    estimator = DepthEstimator(constant_checkpoint(2.0), "cpu", "float32")
    estimator.set_combination(settings(*ratios))
    depth = estimator.predict(picture()).depth
    assert (depth - 2.0).abs().max() < 0.05


def test_focal_length_scales_depth():
    estimator = DepthEstimator(constant_checkpoint(2.0), "cpu", "float32")
    estimator.set_combination(settings(1.0, combination="mean"))
    camera = Intrinsics(fx=160 * 1.6, fy=256.0, cx=79.5, cy=59.5, width=160, height=120)
    prediction = estimator.predict(picture(), camera)
    expected = 2.0 * 1.6 / CANONICAL_FOCAL
    torch.testing.assert_close(prediction.depth, torch.full((120, 160), expected))
    torch.testing.assert_close(prediction.candidates, torch.full((1, 72, 96), expected))


def test_predict_is_its_parts_in_order():
    checkpoint = trained_looking()
    estimator = DepthEstimator(checkpoint, "cpu", "float32")
    chosen = settings(1.0, 0.6, flips=True)
    estimator.set_combination(chosen)
    image = picture(480, 640)
    crops = extract_crops(image, (1.0, 0.6), 64, flips=True)
    maps = torch.cat([checkpoint.network(crop[None]) for crop in crops])
    depths = 15 - torch.sqrt(225 - 20 * maps.clamp(0, 1.5 * 12 - 0.05 * 144 - 1e-4))
    candidates = merge_crops(depths, CropMerger.build((480, 640), (1.0, 0.6), (25, 32)), True)
    combined = checkpoint.fit_of("corners").combiner(chosen)(candidates)
    expected = F.interpolate(combined[None, None], (480, 640), mode="bilinear")[0, 0]
    actual = estimator.predict(image)
    torch.testing.assert_close(actual.candidates, candidates, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(
        actual.depth, expected.where(expected > 0, torch.nan), rtol=1e-3, atol=1e-3, equal_nan=True
    )


def test_chunks_give_the_same_answer_as_the_whole():
    whole = DepthEstimator(trained_looking(), "cpu", "float32", max_batch=66)
    chunked = DepthEstimator(trained_looking(), "cpu", "float32", max_batch=4)
    for estimator in (whole, chunked):
        estimator.set_combination(settings(*RATIOS, flips=True))
    torch.testing.assert_close(
        whole.predict(picture()).depth, chunked.predict(picture()).depth, equal_nan=True
    )


def test_a_mirrored_picture_mirrors_the_depth_with_flips():
    estimator = DepthEstimator(trained_looking(), "cpu", "float32")
    estimator.set_combination(settings(1.0, 0.8, flips=True, combination="mean"))
    image = picture(120, 160)
    torch.testing.assert_close(
        estimator.predict(image.flip(-1)).depth,
        estimator.predict(image).depth.flip(-1),
        rtol=1e-3,
        atol=1e-3,
        equal_nan=True,
    )


@pytest.mark.parametrize("size", [(64, 64), (2160, 3840)])
def test_any_size_and_any_output_size(size):
    estimator = DepthEstimator(constant_checkpoint(), "cpu", "float32")
    estimator.set_combination(settings(1.0, 0.8))
    image = torch.zeros(3, *size, dtype=torch.uint8)
    assert estimator.predict(image).depth.shape == size
    assert estimator.predict(image, output_size=(30, 40)).depth.shape == (30, 40)


def test_bfloat16_is_close_and_the_head_stays_float32():
    exact = DepthEstimator(trained_looking(), "cpu", "float32")
    fast = DepthEstimator(trained_looking(), "cpu", "bfloat16")
    assert fast.backend.network.head.weight.dtype == torch.float32
    for estimator in (exact, fast):
        estimator.set_combination(settings(1.0, combination="mean"))
    difference = exact.predict(picture()).candidates - fast.predict(picture()).candidates
    assert difference.abs().mean() < 0.05


def calibrated(**models):
    """A constant checkpoint whose presets carry these uncertainties."""
    checkpoint = constant_checkpoint(2.0)
    presets = {
        name: DEFAULT_PRESETS[name].model_copy(update={"uncertainty": model})
        for name, model in models.items()
    }
    fit = checkpoint.fit_of("corners")
    return checkpoint.with_fit(replace(fit, presets={**DEFAULT_PRESETS, **presets}))


def test_std_by_hand():
    model = Uncertainty(floor=0.3, per_depth=0.1, per_spread=2.0)
    estimator = DepthEstimator(calibrated(fast=model), "cpu", "float32")
    estimator.set_combination(settings(1.0, 0.8, combination="mean"))
    camera = Intrinsics(fx=256.0, fy=256.0, cx=79.5, cy=59.5, width=160, height=120)
    prediction = estimator.predict(picture(), camera, with_std=True)
    # candidates 2 and 2.5: depth 2.25, spread 0.25; all times phi / phi_c = 1.6 / 0.8
    expected = 2 * (0.3**2 + 0.225**2 + 0.5**2) ** 0.5
    torch.testing.assert_close(
        prediction.std, torch.full((120, 160), expected), rtol=1e-3, atol=1e-3
    )
    assert estimator.predict(picture(), camera).std is None


def test_ratios_by_hand_take_the_calibration_of_the_most_similar_preset():
    model = {m: Uncertainty(floor=m, per_depth=0.0, per_spread=0.0) for m in (1.0, 2.0, 3.0)}
    checkpoint = calibrated(fast=model[1.0], balanced=model[2.0], paper=model[3.0])
    estimator = DepthEstimator(checkpoint, "cpu", "float32")
    for chosen, floor in (
        (settings(1.0, combination="mean"), 1.0),  # fast itself
        (settings(1.0, 0.6, combination="mean"), 2.0),  # two candidates, as balanced
        (settings(*PAPER_RATIOS[:7], flips=True, combination="mean"), 3.0),  # 14, near 18
    ):
        estimator.set_combination(chosen)
        std = estimator.predict(picture(), with_std=True).std
        torch.testing.assert_close(std, torch.full((120, 160), floor))


def test_without_a_calibration_there_is_no_std():
    estimator = DepthEstimator(constant_checkpoint(), "cpu", "float32")
    assert estimator.predict(picture(), with_std=True).std is None


def test_a_refused_combination_leaves_the_old_one():
    estimator = DepthEstimator(constant_checkpoint(), "cpu", "float32")
    before = estimator.combination
    with pytest.raises(ValueError, match=r"0\.7 was not fitted"):
        estimator.set_combination(settings(1.0, 0.7))
    assert estimator.combination == before


def test_without_a_fit_only_the_mean_is_possible():
    estimator = DepthEstimator(constant_checkpoint(fitted=False), "cpu", "float32")
    assert estimator.combination.combination == "mean"
    with pytest.raises(ValueError, match="set 'mean', or fit it"):
        estimator.set_combination(settings(1.0))
    estimator.set_combination(settings(1.0, 0.7, combination="mean"))


def test_default_combination_is_the_fast_preset_on_a_cpu():
    estimator = DepthEstimator(constant_checkpoint(), "cpu")
    assert estimator.combination == settings(1.0)


def test_a_cuda_device_that_is_not_there_is_refused():
    missing = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(ValueError, match=f"'{missing}' is not there"):
        resolve_device(missing)


def test_precision_names():
    assert resolve_precision("auto", torch.device("cuda")) == "float16"
    assert resolve_precision("float32", torch.device("cuda")) == "float32"
    assert resolve_precision("auto", torch.device("cpu")) in ("bfloat16", "float32")


def test_where_torch_is_told_to_keep_to_avx2_it_computes_in_float32():
    code = (
        "import torch; from fourier_depth_ros.core.estimator import resolve_precision; "
        "print(resolve_precision('auto', torch.device('cpu')))"
    )
    environment = {**os.environ, "ATEN_CPU_CAPABILITY": "avx2"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["float32"]


def test_range_limits():
    depth = torch.tensor([[0.05, 0.1, 5.0, 10.0, 10.1, math.nan]])
    nan, inf = math.nan, math.inf
    torch.testing.assert_close(
        limit_depth(depth, 0.1, 10.0, "nan"),
        torch.tensor([[nan, 0.1, 5.0, 10.0, nan, nan]]),
        equal_nan=True,
    )
    torch.testing.assert_close(
        limit_depth(depth, 0.1, 10.0, "inf"),
        torch.tensor([[nan, 0.1, 5.0, 10.0, inf, nan]]),
        equal_nan=True,
    )


def test_a_vision_transformer_in_the_place_of_a_resnet():
    """Five crops, against its parts by hand; shared crops are refused, and the old ones stay."""
    checkpoint = vit_checkpoint()
    estimator = DepthEstimator(checkpoint, "cpu", "float32")
    chosen = settings(1.0, 0.8, combination="mean")
    estimator.set_combination(chosen)
    image = picture()
    prediction = estimator.predict(image)
    assert prediction.depth.shape == (120, 160)
    assert prediction.depth.isfinite().all()
    crops = extract_crops(image, (1.0, 0.8), 70, flips=False)
    u = checkpoint.network(crops)
    d = (1.5 - (2.25 - 0.2 * u).sqrt()) / 0.1  # the root of 1.5 d - 0.05 d^2 = u
    merged = merge_crops(d, CropMerger.build((120, 160), (1.0, 0.8), (20, 20)), flips=False)
    torch.testing.assert_close(prediction.candidates, merged, rtol=1e-3, atol=1e-3)
    shared = chosen.model_copy(update={"crops": "shared", "crop_ratios": (1.0,)})
    for refused in (
        lambda: estimator.use("fast", "shared"),
        lambda: estimator.set_combination(shared),
    ):
        with pytest.raises(ValueError, match=r"crops: 'shared' .* vits14 is a vision transformer"):
            refused()
    assert estimator.combination == chosen
