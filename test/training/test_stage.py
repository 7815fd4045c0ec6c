"""Optimiser groups, averaged weights and initial values, by hand."""

import json

import pytest
import torch
from checkpoints import balanced, constant_checkpoint, small_vits
from torch import nn
from trainings import CHANNELS, run_config, stage, write_data

from fourier_depth_ros.training.pairs import open_training_data
from fourier_depth_ros.training.stage import launch, make_optimizer, set_up
from fourier_depth_ros.training.state import (
    AveragedWeights,
    Progress,
    load_state,
    read_progress,
    save_state,
)
from fourier_depth_ros.training.teacher.distillation import Student


@pytest.fixture
def student():
    return Student(constant_checkpoint(fitted=False).network.requires_grad_(True), CHANNELS)


def optimizer_of(student, tmp_path, **changes):
    config = run_config(tmp_path, tmp_path, weight_decay=0.03)
    return make_optimizer(student, config, config.stages[0].model_copy(update=changes))


def test_the_trunk_learns_at_its_share_of_the_rate_and_only_matrices_decay(student, tmp_path):
    optimizer = optimizer_of(student, tmp_path, learning_rate=0.02, trunk_rate=0.1)
    settings = {
        id(parameter): (group["peak"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert len(settings) == len(list(student.parameters()))
    found = {name: settings[id(p)] for name, p in student.named_parameters()}
    slow, fast = pytest.approx(0.002), pytest.approx(0.02)
    assert found["network.trunk.conv1.weight"] == (slow, 0.03)
    assert found["network.trunk.layer4.1.bn2.weight"] == (slow, 0.0)
    assert found["network.extra.layer4_0.down.weight"] == (fast, 0.03)
    assert found["network.head.weight"] == (fast, 0.03)
    assert found["network.head.bias"] == (fast, 0.0)
    assert found["to_teacher.layer3.weight"] == (fast, 0.03)
    assert found["to_teacher.layer3.bias"] == (fast, 0.0)


def test_the_average_follows_by_its_decay(student):
    """Decay 0.5: after values 2 and 4 from 0, the weights are .5 (2/11 at first), by hand."""
    network = student.network
    norm = network.trunk.bn1
    with torch.no_grad():
        network.head.bias.zero_()
        norm.running_mean.zero_()
        average = AveragedWeights(network, 0.5)
        network.head.bias.fill_(2.0)
        norm.running_mean.fill_(2.0)
        norm.num_batches_tracked.fill_(7)
        average.update(network, 1)  # decay min(.5, 2 / 11): .182 * 0 + .818 * 2
        first = 2.0 * 9 / 11
        for values in (average.network.head.bias, average.network.trunk.bn1.running_mean):
            torch.testing.assert_close(values, torch.full_like(values, first))
        network.head.bias.fill_(4.0)
        average.update(network, 100)  # decay .5
    bias = average.network.head.bias
    torch.testing.assert_close(bias, torch.full_like(bias, (first + 4.0) / 2))
    assert average.network.trunk.bn1.num_batches_tracked == 7
    assert not average.network.training
    assert network.head.bias[0] == 4.0  # the network itself is let alone


def test_a_state_reads_back_and_a_broken_one_is_refused(student, tmp_path):
    optimizer = optimizer_of(student, tmp_path)
    student(torch.zeros(2, 3, 64, 64))[0].sum().backward()
    optimizer.step()
    average = AveragedWeights(student.network, 0.9).network
    path = tmp_path / "state.safetensors"
    save_state(path, student, average, optimizer, Progress(3, 0.25, {}, {"seed": 1}))
    assert read_progress(path) == Progress(3, 0.25, {}, {"seed": 1})
    torch.manual_seed(1)
    other = Student(constant_checkpoint(3.0, fitted=False).network.requires_grad_(True), CHANNELS)
    fresh = optimizer_of(other, tmp_path)
    assert load_state(path, other, average, fresh) == Progress(3, 0.25, {}, {"seed": 1})
    assert all(
        torch.equal(ours, theirs)
        for ours, theirs in zip(other.parameters(), student.parameters(), strict=True)
    )
    found, expected = (each.state_dict()["state"] for each in (fresh, optimizer))
    assert found.keys() == expected.keys()
    for index, moments in expected.items():
        assert found[index].keys() == moments.keys()
        assert all(torch.equal(found[index][name], moment) for name, moment in moments.items())
    without = Student(constant_checkpoint(fitted=False).network, None)
    with pytest.raises(ValueError, match="is of another network or optimiser"):
        load_state(path, without, average, optimizer_of(without, tmp_path))
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="is not a training state"):
        read_progress(path)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


def test_a_new_head_begins_at_the_typical_depth(data, tmp_path):
    plain = {"zoom": 1.0, "rotation": 0.0, "colour": 0.0}
    config = run_config(data, tmp_path, augment=plain, stages=[stage(batch_norm="frozen")])
    opened = open_training_data(config)
    run = set_up(launch(config), config, 0, opened)
    cells = [torch.from_numpy(pair.depth.astype("float64")) for pair in opened.train]
    typical = sum(depth.nanmean().item() for depth in cells) / len(cells) * 0.81 / 0.8
    found = run.student.network.head.bias
    torch.testing.assert_close(found, torch.full_like(found, balanced(typical)), rtol=5e-3, atol=0)
    # frozen: batch norm keeps the statistics of the start, all else trains
    norms = [m for m in run.model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert not any(norm.training for norm in norms)
    assert run.student.network.training


def test_what_changed_since_a_state_was_saved_is_said(data, tmp_path, caplog):
    config = run_config(data, tmp_path)
    opened = open_training_data(config)
    run = set_up(launch(config), config, 0, opened)
    path = tmp_path / "stage1" / "state.safetensors"
    path.parent.mkdir()
    save_state(path, run.student, run.average.network, run.bare_optimizer, run.progress)
    changed = config.model_copy(update={"clip": 1.0})
    set_up(launch(changed), changed, 0, opened)
    assert "resumed at step 0 with other clip" in caplog.text
    assert json.loads(changed.model_dump_json())["clip"] == 1.0


def test_processes_that_do_not_divide_the_batch_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "3")
    with pytest.raises(ValueError, match="batch 4 does not divide into 3 processes"):
        launch(run_config(tmp_path, tmp_path))


def test_float16_on_a_cpu_is_refused(tmp_path):
    with pytest.raises(ValueError, match="float16 trains on CUDA only"):
        launch(run_config(tmp_path, tmp_path, precision="float16"))


def test_an_unreadable_pair_is_counted_and_the_rest_is_used(tmp_path, caplog):
    folder = write_data(tmp_path / "data")
    (folder / "rooms" / "depth" / "room000_1.png").write_bytes(b"cut off")
    (folder / "rooms" / "rgb" / "room001_0.png").write_bytes(b"")
    opened = open_training_data(run_config(folder, tmp_path / "out"))
    names = {pair.name for pair in [*opened.train, *opened.held_out]}
    assert len(names) == 6
    assert names.isdisjoint({"room000_1", "room001_0"})
    assert "unreadable pairs are left out" in caplog.text


def vit_run(data, out, **changes):
    plain = {"zoom": 1.0, "rotation": 0.0, "colour": 0.0}
    first = {**stage(input_size=70, **changes)}
    config = run_config(data, out, trunk="vits14", stages=[first], augment=plain)
    opened = open_training_data(config)
    with small_vits():
        return set_up(launch(config), config, 0, opened), opened


def test_a_new_head_of_a_vision_transformer_begins_at_the_typical_depth(data, tmp_path):
    run, opened = vit_run(data, tmp_path)
    cells = [torch.from_numpy(pair.depth.astype("float64")) for pair in opened.train]
    typical = sum(depth.nanmean().item() for depth in cells) / len(cells) * 0.81 / 0.8
    bias = run.student.network.head.bias.double()
    assert (1 + bias.exp()).log().item() == pytest.approx(balanced(typical), rel=5e-3)
    assert run.train.training_batch(0, 2).truth.shape == (2, 20, 20)  # 4 cells a patch of 14 px


@pytest.mark.parametrize(("layers", "first"), [(None, 0), (0, 12), (3, 9)])
def test_as_many_of_the_trunk_s_last_layers_learn_as_the_stage_says(data, tmp_path, layers, first):
    run, _ = vit_run(data, tmp_path, trunk_layers=layers, batch_norm="frozen")
    trunk = run.student.network.trunk
    assert [layer.qkv.weight.requires_grad for layer in trunk.layers] == [
        number >= first for number in range(12)
    ]
    assert trunk.positions.requires_grad == trunk.patches.weight.requires_grad == (layers is None)
    assert not trunk.norm.weight.requires_grad  # not in the answer
    learning = {id(p) for p in run.student.parameters() if p.requires_grad}
    given = [id(p) for group in run.bare_optimizer.param_groups for p in group["params"]]
    assert (set(given), len(given)) == (learning, len(learning))
    taps = trunk(torch.zeros(1, 3, 70, 70))
    assert [tap.requires_grad for tap in taps] == [number > first for number in (3, 6, 9, 12)]
