"""The combiner against numpy's FFT, and the layout of the half plane by hand."""

import numpy as np
import pytest
import torch

from fourier_depth_ros.core.fourier import (
    FourierCombiner,
    half_plane,
    half_plane_parts,
    outside_parts,
)


def disc_of_full_dft():
    ky, kx = np.meshgrid(np.fft.fftfreq(72, 1 / 72), np.fft.fftfreq(96, 1 / 96), indexing="ij")
    return np.hypot(ky, kx) <= 32


def test_numbers_of_frequencies():
    half = half_plane()
    assert len(half.rows) == 1605
    assert half.disc.sum() == 1637
    assert half.multiplicity.sum() == 3209 == disc_of_full_dft().sum()


def test_the_half_plane_holds_one_of_each_pair():
    half = half_plane()
    pairs = set(zip(half.rows.tolist(), half.columns.tolist(), strict=True))
    assert (0, 0) in pairs
    assert (5, 0) in pairs
    assert (72 - 5, 0) not in pairs  # the mirror of (5, 0)
    assert (72 - 5, 3) in pairs  # ky = -5, kx = 3
    assert half.radius[half.rows.tolist().index(5)] >= 5


def combine_with_numpy(candidates, weights, offset, outside):
    """The definition on the full DFT: F_k and F_-k = conj F_k set one by one."""
    spectra = np.fft.fft2(candidates.astype(np.float64))
    result = np.tensordot(outside, spectra, axes=1)
    half = half_plane()
    for k, (row, column) in enumerate(zip(half.rows.tolist(), half.columns.tolist(), strict=True)):
        parts = spectra[:, row, column]
        value = weights[k, 0] @ parts.real + 1j * (weights[k, 1] @ parts.imag)
        value -= offset[k, 0] + 1j * offset[k, 1]
        result[row, column] = value
        if (row, column) != (0, 0):
            result[-row % 72, -column % 96] = np.conj(value)
    return np.fft.ifft2(result)


def test_combiner_equals_numpy_and_is_real():
    rng = np.random.default_rng(3)
    candidates = rng.normal(3, 1, (4, 72, 96))
    weights = rng.normal(0, 1, (1605, 2, 4))
    offset = rng.normal(0, 5, (1605, 2))
    offset[0, 1] = 0  # DC's imaginary part
    outside = np.array([0.5, 0.0, 0.5, 0.0])
    expected = combine_with_numpy(candidates, weights, offset, outside)
    assert np.abs(expected.imag).max() < 1e-10
    combiner = FourierCombiner(*map(torch.from_numpy, (weights, offset, outside)))
    actual = combiner(torch.from_numpy(candidates).float())
    np.testing.assert_allclose(actual, expected.real, atol=2e-4)


def test_dc_by_hand():
    """Weights 1 at DC only: the output's mean is the weighted mean less offset / (72 * 96)."""
    weights = torch.zeros(1605, 2, 2)
    offset = torch.zeros(1605, 2)
    dc = half_plane().radius.argmin()
    weights[dc, 0] = torch.tensor([0.25, 0.75])
    offset[dc, 0] = 72 * 96 * 0.5
    candidates = torch.stack((torch.full((72, 96), 2.0), torch.full((72, 96), 4.0)))
    combined = FourierCombiner(weights, offset, torch.zeros(2))(candidates)
    torch.testing.assert_close(combined, torch.full((72, 96), 0.25 * 2 + 0.75 * 4 - 0.5))


def test_a_vertical_wave_in_the_column_kx_0():
    """cos(2 pi 5 y / 72 + 1) lives in (5, 0) and (-5, 0): weight 2 there doubles it."""
    y = torch.arange(72) / 72
    wave = torch.cos(2 * torch.pi * 5 * y + 1)[:, None].expand(72, 96)
    half = half_plane()
    at = ((half.rows == 5) & (half.columns == 0)).nonzero().item()
    weights = torch.ones(1605, 2, 1)
    weights[at] = 2.0
    combiner = FourierCombiner(weights, torch.zeros(1605, 2), torch.ones(1))
    torch.testing.assert_close(combiner((3 + wave)[None]), 3 + 2 * wave)


def test_identity_and_mean_weights():
    candidates = torch.rand(6, 72, 96)
    torch.testing.assert_close(FourierCombiner.mean(6)(candidates), candidates.mean(dim=0))


@pytest.mark.parametrize("shape", [(), (3,)])
def test_parseval_splits_the_mean_square_into_disc_and_outside(shape):
    maps = torch.rand(*shape, 72, 96, dtype=torch.float64)
    inside = half_plane_parts(maps).square() * half_plane().multiplicity[:, None]
    total = inside.sum(dim=(-2, -1)) / (72 * 96) ** 2 + outside_parts(maps).square().sum(-1)
    torch.testing.assert_close(total, maps.square().mean(dim=(-2, -1)))
