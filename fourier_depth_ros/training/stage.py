"""What a training stage runs with: processes, network, optimiser, samples, all in one place."""

from __future__ import annotations

import logging
import os
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from fourier_depth_ros.core.estimator import resolve_device
from fourier_depth_ros.core.networks import DepthNetwork
from fourier_depth_ros.core.space import balance
from fourier_depth_ros.core.vit import VitDepthNetwork
from fourier_depth_ros.training.config import BEST, STATE, StageConfig, TrainConfig
from fourier_depth_ros.training.epochs import Epochs
from fourier_depth_ros.training.pairs import TrainingData
from fourier_depth_ros.training.samples import Batch, SampleMaker, Views, prefetch
from fourier_depth_ros.training.start import start_network
from fourier_depth_ros.training.state import AveragedWeights, Progress, load_state
from fourier_depth_ros.training.teacher.distillation import Student, TeacherMaps
from fourier_depth_ros.training.teacher.features import Dinov2, load_dinov2

if TYPE_CHECKING:
    from lightning_fabric import Fabric

_PRECISIONS = {"float32": "32-true", "bfloat16": "bf16-mixed", "float16": "16-mixed"}
#: Shorter than torch's 0.999: these trainings are short.
_BETAS = (0.9, 0.98)

logger = logging.getLogger(__name__)


def launch(config: TrainConfig) -> Fabric:
    """Lightning Fabric on this run's device, in as many processes as torchrun started.

    Raises:
        ImportError: lightning-fabric is not installed.
        ValueError: the device is not there, the precision is not for it, or the processes do not
            divide the batch.
    """
    try:
        from lightning_fabric import Fabric
    except ImportError as error:
        raise ImportError(f"training takes lightning-fabric: pip install it ({error})") from error
    device = resolve_device(config.device)
    if config.precision == "float16" and device.type == "cpu":
        raise ValueError("precision: float16 trains on CUDA only; use bfloat16 or float32")
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    here = int(os.environ.get("LOCAL_WORLD_SIZE", processes))
    fabric = Fabric(
        accelerator=device.type,
        devices=here if processes > 1 or device.index is None else [device.index],
        num_nodes=processes // here,
        strategy="ddp" if processes > 1 else "auto",
        precision=_PRECISIONS[config.precision],
    )
    if config.batch % processes or (config.batch // processes) % _pass_size(config, processes):
        raise ValueError(
            f"batch {config.batch} does not divide into {processes} processes and passes of "
            f"{config.micro_batch}; change batch or micro_batch"
        )
    fabric.launch()
    return fabric


def _pass_size(config: TrainConfig, processes: int) -> int:
    share = config.batch // processes
    return min(config.micro_batch or share, share)


@dataclass(frozen=True, eq=False)
class StageRun:
    """One stage under way: ``model`` is ``student`` as Fabric wraps it; ``average`` is its EMA.

    ``views``: what the samples to learn from are drawn from, if they were made before.
    """

    fabric: Fabric
    config: TrainConfig
    stage: StageConfig
    student: Student
    model: Any
    bare_optimizer: Optimizer
    optimizer: Any
    average: AveragedWeights
    progress: Progress
    train: SampleMaker
    held_out: SampleMaker
    encoder: Dinov2 | None
    views: Views | None = None

    @property
    def folder(self) -> Path:
        """Where the stage's files are."""
        return self.config.out / self.stage.name

    def seen(self, batch: Batch) -> Tensor | None:
        """The teacher's features of a batch, (n, channels, h, w), out of a folder or made now."""
        if self.encoder is None:
            return batch.features
        with self.fabric.autocast():
            return self.encoder(batch.crops).float()

    def batches(self) -> Generator[list[Batch]]:
        """For each step to go, this process's passes."""
        size = _pass_size(self.config, self.fabric.world_size)
        share = self.config.batch // self.fabric.world_size
        source = self.train if self.views is None else self.views

        def passes(step: int) -> list[Batch]:
            first = step * self.config.batch + self.fabric.global_rank * share
            return [source.training_batch(first + i, size) for i in range(0, share, size)]

        steps = range(self.progress.step, self.stage.steps)
        with closing(prefetch(passes, steps, self.config.workers)) as made:
            for batches in made:
                yield [batch.to(self.fabric.device) for batch in batches]


def set_up(fabric: Fabric, config: TrainConfig, number: int, data: TrainingData) -> StageRun:
    """Stage ``number`` of a run, from its start or from the state in its folder.

    Raises:
        ValueError, OSError, ImportError: as start_network, TeacherMaps.open, load_dinov2 and
            load_state.
    """
    stage = config.stages[number]
    torch.manual_seed(config.seed + number)  # of the initial weights; nothing else draws from it
    train, held_out = sample_makers(config, number, data)
    previous = config.out / config.stages[number - 1].name / BEST
    network, new_head = start_network(
        str(previous) if stage.start == "previous" else stage.start,
        train.network,
        config.space,
    )
    if new_head:
        _set_head_bias(network, train)
    if isinstance(network, VitDepthNetwork):
        _freeze(network, stage.trunk_layers)
    network.to(memory_format=torch.channels_last)
    average = AveragedWeights(network, config.ema)
    encoder = None
    if stage.teacher is not None and stage.teacher.encoder is not None:
        encoder = load_dinov2(stage.teacher.encoder).to(fabric.device)
    teacher = encoder or train.teacher
    student = Student(network, teacher.channels if teacher else None)
    bare_optimizer = make_optimizer(student, config, stage)
    model, optimizer = fabric.setup(student, bare_optimizer)
    average.network.to(fabric.device)
    progress = Progress()
    if (state := config.out / stage.name / STATE).is_file():
        progress = load_state(state, student, average.network, bare_optimizer)
        fabric.strategy.precision.load_state_dict(progress.scaler)
        _warn_of_changes(progress, config)
    progress.config = config.model_dump(mode="json")
    _set_training(model, stage)
    return StageRun(
        fabric=fabric,
        config=config,
        stage=stage,
        student=student,
        model=model,
        bare_optimizer=bare_optimizer,
        optimizer=optimizer,
        average=average,
        progress=progress,
        train=train,
        held_out=held_out,
        encoder=encoder,
    )


def make_optimizer(student: Student, config: TrainConfig, stage: StageConfig) -> AdamW:
    """AdamW: the trunk at ``trunk_rate`` of the new layers' rate; only matrices decay.

    Of a vision transformer, what is frozen is not in it, and its first token and its position
    embeddings count as matrices.
    """
    groups = []
    for of_trunk in (True, False):
        for is_matrix in (True, False):
            parameters = [
                p
                for name, p in student.named_parameters()
                if name.startswith("network.trunk.") == of_trunk
                and (p.dim() > 1) == is_matrix
                and p.requires_grad
            ]
            peak = stage.learning_rate * (stage.trunk_rate if of_trunk else 1.0)
            decay = config.weight_decay if is_matrix else 0.0
            groups.append({"params": parameters, "lr": peak, "peak": peak, "weight_decay": decay})
    # fused takes half the time, but Fabric cannot clip what float16's scaler scaled with it
    return AdamW(groups, betas=_BETAS, fused=config.precision != "float16")


def sample_makers(
    config: TrainConfig, number: int, data: TrainingData
) -> tuple[SampleMaker, SampleMaker]:
    """What makes a stage's samples to learn from, and its held-out pictures."""
    stage = config.stages[number]
    network = config.network(stage)
    teacher = None
    if stage.teacher is not None:
        teacher = TeacherMaps.open(stage.teacher, data.train)
    # views are drawn in any order: none is the first
    ramp = 0.0 if stage.views else config.augment.colour_ramp * stage.steps * config.batch
    # a seed of its own for each stage
    seed = config.seed * len(config.stages) + number
    common = (network, config.space, config.augment, seed, ramp)
    train = SampleMaker(data.train, *common, teacher, Epochs.of(data.train.weights))
    return train, SampleMaker(data.held_out, *common)


@torch.no_grad()
def _set_head_bias(network: DepthNetwork, maker: SampleMaker) -> None:
    """Let a new head begin at the typical depth; ours: the paper's biases begin at 0."""
    depth = maker.training_batch(0, 64).truth.nanmean().nan_to_num(0.0)
    answer = balance(depth, maker.space) if maker.space.output_space == "balanced" else depth
    if isinstance(network, VitDepthNetwork):
        answer = answer.clamp(min=0.1)  # softplus's inverse, which is -inf at 0
        answer = answer + torch.log(-torch.expm1(-answer))
    assert network.head.bias is not None
    network.head.bias.fill_(float(answer))


def _freeze(network: VitDepthNetwork, layers: int | None) -> None:
    """Leave the trunk as it is but for its last ``layers``; None: all of it learns.

    Nothing is kept for the gradients below the first layer that learns. The trunk's last norm is
    not in the network's answer: DINOv2's, it serves the teacher alone.
    """
    trunk = network.trunk
    trunk.norm.requires_grad_(False)
    if layers is not None:
        trunk.requires_grad_(False)
        for layer in trunk.layers[max(0, len(trunk.layers) - layers) :]:
            layer.requires_grad_(True)


def _set_training(model: nn.Module, stage: StageConfig) -> None:
    model.train()
    if stage.batch_norm == "frozen":
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


def _warn_of_changes(progress: Progress, config: TrainConfig) -> None:
    now = config.model_dump(mode="json")
    changed = [key for key in now if progress.config.get(key) != now[key]]
    if changed:
        logger.warning("resumed at step %d with other %s", progress.step, ", ".join(changed))
