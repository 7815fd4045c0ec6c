"""Which picture each sample of a stage is of: sets of data count as much as their weight says."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import numpy as np


@dataclass(frozen=True)
class Epochs:
    """Orders of pictures, one after the other; each follows from its seed and number alone.

    runs: (pictures, weight) of each set of data, as its pictures follow one another. An epoch shows
    every picture of a set floor(weight) or ceil(weight) times, and another part of them once more
    in each epoch, so that the set has round(weight * pictures) samples in it, at least 1.
    """

    runs: tuple[tuple[int, float], ...]

    @staticmethod
    def of(weights: Iterable[float]) -> Epochs:
        """The epochs of pictures with these weights."""
        return Epochs(tuple((len(list(run)), weight) for weight, run in groupby(weights)))

    def __len__(self) -> int:
        """Samples of one epoch."""
        return sum(whole * count + more for count, whole, more in self._shares())

    def picture(self, sample: int, seed: int) -> int:
        """The index of the picture that sample ``sample`` >= 0 of a stage is of."""
        epoch, place = divmod(sample, len(self))
        return int(_order(self, seed, epoch)[place])

    def order(self, seed: int, epoch: int) -> np.ndarray:
        """The indices of one epoch's pictures, (len(self),)."""
        rng = np.random.default_rng((seed, 0, epoch))
        parts, first = [], 0
        for count, whole, more in self._shares():
            indices = np.arange(first, first + count)
            parts += [indices] * whole
            if more:  # whole weights draw nothing
                parts.append(rng.choice(indices, more, replace=False))
            first += count
        return np.concatenate(parts)[rng.permutation(len(self))]

    def _shares(self) -> list[tuple[int, int, int]]:
        """(pictures, how often each is shown, how many once more) of each run."""
        shares = []
        for count, weight in self.runs:
            whole = math.floor(weight)
            more = math.floor((weight - whole) * count + 0.5)
            shares.append((count, whole, more if whole else max(1, more)))
        return shares


@lru_cache(maxsize=4)
def _order(epochs: Epochs, seed: int, epoch: int) -> np.ndarray:
    return epochs.order(seed, epoch)
