"""How a network does on held-out pictures while it is trained: whole pictures, one crop each."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fourier_depth_ros.core.losses import depth_loss
from fourier_depth_ros.core.space import to_depth
from fourier_depth_ros.signals import Stop
from fourier_depth_ros.training.samples import Batch, prefetch
from fourier_depth_ros.training.stage import StageRun
from fourier_depth_ros.training.teacher.distillation import forward_float32_head


@dataclass(frozen=True)
class ValidationReport:
    """Means over pictures, on the network's own map: a guide for training, not an evaluation.

    ``abs_rel`` does not depend on the camera; ``rmse`` is in canonical metres; ``delta1`` is the
    share of cells within a factor of 1.25; ``loss`` is depth_loss, without the auxiliary ones.
    """

    loss: float
    abs_rel: float
    rmse: float
    delta1: float


@torch.inference_mode()
def validate(run: StageRun, stop: Stop) -> ValidationReport | None:
    """The averaged network on the held-out pictures; every process takes a part of them.

    None in all of them where ``stop`` came in one.

    Raises:
        ValueError: no held-out picture has valid depth.
    """
    fabric, config = run.fabric, run.config
    mine = range(fabric.global_rank, len(run.held_out.pairs), fabric.world_size)
    size = config.micro_batch or config.batch
    chunks = [mine[i : i + size] for i in range(0, len(mine), size)]
    sums = torch.zeros(6, dtype=torch.float64, device=fabric.device)
    for batch in prefetch(lambda i: run.held_out.whole_batch(chunks[i]), range(len(chunks)), 1):
        if stop.came:
            break
        sums[:5] += _errors(run, batch.to(fabric.device))
    sums[5] = stop.came
    sums = fabric.all_reduce(sums, reduce_op="sum")
    if sums[5] > 0:
        return None
    if sums[4] == 0:
        raise ValueError("held_out: no picture has valid depth within max_depth")
    return ValidationReport(*(sums[:4] / sums[4]).tolist())


@torch.inference_mode()
def held_out_samples(run: StageRun, count: int = 4) -> tuple[Tensor, Tensor, Tensor]:
    """Crops, true and predicted depth of a few held-out pictures, for TrainingLog.samples."""
    total = len(run.held_out.pairs)
    chosen = [i * total // count for i in range(count)]
    batch = run.held_out.whole_batch(chosen).to(run.fabric.device)
    return batch.crops, batch.truth, to_depth(_forward(run, batch), run.config.space)


def _forward(run: StageRun, batch: Batch) -> Tensor:
    with run.fabric.autocast():
        return forward_float32_head(run.average.network, batch.crops)


def _errors(run: StageRun, batch: Batch) -> Tensor:
    """Sums over pictures of loss, AbsRel, RMSE and delta1, and the number of pictures (float64)."""
    output = _forward(run, batch)
    depth = to_depth(output, run.config.space)
    sums = torch.zeros(5, dtype=torch.float64, device=output.device)
    valid = batch.truth.isfinite()
    for n in torch.nonzero(valid.flatten(1).any(dim=1)).flatten().tolist():
        d, t = depth[n][valid[n]], batch.truth[n][valid[n]]
        within = torch.maximum(d / t, t / d) < 1.25
        values = (
            depth_loss(output[n], batch.truth[n], run.config.space),
            ((d - t).abs() / t).mean(),
            (d - t).square().mean().sqrt(),
            within.float().mean(),
            torch.ones((), device=output.device),
        )
        sums += torch.stack(values)
    return sums
