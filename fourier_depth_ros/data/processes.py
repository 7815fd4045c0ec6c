"""Several processes on one task, as torchrun starts them: who takes what, and putting it together.

Only gloo is used, for what is exchanged lies on the CPU: statistics, sums and lists.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """This process among all of them; on its own without torchrun."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that prints and writes files."""
        return self.rank == 0

    def takes(self, number: int) -> bool:
        """Whether picture ``number`` is this process's: they take turns, so that even a single
        recording is shared out evenly.
        """
        return number % self.world == self.rank

    def gather(self, value: T) -> list[T]:
        """Every process's ``value``, by rank, in every process."""
        if self.world == 1:
            return [value]
        values: list[T | None] = [None] * self.world
        dist.all_gather_object(values, value)
        return values  # type: ignore[return-value]

    def device(self, name: str) -> str:
        """The device meant by 'auto' or 'cuda': on a machine with several, one for each process."""
        if self.world > 1 and name in ("auto", "cuda") and torch.cuda.is_available():
            return f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}"
        return name


@contextmanager
def join_processes() -> Iterator[Processes]:
    """Meet the other processes that torchrun started, until the block ends."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Processes()
        return
    dist.init_process_group("gloo")
    try:
        yield Processes(dist.get_rank(), world)
    finally:
        dist.destroy_process_group()
