"""Sufficient statistics of the Fourier combination, and the weights solved from them.

For each half-plane frequency and part {Re, Im} the fit's rows [1, x^1 .. x^M, y] (the candidates'
and the truth's DFT) are kept as their triangular factor R alone, R^T R = rows^T rows, updated by a
QR (TSQR). With the column of ones first, R's first row holds sqrt(n) times the means and the rest
is the factor of the centred data. From R the weights of any subset of the candidates, any ridge,
and the expected error of any weights follow, without a picture and without the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fourier_depth_ros.config import CombinationSettings, Hierarchy
from fourier_depth_ros.core.crops import GRID
from fourier_depth_ros.core.fourier import (
    FourierCombiner,
    half_plane,
    half_plane_parts,
    outside_parts,
)
from fourier_depth_ros.core.moments import Moments, ridge_weights

#: Diagonal entries of a triangular factor below this share of the largest: rank deficient.
_RANK_TOLERANCE = 1e-9


class Weights(NamedTuple):
    """Solved weights of one subset: the arguments of FourierCombiner, and whose they are."""

    weights: Float[Tensor, "frequencies 2 candidates"]
    offset: Float[Tensor, "frequencies 2"]
    outside: Float[Tensor, " candidates"]
    settings: CombinationSettings

    def combiner(self) -> FourierCombiner:
        """The module that applies these weights."""
        return FourierCombiner(self.weights, self.offset, self.outside)


@dataclass
class CombinerStatistics:
    """One half of a fit (the pictures fitted on, or those held out).

    Candidates are ordered as merge_crops orders them: all ``ratios`` plain, then all flipped.
    ``outside`` is the Gram matrix of [candidates, truth] over what lies outside the disc [m^2],
    where nothing is solved for but the expected error counts.
    """

    ratios: tuple[float, ...]
    factor: Float[Tensor, "frequencies 2 columns columns"]
    outside: Float[Tensor, "maps maps"]
    count: int = 0

    @staticmethod
    def empty(ratios: tuple[float, ...]) -> CombinerStatistics:
        """Statistics of no pictures yet."""
        columns = 2 * len(ratios) + 2
        shape = (len(half_plane().rows), 2, columns, columns)
        return CombinerStatistics(
            ratios=ratios,
            factor=torch.zeros(shape, dtype=torch.float64),
            outside=torch.zeros(columns - 1, columns - 1, dtype=torch.float64),
        )

    def update(
        self,
        candidates: Float[Tensor, "pictures candidates 72 96"],
        truth: Float[Tensor, "pictures 72 96"],
        weight: Float[Tensor, " pictures"] | None = None,
    ) -> None:
        """Add pictures: their candidates and true depth [canonical m], holes filled beforehand.

        ``weight`` is how much the square error of each counts; None: 1, as in the paper.

        Raises:
            ValueError: the number of candidates is not 2 len(ratios), or a value is not finite.
        """
        expected = 2 * len(self.ratios)
        if candidates.shape[1] != expected:
            raise ValueError(
                f"{candidates.shape[1]} candidates given, expected {expected}: each of "
                f"{len(self.ratios)} ratios plain and flipped"
            )
        if not (torch.isfinite(candidates).all() and torch.isfinite(truth).all()):
            raise ValueError(
                "candidates and truth must be finite; fill holes with fill_holes first"
            )
        x = half_plane_parts(candidates).permute(2, 3, 0, 1)
        y = half_plane_parts(truth).permute(1, 2, 0)[..., None]
        rows = torch.cat((torch.ones_like(y), x, y), dim=-1)
        beyond = outside_parts(torch.cat((candidates, truth[:, None]), dim=1))
        if weight is not None:
            root = weight.double().sqrt()
            rows, beyond = rows * root[:, None], beyond * root[:, None, None]
        self.factor = _triangle(torch.cat((self.factor, rows), dim=-2))
        self.outside = self.outside + (beyond @ beyond.mT).sum(dim=0)
        self.count += len(truth)

    def merge(self, other: CombinerStatistics) -> CombinerStatistics:
        """The statistics of both sets of pictures; neither operand changes.

        Raises:
            ValueError: they were fitted for different ratios.
        """
        if self.ratios != other.ratios:
            raise ValueError(f"fitted for ratios {other.ratios}, expected {self.ratios}")
        return CombinerStatistics(
            ratios=self.ratios,
            factor=_triangle(torch.cat((self.factor, other.factor), dim=-2)),
            outside=self.outside + other.outside,
            count=self.count + other.count,
        )

    def solve(self, settings: CombinationSettings, hierarchy: Hierarchy | None = None) -> Weights:
        """The weights of a subset of the candidates.

        ``paper``: least squares per frequency and part on bias-corrected candidates, minimum norm
        where they are collinear (ridge 0), or shrunk toward the subset's mean (ridge > 0).
        ``hierarchical``: the subset's mean -> one weight vector per ring of |k| -> per frequency,
        each level shrunk toward the last. ``mean``: the subset's mean. A ridge is relative to
        trace(A^T A) / M of each centred system; ``settings.ridge`` stands for the last level's.

        Raises:
            ValueError: a ratio was not fitted, or there are no pictures in the statistics.
        """
        selected = self.select(settings)
        hierarchy = hierarchy or Hierarchy()
        outside = largest_ratio_mean(settings)
        frequencies = len(half_plane().rows)
        mean = torch.full((frequencies, 2, len(selected)), 1 / len(selected), dtype=torch.float64)
        offset = torch.zeros(frequencies, 2, dtype=torch.float64)
        if settings.combination == "mean":
            return Weights(mean, offset, mean[0, 0], settings)
        if self.count == 0:
            raise ValueError("the statistics hold no pictures; fit them with 'fourier-depth fit'")
        if settings.combination == "paper":
            system = _System.of(self.factor, selected)
            weights, offset = system.paper(settings.ridge or 0.0, mean)
        else:
            weights, offset = self.moments().hierarchical_weights(
                selected, _with_last_ridge(hierarchy, settings.ridge)
            )
        # A frequency without data (DC's imaginary part) falls back on w0.
        energy = self.factor[..., [m + 1 for m in selected]].square().sum(dim=(-2, -1))
        empty = energy <= _RANK_TOLERANCE**2 * energy.max()
        weights[empty], offset[empty] = outside, 0.0
        return Weights(weights, offset, outside, settings)

    def expected_rmse(self, weights: Weights) -> float:
        """RMSE [m] on the 72 x 96 grid that ``weights`` have on these statistics' pictures.

        On the statistics that they were solved from this is the training residual; on held-out ones
        the expected error. Parseval: mean_x e^2 = sum_k |E_k|^2 / (72 * 96)^2. Pixels that were
        holes count with what they were filled with.
        """
        selected = self.select(weights.settings)
        last = 2 * len(self.ratios)  # the truth's place among [candidates, truth]
        minus = -torch.ones_like(weights.offset)[..., None]
        error = torch.cat((-weights.offset[..., None], weights.weights, minus), dim=-1)
        columns = [0, *(candidate + 1 for candidate in selected), last + 1]
        residual = (self.factor[..., columns] @ error[..., None]).square().sum(dim=(-3, -2, -1))
        inside = (residual * half_plane().multiplicity).sum() / (GRID[0] * GRID[1]) ** 2
        beyond = torch.cat((weights.outside, minus[0, 0]))
        outside = beyond @ self.outside[[*selected, last]][:, [*selected, last]] @ beyond
        return float(((inside + outside) / self.factor[0, 0, 0, 0].square()).sqrt())

    def moments(self) -> Moments:
        """The moments behind these statistics: less exact than the factors, and quick to use."""
        return Moments.of(self.factor, self.outside)

    def select(self, settings: CombinationSettings) -> list[int]:
        """The columns of a subset's candidates among the 2 len(ratios) fitted ones.

        Raises:
            ValueError: a ratio was not fitted.
        """
        return select_candidates(self.ratios, settings)

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint stores: the triangles packed, a few MB. The inverse of from_tensors."""
        rows, columns = _triangle_indices(self.factor.shape[-1])
        return {
            "factor": self.factor[..., rows, columns].contiguous(),
            "outside": self.outside,
            "count": torch.tensor(self.count),
        }

    @staticmethod
    def from_tensors(ratios: tuple[float, ...], tensors: dict[str, Tensor]) -> CombinerStatistics:
        """Statistics of ``ratios`` from what ``tensors`` gave.

        Raises:
            ValueError: the tensors' shapes don't belong to that many ratios.
        """
        statistics = CombinerStatistics.empty(ratios)
        rows, columns = _triangle_indices(statistics.factor.shape[-1])
        expected = (*statistics.factor.shape[:2], len(rows))
        if tensors["factor"].shape != expected or (
            tensors["outside"].shape != statistics.outside.shape
        ):
            raise ValueError(
                f"statistics of shape {tuple(tensors['factor'].shape)} given, expected {expected} "
                f"for {len(ratios)} ratios"
            )
        statistics.factor[..., rows, columns] = tensors["factor"].double()
        statistics.outside = tensors["outside"].double()
        statistics.count = int(tensors["count"])
        return statistics


def select_candidates(ratios: tuple[float, ...], settings: CombinationSettings) -> list[int]:
    """The columns of a subset's candidates among those of all ``ratios``, plain then flipped.

    Raises:
        ValueError: a ratio is none of them.
    """
    for ratio in settings.crop_ratios:
        if ratio not in ratios:
            fitted = ", ".join(f"{fitted:g}" for fitted in ratios)
            raise ValueError(
                f"crop_ratios: {ratio:g} was not fitted; fitted ratios are {fitted} "
                f"(fit others with 'fourier-depth fit')"
            )
    plain = [ratios.index(ratio) for ratio in settings.crop_ratios]
    return plain + [len(ratios) + i for i in plain] if settings.use_flips else plain


def largest_ratio_mean(settings: CombinationSettings) -> Float[Tensor, " candidates"]:
    """w0: the mean of the subset's largest ratio, 1/2 each with flips, 1 without."""
    w0 = torch.zeros(settings.candidates, dtype=torch.float64)
    w0[0] = 1.0
    if settings.use_flips:
        w0[0] = w0[len(settings.crop_ratios)] = 0.5
    return w0


def _with_last_ridge(hierarchy: Hierarchy, ridge: float | None) -> Hierarchy:
    """``ridge`` in place of the last level's own, if it is given."""
    if ridge is None:
        return hierarchy
    last = "ring_ridge" if hierarchy.levels == "ring" else "frequency_ridge"
    return hierarchy.model_copy(update={last: ridge})


@dataclass(frozen=True)
class _System:
    """The linear systems of one subset: factors of the ones, the candidates and the truth.

    ``centred`` is the factor of the centred candidates, ``mean`` their means; ``truth_*`` likewise.
    """

    centred: Float[Tensor, "frequencies 2 rows candidates"]
    truth_centred: Float[Tensor, "frequencies 2 rows"]
    mean: Float[Tensor, "frequencies 2 candidates"]
    truth_mean: Float[Tensor, "frequencies 2"]
    count: Float[Tensor, ""]

    @staticmethod
    def of(factor: Float[Tensor, "frequencies 2 columns columns"], selected: list[int]) -> _System:
        """Split R into means (first row, over sqrt n) and the factor of the centred data."""
        columns = [candidate + 1 for candidate in selected]
        root = factor[..., 0, :1]  # +-sqrt(n)
        return _System(
            centred=factor[..., 1:, columns],
            truth_centred=factor[..., 1:, -1],
            mean=factor[..., 0, columns] / root,
            truth_mean=factor[..., 0, -1] / root[..., 0],
            count=root[0, 0, 0].square(),
        )

    def paper(
        self, ridge: float, mean: Float[Tensor, "frequencies 2 candidates"]
    ) -> tuple[Tensor, Tensor]:
        """w = argmin sum_t |y - sum_m w^m (x^m - b^m)|^2, b = mean(x - y), and offset = w . b."""
        # Bias-corrected candidates have the truth's mean: one more row of sqrt(n) mean(y).
        row = (self.count.sqrt() * self.truth_mean)[..., None]
        a = torch.cat((row[..., None].expand_as(self.centred[..., :1, :]), self.centred), dim=-2)
        y = torch.cat((row, self.truth_centred), dim=-1)
        if ridge > 0:
            residual = y - (a @ mean[..., None])[..., 0]
            right = a.mT @ residual[..., None]
            trace = self.centred.square().sum(dim=(-2, -1)) / self.centred.shape[-1]
            weights = mean + ridge_weights(a.mT @ a, right, ridge * trace)
        else:
            weights = _least_squares(a, y)
        bias = self.mean - self.truth_mean[..., None]
        return weights, (weights * bias).sum(dim=-1)


def _least_squares(
    a: Float[Tensor, "frequencies 2 rows m"], y: Float[Tensor, "frequencies 2 rows"]
) -> Float[Tensor, "frequencies 2 m"]:
    """argmin |A w - y|, of minimum norm where A is rank deficient (the pseudo-inverse).

    QR for all systems at once; the few whose triangle is (nearly) singular go to LAPACK's gelsy.
    """
    reduced = torch.linalg.qr(torch.cat((a, y[..., None]), dim=-1), mode="r").R
    size = a.shape[-1]
    triangle, right = reduced[..., :size, :size], reduced[..., :size, size:]
    diagonal = triangle.diagonal(dim1=-2, dim2=-1).abs()
    regular = diagonal.amin(-1) > _RANK_TOLERANCE * diagonal.amax(-1)
    weights = torch.zeros(*a.shape[:2], size, dtype=a.dtype)
    weights[regular] = torch.linalg.solve_triangular(triangle[regular], right[regular], upper=True)[
        ..., 0
    ]
    if not regular.all():
        singular = ~regular
        weights[singular] = torch.linalg.lstsq(
            a[singular], y[singular][..., None], rcond=_RANK_TOLERANCE, driver="gelsy"
        ).solution[..., 0]
    return weights


def _triangle(
    rows: Float[Tensor, "*batch rows columns"],
) -> Float[Tensor, "*batch columns columns"]:
    """R of a QR of at least as many rows as columns."""
    return torch.linalg.qr(rows, mode="r").R


def _triangle_indices(size: int) -> Int[Tensor, "2 entries"]:
    """Row and column indices of the upper triangle."""
    return torch.triu_indices(size, size)
