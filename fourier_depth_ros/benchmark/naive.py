"""The method as it is written at first: the baseline, and an oracle for the answer.

One float32 pass a crop on the network's device, maps laid out at the picture's full size, a full
complex FFT of each candidate in NumPy.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float32, UInt8

from fourier_depth_ros.config import CombinationSettings, DepthSpace
from fourier_depth_ros.core.crops import GRID, crop_boxes
from fourier_depth_ros.core.fourier import FourierCombiner
from fourier_depth_ros.core.networks import DepthNetwork
from fourier_depth_ros.core.space import to_depth


@torch.inference_mode()
def naive_depth(
    network: DepthNetwork,
    space: DepthSpace,
    settings: CombinationSettings,
    combiner: FourierCombiner,
    rgb: UInt8[np.ndarray, "height width 3"],
) -> Float32[np.ndarray, "height width"]:
    """Depth [canonical m] of a picture."""
    size = (rgb.shape[0], rgb.shape[1])
    candidates = []
    for flip in (False, True) if settings.use_flips else (False,):
        for ratio in settings.crop_ratios:
            total, count = np.zeros(size, np.float32), np.zeros(size, np.float32)
            for top, left, h, w in crop_boxes(size, (ratio,)):
                window = rgb[top : top + h, left : left + w]
                window = window[:, ::-1] if flip else window
                depth = _one_crop(network, space, window)
                depth = depth[:, ::-1] if flip else depth
                total[top : top + h, left : left + w] += depth
                count[top : top + h, left : left + w] += 1
            candidates.append(_resized(total / count / ratio, GRID))
    return _resized(_combined(np.stack(candidates), combiner), size)


def _one_crop(network: DepthNetwork, space: DepthSpace, window: np.ndarray) -> np.ndarray:
    side = network.config.input_size
    picture = torch.from_numpy(window.astype(np.float32)).permute(2, 0, 1)[None]
    crop = F.interpolate(picture, (side, side), mode="bilinear", antialias=True)
    depth = to_depth(network(crop.to(network.head.weight.device))[0], space).cpu().numpy()
    return _resized(depth, (window.shape[0], window.shape[1]))


def _resized(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    picture = torch.from_numpy(np.ascontiguousarray(values, np.float32))[None, None]
    return F.interpolate(picture, size, mode="bilinear", antialias=True)[0, 0].numpy()


def _combined(candidates: np.ndarray, combiner: FourierCombiner) -> np.ndarray:
    """Real and imaginary parts weighted for themselves, on the half spectrum that irfft2 takes."""
    weights, offset = combiner.weights.numpy(), combiner.offset.numpy()
    total = np.zeros(offset.shape, np.complex128)
    for candidate, weight in zip(candidates, weights, strict=True):
        spectrum = np.fft.fft2(candidate)[:, : GRID[1] // 2 + 1]
        total += spectrum.real * weight[..., 0] + 1j * spectrum.imag * weight[..., 1]
    return np.fft.irfft2(total - offset, s=GRID).astype(np.float32)
