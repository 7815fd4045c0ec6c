"""The loop: exact resume, processes and passes that agree, gradients by hand, reasons to stop."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
import torch
import yaml
from checkpoints import balanced, small_vits
from dinov2_files import write_dinov2
from safetensors.torch import load_file
from trainings import run_config, stage, teacher, write_data

from fourier_depth_ros.core.checkpoint import load_checkpoint
from fourier_depth_ros.training.pairs import open_training_data
from fourier_depth_ros.training.samples import Batch
from fourier_depth_ros.training.stage import launch, set_up
from fourier_depth_ros.training.state import read_progress
from fourier_depth_ros.training.teacher.features import load_dinov2
from fourier_depth_ros.training.train import compute_gradients, train
from fourier_depth_ros.training.validation import validate


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("data"))


def two_stages(data, out, **changes):
    """All there is: a teacher, photographs, passes, bfloat16, and stage 2 out of stage 1's best."""
    stages = [stage(name, teacher=teacher(data), steps=3) for name in ("stage1", "stage2")]
    sources = [{"path": str(data / "rooms")}, {"path": str(data / "photos"), "truth": False}]
    default = {"stages": stages, "data": sources, "micro_batch": 2, "precision": "bfloat16"}
    return run_config(data, out, **(default | changes))


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """A run from its beginning to its end."""
    out = tmp_path_factory.mktemp("whole")
    train(two_stages(data, out))
    return out


def log(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def losses(folder):
    return [(line["step"], line["loss"]) for line in log(folder) if "loss" in line]


def assert_same(out, whole, name):
    for file in ("state.safetensors", "best.safetensors"):
        found, expected = load_file(out / name / file), load_file(whole / name / file)
        assert found.keys() == expected.keys()
        for key, tensor in expected.items():
            assert torch.equal(found[key], tensor), (file, key)
    assert losses(out / name) == losses(whole / name)
    assert read_progress(out / name / "state.safetensors").best == (
        read_progress(whole / name / "state.safetensors").best
    )


def test_a_run_interrupted_after_every_step_ends_with_the_same_bits(data, whole, tmp_path):
    config = two_stages(data, tmp_path)
    results = train(config, minutes=0)
    assert [(r.name, r.step) for r in results] == [("stage1", 1)]
    with pytest.raises(ValueError, match="stage1 holds a run already; go on with --resume"):
        train(config)
    calls = 1
    while (results[-1].name, results[-1].step) != ("stage2", 3):
        results = train(config, resume=True, minutes=0)
        calls += 1
    assert calls == 5  # the call that ends stage 1 goes on with stage 2's first step
    for name in ("stage1", "stage2"):
        assert_same(tmp_path, whole, name)
    assert len(list((tmp_path / "stage2" / "samples").iterdir())) == len(
        list((whole / "stage2" / "samples").iterdir())
    )


def start(config, *arguments, processes=0):
    """fourier-depth train in processes of their own."""
    file = config.out.with_suffix(".yaml")
    file.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    module = ["-m", "fourier_depth_ros.cli.main", "train", "--config", str(file)]
    return subprocess.Popen(
        [sys.executable, *(torchrun if processes else []), *module, *arguments],
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # a process group of its own, as a shell's foreground job
    )


def wait_for_a_step(process, folder):
    """Until the log of a stage has its first line."""
    deadline = time.monotonic() + 200
    while not (folder / "log.jsonl").is_file() or not log(folder):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_the_state_and_nothing_is_lost(data, whole, tmp_path, number):
    config = two_stages(data, tmp_path / "run")
    process = start(config)
    folder = config.out / "stage1"
    wait_for_a_step(process, folder)
    os.killpg(process.pid, number)  # the workers get it too, as at Ctrl-C in a shell
    said = process.communicate(timeout=100)[0]
    assert process.returncode == 128 + number, said
    assert said.count("saving the state; another Ctrl-C ends at once, without") == 1
    assert "interrupted, with the state saved; go on with --resume" in said
    assert "Traceback" not in said
    assert read_progress(folder / "state.safetensors").step == log(folder)[-1]["step"]
    train(config, resume=True)
    for name in ("stage1", "stage2"):
        assert_same(config.out, whole, name)


def test_a_signal_during_a_validation_leaves_it_to_the_resumed_run(
    data, whole, tmp_path, monkeypatch
):
    module = sys.modules[train.__module__]
    config = two_stages(data, tmp_path)

    def interrupted(run, stop):
        os.kill(os.getpid(), signal.SIGTERM)
        return validate(run, stop)

    monkeypatch.setattr(module, "validate", interrupted)
    (result,) = train(config)
    assert (result.signal, result.best) == (signal.SIGTERM, float("inf"))
    progress = read_progress(tmp_path / "stage1" / "state.safetensors")
    assert (progress.step, progress.validation_due) == (result.step, True)
    (again,) = train(config, resume=True)  # begins with the validation, in vain again
    assert again == result
    monkeypatch.setattr(module, "validate", validate)
    train(config, resume=True)
    for name in ("stage1", "stage2"):
        assert_same(tmp_path, whole, name)


def test_two_processes_stop_after_the_same_step(data, tmp_path):
    config = run_config(data, tmp_path / "run", stages=[stage(steps=200)])
    process = start(config, processes=2)
    folder = config.out / "stage1"
    wait_for_a_step(process, folder)
    process.send_signal(signal.SIGTERM)  # torchrun hands it on
    said = process.communicate(timeout=100)[0]
    assert said.count("interrupted, with the state saved; go on with --resume") == 2, said
    step = read_progress(folder / "state.safetensors").step
    assert said.count(f"stage1: step {step} of 200") == 2
    assert log(folder)[-1]["step"] == step


def test_a_resumed_run_without_a_state_says_so_and_keeps_the_log(data, tmp_path, caplog):
    """As after a kill before the first state was saved."""
    caplog.set_level("INFO")
    config = run_config(data, tmp_path / "run", stages=[stage(steps=2)])
    folder = config.out / "stage1"
    folder.mkdir(parents=True)
    for earlier in ("first", "second"):
        (folder / "log.jsonl").write_text(earlier)
        train(config, resume=True, minutes=0)
        assert f"{folder}: no saved state: starting at step 0" in caplog.text
        (folder / "state.safetensors").unlink()
    assert (folder / "log.1.jsonl").read_text() == "first"
    assert (folder / "log.2.jsonl").read_text() == "second"
    assert "log.jsonl is of a run without a saved state; it is now log.2.jsonl" in caplog.text
    train(config, minutes=0)  # nor is it lost without --resume
    assert len(list(folder.glob("log.*.jsonl"))) == 3
    caplog.clear()
    with (folder / "log.jsonl").open("a") as file:
        file.write('{"step": 2, "loss": 1.0}\n{"step": 2, "lo')  # killed while it wrote
    train(config, resume=True)
    assert "no saved state" not in caplog.text
    assert f"{folder}: going on at step 1 of 2" in caplog.text
    assert [step for step, _ in losses(folder)] == [1, 2]


def test_kill_9_loses_at_most_the_last_interval(data, whole, tmp_path):
    config = two_stages(data, tmp_path / "run", save_steps=2)
    process = start(config)
    folder = config.out / "stage1"
    deadline = time.monotonic() + 200
    while not (folder / "state.safetensors").is_file() or log(folder)[-1]["step"] < 3:
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert read_progress(folder / "state.safetensors").step >= 2
    train(config, resume=True)
    for name in ("stage1", "stage2"):
        assert_same(config.out, whole, name)


def test_two_processes_learn_as_one_does(data, tmp_path):
    """Batch norm sees a process's part of the batch: one process with passes of that size."""
    stages = [stage(teacher=teacher(data), learning_rate=1e-4)]
    both = run_config(data, tmp_path / "both", stages=stages)
    process = start(both, processes=2)
    one = run_config(data, tmp_path / "one", stages=stages, micro_batch=2)
    train(one)
    output = process.communicate(timeout=200)[0]
    assert process.returncode == 0, output
    found, expected = log(both.out / "stage1"), log(one.out / "stage1")
    assert [line["step"] for line in found] == [line["step"] for line in expected]
    for ours, theirs in zip(found, expected, strict=True):
        for name in ("loss", "loss/truth", "loss/features", "loss/taught", "norm"):
            if name in theirs:
                # two terms have one sum: measured equal; the room is for other libraries' sums
                assert ours[name] == pytest.approx(theirs[name], rel=1e-4), (theirs["step"], name)
    ours, theirs = (load_file(run.out / "stage1" / "state.safetensors") for run in (both, one))
    for name in ours:
        # batch norm's own statistics are of one part, or of both
        if name.startswith("model.") and "running" not in name and "tracked" not in name:
            torch.testing.assert_close(ours[name], theirs[name], rtol=0, atol=2e-5, msg=name)


def set_up_run(config):
    return set_up(launch(config), config, 0, open_training_data(config))


def random_batch(n, holes=()):
    g = torch.Generator().manual_seed(0)
    crops = torch.randint(0, 256, (n, 3, 64, 64), generator=g, dtype=torch.uint8)
    truth = 2 + 2 * torch.rand(n, 25, 32, generator=g)
    taught = 2 + 2 * torch.rand(n, 25, 32, generator=g)
    for picture, rows in holes:
        truth[picture, rows:] = torch.nan
        taught[picture, :rows] = torch.nan
    return Batch(crops, truth, torch.randn(n, 8, 4, 4, generator=g), taught)


def part(batch, where):
    fields = (batch.crops, batch.truth, batch.features, batch.taught)
    return Batch(*(field[where] for field in fields))


def gradients(run, passes):
    run.student.zero_grad()
    result = compute_gradients(run, passes)
    return result, {n: p.grad.clone() for n, p in run.student.named_parameters()}


def test_passes_make_the_gradient_of_the_whole_batch(data, tmp_path):
    """Also where they hold unlike numbers of valid cells: N is the whole batch's."""
    ours = {"depth_weight": 0.3, "log_weight": 0.7}
    ours |= {"scale_invariant_weight": 0.6, "gradient_weight": 0.4}
    stages = [stage(teacher=teacher(data), mean_weight=0.25, batch_norm="frozen", **ours)]
    run = set_up_run(run_config(data, tmp_path, stages=stages))
    batch = random_batch(4, holes=[(0, 3), (1, 20), (3, 0)])
    batch.taught[3, 5:] = torch.nan  # it has no truth
    batch.truth[1] = batch.taught[1] = torch.nan  # picture 1 has neither
    whole, expected = gradients(run, [batch])
    halves, found = gradients(run, [part(batch, slice(0, 2)), part(batch, slice(2, 4))])
    for name, loss in whole.items():
        assert halves[name].item() == pytest.approx(loss.item(), rel=1e-5), name
    for name, gradient in expected.items():
        error = (found[name] - gradient).norm()
        assert error <= 1e-4 * gradient.norm(), name
    # the losses themselves, in float64 by the formula: 1 / 2N sum (u - g(d))^2
    with torch.no_grad():
        u = run.student(batch.crops)[0].double()
    for name, depth, weight in (("truth", batch.truth, 0.3), ("taught", batch.taught, 0.5)):
        known = depth.isfinite()
        errors = u[known] - balanced(depth[known].double())
        by_hand = weight * errors.square().mean().item() / 2
        assert whole[name].item() == pytest.approx(by_hand, rel=1e-4)
    known = batch.truth.isfinite()
    depth = (15 - (225 - 20 * u[known]).sqrt()).clamp(min=0.05)
    by_hand = 0.7 * (depth.log() - batch.truth[known].double().log()).abs().mean().item()
    assert whole["log"].item() == pytest.approx(by_hand, rel=1e-4)
    relative = 0.0
    for picture, target, w in (
        (0, batch.truth, 0.25),
        (2, batch.truth, 0.25),
        (3, batch.taught, 0),
    ):
        known = target[picture].isfinite()
        depth = (15 - (225 - 20 * u[picture][known]).sqrt()).clamp(min=0.05)
        e = depth.log() - target[picture][known].double().log()
        relative += (e.var(correction=0) + w * e.mean() ** 2 + 1e-6).sqrt().item() / 3
    assert whole["relative"].item() == pytest.approx(0.6 * relative, rel=1e-4)


def test_an_encoder_sees_what_the_network_sees(data, tmp_path):
    pytest.importorskip("onnx")
    file = tmp_path / "encoder.onnx"
    write_dinov2(file)
    stages = [stage(teacher={"encoder": str(file)}, batch_norm="frozen")]
    run = set_up_run(run_config(data, tmp_path, stages=stages))
    batch = Batch(random_batch(2).crops, random_batch(2).truth)
    expected = Batch(batch.crops, batch.truth, load_dinov2(file)(batch.crops))
    ours, _ = gradients(run, [batch])
    assert ours.keys() == {"truth", "features"}
    theirs, _ = gradients(replace(run, encoder=None), [expected])
    assert ours["features"].item() == pytest.approx(theirs["features"].item(), rel=1e-5)
    assert not [name for name, _ in run.student.named_parameters() if "encoder" in name]


def test_masked_cells_have_no_gradient(data, tmp_path):
    run = set_up_run(run_config(data, tmp_path))
    run.model.eval()
    truth = torch.full((2, 25, 32), torch.nan)
    truth[0, 7, 11], truth[1, 7, 11], truth[1, 20, 3] = 2.0, 3.0, 4.0
    batch = Batch(random_batch(2).crops, truth)
    with torch.no_grad():
        u = run.student(batch.crops)[0]
    _, found = gradients(run, [batch])
    expected = torch.zeros(25, 32)  # dL/du = (u - g(d)) / N
    expected[7, 11] = (u[0, 7, 11] - balanced(2.0) + u[1, 7, 11] - balanced(3.0)) / 3
    expected[20, 3] = (u[1, 20, 3] - balanced(4.0)) / 3
    torch.testing.assert_close(found["network.head.bias"], expected.flatten())
    _, nothing = gradients(run, [Batch(batch.crops, torch.full_like(truth, torch.nan))])
    assert all(torch.equal(g, torch.zeros_like(g)) for g in nothing.values())


def test_what_can_be_learnt_is_learnt(data, tmp_path):
    """Grey tells depth: on rooms it never saw, better than the best constant could be."""
    plain = {"colour": 0.0, "rotation": 0.0, "zoom": 1.0}
    config = run_config(
        data,
        tmp_path,
        augment=plain,
        stages=[stage(steps=24, warmup_steps=4, trunk_rate=1.0)],
        batch=8,
        ema=0.8,
        log_steps=5,
        validate_epochs=24,
    )
    (result,) = train(config)
    first, last = losses(tmp_path / "stage1")[0][1], losses(tmp_path / "stage1")[-1][1]
    assert last < first / 5
    truths = [pair.depth.astype(float) for pair in open_training_data(config).held_out]
    best_constant = min(
        sum((abs(c - t) / t).mean() for t in truths) / len(truths)
        for c in torch.linspace(1, 5, 41).tolist()
    )
    assert result.best < 0.95 * best_constant
    assert load_checkpoint(result.checkpoint).config.metrics["held_out_abs_rel"] == result.best


def test_a_loss_that_is_not_finite_ends_the_run_and_leaves_the_last_state(data, tmp_path):
    config = run_config(
        data, tmp_path, stages=[stage(learning_rate=1e15, warmup_steps=0)], save_steps=1
    )
    with pytest.raises(
        RuntimeError, match=r"the loss is (nan|inf) at step \d; resume with a lower"
    ):
        train(config)
    state = tmp_path / "stage1" / "state.safetensors"
    last = read_progress(state).step
    finite = [step for step, _ in losses(tmp_path / "stage1")]
    assert last == finite[-1] < 4


def test_a_deadline_in_the_past_still_makes_one_step_and_no_validation(data, tmp_path):
    (result,) = train(run_config(data, tmp_path, validate_epochs=2), minutes=0)
    assert (result.step, result.best) == (1, float("inf"))
    assert not result.checkpoint.exists()


def test_a_vision_transformer_learns_and_goes_on_where_it_was(data, tmp_path):
    taught = {"depth": str(data / "depth")}
    first = stage(input_size=70, trunk_layers=3, steps=2, teacher=taught)
    changes = {"trunk": "vits14", "stages": [first], "precision": "bfloat16", "micro_batch": 2}
    with small_vits():
        train(run_config(data, tmp_path / "whole", **changes))
        cut = run_config(data, tmp_path / "cut", **changes)
        assert [r.step for r in train(cut, minutes=0)] == [1]
        train(cut, resume=True)
        assert_same(tmp_path / "cut", tmp_path / "whole", "stage1")
        best = load_checkpoint(tmp_path / "whole" / "stage1" / "best.safetensors")
    assert (best.config.network.trunk, best.config.network.map_size) == ("vits14", (20, 20))
    assert set(log(tmp_path / "whole" / "stage1")[0]) >= {"loss/truth", "loss/taught"}
