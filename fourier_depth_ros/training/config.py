"""What a training run is: the models behind config/train/*.yaml.

The paper gives the order of the two stages and the initial values of the new parameters; optimiser,
rates, lengths and augmentation are unknown there, and ours here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from fourier_depth_ros.config import (
    TAPS,
    DepthSpace,
    DeviceName,
    NetworkConfig,
    Settings,
    TrunkName,
    explain,
)
from fourier_depth_ros.data.options import RgbdOptions

#: Files in a stage's folder: what to resume from, and the checkpoint that results.
STATE, BEST = "state.safetensors", "best.safetensors"


@dataclass(frozen=True, kw_only=True)
class DataConfig(RgbdOptions):
    """RGB-D data: where it is, and how to read it."""

    __pydantic_config__ = ConfigDict(extra="forbid")

    path: Path
    truth: bool = True
    """folder: False: photographs in rgb/, without depth"""
    weight: Annotated[float, Field(gt=0, le=1000)] = 1.0
    """how often an epoch shows each picture, on the mean: a small set may weigh as a large one"""


class AugmentConfig(Settings):
    """How far training samples stray from their pictures. All zero and zoom 1: not at all."""

    flip: float = Field(0.5, ge=0, le=1, description="share of samples that are mirrored")
    zoom: float = Field(1.67, ge=1, le=3, description="largest zoom; even in log from 1")
    rotation: float = Field(5.0, ge=0, le=30, description="largest rotation either way [degrees]")
    colour: float = Field(1.0, ge=0, le=2, description="strength of the colour changes")
    camera: float = Field(
        0.0, ge=0, le=2, description="how often real cameras' faults befall a sample: cameras.py"
    )
    colour_ramp: float = Field(
        0.3,
        ge=0,
        le=1,
        description="share of a stage over which colour and camera grow to it; 0 with views",
    )


class TeacherConfig(Settings):
    """What to imitate beside the true depth: folders with a file of each whole picture.

    Instead of the features' folder an encoder, which sees what the network sees, colours astray.
    """

    features: Path | None = Field(None, description="folder of NAME.npy (channels, h, w)")
    encoder: Path | None = Field(None, description="vit_s_focus.onnx, run as the training goes")
    depth: Path | None = Field(
        None,
        description="folder of NAME.npy (h, w) [canonical m, of the run's space], NaN unknown",
    )
    weight: float = Field(0.5, gt=0, description="of the feature loss, beside the depth's")
    depth_weight: float = Field(
        0.5,
        ge=0,
        description="of the depth's loss against the teacher's depth; 0: its relative errors alone",
    )

    @model_validator(mode="after")
    def _something(self) -> TeacherConfig:
        if not (self.features or self.encoder or self.depth):
            raise ValueError("give a folder of features or an encoder, a folder of depth, or both")
        if self.features and self.encoder:
            raise ValueError("give a folder of features or an encoder, not both")
        return self


class StageConfig(Settings):
    """One stage of the training (Lee et al. 2018, sec. 3.1)."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]+$", description="folder of the stage in `out`")
    modified: bool = Field(
        False, description="False: stage 1; True: stage 2, with modified blocks, of a ResNet only"
    )
    start: str = Field(
        "previous",
        description="imagenet, scratch, previous, or a file: a checkpoint, or a trunk's weights "
        "(.pth, .safetensors) under torchvision's names; of a vision transformer vit_s_focus.onnx",
    )
    trunk_layers: int | None = Field(
        None,
        ge=0,
        description="of a vision transformer: how many of the trunk's last layers learn; 0: the "
        "trunk stays as it is; None: all of it learns",
    )
    views: int = Field(
        0,
        ge=0,
        description="of a vision transformer with trunk_layers up to 9: so many samples of each "
        "picture (times its set's weight) are made once, with the frozen layers' answers; 0: new "
        "ones at every step",
    )
    input_size: int = Field(224, ge=64, le=1024, description="side of the square input [px]")
    steps: int = Field(ge=1, description="optimiser steps")
    learning_rate: float = Field(gt=0, description="of the new layers, at its peak")
    trunk_rate: float = Field(0.1, ge=0, le=1, description="the trunk's rate over the new layers'")
    warmup_steps: int = Field(100, ge=0, description="steps of linear warm-up")
    depth_weight: float = Field(1.0, ge=0, description="of the DBE loss, or the Euclidean one")
    log_weight: float = Field(
        0.0, ge=0, description="of |log d^ - log d|, beside the depth's loss; 0: the paper's alone"
    )
    scale_invariant_weight: float = Field(
        0.0, ge=0, description="of scale_invariant_log_loss; photographs: of the teacher's depth"
    )
    mean_weight: float = Field(
        0.15, ge=0, le=1, description="what a wrong scale costs in it; photographs: 0"
    )
    gradient_weight: float = Field(
        0.0, ge=0, description="of gradient_matching_loss; photographs: of the teacher's depth"
    )
    batch_norm: Literal["train", "frozen"] = Field(
        "train", description="frozen: keep the start's statistics, for very small batches"
    )
    teacher: TeacherConfig | None = None

    @property
    def frozen_taps(self) -> tuple[int, ...]:
        """Those of TAPS below all that learns, () if there is none."""
        if self.trunk_layers is None:
            return ()
        return tuple(tap for tap in TAPS if tap <= TAPS[-1] - self.trunk_layers)

    @property
    def learns_depth_of_photographs(self) -> bool:
        """Whether pictures without truth have a loss of depth."""
        if self.teacher is None or self.teacher.depth is None:
            return False
        relative = self.scale_invariant_weight + self.gradient_weight
        return self.teacher.depth_weight + relative > 0


class TrainConfig(Settings):
    """A training run: data, augmentation and stages, one after the other."""

    out: Path = Field(description="folder for checkpoints, state, log and samples")
    cache: Path | None = Field(None, description="folder for decoded pictures; None: OUT/cache")
    data: tuple[DataConfig, ...] = Field(min_length=1)
    held_out: tuple[DataConfig, ...] = Field(
        (), description="to choose the best checkpoint; empty: a share of `data`"
    )
    held_out_share: float = Field(
        0.1, gt=0, le=0.5, description="share of the groups of `data`, where `held_out` is empty"
    )
    trunk: TrunkName
    space: DepthSpace = Field(
        DepthSpace(),
        description="output_space balanced: DBE loss; depth: plain Euclidean loss",
    )
    augment: AugmentConfig = AugmentConfig()
    stages: tuple[StageConfig, ...] = Field(min_length=1)

    batch: int = Field(16, ge=1, description="pictures a step, over all processes")
    micro_batch: int | None = Field(
        None, ge=1, description="pictures in one pass of one process; None: all of its share"
    )
    weight_decay: float = Field(0.02, ge=0)
    clip: float = Field(10.0, gt=0, description="largest norm of the gradient")
    ema: float = Field(0.998, ge=0, lt=1, description="decay of the averaged weights, a step")
    seed: int = Field(0, ge=0)

    device: DeviceName = "auto"
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    threads: int | None = Field(None, ge=1, description="of torch on the CPU; None: as it chooses")
    workers: int = Field(
        2, ge=1, description="processes that prepare samples, for each one that trains"
    )

    save_minutes: float = Field(10.0, gt=0, description="time between two saved states")
    save_steps: int | None = Field(None, ge=1, description="steps between two; None: by time alone")
    log_steps: int = Field(50, ge=1)
    validate_epochs: int = Field(1, ge=1, description="epochs between two validations")
    tensorboard: bool = False
    description: str = ""
    licence: str = ""

    @field_validator("stages")
    @classmethod
    def _stages(cls, stages: tuple[StageConfig, ...]) -> tuple[StageConfig, ...]:
        if len({stage.name for stage in stages}) < len(stages):
            raise ValueError("two stages have the same name")
        if stages[0].start == "previous":
            raise ValueError("the first stage has no previous one; give it a start")
        return stages

    @model_validator(mode="after")
    def _batches(self) -> TrainConfig:
        if self.batch % min(self.micro_batch or self.batch, self.batch):
            raise ValueError(f"batch {self.batch} is no multiple of micro_batch {self.micro_batch}")
        return self

    def network(self, stage: StageConfig) -> NetworkConfig:
        """The network of a stage."""
        return NetworkConfig(trunk=self.trunk, input_size=stage.input_size, modified=stage.modified)

    @model_validator(mode="after")
    def _photographs(self) -> TrainConfig:
        """Pictures without truth have something to teach, and are no measure."""
        without = [source.path for source in self.data if not source.truth]
        for stage in self.stages:
            if without and not stage.learns_depth_of_photographs:
                raise ValueError(
                    f"{without[0]} has truth: false, so stage {stage.name} takes teacher: depth, "
                    f"and depth_weight, scale_invariant_weight or gradient_weight above 0"
                )
        for source in self.held_out:
            if not source.truth:
                raise ValueError(f"held_out: {source.path} has truth: false and measures nothing")
            if source.weight != 1:
                raise ValueError(f"held_out: {source.path}: every picture is measured once")
        return self

    @model_validator(mode="after")
    def _families(self) -> TrainConfig:
        """What a stage asks for is there in the trunk's family."""
        for stage in self.stages:
            try:
                family = self.network(stage).family
            except ValidationError as error:
                raise ValueError(f"stage {stage.name}: {explain(error)}") from error
            if family == "resnet" and stage.trunk_layers is not None:
                raise ValueError(
                    f"stage {stage.name}: trunk_layers is for vision transformers; {self.trunk} "
                    f"learns as a whole, at trunk_rate"
                )
            if stage.views and not stage.frozen_taps:
                raise ValueError(
                    f"stage {stage.name}: views is for a vision transformer of which at most the "
                    f"last {TAPS[-1] - TAPS[0]} layers learn; give trunk_layers, or leave views out"
                )
            taught = stage.teacher
            if family == "vit" and taught is not None and (taught.features or taught.encoder):
                raise ValueError(
                    f"stage {stage.name}: a teacher's features are for a ResNet's layers; "
                    f"{self.trunk} starts from DINOv2 itself (start: vit_s_focus.onnx), and takes "
                    f"teacher: depth"
                )
        return self

    @property
    def cached_side(self) -> int:
        """The shorter side [px] at which pictures are cached: the largest zoom keeps its detail."""
        return math.ceil(self.augment.zoom * max(stage.input_size for stage in self.stages))


def refuse_to_overwrite(config: TrainConfig, resume: bool) -> None:
    """Raises: ValueError: a run is in the run's folder already, and ``resume`` is not set."""
    there = [s.name for s in config.stages if (config.out / s.name / STATE).is_file()]
    if there and not resume:
        raise ValueError(
            f"{config.out / there[0]} holds a run already; go on with --resume, or choose another "
            f"`out`"
        )


def load_train_config(path: Path | str) -> TrainConfig:
    """The training run described in a YAML file; relative paths are from the working directory.

    Raises:
        FileNotFoundError: no such file.
        ValueError: not YAML, or a key is unknown, missing or out of range; names each.
    """
    path = Path(path)
    try:
        return TrainConfig.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from error
    except ValidationError as error:
        raise ValueError(f"{path}: {explain(error)}") from error
