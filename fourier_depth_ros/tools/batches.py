"""Batches of training samples, each a function of the seed and its number alone.

Sample s of a stage is picture s mod n of epoch s div n, in an order and with an augmentation that
follow from (seed, epoch) and (seed, s). So a resumed run sees what an uninterrupted one would have
seen, and so do several processes that share a batch.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from fourier_depth_ros.config import DepthSpace, NetworkConfig
from fourier_depth_ros.tools.augment import (
    View,
    canonical_truth,
    cut_view,
    random_view,
    resize_rgb,
    shift_colours,
    warp_features,
)
from fourier_depth_ros.tools.data.cache import Pair
from fourier_depth_ros.tools.distillation import TeacherFeatures
from fourier_depth_ros.tools.training_config import AugmentConfig

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Batch:
    """Training samples on their way to the network.

    crops: (n, 3, side, side) uint8 RGB. truth: (n, rows, columns) float32 [canonical m], NaN
    invalid. features: (n, channels, k, k) of a teacher, k = the side of layer3's map; or None.
    """

    crops: Tensor
    truth: Tensor
    features: Tensor | None

    @property
    def valid(self) -> Tensor:
        """(n, rows, columns) bool: where the truth is known."""
        return torch.isfinite(self.truth)

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        crops, truth = self.crops.to(device), self.truth.to(device)
        return Batch(crops, truth, None if self.features is None else self.features.to(device))


@dataclass(frozen=True, eq=False)
class SampleMaker:
    """Makes the samples of one stage out of its pairs.

    ``colour_samples``: over so many samples, colour changes grow to their full strength.
    """

    pairs: Sequence[Pair]
    network: NetworkConfig
    space: DepthSpace
    augment: AugmentConfig
    seed: int
    colour_samples: float
    teacher: TeacherFeatures | None = None

    def training_batch(self, first: int, count: int) -> Batch:
        """Samples first .. first + count - 1 of the stage, augmented."""
        parts = []
        for sample in range(first, first + count):
            epoch, place = divmod(sample, len(self.pairs))
            pair = self.pairs[int(_order(len(self.pairs), self.seed, epoch)[place])]
            rng = np.random.default_rng((self.seed, 1, sample))
            view = random_view(rng, self.augment)
            grown = min(1.0, sample / self.colour_samples) if self.colour_samples else 1.0
            crop, truth = self._sample(pair, view)
            crop = shift_colours(crop, rng, self.augment.colour * grown)
            parts.append((crop, truth, self._features(pair, view)))
        return _collate(parts)

    def whole_batch(self, indices: Sequence[int]) -> Batch:
        """Whole pictures as they are, for validation."""
        return _collate([(*self._sample(self.pairs[i], View()), None) for i in indices])

    def _sample(self, pair: Pair, view: View) -> tuple[np.ndarray, Tensor]:
        seen = cut_view(pair, view)
        crop = resize_rgb(seen.rgb, self.network.input_size)
        return crop, canonical_truth(seen, self.space, self.network.map_size)

    def _features(self, pair: Pair, view: View) -> Tensor | None:
        if self.teacher is None:
            return None
        side = -(-self.network.input_size // 16)  # layer3's stride
        return warp_features(self.teacher.read(pair.name), view, pair.depth.shape, side)


@lru_cache(maxsize=4)
def _order(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng((seed, 0, epoch)).permutation(count)


def _collate(parts: Sequence[tuple[np.ndarray, Tensor, Tensor | None]]) -> Batch:
    crops, truths, features = zip(*parts, strict=True)
    # channels last, as the convolutions want it
    return Batch(
        torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2),
        torch.stack(truths),
        None if features[0] is None else torch.stack(features),
    )


def prefetch(make: Callable[[int], T], numbers: Sequence[int], workers: int) -> Generator[T]:
    """make(number) for each number, in order, prepared ahead by threads.

    NumPy, OpenCV and torch let go of the interpreter while they work. Closing the iterator ends the
    threads. Raises: whatever ``make`` raises, when its turn comes.
    """
    waiting: deque[Future[T]] = deque()
    upcoming = iter(numbers)
    # One thread of torch in each: teams for operations this small cost six times as much, in
    # waiting for each other. The number is a thread's own once it has been asked for.
    torch.get_num_threads()
    with ThreadPoolExecutor(
        workers, thread_name_prefix="samples", initializer=torch.set_num_threads, initargs=(1,)
    ) as pool:
        try:
            for number in upcoming:
                waiting.append(pool.submit(make, number))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def split_groups(pairs: Sequence[Pair], share: float) -> tuple[list[int], list[int]]:
    """Indices of the pairs to train on, and of about ``share`` of the groups to hold out.

    The side of a group is a hash of its name: the same in every process and on every day.

    Raises:
        ValueError: one side is empty.
    """
    sides: tuple[list[int], list[int]] = ([], [])
    for index in range(len(pairs)):
        hashed = zlib.crc32(pairs[index].group.encode()) / 2**32
        sides[hashed < share].append(index)
    if not all(sides):
        groups = len({pair.group for pair in pairs})
        raise ValueError(
            f"held_out_share {share:g} of {groups} groups (rooms, scenes, bags) leaves nothing on "
            f"one side; name other data under held_out, or change the share"
        )
    return sides
