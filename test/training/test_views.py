"""Samples made once: as good as new ones, made once only, and nothing lost where it was cut off."""

import math
import os
import shutil
import signal
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest
import torch
from checkpoints import small_vits
from safetensors.torch import load_file
from trainings import run_config, stage, write_data

from fourier_depth_ros.signals import Stop
from fourier_depth_ros.training import views
from fourier_depth_ros.training.pairs import open_training_data
from fourier_depth_ros.training.samples import Views
from fourier_depth_ros.training.stage import launch, set_up
from fourier_depth_ros.training.train import train

#: Of two halves of the four rooms, two views each.
PAIRS, VIEWS = 4, 2
#: By hand, with trunk_layers 3: 3 taps of 1 + 5^2 tokens of 128 channels, a map of 20 x 20 float32,
#: a crop of 70 x 70 x 3 bytes, and the teacher's map.
RECORD = 3 * 26 * 128 * 2 + 20 * 20 * 4 + 70 * 70 * 3 + 20 * 20 * 4


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


def vit_config(data, out, changes=None, **settings):
    """A cache of its own, so that no views are there yet; the same weights every time."""
    taught = {"depth": str(data / "depth")}
    first = stage(input_size=70, trunk_layers=3, views=VIEWS, teacher=taught) | settings
    default = {"trunk": "vits14", "micro_batch": 2, "cache": str(out / "cache")}
    return run_config(data, out, stages=[first], **(default | (changes or {})))


def set_up_run(config):
    data = open_training_data(config)
    with small_vits():
        return set_up(launch(config), config, 0, data), data


def folders(config):
    return list(config.cache.glob("views-*"))


@pytest.mark.parametrize(("layers", "taps"), [(0, 4), (3, 3), (9, 1)])
@pytest.mark.parametrize(("precision", "error"), [("float32", 2e-3), ("bfloat16", 2e-2)])
def test_views_are_the_samples_and_what_the_network_makes_of_them(
    data, tmp_path, layers, taps, precision, error
):
    config = vit_config(data, tmp_path, {"precision": precision}, trunk_layers=layers)
    run, opened = set_up_run(config)
    assert len(opened.train) == PAIRS
    made = views.make_views(run, opened, math.inf, Stop())
    total = PAIRS * VIEWS
    assert made.records.shape == (total,)
    expected = run.train.training_batch(0, total)
    order = np.random.default_rng((made.seed, 2, 0)).permutation(total)
    found = made.training_batch(0, total)
    assert torch.equal(found.crops, expected.crops[order])
    for name in ("truth", "taught"):
        ours, theirs = getattr(found, name), getattr(expected, name)[order]
        torch.testing.assert_close(ours, theirs, rtol=0, atol=0, equal_nan=True)
    assert found.taps.shape == (total, taps, 26, 128)
    assert found.taps.dtype == torch.float16
    with torch.no_grad():
        whole, _ = run.model(found.crops)
        above, _ = run.model(found.crops, found.taps)
    assert whole.std() > 1e-3  # not the same answer to all of them
    torch.testing.assert_close(above, whole, rtol=0, atol=error * whole.abs().max().item())


def test_what_learns_has_the_gradient_that_it_has_without_views(data, tmp_path):
    run, opened = set_up_run(vit_config(data, tmp_path))
    batch = views.make_views(run, opened, math.inf, Stop()).training_batch(0, 4)
    answers = {}
    for name, taps in (("whole", None), ("above", batch.taps)):
        run.student.zero_grad()
        run.model(batch.crops, taps)[0].sum().backward()
        answers[name] = {
            n: p.grad.clone() for n, p in run.student.named_parameters() if p.grad is not None
        }
    assert answers["above"].keys() == answers["whole"].keys()
    learning = [name for name in answers["whole"] if name.startswith("network.trunk.layers")]
    assert {name.split(".")[3] for name in learning} == {"9", "10", "11"}
    for name, gradient in answers["whole"].items():
        error = (answers["above"][name] - gradient).norm()
        assert error <= 1e-2 * gradient.norm() + 1e-6, name


def test_each_epoch_has_every_view_once_in_an_order_of_its_own():
    fields = [("taps", "f2", (1, 1, 1)), ("truth", "f4", (1, 1)), ("crops", "u1", (1, 1, 3))]
    records = np.zeros(10, fields)
    records["truth"][:, 0, 0] = np.arange(10)
    records["crops"][:, 0, 0, 0] = np.arange(10)
    drawn = []
    for first in range(0, 30, 6):  # batches that begin in one epoch and end in the next
        batch = Views(records, seed=3).training_batch(first, 6)
        numbers = batch.truth.flatten().int().tolist()
        assert batch.crops[:, 0].flatten().tolist() == numbers  # each with what belongs to it
        assert (batch.crops.shape, batch.taught) == ((6, 3, 1, 1), None)
        drawn += numbers
    epochs = [tuple(drawn[i : i + 10]) for i in (0, 10, 20)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(10))] * 3
    assert len({*epochs, tuple(range(10))}) == 4
    other = Views(records, seed=4).training_batch(0, 10)
    assert tuple(other.truth.flatten().int().tolist()) != epochs[0]


def test_what_is_there_is_not_made_again(data, tmp_path, monkeypatch, caplog):
    computed = []
    tokens = views._tokens

    def counted(run, crops):
        computed.append(len(crops))
        return tokens(run, crops)

    monkeypatch.setattr(views, "_tokens", counted)
    config = vit_config(data, tmp_path)
    run, opened = set_up_run(config)
    caplog.set_level("INFO")
    assert views.make_views(run, opened, 0.0, Stop()) is None  # a deadline long past
    assert computed == [2]
    assert f"stage stage1: {PAIRS * VIEWS} views take 0.0 GB (0.04 MB each)" in caplog.text
    (folder,) = folders(config)
    assert np.load(folder / views.MADE).tolist() == [True] * 2 + [False] * 6
    assert np.load(folder / views.VIEWS, mmap_mode="r").dtype.itemsize == RECORD
    stop = Stop()
    stop.set(signal.SIGINT)
    assert views.make_views(run, opened, math.inf, stop) is None
    assert computed == [2, 2]
    # passes of another size, over what is there in part
    odd = replace(run, config=run.config.model_copy(update={"micro_batch": 3, "batch": 3}))
    made = views.make_views(odd, opened, math.inf, Stop())
    assert computed == [2, 2, 3, 2]  # views 0 to 3 were there: 3 to 5, and 6 and 7
    assert "4 of 8 views are there already" not in caplog.text  # 3 is made with its pass
    assert "3 of 8 views are there already" in caplog.text
    again = views.make_views(run, opened, math.inf, Stop())
    assert len(computed) == 4
    assert np.array_equal(again.records["crops"], made.records["crops"])
    assert folders(config) == [folder]


def test_the_folder_s_name_follows_from_what_views_depend_on(data, tmp_path):
    def key(weights=None, changes=None, **settings):
        run, opened = set_up_run(vit_config(data, tmp_path, changes, **settings))
        if weights is not None:
            with torch.no_grad():
                run.student.network.get_parameter(weights).add_(1.0)
        return views._key(run, opened)

    first = key()
    same = [
        key(steps=9, learning_rate=1.0, depth_weight=0.5),
        key(changes={"batch": 2, "clip": 1.0}),
        key("trunk.layers.9.qkv.weight"),  # learns
        key("decoder.norms.0.weight"),
    ]
    assert set(same) == {first}
    others = [
        key("trunk.layers.8.qkv.weight"),
        key("trunk.positions"),
        key(views=3),
        key(trunk_layers=0),
        key(teacher=None),
        key(changes={"augment": {"zoom": 1.5}}),
        key(changes={"precision": "bfloat16"}),
        key(changes={"seed": 1}),
        key(changes={"data": [{"path": str(data / "rooms"), "weight": 2.0}]}),
    ]
    assert len({first, *others}) == 1 + len(others)


def test_a_full_disk_is_said_before_the_work(data, tmp_path, monkeypatch):
    config = vit_config(data, tmp_path)
    run, opened = set_up_run(config)
    usage = namedtuple("usage", "free")(PAIRS * VIEWS * RECORD - 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(ValueError, match=r"8 views take 0\.0 GB, and .*cache has 0\.0 GB free"):
        views.make_views(run, opened, math.inf, Stop())
    assert not folders(config)


def states(folder):
    names = ("state.safetensors", "best.safetensors")
    return [load_file(folder / "stage1" / name) for name in names]


def test_a_run_cut_off_while_views_are_made_ends_with_the_same_bits(data, tmp_path, monkeypatch):
    tokens = views._tokens

    def interrupted(run, crops):
        os.kill(os.getpid(), signal.SIGTERM)
        return tokens(run, crops)

    with small_vits():
        train(vit_config(data, tmp_path / "whole", steps=3))
        config = vit_config(data, tmp_path / "cut", steps=3)
        with monkeypatch.context() as patched:
            patched.setattr(views, "_tokens", interrupted)
            (result,) = train(config)
        assert (result.step, result.signal, result.best) == (0, signal.SIGTERM, math.inf)
        (folder,) = folders(config)
        assert np.load(folder / views.MADE).sum() == 2
        steps = [train(config, resume=True, minutes=0)[0].step for _ in range(6)]
    assert steps == [0, 0, 1, 2, 3, 3]  # 2 views a call; the call that makes the last takes a step
    assert folders(config) == [folder]
    for found, expected in zip(states(config.out), states(tmp_path / "whole"), strict=True):
        assert found.keys() == expected.keys()
        for key, tensor in expected.items():
            assert torch.equal(found[key], tensor), key
