"""The zoom rule: whether a crop of ratio r is answered with r times the depth of the whole picture.

Candidates are multiplied by 1/r for that (Lee et al. 2018, sec. 3.3), so where the rule holds the
candidate of r over that of r = 1 is 1. The measure is ours, not the paper's. No truth is needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fourier_depth_ros.config import CropsName
from fourier_depth_ros.data.processes import Processes
from fourier_depth_ros.evaluation.bootstrap import interval, room_draws
from fourier_depth_ros.evaluation.metrics import MIN_DEPTH


@dataclass(frozen=True, eq=False)
class ZoomRule:
    """How a checkpoint's candidates of one way of making crops compare, in each picture.

    ``ratios`` are largest first; ``logs`` are natural logarithms of what zoom_ratios gives for all
    but the first; ``rooms`` are the pictures' rooms.
    """

    checkpoint: str
    crops: CropsName
    ratios: tuple[float, ...]
    logs: Float[Tensor, "pictures smaller_ratios"]
    rooms: Int[Tensor, " pictures"]

    def figures(self) -> list[ZoomFigures]:
        """For each ratio but the first, over all pictures."""
        draws = room_draws(self.rooms)
        once = torch.ones(1, len(self.logs), dtype=torch.float64)
        ratio, spread = (values[0] for values in self._of(once))
        drawn = None if draws is None else self._of(draws)

        def ends(figure: int, place: int) -> tuple[float, float] | None:
            if drawn is None:
                return None
            low, high = interval(drawn[figure][:, place]).tolist()
            return low, high

        return [
            ZoomFigures(
                crop_ratio=crop_ratio,
                ratio=float(ratio[place]),
                ratio_interval=ends(0, place),
                spread=float(spread[place]),
                spread_interval=ends(1, place),
            )
            for place, crop_ratio in enumerate(self.ratios[1:])
        ]

    def _of(self, weights: Float[Tensor, "draws pictures"]) -> tuple[Tensor, Tensor]:
        """Geometric mean and spread of each ratio, in each draw."""
        pictures = weights.sum(dim=1, keepdim=True)
        mean = weights @ self.logs / pictures
        # about the mean of all, so that nothing cancels
        middle = self.logs.mean(dim=0)
        square = weights @ (self.logs - middle).square() / pictures
        return mean.exp(), (square - (mean - middle).square()).clamp(min=0).sqrt()


@dataclass(frozen=True)
class ZoomFigures:
    """A ratio's figures, with 95 % intervals over rooms; None: a single room.

    ``ratio`` is the geometric mean over pictures of the candidate of ``crop_ratio`` over the
    largest's; ``spread`` is the standard deviation of its natural logarithm between pictures: 0.1
    is about 10 %.
    """

    crop_ratio: float
    ratio: float
    ratio_interval: tuple[float, float] | None
    spread: float
    spread_interval: tuple[float, float] | None


class ZoomRecorder:
    """Keeps the zoom ratios of this process's pictures."""

    def __init__(self, ratios: tuple[float, ...], crops: CropsName) -> None:
        self.ratios = ratios
        self.crops = crops
        self._pictures: dict[int, tuple[int, Tensor]] = {}

    def add(self, candidates: Float[Tensor, "candidates 72 96"], number: int, room: int) -> None:
        """A picture's candidates, plain ones first; its place in the data, and its room."""
        found = zoom_ratios(candidates[: len(self.ratios)])
        self._pictures[number] = room, found.double().log().cpu()

    def rule(self, checkpoint: str, processes: Processes) -> ZoomRule:
        """Of all processes' pictures, in their order."""
        all_of_them = {n: p for part in processes.gather(self._pictures) for n, p in part.items()}
        rooms, logs = zip(*(all_of_them[number] for number in sorted(all_of_them)), strict=True)
        return ZoomRule(checkpoint, self.crops, self.ratios, torch.stack(logs), torch.tensor(rooms))


def zoom_ratios(candidates: Float[Tensor, "ratios 72 96"]) -> Float[Tensor, " smaller_ratios"]:
    """The median over the grid's cells of each candidate over the first, which is of the largest r.

    The four corner crops of a ratio cover the whole picture, so all cells count. Of the two middle
    ones the lower. Depths under MIN_DEPTH count as that.
    """
    raised = candidates.flatten(1).clamp(min=MIN_DEPTH)
    return (raised[1:] / raised[0]).median(dim=1).values
