"""The pairs of a training run: to learn from, and held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fourier_depth_ros.data.collection import hold_out
from fourier_depth_ros.training.cache import Pair, PairCache, cached_pairs
from fourier_depth_ros.training.config import DataConfig, TrainConfig


class PairList(Sequence[Pair]):
    """Pairs out of several caches: of each its cache, its place there and its set's weight."""

    def __init__(self, places: list[tuple[PairCache, int, float]]) -> None:
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> Pair:  # type: ignore[override]  # no slices
        cache, place, _ = self._places[index]
        return cache[place]

    @property
    def weights(self) -> list[float]:
        """How often each pair is drawn, in relation to one of a set of weight 1."""
        return [weight for _, _, weight in self._places]

    @property
    def keys(self) -> list[tuple[str, int, float]]:
        """What tells one list from another: of each pair its cache's name, place and weight."""
        return [(cache.name, place, weight) for cache, place, weight in self._places]

    def __add__(self, other: PairList) -> PairList:
        return PairList(self._places + other._places)

    def subset(self, indices: list[int]) -> PairList:
        """Some of the pairs."""
        return PairList([self._places[i] for i in indices])


@dataclass(frozen=True)
class TrainingData:
    """The two sides of the data, apart by group or by source."""

    train: PairList
    held_out: PairList


def open_training_data(config: TrainConfig) -> TrainingData:
    """The data of a run, decoded into the cache on the first call; photographs come last.

    Raises:
        ValueError, FileNotFoundError, ImportError: as cached_pairs and split_groups.
    """
    pairs = _open(config, [source for source in config.data if source.truth])
    photographs = _open(config, [source for source in config.data if not source.truth])
    if config.held_out:
        return TrainingData(pairs + photographs, _open(config, config.held_out))
    kept, held_out = split_groups(pairs, config.held_out_share)
    return TrainingData(pairs.subset(kept) + photographs, pairs.subset(held_out))


def _open(config: TrainConfig, sources: Sequence[DataConfig]) -> PairList:
    root: Path = config.cache or config.out / "cache"
    places: list[tuple[PairCache, int, float]] = []
    for source in sources:
        cache = cached_pairs(source, root, config.cached_side)
        places += [(cache, index, source.weight) for index in range(len(cache))]
    return PairList(places)


def split_groups(pairs: Sequence[Pair], share: float) -> tuple[list[int], list[int]]:
    """Indices of the pairs to train on, and of about ``share`` of the groups to hold out.

    By hold_out, as fit does it: in the groups' order.

    Raises:
        ValueError: one side is empty.
    """
    sides: tuple[list[int], list[int]] = ([], [])
    order: dict[str, int] = {}
    for index in range(len(pairs)):
        group = order.setdefault(pairs[index].group, len(order))
        sides[hold_out(group, share)].append(index)
    if not all(sides):
        raise ValueError(
            f"held_out_share {share:g} of {len(order)} groups (rooms, scenes, bags) leaves "
            f"nothing on one side; name other data under held_out, or change the share"
        )
    return sides
