"""Depth error against truth, over valid pixels only, at the truth's resolution.

Of each picture and each map only sums over pixels are kept. Errors pooled over all pixels, means
over pictures, and both of any resampling of the pictures follow from these sums.

Convention: truth is valid where it is finite and positive. A prediction is never left out: what is
not finite, or under MIN_DEPTH, counts as MIN_DEPTH.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from fourier_depth_ros.evaluation.boundary import BOUNDARY_RATIOS, boundary_counts, near_edges

#: What a prediction is raised to, as all evaluations on NYUv2 do [m].
MIN_DEPTH = 1e-3
#: True depth at which one range of the per-range errors ends and the next begins [m].
RANGE_EDGES = (1.0, 2.0, 3.0, 5.0)
RANGES = ("0-1 m", "1-2 m", "2-3 m", "3-5 m", "over 5 m")
#: Spearman's ranks are of every fourth pixel of every fourth row: sorting all takes a second.
RANK_STRIDE = 4

_PARTS = ("edge", *RANGES)
_COLUMNS = (
    *("pixels", "abs_rel", "sq_rel", "sq", "sq_log", "log", "log10", "delta1", "delta2", "delta3"),
    *("abs_rel_scaled", "spearman"),
    *(f"{part}/{column}" for part in _PARTS for column in ("pixels", "abs_rel", "sq")),
    *(f"{count}/{t}" for count in ("true", "predicted", "found") for t in BOUNDARY_RATIOS),
)


def valid_pixels(
    predicted: Float[Tensor, "height width"], truth: Float[Tensor, "height width"]
) -> Bool[Tensor, "height width"]:
    """Where both are finite and positive."""
    return torch.isfinite(predicted) & torch.isfinite(truth) & (predicted > 0) & (truth > 0)


def abs_rel(
    predicted: Float[Tensor, "height width"],
    truth: Float[Tensor, "height width"],
    median_scaled: bool = False,
) -> float:
    """AbsRel, the mean of |d - t| / t, with d scaled first to the truth's median if asked.

    NaN where no pixel is valid in both.
    """
    valid = valid_pixels(predicted, truth)
    d, t = predicted[valid], truth[valid]
    if median_scaled:
        d = d * (t.median() / d.median())
    return float(((d - t).abs() / t).mean())


class PictureSums(NamedTuple):
    """What DepthMetrics kept, in the order of the pictures' numbers.

    ``keys`` holds each picture's number and group; ``sums`` holds _COLUMNS: sums over its pixels,
    but for its Spearman correlation.
    """

    keys: Int[Tensor, "pictures 2"]
    sums: Float[Tensor, "pictures maps columns"]

    @property
    def numbers(self) -> Int[Tensor, " pictures"]:
        """The pictures' places in the data, ascending."""
        return self.keys[:, 0]

    @property
    def groups(self) -> Int[Tensor, " pictures"]:
        """The pictures' rooms."""
        return self.keys[:, 1]

    def pooled(
        self, weights: Float[Tensor, "draws pictures"] | None = None
    ) -> dict[str, Float[Tensor, "draws maps"]]:
        """Every metric, pooled over the pixels of all pictures.

        What a picture has one of (its scale in si_log and abs_rel_scaled, its Spearman correlation)
        is its own; Spearman's is averaged over pictures. ``weights``: how often each picture counts
        in each draw; None: one draw, each once. NaN where there is no such pixel.
        """
        weights = self._weights(weights)
        columns = _named(torch.einsum("dp,pmc->dmc", weights, self.sums))
        metrics = _metrics(columns)
        # si_log is a variance within each picture: that of all pixels would mix their scales
        mine = _named(self.sums)
        within = mine["sq_log"] - mine["log"].square() / mine["pixels"]
        squares = torch.einsum("dp,pm->dm", weights, within)
        metrics["si_log"] = (squares.clamp(min=0) / columns["pixels"]).sqrt()
        metrics["spearman"] = _mean(mine["spearman"], weights)
        return metrics

    def per_picture(
        self, weights: Float[Tensor, "draws pictures"] | None = None
    ) -> dict[str, Float[Tensor, "draws maps"]]:
        """Every metric of each picture, then the mean over the pictures that have it."""
        weights = self._weights(weights)
        metrics = _metrics(_named(self.sums))
        return {name: _mean(values, weights) for name, values in metrics.items()}

    def of_each(self, metric: str) -> Float[Tensor, "pictures maps"]:
        """One metric of each picture."""
        return _metrics(_named(self.sums))[metric]

    def _weights(self, given: Float[Tensor, "draws pictures"] | None) -> Tensor:
        return torch.ones(1, len(self.sums), dtype=torch.float64) if given is None else given


class DepthMetrics(Metric):
    """Accumulates the errors of several depth maps of each picture; processes are synchronised.

    The result does not depend on the order of the pictures, nor on which process saw which.
    """

    full_state_update = False
    rows: list[Tensor]

    def __init__(self, maps: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.maps = maps
        # Flat and all float64, so that a process without a picture can join the others' gathering.
        self.set_dtype(torch.float64)
        self.add_state("rows", default=[], dist_reduce_fx="cat")

    def update(
        self,
        predicted: Float[Tensor, "maps height width"],
        truth: Float[Tensor, "height width"],
        number: int,
        group: int,
    ) -> None:
        """Add a picture: maps and truth [m] on any device, NaN truth is invalid.

        ``number`` is its place in the data and ``group`` its room's number: both are handed back.
        A picture without valid truth is left out.

        Raises:
            ValueError: another number of maps.
        """
        if len(predicted) != self.maps:
            raise ValueError(f"{len(predicted)} depth maps given, expected {self.maps}")
        sums = picture_sums(predicted, truth)
        if sums is not None:
            key = torch.tensor([number, group], dtype=torch.float64)
            self.rows.append(torch.cat((key, sums.cpu().flatten())))

    def compute(self) -> PictureSums:
        """The sums of all processes' pictures.

        Raises:
            ValueError: no picture had valid truth.
        """
        flat = dim_zero_cat(self.rows) if len(self.rows) else torch.zeros(0, dtype=torch.float64)
        rows = flat.reshape(-1, 2 + self.maps * len(_COLUMNS))
        if not len(rows):
            raise ValueError("no picture has a pixel of valid true depth; nothing can be measured")
        rows = rows[rows[:, 0].argsort()]
        sums = rows[:, 2:].reshape(-1, self.maps, len(_COLUMNS))
        return PictureSums(rows[:, :2].long(), sums)


def picture_sums(
    predicted: Float[Tensor, "maps height width"], truth: Float[Tensor, "height width"]
) -> Float[Tensor, "maps columns"] | None:
    """The sums of one picture (float64); None if no pixel of the truth is valid."""
    valid = torch.isfinite(truth) & (truth > 0)
    if not valid.any():
        return None
    t = truth[valid]
    d = _raised(predicted[:, valid])
    difference = (d - t).abs()
    relative, squares, logs = difference / t, difference.square(), d.log() - t.log()
    factor = torch.maximum(d / t, t / d)
    scale = t.median() / d.median(dim=1, keepdim=True).values

    def total(values: Tensor) -> Tensor:
        return values.sum(dim=1, dtype=torch.float64)

    columns = [
        torch.full_like(total(d), len(t)),
        total(relative),
        total(difference * relative),
        total(squares),
        total(logs.square()),
        total(logs),
        total(logs.abs()) / torch.log(torch.tensor(10.0, dtype=torch.float64)),
        *(total(factor < 1.25**power) for power in (1, 2, 3)),
        total((d * scale - t).abs() / t),
        _spearman(predicted, truth),
    ]
    # a column a part: near a depth edge, then each range
    bins = torch.bucketize(t, torch.tensor(RANGE_EDGES, device=t.device), right=True)
    member = torch.stack(
        [near_edges(truth)[valid], *(bins == i for i in range(len(RANGES)))], dim=1
    ).double()
    counts = member.sum(dim=0).expand(len(d), -1)
    parts = torch.stack((counts, relative.double() @ member, squares.double() @ member), dim=-1)
    boundaries = boundary_counts(_raised(predicted), truth).double()
    return torch.cat((torch.stack(columns, dim=1), parts.flatten(1), boundaries.flatten(1)), dim=1)


def _raised(predicted: Float[Tensor, "*pixels"]) -> Float[Tensor, "*pixels"]:
    return predicted.where(torch.isfinite(predicted) & (predicted > MIN_DEPTH), MIN_DEPTH)


def _spearman(
    predicted: Float[Tensor, "maps height width"], truth: Float[Tensor, "height width"]
) -> Float[Tensor, " maps"]:
    """Spearman's rank correlation over a lattice of the valid pixels; NaN where one is constant."""
    t = truth[::RANK_STRIDE, ::RANK_STRIDE]
    valid = torch.isfinite(t) & (t > 0)
    d = _raised(predicted[:, ::RANK_STRIDE, ::RANK_STRIDE][:, valid])
    ranks = _ranks(torch.cat((d, t[valid][None])))
    centred = ranks - ranks.mean(dim=1, keepdim=True)
    a, b = centred[:-1], centred[-1]
    return (a @ b) / (a.square().sum(dim=1) * b.square().sum()).sqrt()


def _ranks(values: Float[Tensor, "maps pixels"]) -> Float[Tensor, "maps pixels"]:
    """Ranks from 0 (float64); equal values share the mean of theirs."""
    values = values.contiguous()
    ordered = values.sort(dim=1).values
    first = torch.searchsorted(ordered, values)
    last = torch.searchsorted(ordered, values, right=True) - 1
    return (first + last).double() / 2


def _named(sums: Float[Tensor, "*batch columns"]) -> dict[str, Float[Tensor, "*batch"]]:
    return dict(zip(_COLUMNS, sums.unbind(dim=-1), strict=True))


def _metrics(columns: dict[str, Float[Tensor, "*batch"]]) -> dict[str, Float[Tensor, "*batch"]]:
    """Metrics from sums over pixels, of one picture each or of several together.

    Eigen, Puhrsch and Fergus, NeurIPS 2014, define most; rmse_log and si_log are of natural
    logarithms, si_log the root of their scale-invariant error (lambda = 1).
    """
    mean = {name: columns[name] / columns["pixels"] for name in _COLUMNS}
    metrics = {
        "abs_rel": mean["abs_rel"],
        "sq_rel": mean["sq_rel"],
        "rmse": mean["sq"].sqrt(),
        "rmse_log": mean["sq_log"].sqrt(),
        "log10": mean["log10"],
        "si_log": (mean["sq_log"] - mean["log"].square()).clamp(min=0).sqrt(),
        "delta1": mean["delta1"],
        "delta2": mean["delta2"],
        "delta3": mean["delta3"],
        "abs_rel_scaled": mean["abs_rel_scaled"],
        "spearman": columns["spearman"],
    }
    for part in _PARTS:
        pixels = columns[f"{part}/pixels"]
        metrics[f"{part}/abs_rel"] = columns[f"{part}/abs_rel"] / pixels  # 0 / 0: NaN
        metrics[f"{part}/rmse"] = (columns[f"{part}/sq"] / pixels).sqrt()
    return metrics | _boundary_metrics(columns)


def _boundary_metrics(
    columns: dict[str, Float[Tensor, "*batch"]],
) -> dict[str, Float[Tensor, "*batch"]]:
    """F1, precision and recall of boundary_counts: means over its ratios t, with weights t as in
    Depth Pro. Ratios at which the truth has no boundary are left out; none at all: NaN.
    """

    def of_each_ratio(count: str) -> Tensor:
        return torch.stack([columns[f"{count}/{t}"] for t in BOUNDARY_RATIOS])

    true, predicted, found = map(of_each_ratio, ("true", "predicted", "found"))
    weights = torch.tensor(BOUNDARY_RATIOS, dtype=true.dtype, device=true.device)
    weights = weights.reshape(-1, *[1] * (true.dim() - 1)) * (true > 0)
    shares = {
        "f1": 2 * found / (true + predicted).clamp(min=1),
        "precision": found / predicted.clamp(min=1),  # nothing found: 0
        "recall": found / true.clamp(min=1),
    }
    return {
        f"edge/{name}": (share * weights).sum(dim=0) / weights.sum(dim=0)
        for name, share in shares.items()
    }


def _mean(
    values: Float[Tensor, "pictures maps"], weights: Float[Tensor, "draws pictures"]
) -> Float[Tensor, "draws maps"]:
    """Weighted mean over the pictures where the value is known."""
    known = torch.isfinite(values)
    return (weights @ values.where(known, 0.0)) / (weights @ known.double())
