"""A stage's samples, made once with what the frozen layers of a vision transformer answer to them.

Where the trunk stays as it is, most of a step on a CPU would compute the same features again. So
the SampleMaker that would have made a stage's samples on the way makes some of them before it
begins, and its steps draw from these, through the layers that learn alone. Ours, not the paper's.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import torch
from numpy.lib.format import open_memmap
from torch import Tensor

from fourier_depth_ros.core.vit import VitDepthNetwork
from fourier_depth_ros.data.progress import track
from fourier_depth_ros.files import whole_folder
from fourier_depth_ros.signals import Stop
from fourier_depth_ros.training.pairs import TrainingData
from fourier_depth_ros.training.samples import Batch, Views, prefetch
from fourier_depth_ros.training.stage import StageRun

VERSION = 1
#: Files in the folder of a stage's views: a record of each, and whether it is there (bool).
VIEWS, MADE = "views.npy", "made.npy"

logger = logging.getLogger(__name__)


def make_views(run: StageRun, data: TrainingData, deadline: float, stop: Stop) -> Views | None:
    """The views of a run's stage; what is missing of them is made, by all processes in turns.

    None where ``deadline`` [s of time.monotonic()] or ``stop`` came before they were all made: the
    same call goes on from there, and after at most ``save_minutes`` less where the process died.
    They lie beside the cache, in a folder whose name follows from all that they depend on.

    Raises:
        ValueError: the disk has no room for them.
        OSError: they cannot be written.
    """
    fabric, config, maker = run.fabric, run.config, run.train
    assert maker.epochs is not None
    total = run.stage.views * len(maker.epochs)
    root: Path = config.cache or config.out / "cache"
    folder = root / f"views-{_key(run, data)}"
    with fabric.rank_zero_first():  # it makes the files, the others find them
        if not folder.is_dir():
            _reserve(folder, _record(run), total, run.stage.name)
    records = np.load(folder / VIEWS, mmap_mode="r+")
    made = np.load(folder / MADE, mmap_mode="r+")
    size = config.micro_batch or config.batch
    parts = [range(i, min(i + size, total)) for i in range(0, total, size)]
    parts = [part for part in parts if not made[part.start : part.stop].all()]
    fabric.barrier()  # all have seen what is missing before one of them adds to it
    if parts:
        missing = sum(map(len, parts))
        if missing < total:
            logger.info("%s: %d of %d views are there already", folder, total - missing, total)
        steps = _make(run, parts, records, made, deadline, stop)
        for _ in track(steps, "making views", missing, "view", fabric.is_global_zero):
            pass
        fabric.barrier()
    return Views(records, maker.seed) if made.all() else None


def _make(
    run: StageRun,
    parts: list[range],
    records: np.ndarray,
    made: np.ndarray,
    deadline: float,
    stop: Stop,
) -> Iterator[int]:
    """Make the samples of these parts; yields the number of each one, whichever process made it."""
    fabric = run.fabric
    world, rank = fabric.world_size, fabric.global_rank
    mine = parts[rank::world]
    unsaved: list[range] = []
    saved = time.monotonic()

    def save() -> None:
        _flush(records)  # before it is said to be there, whatever happens to the power
        for part in unsaved:
            made[part.start : part.stop] = True
        _flush(made)
        unsaved.clear()

    def make(number: int) -> Batch:
        return run.train.training_batch(mine[number].start, len(mine[number]))

    try:
        with closing(prefetch(make, range(len(mine)), run.config.workers)) as batches:
            for turn in range(0, len(parts), world):
                if (batch := next(batches, None)) is not None:
                    part = mine[turn // world]
                    _write(records[part.start : part.stop], batch, _tokens(run, batch.crops))
                    unsaved.append(part)
                if time.monotonic() >= saved + 60 * run.config.save_minutes:
                    save()
                    saved = time.monotonic()
                for part in parts[turn : turn + world]:
                    yield from part
                ended = float(stop.came or time.monotonic() >= deadline)
                all_ended = torch.tensor(ended, device=fabric.device)
                if fabric.all_reduce(all_ended, reduce_op="max") > 0:
                    break
    finally:
        save()


def _flush(array: np.ndarray) -> None:
    assert isinstance(array, np.memmap)
    array.flush()


def _write(records: np.ndarray, batch: Batch, taps: Tensor) -> None:
    records["crops"] = batch.crops.permute(0, 2, 3, 1).numpy()
    records["truth"] = batch.truth.numpy()
    records["taps"] = taps.numpy()
    if batch.taught is not None:
        records["taught"] = batch.taught.numpy()


@torch.no_grad()
def _tokens(run: StageRun, crops: Tensor) -> Tensor:
    """The tokens after the frozen taps, (n, taps, tokens, channels) float16, on the CPU."""
    network = run.student.network
    assert isinstance(network, VitDepthNetwork)
    with run.fabric.autocast():
        tokens = network.trunk.embed(network.centred(crops.to(run.fabric.device)))
        taps = network.trunk.after(tokens, 0, run.stage.frozen_taps[-1])
    return torch.stack(taps, dim=1).half().cpu()


def _record(run: StageRun) -> np.dtype:
    network, trunk = run.train.network, run.student.network.trunk
    assert isinstance(run.student.network, VitDepthNetwork)
    tokens = (len(run.stage.frozen_taps), 1 + trunk.cells**2, trunk.first.shape[-1])
    fields = [
        ("taps", np.float16, tokens),
        ("truth", np.float32, network.map_size),
        ("crops", np.uint8, (network.input_size, network.input_size, 3)),
    ]
    if run.train.teacher is not None:  # of a vision transformer always of depth
        fields.append(("taught", np.float32, network.map_size))
    return np.dtype(fields)


def _reserve(folder: Path, record: np.dtype, total: int, stage: str) -> None:
    """Make the files in their whole size, and say it."""
    size = total * record.itemsize
    folder.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder.parent).free
    text = f"stage {stage}: {total} views take {size / 1e9:.1f} GB"
    if size > free:
        raise ValueError(
            f"{text}, and {folder.parent} has {free / 1e9:.1f} GB free; lower views, or let cache "
            f"be on another disk"
        )
    logger.info("%s (%.2f MB each) in %s", text, record.itemsize / 1e6, folder)
    with whole_folder(folder) as partial:
        open_memmap(partial / VIEWS, "w+", record, (total,))
        with (partial / VIEWS).open("r+b") as file:
            # what a disk has no room for, once it is mapped, ends the process (SIGBUS)
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
        open_memmap(partial / MADE, "w+", np.bool_, (total,))


def _key(run: StageRun, data: TrainingData) -> str:
    """A digest of all that the views depend on."""
    network, maker, stage = run.student.network, run.train, run.stage
    digest = hashlib.sha256()
    for name, weights in network.trunk.state_dict().items():
        part, _, rest = name.partition(".")
        frozen = int(rest.partition(".")[0]) < stage.frozen_taps[-1] if part == "layers" else True
        if frozen:
            digest.update(weights.cpu().contiguous().numpy().tobytes())
    teacher: list[tuple[str, int, int]] = []
    if maker.teacher is not None and (depth := maker.teacher.depth) is not None:
        files = [(depth / f"{pair.name}.npy").resolve() for pair in maker.pairs]
        stats = [file.stat() for file in files]
        teacher = [
            (str(file), stat.st_size, stat.st_mtime_ns)
            for file, stat in zip(files, stats, strict=True)
        ]
    content = [
        VERSION,
        data.train.keys,
        teacher,
        stage.views,
        stage.frozen_taps,
        maker.seed,
        run.config.precision,
        *(part.model_dump(mode="json") for part in (maker.network, maker.space, maker.augment)),
    ]
    digest.update(json.dumps(content).encode())
    return digest.hexdigest()[:16]
