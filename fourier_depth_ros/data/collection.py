"""Several RGB-D data sets as one, their pictures numbered and their rooms kept apart."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

from fourier_depth_ros.data.bag import BagDepth
from fourier_depth_ros.data.progress import track
from fourier_depth_ros.data.sample import RgbdDataset, RgbdSample

T = TypeVar("T")

#: One recording is cut into this many stretches of time, which stand for rooms.
STRETCHES = 10
#: From this many data sets on, a recording is one room: there are enough to hold some out.
ENOUGH = 7


class NumberedSample(NamedTuple):
    """A sample, its place among all of the collection, and its room's."""

    number: int
    room: int
    sample: RgbdSample


class RgbdCollection:
    """The samples of several data sets, one after the other, with their progress on stderr.

    A room is a data set's group; few bags are cut into stretches of time, for a bag has one group
    and nothing can be held out of that. Rooms are numbered as they come, so that every process and
    every pass numbers them alike.

    Args:
        datasets: from open_rgbd.
        description: what the pictures are, for the progress; None: it is not shown.
        keep: whether to hand on the samples of the n-th room; those left out take no number.
    """

    def __init__(
        self,
        datasets: Sequence[RgbdDataset],
        description: str | None = None,
        keep: Callable[[int], bool] = lambda room: True,
    ) -> None:
        self._datasets = datasets
        self._description = description
        self._keep = keep

    def __len__(self) -> int:
        """How many samples there are at most; unreadable ones and other rooms' show on reading."""
        return sum(len(dataset) for dataset in self._datasets)

    def __iter__(self) -> Iterator[NumberedSample]:
        rooms: dict[str, int] = {}
        kept: dict[int, int] = {}
        number = 0
        shown = self._description is not None
        samples = read_ahead(self._samples())
        for key, sample in track(samples, self._description or "", len(self), shown=shown):
            room = rooms.setdefault(key, len(rooms))
            if self._keep(room):
                yield NumberedSample(number, kept.setdefault(room, len(kept)), sample)
                number += 1

    @property
    def skipped(self) -> int:
        """Unreadable samples of the latest pass."""
        return sum(dataset.skipped for dataset in self._datasets)

    def _samples(self) -> Iterator[tuple[str, RgbdSample]]:
        for place, dataset in enumerate(self._datasets):
            cut = isinstance(dataset, BagDepth) and len(self._datasets) < ENOUGH
            for index, sample in enumerate(dataset):
                stretch = index * STRETCHES // len(dataset) if cut else 0
                # two folders may name their rooms alike
                yield f"{place}/{sample.group}/{stretch}", sample


def read_ahead(samples: Iterator[T], count: int = 4) -> Iterator[T]:
    """The same, ``count`` of them read by a thread while the last one is being worked on.

    Raises: whatever reading raises, in its turn.
    """
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="reader") as reader:
        coming = deque(reader.submit(next, samples, end) for _ in range(count))
        while (sample := coming.popleft().result()) is not end:
            coming.append(reader.submit(next, samples, end))
            yield sample  # type: ignore[misc]  # not the end


def hold_out(room: int, share: float = 0.2) -> bool:
    """Whether the n-th room is one of the ``share`` that is held out; of a fifth 1, 6, 11, ...

    Convention: rooms count in the data's order, from 0. Every n-th is held out, n = 1 / ``share``
    rounded; so of two rooms one can be, and rooms that are added move none to the other side.
    """
    return room % round(1 / share) == 1
