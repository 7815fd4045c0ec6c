"""Calibrating the per-pixel standard deviation of each preset on held-out pictures."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import torch
from torch import Tensor

from fourier_depth_ros.config import Uncertainty
from fourier_depth_ros.core.statistics import Weights
from fourier_depth_ros.core.uncertainty import (
    ause,
    candidate_spread,
    coverage,
    fit_uncertainty,
    standard_deviation,
)
from fourier_depth_ros.data.processes import Processes
from fourier_depth_ros.fitting.candidates import GridSample

#: Pixels taken of each picture.
PIXELS = 500


@dataclass(frozen=True)
class CalibrationReport:
    """How a preset's sigma does on the half of the held-out rooms that it was not fitted to.

    Coverage is the share of errors within 1 and 2 sigma; AUSE is beside that of a sigma which knows
    the depth alone.
    """

    coverage_1: float
    coverage_2: float
    ause: float
    ause_depth_only: float


class PixelCollector:
    """Takes random valid pixels of each picture: depth, spread and error of a preset.

    Every second room goes to the other half: sigma is fitted on one half and judged on the other.
    """

    def __init__(self, columns: dict[str, list[int]], weights: dict[str, Weights]) -> None:
        self._columns = columns
        self._combiners = {name: solved.combiner() for name, solved in weights.items()}
        self._pixels: dict[str, list[tuple[int, int, Tensor]]] = {name: [] for name in weights}

    def add(self, sample: GridSample) -> None:
        """Keep some pixels of a picture."""
        valid = sample.valid.flatten().nonzero()[:, 0]
        # of the picture's own seed: whoever comes before it, its pixels are the same
        own = torch.Generator().manual_seed(sample.number)
        chosen = valid[torch.randperm(len(valid), generator=own)[:PIXELS]]
        for name, combiner in self._combiners.items():
            candidates = sample.candidates[self._columns[name]]
            depth = combiner(candidates)
            maps = torch.stack((depth, candidate_spread(candidates), depth - sample.truth))
            pixels = maps.flatten(1)[:, chosen]
            self._pixels[name].append((sample.number, sample.room % 2, pixels))

    def gather(self, processes: Processes) -> None:
        """Bring the pixels of all processes together, in the order of the pictures."""
        for name, mine in self._pixels.items():
            everyone = itertools.chain.from_iterable(processes.gather(mine))
            self._pixels[name] = sorted(everyone, key=lambda entry: entry[0])

    def calibrate(self, name: str) -> tuple[Uncertainty, CalibrationReport]:
        """The model of a preset, and how it does on the other half.

        Raises:
            ValueError: fewer than two held-out rooms.
        """
        halves = [[p for _, half, p in self._pixels[name] if half == side] for side in (0, 1)]
        if not all(halves):
            raise ValueError("one held-out room cannot calibrate and judge; give at least two")
        fitted, judged = (torch.cat(half, dim=1) for half in halves)
        model = fit_uncertainty(*fitted)
        depth_only = fit_uncertainty(fitted[0], torch.zeros_like(fitted[1]), fitted[2])
        depth, spread, error = judged
        sigma = standard_deviation(depth, spread, model)
        by_depth = standard_deviation(depth, torch.zeros_like(spread), depth_only)
        return model, CalibrationReport(
            coverage_1=coverage(error, sigma, 1.0),
            coverage_2=coverage(error, sigma, 2.0),
            ause=ause(error, sigma),
            ause_depth_only=ause(error, by_depth),
        )
