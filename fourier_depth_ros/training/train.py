"""Training the depth estimation network in two stages (Lee et al. 2018, sec. 3.1 and 3.2).

Read `train`, then `train_stage`, top to bottom. Lightning Fabric places the network on its device,
casts, scales and synchronises gradients; the loop is here. Several processes (torchrun) share each
batch; batch norm takes its statistics from each process's own part.
"""

from __future__ import annotations

import logging
import math
import time
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import torch
from torch import Tensor

from fourier_depth_ros.config import CheckpointConfig
from fourier_depth_ros.core.checkpoint import Checkpoint, save_checkpoint
from fourier_depth_ros.core.losses import (
    depth_loss,
    gradient_matching_loss,
    log_depth_loss,
    scale_invariant_log_loss,
)
from fourier_depth_ros.signals import Stop, stop_on_signals
from fourier_depth_ros.training.config import BEST, STATE, TrainConfig, refuse_to_overwrite
from fourier_depth_ros.training.epochs import Epochs
from fourier_depth_ros.training.log import TrainingLog
from fourier_depth_ros.training.pairs import TrainingData, open_training_data
from fourier_depth_ros.training.samples import Batch
from fourier_depth_ros.training.schedule import Schedule, rate_factor
from fourier_depth_ros.training.stage import StageRun, launch, set_up
from fourier_depth_ros.training.state import read_progress, save_state
from fourier_depth_ros.training.teacher.distillation import feature_loss
from fourier_depth_ros.training.validation import ValidationReport, held_out_samples, validate
from fourier_depth_ros.training.views import make_views

if TYPE_CHECKING:
    from lightning_fabric import Fabric


#: Said at the first signal.
SAVING = "saving the state; another Ctrl-C ends at once, without"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StageResult:
    """How far a stage came: ``best`` AbsRel on the held-out pictures, and that checkpoint.

    ``signal``: the number of the one that ended it, 0 for none.
    """

    name: str
    step: int
    steps: int
    best: float
    checkpoint: Path
    signal: int = 0


def train(
    config: TrainConfig, resume: bool = False, minutes: float | None = None
) -> list[StageResult]:
    """Run the stages one after the other; stop after ``minutes``, to be resumed another day.

    SIGINT and SIGTERM stop it likewise, once the step under way is taken and the state is saved.

    Each stage leaves in OUT/NAME: best.safetensors (a checkpoint, to be fitted), state.safetensors
    (to resume from), log.jsonl and samples/.

    Raises:
        ValueError: a setting that cannot be; or a run is there already, and ``resume`` is not set.
        ImportError: lightning-fabric, or what reads the data, is not installed.
        RuntimeError: the loss is not finite any more.
    """
    deadline = math.inf if minutes is None else time.monotonic() + 60 * minutes
    refuse_to_overwrite(config, resume)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    cv2.setNumThreads(1)  # the workers are the threads
    fabric = launch(config)
    with fabric.rank_zero_first():  # it makes the cache, the others find it
        data = open_training_data(config)
    if resume and fabric.is_global_zero:
        _say_where(config)
    results: list[StageResult] = []
    for number, stage in enumerate(config.stages):
        results.append(train_stage(fabric, config, number, data, deadline))
        if results[-1].step < stage.steps or results[-1].signal:
            break
    return results


def _say_where(config: TrainConfig) -> None:
    """Log from which step of which stage a resumed run goes on."""
    for stage in config.stages:
        state = config.out / stage.name / STATE
        if not state.is_file():
            logger.warning("%s: no saved state: starting at step 0", state.parent)
            return
        step = read_progress(state).step
        if step < stage.steps:
            logger.info("%s: going on at step %d of %d", state.parent, step, stage.steps)
            return


def train_stage(
    fabric: Fabric, config: TrainConfig, number: int, data: TrainingData, deadline: float
) -> StageResult:
    """One stage, from its start or its saved state to its end, the deadline or a signal."""
    stage = config.stages[number]
    folder = config.out / stage.name
    if (folder / STATE).is_file():
        done = read_progress(folder / STATE)
        if done.step >= stage.steps and not done.validation_due:
            return StageResult(stage.name, done.step, stage.steps, done.best, folder / BEST)
    folder.mkdir(parents=True, exist_ok=True)
    run = set_up(fabric, config, number, data)
    with stop_on_signals(SAVING) as stop:
        if stage.views:
            run = replace(run, views=make_views(run, data, deadline, stop))
        signal = stop.number
        if not stage.views or run.views is not None:
            signal = take_steps(run, data, deadline, stop)
    done = run.progress
    return StageResult(stage.name, done.step, stage.steps, done.best, folder / BEST, signal)


def take_steps(run: StageRun, data: TrainingData, deadline: float, stop: Stop) -> int:
    """The loop: the steps to go, and what is due after each; the signal that ended it, or 0."""
    fabric, config, stage, progress = run.fabric, run.config, run.stage, run.progress
    log = TrainingLog(
        run.folder, progress.step, stage.steps, fabric.is_global_zero, config.tensorboard
    )
    epoch = max(1, round(len(Epochs.of(data.train.weights)) / config.batch))

    with closing(log), closing(run.batches()) as batches:
        schedule = Schedule(fabric, config, stage, epoch, deadline, stop)
        # a signal may have come between a step and its validation
        taken = [None] if progress.validation_due else []
        for passes in chain(taken, log.wait(batches)):
            if passes is not None:
                take_step(run, log, passes)
            due = schedule.after(progress.step)
            if due.log:
                rate = rate_factor(progress.step - 1, stage) * stage.learning_rate
                log.write_interval(fabric, progress.step, rate, config.batch)
            if due.validate:
                progress.validation_due = not keep_best(run, log, data, stop)
            if progress.validation_due:
                due = schedule.after(progress.step)  # all processes learn of the signal
            if due.save:
                keep_state(run)
            if due.stop:
                break
        fabric.barrier()  # the next stage reads what the first process wrote
        return schedule.agree_on_signal()  # or one that came last would be lost


def take_step(run: StageRun, log: TrainingLog, passes: list[Batch]) -> None:
    """One step of the optimiser and of the average."""
    progress = run.progress
    rate = rate_factor(progress.step, run.stage)
    for group in run.bare_optimizer.param_groups:
        group["lr"] = rate * group["peak"]
    losses = compute_gradients(run, passes)
    norm = run.fabric.clip_gradients(
        run.model, run.optimizer, max_norm=run.config.clip, error_if_nonfinite=False
    )
    run.optimizer.step()
    run.optimizer.zero_grad()
    progress.step += 1
    run.average.update(run.student.network, progress.step)
    log.add(losses, norm)


def compute_gradients(run: StageRun, passes: list[Batch]) -> dict[str, Tensor]:
    """Forward and backward of one step's passes; the losses of this process's part of it, weighted.

    The sum in L = 1/(2N) sum (...)^2 (sec. 3.2) is over the whole batch, however it is divided into
    passes and processes: N is counted first. The mean over processes of what this returns is L.
    Of the losses that are means over pictures it is the pictures that are counted.
    """
    fabric, stage, space = run.fabric, run.stage, run.config.space
    teacher = stage.teacher
    counts = torch.stack([batch.known for batch in passes])
    totals = fabric.all_reduce(counts.sum(dim=0), reduce_op="sum").clamp(min=1)
    # DDP takes the mean of the processes' gradients, hence the world size
    shares = counts * fabric.world_size / totals
    sums: dict[str, Tensor] = {}
    for i, batch in enumerate(passes):
        with fabric.no_backward_sync(run.model, enabled=i < len(passes) - 1):
            output, maps = run.model(batch.crops, batch.taps)
            balanced = shares[i, 0] * depth_loss(output, batch.truth, space)
            losses = {"truth": stage.depth_weight * balanced}
            if stage.log_weight:
                known = batch.truth.isfinite()
                relative = shares[i, 0] * log_depth_loss(output, batch.truth, known, space)
                losses["log"] = stage.log_weight * relative
            depth, scaled = batch.relative()
            if stage.scale_invariant_weight:
                error = scale_invariant_log_loss(output, depth, space, stage.mean_weight * scaled)
                losses["relative"] = stage.scale_invariant_weight * shares[i, 2] * error
            if stage.gradient_weight:
                error = gradient_matching_loss(output, depth, space)
                losses["gradient"] = stage.gradient_weight * shares[i, 2] * error
            if teacher is not None and (seen := run.seen(batch)) is not None:
                features = feature_loss(maps, seen) / len(passes)
                losses["features"] = teacher.weight * features
            if teacher is not None and teacher.depth_weight and batch.taught is not None:
                taught = shares[i, 1] * depth_loss(output, batch.taught, space)
                losses["taught"] = teacher.depth_weight * taught
            fabric.backward(torch.stack(list(losses.values())).sum())
        for name, loss in losses.items():
            sums[name] = sums.get(name, 0.0) + loss.detach()
    return sums


def keep_best(run: StageRun, log: TrainingLog, data: TrainingData, stop: Stop) -> bool:
    """Validate, and write best.safetensors if it is; False where a signal came first."""
    report = validate(run, stop)
    if report is None:
        return False
    progress = run.progress
    log.write(progress.step, **{f"held_out/{k}": v for k, v in asdict(report).items()})
    log.samples(progress.step, *held_out_samples(run), run.config.space.max_depth)
    if report.abs_rel < progress.best:
        progress.best = report.abs_rel
        if run.fabric.is_global_zero:
            save_best(run, data, report)
    return True


def keep_state(run: StageRun) -> None:
    """Write state.safetensors."""
    run.progress.scaler = run.fabric.strategy.precision.state_dict()
    if run.fabric.is_global_zero:
        save_state(
            run.folder / STATE,
            run.student,
            run.average.network,
            run.bare_optimizer,
            run.progress,
        )


def save_best(run: StageRun, data: TrainingData, report: ValidationReport) -> None:
    """Write the averaged network as a checkpoint, in float32: the next stage starts from it."""
    config = run.config
    sources = ", ".join(source.path.name for source in config.data)
    description = CheckpointConfig(
        network=run.train.network,
        space=config.space,
        metrics={f"held_out_{name}": value for name, value in asdict(report).items()},
        description=config.description,
        data=f"{len(data.train)} pictures of {sources}; {run.progress.step * config.batch} samples",
        licence=config.licence,
    )
    save_checkpoint(
        run.folder / BEST, Checkpoint(description, run.average.network), dtype=torch.float32
    )
