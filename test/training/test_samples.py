import multiprocessing
import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from trainings import CHANNELS, run_config, stage, teacher, write_data

from fourier_depth_ros.training.cache import Pair
from fourier_depth_ros.training.pairs import open_training_data, split_groups
from fourier_depth_ros.training.samples import Batch, prefetch
from fourier_depth_ros.training.stage import sample_makers


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = write_data(tmp_path_factory.mktemp("data"))
    sources = [{"path": str(folder / "rooms")}, {"path": str(folder / "photos"), "truth": False}]
    stages = [stage(teacher=teacher(folder))]
    config = run_config(folder, folder / "out", data=sources, stages=stages)
    return config, open_training_data(config)


@pytest.fixture(scope="module")
def maker(opened):
    return sample_makers(opened[0], 0, opened[1])[0]


def fields(batch: Batch) -> list[torch.Tensor]:
    return [batch.crops, batch.truth, batch.features, batch.taught]


def assert_equal(ours: Batch, theirs: list[Batch]) -> None:
    for mine, parts in zip(fields(ours), zip(*map(fields, theirs), strict=True), strict=True):
        torch.testing.assert_close(mine, torch.cat(parts), rtol=0, atol=0, equal_nan=True)


def test_photographs_are_learnt_from_and_never_held_out(opened):
    _, data = opened
    names = [pair.name for pair in data.train]
    assert [name for name in names if name.startswith("photo")] == ["photo0", "photo1"]
    held_out = [pair.name for pair in data.held_out]
    assert held_out
    assert not [name for name in held_out if name.startswith("photo")]
    rooms = {pair.group for pair in data.train} & {pair.group for pair in data.held_out}
    assert rooms == set()
    assert len(names) + len(held_out) == 10


def test_a_batch_has_all_that_is_to_be_learnt(maker):
    batch = maker.training_batch(0, len(maker.pairs))
    n = len(maker.pairs)
    assert (batch.crops.shape, batch.crops.dtype) == ((n, 3, 64, 64), torch.uint8)
    assert batch.crops.is_contiguous(memory_format=torch.channels_last)
    assert batch.truth.shape == batch.taught.shape == (n, 25, 32)
    assert batch.features.shape == (n, CHANNELS, 4, 4)  # layer3's stride is 16
    without = ~batch.truth.isfinite().flatten(1).any(dim=1)
    assert without.sum() == 2  # the photographs
    assert batch.taught.isfinite().flatten(1).any(dim=1).all()
    assert batch.known.tolist() == [
        batch.truth.isfinite().sum().item(),
        batch.taught.isfinite().sum().item(),
        n,
    ]
    assert Batch(batch.crops, batch.truth).known[1:].tolist() == [0, n - 2]


def test_relative_errors_of_photographs_are_against_the_teacher_s_depth():
    truth = torch.tensor([[[1.0, torch.nan]], [[torch.nan] * 2], [[torch.nan] * 2]])
    taught = torch.tensor([[[3.0, 4.0]], [[5.0, torch.nan]], [[torch.nan] * 2]])
    crops = torch.zeros(3, 3, 4, 4, dtype=torch.uint8)
    batch = Batch(crops, truth, taught=taught)
    depth, scaled = batch.relative()
    expected = torch.tensor([[[1.0, torch.nan]], [[5.0, torch.nan]], [[torch.nan] * 2]])
    torch.testing.assert_close(depth, expected, equal_nan=True)
    assert scaled.tolist() == [True, False, False]
    assert batch.known.tolist() == [1, 3, 2]
    alone = Batch(crops, truth)
    assert torch.equal(alone.relative()[0].isfinite(), truth.isfinite())
    assert alone.known.tolist() == [1, 0, 1]


def test_a_sample_is_the_same_in_every_batch_and_process(maker):
    assert_equal(
        maker.training_batch(3, 4), [maker.training_batch(3, 1), maker.training_batch(4, 3)]
    )


def test_every_epoch_shows_every_picture_once_in_another_order(maker, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "fourier_depth_ros.training.samples.cut_view",
        lambda pair, view: seen.append(pair.name) or pair,
    )
    n = len(maker.pairs)
    for first in range(0, 3 * n, n):
        maker.training_batch(first, n)
    epochs = [tuple(seen[i : i + n]) for i in range(0, 3 * n, n)]
    assert {tuple(sorted(epoch)) for epoch in epochs} == {tuple(sorted(epochs[0]))}
    assert len(set(epochs[0])) == n
    assert len(set(epochs)) > 1


def test_sets_are_seen_as_often_as_they_weigh(opened):
    """Two rooms of two views are trained on, and two photographs."""
    config, _ = opened
    sources = [replace(config.data[0], weight=0.5), replace(config.data[1], weight=3.0)]
    config = config.model_copy(update={"data": tuple(sources)})
    data = open_training_data(config)
    rooms = len(data.train) - 2
    assert data.train.weights == [0.5] * rooms + [3.0] * 2
    n = rooms // 2 + 6
    batch = sample_makers(config, 0, data)[0].training_batch(n, n)
    photographs = batch.truth.isnan().flatten(1).all(dim=1)
    assert (photographs.sum().item(), len(photographs)) == (6, n)


def test_whole_pictures_are_as_they_are(opened, maker):
    held_out = sample_makers(opened[0], 0, opened[1])[1]
    pair = held_out.pairs[1]
    batch = held_out.whole_batch([1])
    assert (batch.features, batch.taught) == (None, None)
    # canonical: the camera's phi is 0.8, the run's 0.81; the mean of a plane is its cells' mean
    expected = np.nanmean(pair.depth.astype(float)) * 0.81 / 0.8
    assert batch.truth.nanmean().item() == pytest.approx(expected, rel=2e-3)


def test_prefetched_numbers_come_in_order_from_other_processes_that_end():
    made = list(prefetch(lambda n: (n * n, os.getpid()), range(7), workers=2))
    assert [square for square, _ in made] == [n * n for n in range(7)]
    assert len({os.getpid(), *(process for _, process in made)}) == 3
    endless = prefetch(lambda n: n, range(10**9), workers=2)
    assert next(endless) == 0
    assert len(multiprocessing.active_children()) >= 2
    endless.close()
    assert not multiprocessing.active_children()


def test_an_error_comes_as_it_was_raised_when_it_is_its_number_s_turn():
    made = prefetch(lambda n: 6 // (3 - n), range(9), workers=2)
    assert [next(made) for _ in range(3)] == [2, 3, 6]
    with pytest.raises(ZeroDivisionError, match=r"^integer division or modulo by zero$"):
        next(made)


def test_batches_travel_whole(maker):
    (ours,) = prefetch(lambda first: maker.training_batch(first, 4), [8], workers=1)
    assert_equal(ours, [maker.training_batch(8, 4)])
    assert ours.crops.is_contiguous(memory_format=torch.channels_last)


def test_processes_use_one_thread_of_torch_each_and_leave_the_caller_its_own():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert list(prefetch(lambda _: torch.get_num_threads(), range(3), workers=2)) == [1, 1, 1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def rooms(count: int) -> list[Pair]:
    none = np.empty((0, 0))
    return [Pair(f"r{i:03d}_{v}", f"r{i:03d}", none, none, 1.0) for i in range(count) for v in "ab"]


def test_groups_stay_whole_and_on_their_side():
    pairs = rooms(200)
    train, held_out = split_groups(pairs, 0.2)
    assert sorted(train + held_out) == list(range(400))
    assert {pairs[i].group for i in train} & {pairs[i].group for i in held_out} == set()
    assert len(held_out) / 400 == pytest.approx(0.2, abs=0.08)
    # more data moves nobody to the other side
    more = rooms(300)
    assert {more[i].name for i in split_groups(more, 0.2)[0]} >= {pairs[i].name for i in train}


def test_a_side_without_pictures_is_refused():
    with pytest.raises(ValueError, match=r"0\.5 of 1 groups .* leaves nothing on one side"):
        split_groups(rooms(1), 0.5)
