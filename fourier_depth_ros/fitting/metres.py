"""Metres for an adapted network that has none: scale and shift of its disparity, on RGB-D pairs.

Ours, not the paper's. One scale and one shift serve every picture: a network that answers each in
a scale of its own stays wrong by what these scales differ, and the held-out error says by how much.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import torch

from fourier_depth_ros.adapter import AdapterConfig
from fourier_depth_ros.config import Disparity
from fourier_depth_ros.core.adapted_frame import disparity_of
from fourier_depth_ros.core.checkpoint import Checkpoint
from fourier_depth_ros.core.crops import GRID, extract_crops
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.data.collection import NumberedSample
from fourier_depth_ros.data.processes import Processes
from fourier_depth_ros.data.truth import canonical_truth


def is_relative(checkpoint: Checkpoint) -> bool:
    """Whether the network's answers have no metres of their own."""
    network = checkpoint.config.network
    return isinstance(network, AdapterConfig) and network.output.relative


@torch.inference_mode()
def with_metres(
    checkpoint: Checkpoint,
    samples: Iterable[NumberedSample],
    device: str,
    processes: Processes,
) -> Checkpoint:
    """A relative network's checkpoint with the scale and shift of its disparity.

    Least squares of (scale * answer + shift) * z = 1 over all pixels with truth z: of relative
    errors in depth, whole pictures alone (r = 1).

    Raises:
        ValueError: the truth says that a larger answer is farther where the adapter says nearer, or
            the reverse; or there is no truth at all.
    """
    config = checkpoint.config.network
    assert isinstance(config, AdapterConfig)
    estimator = DepthEstimator(checkpoint, processes.device(device))
    normal, right = torch.zeros(2, 2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    for number, _, sample in samples:
        if not processes.takes(number):
            continue
        image = torch.from_numpy(sample.rgb).permute(2, 0, 1).to(estimator.device)
        whole = extract_crops(image, (1.0,), config.crop_size(sample.depth.shape), flips=False)
        answer = disparity_of(estimator.backend.network(whole), config.output)[0].cpu().double()
        factor = estimator.focal_factor(sample.intrinsics)
        truth = canonical_truth(torch.from_numpy(sample.depth), factor, GRID).double()
        valid = truth.isfinite() & answer.isfinite()
        rows = torch.stack((truth * answer, truth), dim=-1)[valid]
        normal += rows.mT @ rows
        right += rows.sum(dim=0)
    normal, right = (torch.stack(processes.gather(each)).sum(0) for each in (normal, right))
    found = _solved(normal, right, affine=config.output.kind == "inverse-affine")
    if not found[0] > 0:
        wrong = config.output.direction
        other = "nearer" if wrong == "farther" else "farther"
        raise ValueError(
            f"output.direction: '{wrong}' contradicts the true depth, by which a larger answer is "
            f"{other}; set direction: {other} in the adapter's YAML"
        )
    space = checkpoint.config.space.model_copy(
        update={"disparity": Disparity(scale=found[0], shift=found[1])}
    )
    return replace(checkpoint, config=checkpoint.config.model_copy(update={"space": space}))


def _solved(normal: torch.Tensor, right: torch.Tensor, affine: bool) -> tuple[float, float]:
    """Scale and shift of the normal equations; without ``affine`` the scale alone."""
    if not normal[0, 0] > 0:
        raise ValueError("no picture has true depth and an answer; nothing can be fitted")
    if not affine:
        return float(right[0] / normal[0, 0]), 0.0
    scale, shift = torch.linalg.lstsq(normal, right[:, None]).solution[:, 0].tolist()
    return scale, shift
