"""Depth error against truth, over valid pixels only."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


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
