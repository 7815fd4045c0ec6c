"""Batches of training samples, each a function of the seed and its number alone.

Sample s of a stage is sample s mod n of epoch s div n, in an order and with an augmentation that
follow from (seed, epoch) and (seed, s). So a resumed run sees what an uninterrupted one would have
seen, and so do several processes that share a batch.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from fourier_depth_ros.config import DepthSpace, NetworkConfig
from fourier_depth_ros.training.augment import (
    View,
    cut_view,
    pair_truth,
    random_view,
    resize_rgb,
    shift_colours,
    warp_depth,
    warp_features,
)
from fourier_depth_ros.training.cache import Pair
from fourier_depth_ros.training.cameras import take
from fourier_depth_ros.training.config import AugmentConfig
from fourier_depth_ros.training.epochs import Epochs
from fourier_depth_ros.training.teacher.distillation import TeacherMaps

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Batch:
    """Training samples on their way to the network.

    crops: (n, 3, side, side) uint8 RGB. truth: (n, rows, columns) float32 [canonical m], NaN
    invalid. Of a teacher, or None: features (n, channels, k, k), k = the side of layer3's map;
    taught, its depth, as truth. taps: (n, taps, tokens, channels) float16, the tokens after the
    first of a vision transformer's TAPS where they were computed before (views.py), or None.
    """

    crops: Tensor
    truth: Tensor
    features: Tensor | None = None
    taught: Tensor | None = None
    taps: Tensor | None = None

    @property
    def known(self) -> Tensor:
        """(3,): in how many cells ``truth`` and ``taught`` are known, and pictures have either."""
        depths = (self.truth, self.truth[:0] if self.taught is None else self.taught)
        cells = [depth.isfinite().sum() for depth in depths]
        return torch.stack([*cells, self.relative()[0].isfinite().flatten(1).any(dim=1).sum()])

    def relative(self) -> tuple[Tensor, Tensor]:
        """What relative errors are against, as truth, and (n,) bool: whether its scale is known.

        It is the truth of a picture that has any. Of one without it is the teacher's depth, whose
        scale is a guess: nobody knows a photograph's camera.
        """
        has = self.truth.isfinite().flatten(1).any(dim=1)
        if self.taught is None:
            return self.truth, has
        return self.truth.where(has[:, None, None], self.taught), has

    def to(self, device: torch.device) -> Batch:
        """The batch on a device."""
        return Batch(
            self.crops.to(device),
            self.truth.to(device),
            None if self.features is None else self.features.to(device),
            None if self.taught is None else self.taught.to(device),
            None if self.taps is None else self.taps.to(device),
        )


class _Sample(NamedTuple):
    crop: np.ndarray
    truth: Tensor
    features: Tensor | None = None
    taught: Tensor | None = None


@dataclass(frozen=True, eq=False)
class SampleMaker:
    """Makes the samples of one stage out of its pairs.

    ``colour_samples``: over so many samples, changes of colour and camera grow to their strength.
    ``epochs``: the order of the pictures; None: each of them once an epoch.
    """

    pairs: Sequence[Pair]
    network: NetworkConfig
    space: DepthSpace
    augment: AugmentConfig
    seed: int
    colour_samples: float
    teacher: TeacherMaps | None = None
    epochs: Epochs | None = None

    def training_batch(self, first: int, count: int) -> Batch:
        """Samples first .. first + count - 1 of the stage, augmented."""
        samples = []
        epochs = self.epochs or Epochs(((len(self.pairs), 1.0),))
        for sample in range(first, first + count):
            pair = self.pairs[epochs.picture(sample, self.seed)]
            rng = np.random.default_rng((self.seed, 1, sample))
            view = random_view(rng, self.augment)
            grown = min(1.0, sample / self.colour_samples) if self.colour_samples else 1.0
            crop, truth = self._sample(pair, view)
            crop = shift_colours(crop, rng, self.augment.colour * grown)
            crop = take(crop, rng, self.augment.camera * grown)
            samples.append(_Sample(crop, truth, *self._taught(pair, view)))
        return _collate(samples)

    def whole_batch(self, indices: Sequence[int]) -> Batch:
        """Whole pictures as they are, for validation."""
        return _collate([_Sample(*self._sample(self.pairs[i], View())) for i in indices])

    def _sample(self, pair: Pair, view: View) -> tuple[np.ndarray, Tensor]:
        seen = cut_view(pair, view)
        crop = resize_rgb(seen.rgb, self.network.input_size)
        return crop, pair_truth(seen, self.space, self.network.map_size)

    def _taught(self, pair: Pair, view: View) -> tuple[Tensor | None, Tensor | None]:
        """The teacher's features and depth as the view sees them."""
        features = depth = None
        size = pair.depth.shape
        if self.teacher is not None and self.teacher.features is not None:
            side = -(-self.network.input_size // 16)  # layer3's stride
            whole = self.teacher.read_features(pair.name)
            features = warp_features(whole, view, size, (side, side))
        if self.teacher is not None and self.teacher.depth is not None:
            depth = warp_depth(
                self.teacher.read_depth(pair.name), view, size, self.network.map_size
            )
            depth = depth.where((depth > 0) & (depth <= self.space.max_depth), torch.nan)
        return features, depth


def _collate(samples: Sequence[_Sample]) -> Batch:
    return Batch(
        # channels last, as the convolutions want it
        torch.from_numpy(np.stack([one.crop for one in samples])).permute(0, 3, 1, 2),
        torch.stack([one.truth for one in samples]),
        _stack([one.features for one in samples]),
        _stack([one.taught for one in samples]),
    )


def _stack(parts: Sequence[Tensor | None]) -> Tensor | None:
    known = [part for part in parts if part is not None]
    return torch.stack(known) if known else None


@dataclass(frozen=True, eq=False)
class Views:
    """Samples that were made before (views.py): in every epoch each once, in an order of its own.

    records: (samples,) of the fields crops (side, side, 3), truth, taps and, of a teacher, taught;
    else as Batch has them. seed: what the orders follow from.
    """

    records: np.ndarray
    seed: int

    def training_batch(self, first: int, count: int) -> Batch:
        """Samples first .. first + count - 1 of the stage."""
        total = len(self.records)
        drawn = (divmod(sample, total) for sample in range(first, first + count))
        places = [_permutation(total, self.seed, epoch)[place] for epoch, place in drawn]

        def read(name: str) -> Tensor:
            return torch.from_numpy(self.records[name][places])

        taught = read("taught") if "taught" in (self.records.dtype.names or ()) else None
        crops = read("crops").permute(0, 3, 1, 2)
        return Batch(crops, read("truth"), taught=taught, taps=read("taps"))


@lru_cache(maxsize=4)
def _permutation(total: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng((seed, 2, epoch)).permutation(total)


def prefetch(make: Callable[[int], T], numbers: Sequence[int], workers: int) -> Generator[T]:
    """make(number) for each number, in order, prepared ahead by processes forked from this one.

    Closing the iterator ends them, as the end of this process does; SIGINT and SIGTERM do not, for
    Ctrl-C and torchrun send them to the whole group, and what to do is this process's to say. What
    they make travels through shared memory. Raises: whatever ``make`` raises, when its turn comes.
    """
    loader = DataLoader(
        _Calls(make, numbers), batch_size=None, num_workers=workers, multiprocessing_context="fork"
    )
    unblocked = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    made = iter(loader)  # forks them, with these signals blocked
    signal.pthread_sigmask(signal.SIG_SETMASK, unblocked)
    try:
        for value in made:
            if isinstance(value, Exception):
                raise value
            yield value
    finally:
        del made  # ends the processes


@dataclass(frozen=True, eq=False)
class _Calls(Dataset[Any]):
    make: Callable[[int], Any]
    numbers: Sequence[int]

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, index: int) -> Any:
        try:
            return self.make(self.numbers[index])
        except Exception as error:  # raised here, DataLoader would put a traceback into its message
            return error
