"""The benchmark's arithmetic, and its naive way as an oracle of ours. No test asserts a time."""

import numpy as np
import pytest
import torch
from checkpoints import constant_checkpoint, small_vits

from fourier_depth_ros.benchmark import report
from fourier_depth_ros.benchmark.frames import (
    Growth,
    as_json,
    deviation_from_a_line,
    measure_preset,
)
from fourier_depth_ros.benchmark.naive import naive_depth
from fourier_depth_ros.benchmark.networks import random_checkpoint
from fourier_depth_ros.benchmark.targets import Measured, Target, targets
from fourier_depth_ros.benchmark.timing import LoadMeter, machine, ratio, take_turns
from fourier_depth_ros.core.estimator import DepthEstimator


@pytest.fixture(scope="module")
def lively():
    checkpoint = constant_checkpoint(4.0, shared=True)
    torch.manual_seed(1)
    checkpoint.network.head.weight.normal_(0, 0.02)
    return checkpoint


@pytest.mark.parametrize("flips", [False, True])
def test_the_naive_way_gives_our_depth(lively, flips):
    estimator = DepthEstimator(lively, "cpu", "float32")
    settings = estimator.combination.model_copy(
        update={"crop_ratios": (1.0, 0.8, 0.6), "use_flips": flips}
    )
    estimator.set_combination(settings)
    rgb = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    combiner = lively.fit_of("corners").combiner(settings)
    naive = naive_depth(lively.network, lively.config.space, settings, combiner, rgb)
    ours = estimator.predict(torch.from_numpy(rgb).permute(2, 0, 1)).depth.numpy()
    assert naive.std() > 0.05
    # ours rounds the crops to whole levels
    assert np.nanmax(np.abs(ours - naive)) < 0.02


def test_random_weights_of_another_side_have_no_shared_crops_fitted_for_the_first(lively):
    other, same = (random_checkpoint(lively, "resnet18", side) for side in (96, 64))
    assert other.fit_of("shared").statistics is None
    assert other.config.presets_of("shared")["balanced"].crop_ratios == (1.0, 0.75)  # 96 / 128
    assert other.statistics["corners"] is lively.statistics["corners"]
    assert same.statistics["shared"] is lively.statistics["shared"]


def test_random_weights_of_a_vision_transformer_have_no_shared_crops(lively):
    with small_vits():
        other = random_checkpoint(lively, "vits14", 70)
    assert other.config.network.map_size == (20, 20)
    assert list(other.statistics) == ["corners"]
    estimator = DepthEstimator(other, "cpu", "float32")
    image = torch.zeros(3, 96, 128, dtype=torch.uint8)
    assert estimator.predict(image).depth.shape == (96, 128)


def test_turns_are_fair_and_ratios_cancel_what_a_round_has_in_common():
    order = []
    taken = take_turns({n: lambda n=n: order.append(n) for n in "abc"}, seconds=0.0, least=3)
    assert "".join(order) == "abcbcacab"
    assert [len(times) for times in taken.values()] == [3, 3, 3]
    assert ratio([20.0, 2.0, 8.0], [10.0, 1.0, 2.0]) == 2.0


def test_deviation_from_a_line_by_hand():
    assert deviation_from_a_line(Growth("crops", [1, 2, 3], [5.0, 7.0, 9.0])) < 1e-9
    # 0 0 3 at 1 2 3: the best line is -0.5, 1, 2.5, at most 1 away, of 3
    assert deviation_from_a_line(Growth("crops", [1, 2, 3], [0.0, 0.0, 3.0])) == pytest.approx(
        1 / 3
    )


@pytest.mark.parametrize(
    ("sense", "figure", "verdict"),
    [
        ("<=", 1.0, "met"),
        ("<=", 1.1, "missed"),
        (">=", 1.0, "met"),
        (">=", 0.9, "missed"),
        ("<=", None, "not measured"),
        ("<=", float("nan"), "missed"),
    ],
)
def test_verdicts(sense, figure, verdict):
    assert Target("name", 1.0, 7.0, sense, figure).verdict == verdict
    assert Target("name", 7.0, 1.0, sense, figure, on_avx2=True).verdict == verdict


def test_what_has_no_bound_on_avx2_is_not_judged_there():
    assert Target("name", 1.0, None, "<=", 0.5, on_avx2=True).verdict == "no bound"
    assert Target("name", 1.0, None, "<=", 0.5).verdict == "met"


@pytest.mark.parametrize(
    ("best", "verdict"),
    [("openvino bfloat16", "missed"), ("graph float16", "missed"), ("openvino float32", "met")],
)
def test_a_machine_is_judged_by_its_own_bounds(best, verdict):
    node = {"rate": {"rate_hz": 25.0}}  # of 30 in 16 bits, 20 on AVX2
    found = Measured(best, [], [], {}, [], node, {}, {}, None)
    judged = {target.name: target.verdict for target in targets(found)}
    assert judged["ResNet-18, fast, VGA: depth end to end [Hz]"] == verdict


def test_from_a_frame_to_the_tables_and_the_plot(lively, tmp_path):
    estimator = DepthEstimator(lively, "cpu", "float32")
    rgb = np.zeros((64, 64, 3), np.uint8)
    filled = []
    rows = measure_preset(
        lively, "fast", {"eager float32": estimator.backend}, rgb, 0.0, filled.append, least=2
    )
    assert (rows[0].trunk, rows[0].crops, rows[0].rounds) == ("resnet18", 1, 2)
    assert rows[0].error_m == 0
    assert len(filled) == 2
    (shared,) = measure_preset(
        *(lively, "balanced", {"eager float32": estimator.backend}, rgb, 0.0, None),
        least=2,
        way="shared",
    )
    assert (shared.preset, shared.crops, shared.naive_ms) == ("balanced, shared", 3.25, None)
    assert shared.network_ms > 0
    rows.append(shared)
    found = Measured(
        best="eager float32",
        rows=rows,
        growth=[
            Growth("crops", [1, 5], [1.0, 5.0]),
            Growth("pixels", [640 * 480, 1920 * 1080], [1.0, rows[0].network_ms + 5.5]),
        ],
        differences={"openvino float32": 2e-3, "eager float32": 1e-6, "openvino bfloat16": 0.1},
        once=[],
        node={"vga": {"first_depth_s": 4.0, "beside_predict_ms": 3.5}},
        rmse={},
        expected={"accurate": 0.5, "paper": 0.5},
        cloud_ms=None,
    )
    judged = {target.name: target.verdict for target in targets(found)}
    assert judged["float32 backends: largest relative difference to the network"] == "missed"
    assert judged["ResNet-18: start of the node to the first depth, warm cache [s]"] == "met"
    assert judged["node beside predict, VGA [ms]"] == "missed"
    assert judged["ResNet-18, one crop, 1080p: frame less pure network [ms]"] == "missed"
    assert judged["accurate over paper: expected RMSE"] == "met"
    assert judged["ResNet-152, paper, VGA: frame over pure network"] == "not measured"
    load = LoadMeter()
    result = {
        "when": "2000-01-01",
        "quick": True,
        "machine": machine(),
        "load": {"others_cores": load.others()},
        "best": found.best,
        "targets": [target.as_json() for target in targets(found)],
        "frames": as_json(rows),
        "growth": [{"by": "crops", "x": [1, 5], "milliseconds": [1.0, 5.0]}],
        "node": {},
        "once": [],
        "skipped": {"resnet18 openvino int8": "not installed"},
    }
    text = report.markdown(result)
    assert "| resnet18 | balanced, shared | 3.25 | eager float32 |" in text
    assert "| resnet18 | fast | 1 | eager float32 |" in text
    assert "| node beside predict, VGA [ms] | 3.5 | <= 3 | <= 3 | missed |" in text
    assert "int8: naive over frame |  | >= 2.7 |  | no bound |" in text
    assert "- not run: resnet18 openvino int8: not installed" in text
    assert "Judged by the bound for AVX2" in text
    assert "Judged by the first bound" in report.markdown({**result, "best": "openvino bfloat16"})
    report.plot(result, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 10_000
