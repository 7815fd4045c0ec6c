"""Timing by turns, and how busy the machine was with other things meanwhile."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import torch


def take_turns(
    tasks: Mapping[str, Callable[[], object]], seconds: float, least: int = 3, most: int = 300
) -> dict[str, list[float]]:
    """Milliseconds of each run of each task, round by round, until ``seconds`` have passed.

    Every task runs once in a round, and each round begins with another one. They are expected to
    have run before.
    """
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    order = list(tasks)
    end = time.perf_counter() + seconds
    for turn in range(most):
        if turn >= least and time.perf_counter() > end:
            break
        first = turn % len(order)
        for name in order[first:] + order[:first]:
            start = time.perf_counter()
            tasks[name]()
            taken[name].append(1000 * (time.perf_counter() - start))
    return taken


def ratio(numerator: list[float], denominator: list[float]) -> float:
    """The median of the rounds' ratios: what load came and went with a round cancels."""
    return median(a / b for a, b in zip(numerator, denominator, strict=True))


def machine() -> dict[str, object]:
    """What the figures depend on."""
    names = [line for line in _lines("/proc/cpuinfo") if line.startswith("model name")]
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "cpu": names[0].partition(":")[2].strip() if names else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "threads": torch.get_num_threads(),
        "avx512_bf16": bool(capabilities.get("avx512_bf16")),
        "avx512_vnni": bool(capabilities.get("avx512_vnni")),
        "gpu": gpu,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


class LoadMeter:
    """Cores that processes other than this one and its children kept busy since it was made."""

    def __init__(self) -> None:
        self._start = self._now()

    def others(self) -> float:
        """Cores, on average; 0 on a quiet machine. A child counts once it has ended."""
        wall, busy, own = (b - a for a, b in zip(self._start, self._now(), strict=True))
        return max(0.0, busy - own) / max(wall, 1e-3)

    @staticmethod
    def _now() -> tuple[float, float, float]:
        # user, nice, system, idle, iowait, irq, softirq, steal, in ticks
        ticks = [int(value) for value in _lines("/proc/stat")[0].split()[1:9]]
        busy = (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")
        return time.perf_counter(), busy, sum(os.times()[:4])


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()
