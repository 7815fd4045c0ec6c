"""Which colour file goes with which depth file, by their names in a repository."""

from __future__ import annotations

import bisect
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from fourier_depth_ros.data.places import Pairs


class Pair(NamedTuple):
    """A frame: its name, and its files' paths from the repository's root."""

    name: str
    color: str
    depth: str


def find_pairs(files: Sequence[str], pairs: Pairs) -> list[Pair]:
    """The frames that ``pairs`` takes of a repository's ``files``, in natural order of their names.

    By name, number and time a colour file without a partner is left out.

    Raises:
        ValueError: a pattern matches nothing, nothing pairs, the pairing is not unique, or a name
            in ``only`` is none of the frames'.
    """
    color, depth = match(files, pairs.color), match(files, pairs.depth)
    if "*" not in pairs.color + pairs.depth:
        partners = dict(zip(color, depth.values(), strict=True))
    elif pairs.by == "name":
        partners = {name: depth[name] for name in color if name in depth}
    elif pairs.by == "number":
        numbers = _numbered(depth, pairs.depth)
        _numbered(color, pairs.color)  # of two colour files none should take the other's depth
        partners = {
            name: depth[numbers[number]]
            for name in color
            if (number := _last_number(name)) in numbers
        }
    elif pairs.by == "order":
        if len(color) != len(depth):
            raise ValueError(
                f"{pairs.color} matches {len(color)} files and {pairs.depth} {len(depth)}; by "
                f"order there have to be as many"
            )
        partners = dict(zip(color, depth.values(), strict=True))
    else:
        partners = _nearest_in_time(color, depth, pairs)
    found = [Pair(name, color[name], partners[name]) for name in color if name in partners]
    if not found:
        raise ValueError(f"no {pairs.color} pairs with a {pairs.depth} by {pairs.by}")
    if not pairs.only:
        return found[:: pairs.every]
    named = {pair.name: pair for pair in found}
    missing = [name for name in pairs.only if name not in named]
    if missing:
        raise ValueError(f"no pair of {pairs.color} is named {missing[0]!r}, as `only` has it")
    return [named[name] for name in pairs.only]


def match(files: Sequence[str], pattern: str) -> dict[str, str]:
    """The files that a pattern matches, by what its ``*`` stand for, in natural order.

    Raises:
        ValueError: none does.
    """
    if "*" not in pattern:
        found = {PurePosixPath(pattern).stem: pattern} if pattern in files else {}
    else:
        expression = re.compile("([^/]*)".join(map(re.escape, pattern.split("*"))))
        matches = filter(None, map(expression.fullmatch, files))
        found = {"-".join(each.groups()): each.string for each in matches}
    if not found:
        raise ValueError(f"there is no {pattern}")
    return dict(sorted(found.items(), key=lambda item: _natural(item[0])))


def _natural(name: str) -> list[tuple[int, str]]:
    """A key that puts 2 before 10: numbers by value, text as it is."""
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _last_number(name: str) -> int | None:
    numbers = re.findall(r"\d+", name)
    return int(numbers[-1]) if numbers else None


def _numbered(names: dict[str, str], pattern: str) -> dict[int | None, str]:
    numbers: dict[int | None, str] = {}
    for name in names:
        number = _last_number(name)
        if number is None or number in numbers:
            why = "has no number" if number is None else f"has the number of {numbers[number]!r}"
            raise ValueError(f"{pattern}: {name!r} {why}; by number each needs its own")
        numbers[number] = name
    return numbers


def _nearest_in_time(color: dict[str, str], depth: dict[str, str], pairs: Pairs) -> dict[str, str]:
    try:
        times = sorted((float(name), file) for name, file in depth.items())
        wanted = {name: float(name) for name in color}
    except ValueError as error:
        raise ValueError(f"by time, * stands for seconds: {error}") from error
    partners = {}
    for name, time in wanted.items():
        place = bisect.bisect(times, (time, ""))
        around = times[max(place - 1, 0) : place + 1]
        distance, file = min((abs(other - time), file) for other, file in around)
        if distance <= pairs.within:
            partners[name] = file
    return partners
