"""Second moments of a fit's rows, and the hierarchical weights solved from them.

The subset's mean -> one weight vector per ring (a band of |k|, shared by both parts) -> one per
frequency and part, each level shrunk toward the last by a ridge relative to trace(A^T A) / M of its
centred systems. Not in the paper, whose plain least squares overfits. With moments at hand a subset
costs some milliseconds, and much less on the ring level alone: cross-validation lives off that.
(The paper's systems have no ridge; they need the factors of statistics.py.)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fourier_depth_ros.config import Hierarchy
from fourier_depth_ros.core.crops import GRID
from fourier_depth_ros.core.fourier import half_plane

#: Rings of the hierarchy are bands of |k| this wide.
RING_WIDTH = 3.0


@lru_cache(maxsize=1)
def ring_of_frequency() -> Int[Tensor, " frequencies"]:
    """The ring of each half-plane frequency; ring 0 holds DC."""
    return (half_plane().radius / RING_WIDTH).long()


@lru_cache(maxsize=1)
def _membership() -> Float[Tensor, "rings frequencies_and_parts"]:
    """How often each (frequency, part) counts in each ring: once for DC, else twice."""
    ring = ring_of_frequency()
    rows = torch.zeros(int(ring.max()) + 1, len(ring), dtype=torch.float64)
    rows[ring, torch.arange(len(ring))] = half_plane().multiplicity
    return rows.repeat_interleave(2, dim=1)


def sum_by_ring(
    values: Float[Tensor, "frequencies 2 *columns"],
) -> Float[Tensor, " rings *columns"]:
    """Sums over both parts of the frequencies of each ring; all rings make up the disc."""
    flat = values.reshape(values.shape[0] * 2, -1)
    return (_membership() @ flat).reshape(-1, *values.shape[2:])


@dataclass(frozen=True)
class Moments:
    """Moments of some pictures: of [candidates, truth] at each half-plane frequency and part.

    ``centred`` has the means taken off and ``by_ring`` has not; ``power`` is the diagonal of the
    former summed by ring; ``outside`` is of what lies outside the disc [m^2]; ``total`` is the sum
    of the pictures' weights, their number where each counts alike.
    """

    centred: Float[Tensor, "frequencies 2 maps maps"]
    mean: Float[Tensor, "frequencies 2 maps"]
    by_ring: Float[Tensor, "rings maps maps"]
    power: Float[Tensor, "rings maps"]
    outside: Float[Tensor, "maps maps"]
    total: float

    @staticmethod
    def of(
        factor: Float[Tensor, "frequencies 2 columns columns"],
        outside: Float[Tensor, "maps maps"],
    ) -> Moments:
        """The moments behind the triangular factor of the rows [1, candidates, truth]."""
        rows = factor[..., 1:, 1:]
        centred = rows.mT @ rows
        mean = factor[..., 0, 1:] / factor[..., 0, :1]  # R's first row: +-sqrt(total) [1, means]
        total = float(factor[0, 0, 0, 0] ** 2)
        whole = centred + total * mean[..., None] * mean[..., None, :]
        return Moments(
            centred=centred,
            mean=mean,
            by_ring=sum_by_ring(whole),
            power=sum_by_ring(centred.diagonal(dim1=-2, dim2=-1)),
            outside=outside,
            total=total,
        )

    def ring_weights(self, selected: list[int], ridge: float) -> Float[Tensor, "rings candidates"]:
        """One weight vector a ring for a subset, shrunk toward its mean; no bias is taken off."""
        size = len(selected)
        mean = torch.full((size, 1), 1 / size, dtype=torch.float64)
        gram = _part(self.by_ring, selected)
        right = self.by_ring[:, selected, -1:] - gram @ mean
        return mean[:, 0] + ridge_weights(
            gram, right, ridge * self.power[:, selected].sum(dim=1) / size
        )

    def hierarchical_weights(
        self, selected: list[int], hierarchy: Hierarchy
    ) -> tuple[Float[Tensor, "frequencies 2 candidates"], Float[Tensor, "frequencies 2"]]:
        """Weights of a subset and the constants that are taken off after the weighted sum."""
        rings = self.ring_weights(selected, hierarchy.ring_ridge)
        weights = rings[ring_of_frequency()][:, None].expand(-1, 2, -1)
        if hierarchy.levels == "ring":
            return weights.clone(), torch.zeros_like(self.mean[..., 0])
        # The deviation from the ring is fitted to centred data: it never moves the mean error.
        gram = _part(self.centred, selected)
        right = self.centred[..., selected, -1:] - gram @ weights[..., None]
        trace = gram.diagonal(dim1=-2, dim2=-1).sum(dim=-1) / len(selected)
        deviation = ridge_weights(gram, right, hierarchy.frequency_ridge * trace)
        return weights + deviation, (deviation * self.mean[..., selected]).sum(dim=-1)

    def ring_square_sum(
        self,
        selected: list[int],
        weights: Float[Tensor, "rings candidates"],
        outside: Float[Tensor, " candidates"],
    ) -> float:
        """square_sum of weights that are the same all over each ring, without constants."""
        error = _with_truth(weights)
        gram = _part(self.by_ring, [*selected, -1])
        inside = torch.einsum("ra,rab,rb->", error, gram, error) / (GRID[0] * GRID[1]) ** 2
        return float(inside + self._beyond(selected, outside))

    def square_sum(
        self,
        selected: list[int],
        weights: Float[Tensor, "frequencies 2 candidates"],
        offset: Float[Tensor, "frequencies 2"],
        outside: Float[Tensor, " candidates"],
    ) -> float:
        """Sum over these pictures of the mean square error [m^2] that such weights have on them.

        Parseval: mean_x e^2 = sum_k |E_k|^2 / (72 * 96)^2.
        """
        columns = [*selected, -1]
        error = _with_truth(weights)
        spread = (_part(self.centred, columns) @ error[..., None])[..., 0] * error
        mean = (self.mean[..., columns] * error).sum(dim=-1) - offset
        squares = (spread.sum(dim=-1) + self.total * mean.square()).sum(dim=1)
        inside = (squares * half_plane().multiplicity).sum() / (GRID[0] * GRID[1]) ** 2
        return float(inside + self._beyond(selected, outside))

    def _beyond(self, selected: list[int], outside: Float[Tensor, " candidates"]) -> Tensor:
        error = _with_truth(outside)
        return error @ _part(self.outside, [*selected, -1]) @ error


def ridge_weights(
    gram: Float[Tensor, "*batch m m"],
    right: Float[Tensor, "*batch m 1"],
    ridge: Float[Tensor, "*batch"],
) -> Float[Tensor, "*batch m"]:
    """(A^T A + ridge I)^-1 A^T y by Cholesky; a breath of ridge keeps empty systems solvable."""
    size = gram.shape[-1]
    floor = 1e-10 * gram.diagonal(dim1=-2, dim2=-1).sum(-1) / size + 1e-30
    identity = torch.eye(size, dtype=gram.dtype)
    damped = gram + torch.maximum(ridge, floor)[..., None, None] * identity
    return torch.cholesky_solve(right, torch.linalg.cholesky(damped))[..., 0]


def _part(gram: Float[Tensor, "*batch maps maps"], columns: list[int]) -> Tensor:
    """The rows and columns of some maps."""
    return gram[..., columns, :][..., columns]


def _with_truth(weights: Float[Tensor, "*batch candidates"]) -> Tensor:
    """The error as a combination of [candidates, truth]: the truth counts -1."""
    return torch.cat((weights, -torch.ones_like(weights[..., :1])), dim=-1)
