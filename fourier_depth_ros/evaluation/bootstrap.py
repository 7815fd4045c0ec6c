"""Bootstrap over rooms: how far the figures would move with other rooms of the same kind."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

DRAWS = 2000
#: Ends of the 95 % interval.
_ENDS = (0.025, 0.975)


def room_draws(
    rooms: Int[Tensor, " pictures"], draws: int = DRAWS, seed: int = 0
) -> Float[Tensor, "draws pictures"] | None:
    """How often each picture counts in each draw of as many rooms as there are, with replacement.

    The rooms are drawn, never the pictures: those of a room err alike. None for a single room. The
    same in every run.
    """
    names, room = torch.unique(rooms, return_inverse=True)
    if len(names) < 2:
        return None
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(len(names), (draws, len(names)), generator=generator)
    counts = torch.zeros(draws, len(names), dtype=torch.float64)
    counts.scatter_add_(1, drawn, torch.ones_like(drawn, dtype=torch.float64))
    return counts[:, room]


def interval(values: Float[Tensor, "draws ..."]) -> Float[Tensor, "2 ..."]:
    """The 95 % interval of each column: its percentiles over the draws, NaN draws left out."""
    ends = torch.tensor(_ENDS, dtype=values.dtype)
    return values.nanquantile(ends, dim=0)
