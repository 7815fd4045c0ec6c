"""Training samples a second: processes against threads, by turns.

    python experiments/sample_workers.py WORKERS [BATCHES]

Batches of 32 at 192 px, all augmentation on, of the pictures in test/data/rooms.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import torch

from fourier_depth_ros.training.config import TrainConfig
from fourier_depth_ros.training.pairs import open_training_data
from fourier_depth_ros.training.samples import Batch, prefetch
from fourier_depth_ros.training.stage import sample_makers

ROOMS = Path(__file__).parents[1] / "test" / "data" / "rooms"
BATCH = 32


def threads(make: Callable[[int], Batch], numbers: range, workers: int) -> Generator[Batch]:
    """As prefetch, in threads."""
    waiting: deque = deque()
    torch.get_num_threads()  # a thread's number is its own once it was asked for
    with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for number in numbers:
            waiting.append(pool.submit(make, number))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def rate(batches: Iterator[Batch]) -> float:
    """Samples a second after the first batch."""
    next(batches)
    start = time.perf_counter()
    count = sum(1 for _ in batches)
    return BATCH * count / (time.perf_counter() - start)


def main(workers: int, count: int = 150) -> None:
    """Three turns, each way ``count`` batches."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        stage = {"name": "a", "modified": True, "start": "scratch", "input_size": 192}
        config = TrainConfig.model_validate(
            {
                "out": folder,
                "data": [{"path": ROOMS}],
                "trunk": "resnet18",
                "augment": {"colour_ramp": 0.0},
                "stages": [{**stage, "steps": 1, "learning_rate": 1e-3}],
            }
        )
        maker, _ = sample_makers(config, 0, open_training_data(config))
        for _ in range(3):
            old, new = (
                rate(way(lambda n: maker.training_batch(BATCH * n, BATCH), range(count), workers))
                for way in (threads, prefetch)
            )
            print(f"threads {old:.0f}, processes {new:.0f} samples a second: {new / old:.2f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
