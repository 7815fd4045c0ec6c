"""One frame as one pure function on a device, and how it is run.

crops -> network -> depth -> candidates -> Fourier combination -> the camera's metres at the
output's size. Nothing here depends on a value of the picture: a Frame compiles as a whole
(fullgraph=True), never waits for the device, and can be captured in a CUDA graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Num, UInt8
from torch import Tensor, nn

from fourier_depth_ros.config import CombinationSettings, DepthSpace, Uncertainty
from fourier_depth_ros.core.crops import (
    GRID,
    CropMerger,
    extract_crops,
    extract_zoomed,
    join_windows,
    merge_crops,
)
from fourier_depth_ros.core.fourier import FourierCombiner
from fourier_depth_ros.core.networks import DepthNetwork, fold
from fourier_depth_ros.core.space import to_depth
from fourier_depth_ros.core.uncertainty import candidate_spread, standard_deviation

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

#: (n, 3, side, side) RGB crops, 0..255, uint8 or floating -> (n, rows, columns) float32, what the
#: head emits. Of larger pictures (n, 3, Z, Z) -> (4 n, rows, columns): see DepthEstimationNetwork.
NetworkRunner = Callable[[Tensor], Tensor]


class FrameMaps(NamedTuple):
    """What a frame gives: depth and std [m] at the output size, the candidates [m] on the grid.

    depth and std are NaN where depth is not positive; std is None where it was not asked for.
    """

    depth: Float[Tensor, "height width"]
    std: Float[Tensor, "height width"] | None
    candidates: Float[Tensor, "candidates 72 96"]


class Frame(nn.Module):
    """All that one picture goes through, fixed for one size of picture and one combination.

    Args:
        network: runs the network, on at most ``max_batch`` crops at a time, or on as many pixels of
            zoomed pictures (but on at least one picture).
        side: of the network's input [px].
        space: what the network's output means.
        settings: which candidates are made.
        merger: of the picture's size and ``settings``' ratios.
        combiner: of ``settings``.
        output_size: (height, width) of the depth.
        uncertainty: the calibration of std; None: no std.
        max_batch: crops in one network pass.
    """

    def __init__(
        self,
        network: NetworkRunner,
        side: int,
        space: DepthSpace,
        settings: CombinationSettings,
        merger: CropMerger,
        combiner: FourierCombiner,
        output_size: tuple[int, int],
        uncertainty: Uncertainty | None,
        max_batch: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.side = side
        self.space = space
        self.settings = settings
        self.merger = merger
        self.combiner = combiner
        self.output_size = output_size
        self.uncertainty = uncertainty
        self.max_batch = max_batch

    def forward(
        self, image: UInt8[Tensor, "3 height width"], factor: Float[Tensor, ""]
    ) -> FrameMaps:
        """Depth of one picture; ``factor`` turns canonical metres into the camera's."""
        maps = self.network_maps(image, factor)
        factor = self.camera_factor(factor)
        with _on_one_thread(maps.device):
            depths = self.to_depths(maps)
            candidates = merge_crops(depths, self.merger, self.settings.use_flips)
            combined = [self.combiner(candidates)]
            if self.uncertainty is not None:
                spread = candidate_spread(candidates)
                combined.append(standard_deviation(combined[0], spread, self.uncertainty))
        depth, *std = self._resize_to_output(torch.stack(combined) * factor)
        # in place: at 1080p a new map is 8 MB, and fetching the memory takes longer than the work
        F.threshold(depth, 0.0, torch.nan, inplace=True)
        return FrameMaps(
            depth=depth,
            std=std[0].masked_fill_(depth.isnan(), torch.nan) if std else None,
            candidates=candidates * factor,
        )

    def _resize_to_output(
        self, maps: Float[Tensor, "n 72 96"]
    ) -> Float[Tensor, "n output_rows output_columns"]:
        # where no side shrinks, antialiasing changes nothing but the time
        shrinks = self.output_size[0] < GRID[0] or self.output_size[1] < GRID[1]
        return F.interpolate(
            maps[None], self.output_size, mode="bilinear", align_corners=False, antialias=shrinks
        )[0]

    def network_maps(
        self, image: UInt8[Tensor, "3 height width"], factor: Float[Tensor, ""]
    ) -> Float[Tensor, "crops rows columns"]:
        """What the head emits for each crop, in extract_crops' order, whatever the camera."""
        ratios, flips = self.settings.crop_ratios, self.settings.use_flips
        if self.settings.crops == "corners":
            return self._run(extract_crops(image, ratios, self.side, flips))
        zoomed = extract_zoomed(image, ratios, self.side, flips)
        return join_windows([self._run(pictures) for pictures in zoomed], flips)

    def to_depths(
        self, maps: Float[Tensor, "crops rows columns"]
    ) -> Float[Tensor, "crops rows columns"]:
        """Depth [canonical m] of what network_maps gave."""
        return to_depth(maps, self.space)

    def camera_factor(self, factor: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """What canonical depth is multiplied by, of the frame's ``factor``."""
        return factor

    def _run(self, pictures: Num[Tensor, "n 3 side side"]) -> Float[Tensor, "crops rows columns"]:
        batch = max(1, self.max_batch * self.side**2 // pictures.shape[-1] ** 2)
        outputs = [self.network(part) for part in torch.split(pictures, batch)]
        return torch.cat(outputs) if len(outputs) > 1 else outputs[0]


@contextmanager
def _on_one_thread(device: torch.device) -> Iterator[None]:
    """Work on maps of 72 x 96 cells: on a CPU in the calling thread alone.

    MKL would share out even these; on a busy machine each of its products and transforms then waits
    until the scheduler lets the other threads run, milliseconds instead of microseconds.
    """
    if device.type != "cpu" or torch.compiler.is_compiling():
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


#: Runs a frame on a picture that lies anywhere, with the factor of its camera.
FrameRunner = Callable[[Tensor, float], FrameMaps]


def run_plainly(frame: Frame, device: torch.device) -> FrameRunner:
    """Copy the picture to the device and call the frame."""

    def run(image: Num[Tensor, "3 height width"], factor: float) -> FrameMaps:
        # a fill, for a copy of one number from the host would wait
        scale = torch.full((), factor, device=device)
        return frame(image.to(device, non_blocking=True), scale)

    return run


@dataclass(frozen=True)
class Backend:
    """How the network and the frame around it are run; `fourier_depth_ros.runtime` makes others.

    name, precision, why: for people; ``why`` it was chosen, '' where somebody asked for it.
    network: see NetworkRunner. capture: makes the runner of a frame, once for each size of picture
    and combination.
    """

    name: str
    device: torch.device
    precision: str
    network: NetworkRunner
    capture: Callable[[Frame, torch.device], FrameRunner] = run_plainly
    why: str = ""


def eager_backend(network: DepthNetwork, device: torch.device, precision: str) -> Backend:
    """One kernel after another, as torch runs a module: what the other backends are held to.

    Raises:
        ValueError: torch does not compute in that precision.
    """
    if precision not in DTYPES:
        raise ValueError(
            f"precision: '{precision}' is not for torch, which takes {', '.join(DTYPES)}; "
            f"int8 takes backend 'openvino'"
        )
    folded = fold(network).to(device).to(memory_format=torch.channels_last)
    folded.set_precision(DTYPES[precision])
    return Backend("eager", device, precision, folded)
