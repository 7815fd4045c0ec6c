"""What a training run says: a progress bar, log.jsonl, sample pictures, TensorBoard if wanted."""

from __future__ import annotations

import itertools
import json
import logging
import math
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from fourier_depth_ros.images.encodings import colorize_depth

if TYPE_CHECKING:
    from lightning_fabric import Fabric

T = TypeVar("T")

logger = logging.getLogger(__name__)


class TrainingLog:
    """The log of one stage in its folder; all of it does nothing in processes other than the first.

    log.jsonl has a line per interval and per validation, each with its ``step``; TensorBoard gets
    the same numbers. Lines beyond ``step``, of a run that was killed, are dropped: these steps are
    taken again. From step 0 on, the log of an earlier run is moved aside.

    Raises:
        ImportError: TensorBoard is wanted and not installed.
    """

    def __init__(self, folder: Path, step: int, steps: int, first: bool, tensorboard: bool) -> None:
        self._path = folder / "log.jsonl"
        self._samples = folder / "samples"
        self._first = first
        self._writer: Any = None
        self._losses: list[dict[str, Tensor]] = []
        self._norm: Tensor | None = None
        self._began = self._seconds = self._waited = 0.0
        self._start_time, self._start_step, self._steps = time.monotonic(), step, steps
        self._bar = tqdm(
            total=steps, initial=step, desc=folder.name, unit="step", disable=not first or None
        )
        if not first:
            return
        if self._path.is_file():
            if step:
                _cut(self._path, step)
            else:
                _move_aside(self._path)
        self._samples.mkdir(exist_ok=True)
        if tensorboard:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                raise ImportError(
                    "tensorboard: true takes that package: pip install tensorboard"
                ) from error
            self._writer = SummaryWriter(str(folder), purge_step=step)

    def wait(self, batches: Iterable[T]) -> Iterator[T]:
        """The batches, with the time from asking for one to `add` measured; the bar advances."""
        iterator = iter(batches)
        while True:
            self._began = time.monotonic()
            try:
                batch = next(iterator)
            except StopIteration:
                return
            self._waited += time.monotonic() - self._began
            yield batch
            self._bar.update()

    def add(self, losses: dict[str, Tensor], norm: Tensor) -> None:
        """One step's losses in this process, and the norm of the gradient, for the next line."""
        self._seconds += time.monotonic() - self._began
        self._losses.append(losses)
        self._norm = norm

    def write_interval(self, fabric: Fabric, step: int, rate: float, batch: int) -> None:
        """The line of the steps since the last one; its times leave validations out.

        Raises:
            RuntimeError: the mean loss is not finite.
        """
        if not self._losses or self._norm is None:
            return
        names = list(self._losses[0])
        table = torch.stack([torch.stack([step[name] for name in names]) for step in self._losses])
        means = fabric.all_reduce(table.mean(dim=0))
        loss = float(means.sum())
        if not math.isfinite(loss):
            raise RuntimeError(
                f"the loss is {loss} at step {step}; resume with a lower learning_rate, or with "
                f"precision bfloat16 or float32"
            )
        self.write(
            step,
            loss=loss,
            **{f"loss/{name}": float(mean) for name, mean in zip(names, means, strict=True)},
            norm=float(self._norm),
            rate=rate,
            ms_per_picture=1000 * self._seconds / (batch * len(self._losses)),
            waiting=self._waited / self._seconds,
        )
        self._losses.clear()
        self._seconds = self._waited = 0.0

    def write(self, step: int, **values: float) -> None:
        """One line, on the screen and in log.jsonl."""
        if not self._first:
            return
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        text = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
        elapsed = time.monotonic() - self._start_time
        left = elapsed / max(step - self._start_step, 1) * (self._steps - step)
        tqdm.write(f"step {step}/{self._steps}: {text}; {left / 60:.0f} min left")
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)
            self._writer.flush()

    def samples(self, step: int, crops: Tensor, truth: Tensor, depth: Tensor, far: float) -> None:
        """samples/STEP.png: a row each with the crop, its true depth and the predicted depth.

        crops: (n, 3, side, side) uint8. truth, depth: (n, rows, columns) [canonical m].
        """
        if not self._first:
            return
        rows = []
        for crop, *maps in zip(crops, truth, depth, strict=True):
            picture = crop.permute(1, 2, 0).cpu().numpy()
            colours = [colorize_depth(m.cpu().numpy(), 0.0, far) for m in maps]
            side = picture.shape[:2]
            large = [cv2.resize(c, side, interpolation=cv2.INTER_NEAREST) for c in colours]
            rows.append(np.hstack([picture, *large]))
        sheet = np.vstack(rows)
        if not cv2.imwrite(str(self._samples / f"{step:07d}.png"), sheet[..., ::-1]):
            raise OSError(f"{self._samples} cannot be written")
        if self._writer is not None:
            self._writer.add_image("samples", sheet, step, dataformats="HWC")

    def close(self) -> None:
        """End the bar and TensorBoard's file."""
        self._bar.close()
        if self._writer is not None:
            self._writer.close()


def _cut(path: Path, step: int) -> None:
    """Leave the lines up to ``step``."""
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if _step_of(line) <= step]
    if kept != lines:
        partial = path.with_name(f"{path.name}.partial")
        partial.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
        os.replace(partial, path)


def _step_of(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):  # cut off when the run was killed
        return math.inf


def _move_aside(path: Path) -> None:
    """Rename the log to log.1.jsonl, or the next number that is free."""
    for number in itertools.count(1):
        aside = path.with_name(f"log.{number}.jsonl")
        if not aside.exists():
            break
    path.rename(aside)
    logger.warning("%s is of a run without a saved state; it is now %s", path, aside.name)
