"""Combining candidate depth maps in the Fourier domain (Lee et al. 2018, sec. 3.4).

    Re F_k = sum_m w_{k,Re}^m Re F_k^m - c_{k,Re},     and likewise Im

for every frequency k of the disc |k| <= 32 of the 72 x 96 grid; the constant c holds the paper's
bias, c_k = sum_m w_k^m b_k^m. Outside the disc the candidates of the largest ratio are averaged.

Convention: frequencies are in cycles per picture, (ky, kx), laid out as torch.fft.rfft2 does; the
"half plane" is one of each pair {k, -k}: kx > 0, or kx = 0 and ky >= 0 (1605 frequencies).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from fourier_depth_ros.core.crops import GRID

#: Lee et al. 2018, sec. 3.4: frequencies beyond this radius are not combined.
RADIUS = 32
SPECTRUM = (GRID[0], GRID[1] // 2 + 1)


@dataclass(frozen=True)
class HalfPlane:
    """Where the 1605 independent frequencies of the disc lie in rfft2's layout.

    ``multiplicity`` counts each frequency's appearances in the full DFT: 1 for DC, else 2; it turns
    sums over the half plane into sums over the disc (Parseval).
    """

    rows: Int[Tensor, " frequencies"]
    columns: Int[Tensor, " frequencies"]
    mirrored_rows: Int[Tensor, " frequencies"]
    radius: Float[Tensor, " frequencies"]
    multiplicity: Float[Tensor, " frequencies"]
    disc: Bool[Tensor, "rows columns"]


@lru_cache(maxsize=1)
def half_plane() -> HalfPlane:
    """The half plane of the disc |k| <= 32 on the 72 x 96 grid."""
    ky = torch.fft.fftfreq(GRID[0], 1 / GRID[0], dtype=torch.float64).round()
    kx = torch.arange(SPECTRUM[1], dtype=torch.float64)
    radius = torch.hypot(ky[:, None], kx[None, :])
    disc = radius <= RADIUS
    independent = disc & ((kx > 0)[None, :] | (ky >= 0)[:, None])
    rows, columns = independent.nonzero(as_tuple=True)
    return HalfPlane(
        rows=rows,
        columns=columns,
        mirrored_rows=(-rows) % GRID[0],
        radius=radius[rows, columns],
        multiplicity=torch.where(radius[rows, columns] == 0, 1.0, 2.0).double(),
        disc=disc,
    )


def half_plane_parts(
    maps: Float[Tensor, "*batch 72 96"],
) -> Float[Tensor, "*batch frequencies 2"]:
    """Real and imaginary parts of the maps' DFT on the half plane (float64)."""
    half = half_plane()
    spectrum = torch.fft.rfft2(maps.double())[..., half.rows, half.columns]
    return torch.view_as_real(spectrum)


def outside_parts(maps: Float[Tensor, "*batch 72 96"]) -> Float[Tensor, "*batch cells"]:
    """What the maps hold outside the disc: a vector whose squared norm is its mean square [m^2].

    Parseval: every cell of rfft2's layout stands for two of the full DFT, but for those of the
    columns kx = 0 and kx = 48, which hold their mirrors too.
    """
    spectrum = torch.fft.rfft2(maps.double())
    multiplicity = torch.full(SPECTRUM, 2.0, dtype=torch.float64)
    multiplicity[:, (0, -1)] = 1.0
    scaled = spectrum * (multiplicity.sqrt() / (GRID[0] * GRID[1]))
    return torch.view_as_real(scaled[..., ~half_plane().disc]).flatten(-2)


class FourierCombiner(nn.Module):
    """Applies fixed weights: rfft2 of the candidates, one weighted sum, irfft2.

    Args:
        weights: per half-plane frequency and part {Re, Im}, real, one a candidate.
        offset: what is taken off after the sum [m, DFT units].
        outside: one real weight a candidate for every frequency outside the disc.
    """

    def __init__(
        self,
        weights: Float[Tensor, "frequencies 2 candidates"],
        offset: Float[Tensor, "frequencies 2"],
        outside: Float[Tensor, " candidates"],
    ) -> None:
        super().__init__()
        half = half_plane()
        spread = outside.double()[:, None, None, None].repeat(1, *SPECTRUM, 2)
        constant = torch.zeros(*SPECTRUM, 2, dtype=torch.float64)
        by_candidate = weights.double().permute(2, 0, 1)
        # The column kx = 0 holds k and -k: the same weights, the conjugate offset. Mirrors first,
        # so that DC, which is its own, keeps its own offset.
        zero = half.columns == 0
        spread[:, half.mirrored_rows[zero], 0] = by_candidate[:, zero]
        constant[half.mirrored_rows[zero], 0] = offset[zero].double() * torch.tensor([1.0, -1.0])
        spread[:, half.rows, half.columns] = by_candidate
        constant[half.rows, half.columns] = offset.double()
        self.weights: Tensor
        self.offset: Tensor
        self.register_buffer("weights", spread.float())
        self.register_buffer("offset", torch.view_as_complex(constant).to(torch.complex64))

    @staticmethod
    def mean(candidates: int) -> FourierCombiner:
        """The plain mean of all candidates, at every frequency."""
        frequencies = len(half_plane().rows)
        share = torch.full((frequencies, 2, candidates), 1 / candidates, dtype=torch.float64)
        return FourierCombiner(share, torch.zeros(frequencies, 2), share[0, 0])

    def forward(self, candidates: Float[Tensor, "candidates 72 96"]) -> Float[Tensor, "72 96"]:
        """The combined depth map [m] of one picture's candidates [m]."""
        spectrum = torch.view_as_real(torch.fft.rfft2(candidates))
        combined = torch.view_as_complex((spectrum * self.weights).sum(dim=0))
        return torch.fft.irfft2(combined - self.offset, s=GRID)
