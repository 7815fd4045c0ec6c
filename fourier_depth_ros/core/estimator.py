"""DepthEstimator: one picture in, metric depth out. The one thing that others call.

crops -> network -> depth -> candidates -> Fourier combination -> the camera's metres, in canonical
metres until the very end.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from fourier_depth_ros.adapter import AdapterConfig
from fourier_depth_ros.config import CombinationSettings, CropsName, Preset, Uncertainty
from fourier_depth_ros.core.adapted import AdaptedNetwork
from fourier_depth_ros.core.adapted_frame import AdaptedFrame, applies_zoom_rule
from fourier_depth_ros.core.checkpoint import Checkpoint, Fit
from fourier_depth_ros.core.crops import CropMerger, crop_boxes, extract_zoomed
from fourier_depth_ros.core.fourier import FourierCombiner
from fourier_depth_ros.core.frame import Backend, Frame, FrameRunner, eager_backend
from fourier_depth_ros.core.geometry import Intrinsics, focal_factor
from fourier_depth_ros.core.subsets import ladder


@dataclass(frozen=True)
class DepthPrediction:
    """What one picture gave.

    depth: Z depth [m] at the output size, NaN where not positive.
    candidates: the M candidate depth maps [m] on the 72 x 96 grid, in CombinationSettings' order.
    std: standard deviation of depth [m], NaN where depth is; None if it was not asked for, or the
        checkpoint is not calibrated.
    """

    depth: Float[Tensor, "height width"]
    candidates: Float[Tensor, "candidates 72 96"]
    std: Float[Tensor, "height width"] | None = None


@dataclass(frozen=True)
class _Plan:
    """Everything fixed by a combination; swapped as a whole, so that a frame never sees halves."""

    settings: CombinationSettings
    combiner: FourierCombiner
    uncertainty: Uncertainty | None
    frames: dict[tuple[tuple[int, int], tuple[int, int], bool], FrameRunner] = field(
        default_factory=dict
    )


class DepthEstimator:
    """A checkpoint on a device, with a live combination.

    set_combination may be called from another thread while predict runs: the frame under way keeps
    the old combination, the next one has the new.

    Args:
        checkpoint: from load_checkpoint; it stays as it is.
        device: "auto" (CUDA if there is any), "cpu", "cuda" or "cuda:N".
        precision: of the trunk: "auto", "float32", "bfloat16" or "float16".
        max_batch: crops in one network pass, or as many pixels of zoomed pictures; more passes
            give the same answer with less memory.
        backend: what runs the network, with a device and a precision of its own, as
            `fourier_depth_ros.runtime.open_backend` gives it; None: torch, eagerly, or for an
            adapted network what suits its file.

    Raises:
        ValueError: the device is not there.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        device: str = "auto",
        precision: str = "auto",
        max_batch: int = 66,
        backend: Backend | None = None,
    ) -> None:
        self.config = checkpoint.config
        self._fits: dict[CropsName, Fit] = {
            "corners": checkpoint.fit_of("corners"),
            "shared": checkpoint.fit_of("shared"),
        }
        if backend is None:
            backend = _default_backend(checkpoint, resolve_device(device), precision)
        self.backend = backend
        self.device = backend.device
        self.precision = backend.precision
        self.max_batch = max_batch
        self._seen = {self.config.network.input_size}
        self._plan = self._solve(self._default_combination())

    @property
    def presets(self) -> dict[str, Preset]:
        """fast, balanced, accurate and paper of the present way of making crops."""
        return self.config.presets_of(self.combination.crops)

    @property
    def default_preset(self) -> str:
        """What there is time for on this device: fast on a CPU, accurate on CUDA."""
        return "accurate" if self.device.type == "cuda" else "fast"

    @property
    def combination(self) -> CombinationSettings:
        """The combination that the next frame will have."""
        return self._plan.settings

    def use(self, preset: str = "auto", crops: CropsName | None = None) -> None:
        """Take a preset's candidates from the next frame on; see set_combination.

        Args:
            preset: fast, balanced, accurate or paper; "auto": default_preset.
            crops: "corners" or "shared"; None: as they are made now.

        Raises:
            ValueError: no such preset, or it cannot be solved. The old combination stays.
        """
        settings = self.combination
        if crops is not None:
            settings = settings.model_copy(update={"crops": crops})
        name = self.default_preset if preset == "auto" else preset
        self.set_combination(self.config.with_preset(settings, name))

    def set_combination(self, settings: CombinationSettings) -> None:
        """Solve the optimal combination of these ratios and use it from the next frame on.

        Shared crops: a ratio near a possible one becomes that; a size of zoomed picture that is new
        runs once here, so that no frame waits for a backend that has to get ready for it.

        Raises:
            ValueError: a ratio was not fitted or is not possible, or nothing was fitted and the
                combination is not "mean". The old combination stays.
        """
        plan = self._solve(settings.possible(self.config.network))
        self._warm_up(plan.settings)
        self._plan = plan

    def ladder(self, settings: CombinationSettings) -> list[CombinationSettings]:
        """The subsets of the fitted ratios that are worth their cost, from cheap to dear.

        With the crops, the combination and the ridge of ``settings``. Takes some tenths of a second
        where a fit has to be ranked; see fourier_depth_ros.core.subsets.ladder.
        """
        return ladder(self._fits[settings.crops], settings)

    @torch.inference_mode()
    def _warm_up(self, settings: CombinationSettings) -> None:
        """Run each size never seen; the ones seen may just be running in another thread."""
        if settings.crops == "corners":
            return
        side = self.config.network.input_size
        blank = torch.zeros(3, side, side, dtype=torch.uint8, device=self.device)
        for pictures in extract_zoomed(blank, settings.crop_ratios, side, flips=False):
            if pictures.shape[-1] not in self._seen:
                self.backend.network(pictures)
                self._seen.add(pictures.shape[-1])

    @torch.inference_mode()
    def predict(
        self,
        image: UInt8[Tensor, "3 height width"],
        intrinsics: Intrinsics | None = None,
        output_size: tuple[int, int] | None = None,
        with_std: bool = False,
    ) -> DepthPrediction:
        """Metric depth of one RGB picture.

        Args:
            image: RGB, on any device.
            intrinsics: of this picture; None assumes the training camera's field of view, and
                depth is wrong by the factor that the true one differs.
            output_size: (height, width) of the depth; None: the picture's.
            with_std: also give the standard deviation, if the checkpoint is calibrated.

        Raises:
            ValueError: a side of the picture is under 32 pixels, or the network has to be told
                the camera's intrinsics and there are none.
        """
        plan = self._plan
        size = (image.shape[-2], image.shape[-1])
        factor = 1.0
        if intrinsics is not None:
            factor = focal_factor(intrinsics, self.config.space.canonical_focal)
        elif isinstance(network := self.config.network, AdapterConfig) and network.input.camera:
            raise ValueError(
                f"{network.trunk} has to be told the camera's focal length, and it is not known; "
                f"publish camera_info, or give the focal length"
            )
        run = self._frame(plan, size, output_size or size, with_std)
        depth, std, candidates = run(image, factor)
        return DepthPrediction(depth, candidates, std)

    def _frame(
        self, plan: _Plan, size: tuple[int, int], output_size: tuple[int, int], with_std: bool
    ) -> FrameRunner:
        """What runs pictures of this size: built on the first one, kept for the next."""
        key = (size, output_size, with_std)
        run = plan.frames.get(key)
        if run is None:
            if len(plan.frames) >= 8:  # a folder of photographs, each of its own size
                plan.frames.clear()
            network, settings = self.config.network, plan.settings
            crop_boxes(size, settings.crop_ratios)  # refuses a tiny picture
            make: Callable[..., Frame] = Frame
            zoomed = True
            if isinstance(network, AdapterConfig):
                make = partial(AdaptedFrame, network, size)
                zoomed = applies_zoom_rule(network, self.config.space)
            merger = CropMerger.build(
                size, settings.crop_ratios, network.map_size, self.device, zoomed
            )
            frame = make(
                network=self.backend.network,
                side=network.input_size,
                space=self.config.space,
                settings=settings,
                merger=merger,
                combiner=plan.combiner,
                output_size=output_size,
                uncertainty=plan.uncertainty if with_std else None,
                max_batch=self.max_batch,
            )
            run = plan.frames[key] = self.backend.capture(frame, self.device)
        return run

    def focal_factor(self, intrinsics: Intrinsics) -> float:
        """What canonical depth is multiplied by for this camera; 1 where it is any camera's."""
        if self.config.space.any_camera:
            return 1.0
        return focal_factor(intrinsics, self.config.space.canonical_focal)

    def _default_combination(self) -> CombinationSettings:
        method = "mean" if self._fits["corners"].statistics is None else "hierarchical"
        settings = CombinationSettings(combination=method)
        return self.config.with_preset(settings, self.default_preset)

    def _solve(self, settings: CombinationSettings) -> _Plan:
        combiner = self._fits[settings.crops].combiner(settings)
        return _Plan(settings, combiner.to(self.device), self._uncertainty(settings))

    def _uncertainty(self, settings: CombinationSettings) -> Uncertainty | None:
        """The calibration of the preset with the most similar number of candidates.

        Ratios set by hand were never calibrated; what the spread of M candidates means depends
        first of all on M.
        """
        presets = self.config.presets_of(settings.crops)
        calibrated = [preset for preset in presets.values() if preset.uncertainty]
        if not calibrated:
            return None

        def distance(preset: Preset) -> tuple[bool, float]:
            theirs = preset.combination(settings)
            return theirs != settings, abs(math.log(theirs.candidates / settings.candidates))

        return min(calibrated, key=distance).uncertainty


def _default_backend(checkpoint: Checkpoint, device: torch.device, precision: str) -> Backend:
    network = checkpoint.network
    if isinstance(network, AdaptedNetwork):
        return network.open("auto", device, precision)
    return eager_backend(network, device, resolve_precision(precision, device))


def limit_depth(
    depth: Float[Tensor, "height width"], min_depth: float, max_depth: float, far_policy: str
) -> Float[Tensor, "height width"]:
    """Depth [m] with NaN below ``min_depth``, and NaN or +inf beyond ``max_depth`` by the policy.

    Convention: REP 117: +inf says "nothing within range", NaN says "not known".
    """
    far = torch.inf if far_policy == "inf" else torch.nan
    limited = depth.masked_fill(depth < min_depth, torch.nan)
    return limited.masked_fill_(depth > max_depth, far)  # in place: a new map is 8 MB at 1080p


def resolve_device(name: str) -> torch.device:
    """The torch device behind "auto", "cpu", "cuda" or "cuda:N".

    Raises:
        ValueError: that device is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ValueError(
            f"device: '{name}' is not there, torch sees {torch.cuda.device_count()} CUDA devices; "
            f"set 'cpu' or 'auto', or install a CUDA build of torch and the driver"
        )
    return device


def resolve_precision(name: str, device: torch.device) -> str:
    """The dtype's name behind "auto": what the device computes fastest without visible loss."""
    if name != "auto":
        return name
    if device.type == "cuda":
        return "float16"
    # older releases of torch can't tell; there float32 is the safe answer
    capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
    native = capabilities.get("amx_bf16") or capabilities.get("avx512_bf16")
    # torch may have been told to be content with less (ATEN_CPU_CAPABILITY=avx2)
    return "bfloat16" if native and torch.backends.cpu.get_cpu_capability() != "AVX2" else "float32"
