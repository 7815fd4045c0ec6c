"""Per-pixel standard deviation of depth, from the candidates' disagreement and the depth itself.

Not in the paper. sigma^2 = floor^2 + (per_depth d)^2 + (per_spread s)^2, where s is the standard
deviation of the candidates at a pixel; the three terms are fitted by maximum likelihood to errors
on held-out pictures. Everything is in canonical metres; sigma scales with depth.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from fourier_depth_ros.config import Uncertainty

_STEPS = 50


def candidate_spread(
    candidates: Float[Tensor, "*pictures candidates height width"],
) -> Float[Tensor, "*pictures height width"]:
    """Standard deviation over the candidates [m]; 0 where there is only one."""
    return candidates.std(dim=-3, correction=0)


def standard_deviation(
    depth: Float[Tensor, "*shape"], spread: Float[Tensor, "*shape"], model: Uncertainty
) -> Float[Tensor, "*shape"]:
    """sigma [m] of a combined depth [m] whose candidates spread by ``spread`` [m]."""
    variance = model.floor**2 + (model.per_depth * depth) ** 2 + (model.per_spread * spread) ** 2
    return variance.sqrt()


def fit_uncertainty(
    depth: Float[Tensor, " pixels"],
    spread: Float[Tensor, " pixels"],
    error: Float[Tensor, " pixels"],
) -> Uncertainty:
    """The model of maximum likelihood for Gaussian errors [m]; the spread is unused where it is 0.

    Raises:
        ValueError: fewer than 100 pixels.
    """
    if len(error) < 100:
        raise ValueError(f"{len(error)} pixels with an error are too few to calibrate on, need 100")
    squares = torch.stack((torch.ones_like(depth), depth**2, spread**2)).double()
    target = error.double() ** 2
    # start: each term explains a third of the mean square error; exp keeps the shares positive
    scale = target.mean() / squares.mean(dim=1).clamp(min=1e-12) / 3
    log_share = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([log_share], max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        # shares under e^-20 are zero to any purpose; the clamp ends their walk to minus infinity
        variance = ((log_share.clamp(-20, 20).exp() * scale)[:, None] * squares).sum(dim=0)
        value = (variance.log() + target / variance).mean()
        value.backward()  # type: ignore[no-untyped-call]
        return value

    optimizer.step(loss)  # type: ignore[no-untyped-call]
    floor, per_depth, per_spread = (log_share.detach().clamp(-20, 20).exp() * scale).sqrt().tolist()
    used = bool((spread > 0).any())
    return Uncertainty(floor=floor, per_depth=per_depth, per_spread=per_spread if used else 0.0)


def coverage(
    error: Float[Tensor, " pixels"], sigma: Float[Tensor, " pixels"], width: float
) -> float:
    """Share of the errors within ``width`` sigmas; 0.683 and 0.954 for 1 and 2 if Gaussian."""
    return float((error.abs() <= width * sigma).double().mean())


def sparsification(
    error: Float[Tensor, " pixels"], order: Float[Tensor, " pixels"]
) -> Float[Tensor, " steps"]:
    """RMSE of what is left after removing the pixels of largest ``order``: 0 %, 2 %, .. 98 %.

    Relative to the RMSE of all pixels.
    """
    kept = error.double()[order.argsort()].square().cumsum(dim=0)
    counts = torch.tensor([max(1, round(len(error) * (1 - i / _STEPS))) for i in range(_STEPS)])
    return (kept[counts - 1] / counts).sqrt() / (kept[-1] / len(error)).sqrt()


def ause(error: Float[Tensor, " pixels"], sigma: Float[Tensor, " pixels"]) -> float:
    """Area between the sparsification curves by sigma and by the true error; 0 is perfect.

    Ilg et al., "Uncertainty Estimates and Multi-Hypotheses Networks for Optical Flow", ECCV 2018.
    """
    gap = sparsification(error, sigma) - sparsification(error, error.abs())
    return float(gap.mean())
