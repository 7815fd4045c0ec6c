"""How far a long run is, on stderr: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")

#: Between two lines [s]; what is done sooner leaves none.
LINE_SECONDS = 10.0


def track(
    items: Iterable[T],
    description: str,
    total: int | None,
    unit: str = "picture",
    shown: bool = True,
) -> Iterator[T]:
    """The ``items``, with how many of ``total`` are done and the time left at the mean rate so far.

    ``total``: None where nobody knows. ``shown``: not in processes other than the first.
    """
    if not shown:
        yield from items
    elif sys.stderr.isatty():
        yield from tqdm(items, desc=description, total=total, unit=unit, smoothing=0.0)
    else:
        start = said = time.monotonic()
        for done, item in enumerate(items):
            now = time.monotonic()
            if done and now - said >= LINE_SECONDS:
                said = now
                text = _line(done, total, unit, now - start)
                print(f"fourier-depth: {description}: {text}", file=sys.stderr, flush=True)
            yield item


def _line(done: int, total: int | None, unit: str, seconds: float) -> str:
    if total is None:
        return f"{done} {unit}s in {tqdm.format_interval(seconds)}"
    left = seconds / done * max(total - done, 0)
    return f"{done} of {total} {unit}s, {tqdm.format_interval(left)} left"
