import numpy as np
import pytest

from fourier_depth_ros.training.epochs import Epochs


def test_pictures_of_weight_one_come_in_the_order_that_past_runs_had():
    epochs = Epochs.of([1.0] * 50)
    assert (epochs.runs, len(epochs)) == (((50, 1.0),), 50)
    for seed, epoch in ((0, 0), (7, 3)):
        expected = np.random.default_rng((seed, 0, epoch)).permutation(50).tolist()
        assert [epochs.picture(50 * epoch + i, seed) for i in range(50)] == expected


def test_an_epoch_shows_pictures_by_their_weight():
    # 4 of 2.5: each twice and two once more; 10 of 0.3: three; 3 of 1; 2 of 0.1: 0.2, but one
    epochs = Epochs.of([2.5] * 4 + [0.3] * 10 + [1.0] * 3 + [0.1] * 2)
    assert epochs.runs == ((4, 2.5), (10, 0.3), (3, 1.0), (2, 0.1))
    assert len(epochs) == 10 + 3 + 3 + 1
    for epoch in range(5):
        times = np.bincount(epochs.order(1, epoch), minlength=19)
        assert sorted(times[:4]) == [2, 2, 3, 3]
        assert sorted(times[4:14]) == [0] * 7 + [1] * 3
        assert times[14:17].tolist() == [1, 1, 1]
        assert sorted(times[17:]) == [0, 1]


def test_epochs_differ_and_in_time_all_pictures_are_seen():
    epochs = Epochs(((8, 0.5), (1, 6.0)))
    first = [epochs.picture(sample, 3) for sample in range(400)]
    assert first == [Epochs(((8, 0.5), (1, 6.0))).picture(sample, 3) for sample in range(400)]
    orders = {tuple(first[i : i + 10]) for i in range(0, 400, 10)}
    assert len(orders) == 40
    times = np.bincount(first)
    assert times[8] == 240
    # 40 epochs of 4 of 8: 20 each, with a deviation of 3.2
    assert times[:8] == pytest.approx(20, abs=11)


def test_sets_are_not_drawn_in_blocks():
    order = Epochs(((100, 1.0), (10, 10.0))).order(0, 0)
    assert 30 < (order[:100] < 100).sum() < 70
