"""Held-out figures of a network whose answer is known, by hand in float64."""

import numpy as np
import pytest
import torch
from checkpoints import balanced
from trainings import run_config, write_data

from fourier_depth_ros.signals import Stop
from fourier_depth_ros.training.cache import Pair
from fourier_depth_ros.training.pairs import open_training_data
from fourier_depth_ros.training.samples import SampleMaker
from fourier_depth_ros.training.stage import launch, set_up
from fourier_depth_ros.training.validation import held_out_samples, validate

ANSWER = 2.0


@pytest.fixture
def run(tmp_path):
    config = run_config(write_data(tmp_path), tmp_path / "out", batch=2)
    run = set_up(launch(config), config, 0, open_training_data(config))
    run.average.network.head.weight.zero_()
    run.average.network.head.bias.fill_(balanced(ANSWER))
    return run


def use(run, *depths: np.ndarray) -> None:
    """Hold these out; their cameras are canonical, so that metres are metres."""
    rgb = np.zeros((64, 64, 3), np.uint8)
    pairs = [Pair("a", "a", rgb, depth.astype(np.float32), 0.81) for depth in depths]
    train = run.train
    maker = SampleMaker(pairs, train.network, train.space, train.augment, 0, 0)
    object.__setattr__(run, "held_out", maker)


def test_a_known_answer_has_known_errors(run):
    """Truth 2.2 m, and a half at 4 m beside a hole; a picture without truth does not count."""
    half = np.full((64, 64), 4.0)
    half[32:] = np.nan
    use(run, np.full((64, 64), 2.2), half, np.full((64, 64), np.nan))
    report = validate(run, Stop())
    assert report.abs_rel == pytest.approx((0.2 / 2.2 + 2 / 4) / 2, rel=1e-4)
    assert report.rmse == pytest.approx((0.2 + 2.0) / 2, rel=1e-4)
    assert report.delta1 == 0.5  # 1.1 is within 1.25, 2 is not
    losses = [(balanced(ANSWER) - balanced(truth)) ** 2 / 2 for truth in (2.2, 4.0)]
    assert report.loss == pytest.approx(sum(losses) / 2, rel=1e-4)


def test_nothing_to_measure_is_an_error(run):
    use(run, np.full((64, 64), 30.0))  # beyond max_depth
    with pytest.raises(ValueError, match="held_out: no picture has valid depth"):
        validate(run, Stop())


def test_samples_show_crops_truth_and_answer(run):
    crops, truth, depth = held_out_samples(run, count=2)
    assert crops.shape == (2, 3, 64, 64)
    assert truth.shape == depth.shape == (2, 25, 32)
    torch.testing.assert_close(depth, torch.full_like(depth, ANSWER), rtol=1e-4, atol=0)
