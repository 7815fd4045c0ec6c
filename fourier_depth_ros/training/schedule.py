"""When what happens in a training stage, and how fast it learns."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from fourier_depth_ros.signals import Stop
from fourier_depth_ros.training.config import StageConfig, TrainConfig

if TYPE_CHECKING:
    from lightning_fabric import Fabric

#: The learning rate ends at this share of its peak.
FINAL_RATE = 0.02


def rate_factor(step: int, stage: StageConfig) -> float:
    """The share of the peak learning rate at step 0, 1, ...: linear warm-up, then half a cosine."""
    warm = min(1.0, (step + 1) / max(stage.warmup_steps, 1))
    done = max(0, step - stage.warmup_steps) / max(stage.steps - stage.warmup_steps, 1)
    return warm * (FINAL_RATE + (1 - FINAL_RATE) * 0.5 * (1 + math.cos(math.pi * done)))


@dataclass(frozen=True)
class Due:
    """What follows a step: a line in the log, a validation, a saved state, the end of the loop."""

    log: bool
    validate: bool
    save: bool
    stop: bool


class Schedule:
    """Says after each step what is due, the same in every process.

    The first one's clock counts, and a signal that any of them got.
    """

    def __init__(
        self,
        fabric: Fabric,
        config: TrainConfig,
        stage: StageConfig,
        epoch: int,
        deadline: float,
        stop: Stop,
    ) -> None:
        self._stop = stop
        self._fabric = fabric
        self._config = config
        self._steps = stage.steps
        self._validation_steps = epoch * config.validate_epochs
        self._deadline = deadline
        self._saved = time.monotonic()

    def after(self, step: int) -> Due:
        """What is due after ``step`` steps."""
        config, now = self._config, time.monotonic()
        stop, save = self._fabric.broadcast(
            (now >= self._deadline, now >= self._saved + 60 * config.save_minutes)
        )
        last = stop or self.agree_on_signal() > 0 or step == self._steps
        save = save or last or (config.save_steps is not None and step % config.save_steps == 0)
        if save:
            self._saved = now
        return Due(
            # a loss that is not finite must show before it is saved
            log=step % config.log_steps == 0 or save,
            # not at a deadline: what is best must not depend on where a run was interrupted
            validate=step % self._validation_steps == 0 or step == self._steps,
            save=save,
            stop=last,
        )

    def agree_on_signal(self) -> int:
        """The number of a signal that any process got, 0 for none; all have to ask."""
        if self._fabric.world_size == 1:
            return self._stop.number
        return int(self._fabric.all_reduce(torch.tensor(self._stop.number), reduce_op="max"))
