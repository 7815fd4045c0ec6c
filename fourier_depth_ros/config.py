"""Every setting once: its type, default, unit, bounds, and whether the running node may change it.

The command line, the YAML files, the ROS parameters and the README's table all come from these
frozen pydantic models. This module imports neither torch nor rclpy, so that ``--help`` is fast.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

#: Lee et al. 2018, sec. 3.3: the nine crop ratios of the paper.
PAPER_RATIOS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6)
PRESETS = ("fast", "balanced", "accurate", "paper")
#: A zoomed picture is larger than the network's input by multiples of the trunk's stride, so that
#: the corners' windows lie on whole cells of every feature map.
STRIDE = 32
#: Below it the corners of a zoomed picture hardly overlap; the paper's smallest is 0.6.
SMALLEST_SHARED_RATIO = 0.58
#: How far a ratio may be from a possible one and still mean it.
_SNAP = 0.01

TrunkName = Literal["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
CombinationName = Literal["hierarchical", "paper", "mean"]
CropsName = Literal["corners", "shared"]
DeviceName = Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")]
PrecisionName = Literal["auto", "float32", "bfloat16", "float16", "int8"]
BackendName = Literal["auto", "eager", "graph", "compiled", "openvino", "onnxruntime"]


class Settings(BaseModel):
    """A frozen, strict-keyed model: a misspelt key is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def shared_ratios(side: int) -> tuple[float, ...]:
    """The ratios that ``crops: shared`` can have for an input of ``side`` pixels: side / Z.

    Z is the side of the zoomed picture, ``side`` plus a multiple of 32: five ratios down to 0.6 for
    192 pixels, six down to 0.583 for 224.
    """
    sides = range(side, int(side / SMALLEST_SHARED_RATIO) + 1, STRIDE)
    return tuple(round(side / zoomed, 6) for zoomed in sides)


class NetworkConfig(Settings):
    """What the depth estimation network is built from (Lee et al. 2018, sec. 3.1)."""

    trunk: TrunkName = "resnet152"
    input_size: int = Field(224, ge=64, le=1024, description="side of the square input [px]")
    map_size: tuple[int, int] = Field((25, 32), description="(rows, columns) of the depth map")
    modified: bool = Field(True, description="extra paths on the last blocks (stage 2)")


class DepthSpace(Settings):
    """What the network's output means, and the depths that it can express (sec. 3.2).

    ``balanced``: the head emits u = g(d) = a1 d + (a2 / 2) d^2; ``depth``: it emits d itself.
    All depths here are canonical metres: as seen with a focal length of ``canonical_focal`` times
    the picture's width.
    """

    output_space: Literal["balanced", "depth"] = "balanced"
    a1: float = Field(1.5, gt=0)
    a2: float = Field(-0.1, le=0)
    max_depth: float = Field(12.0, gt=0, description="largest depth the head may answer [m]")
    canonical_focal: float = Field(0.81, gt=0, description="phi_c = fx / picture width")

    @model_validator(mode="after")
    def _invertible(self) -> DepthSpace:
        vertex = math.inf if self.a2 == 0 else -self.a1 / self.a2
        if self.output_space == "balanced" and self.max_depth >= vertex:
            raise ValueError(
                f"max_depth {self.max_depth:g} m reaches the vertex of g at {vertex:g} m, where g "
                f"has no inverse; lower max_depth, or choose a1, a2 with -a1/a2 >= 1.2 max_depth"
            )
        return self


class CombinationSettings(Settings):
    """Which candidates are made, and how they are combined (sec. 3.3 and 3.4).

    ``crops``: how a ratio's four corner crops get through the network. "corners": each by itself,
    as in the paper; "shared": all at once, as windows of the feature maps of one zoomed picture.
    """

    crops: CropsName = "corners"
    crop_ratios: tuple[float, ...] = PAPER_RATIOS
    use_flips: bool = True
    combination: CombinationName = "hierarchical"
    ridge: float | None = Field(None, ge=0, description="None: as chosen by the fit")

    @field_validator("crop_ratios")
    @classmethod
    def _canonical(cls, ratios: tuple[float, ...]) -> tuple[float, ...]:
        """Largest first, each once."""
        if not ratios:
            raise ValueError("is empty; give at least one ratio, such as [1.0]")
        for ratio in ratios:
            if not 0.5 < ratio <= 1.0:
                raise ValueError(
                    f"{ratio:g} is not in (0.5, 1]: four corner crops of a smaller ratio leave gaps"
                )
        return tuple(sorted({round(ratio, 6) for ratio in ratios}, reverse=True))

    @property
    def candidates(self) -> int:
        """M, the number of candidate depth maps."""
        return len(self.crop_ratios) * (2 if self.use_flips else 1)

    @property
    def cost(self) -> float:
        """Network passes a frame, counted in crops of the network's own size.

        Corners: one crop for ratio 1, four for a smaller one. Shared: 1/r^2, the zoomed picture's.
        """
        one_by_one = self.crops == "corners"
        passes = sum(
            (1 if ratio == 1.0 else 4) if one_by_one else ratio**-2 for ratio in self.crop_ratios
        )
        return round(float(passes * (2 if self.use_flips else 1)), 2)

    def possible(self, side: int) -> CombinationSettings:
        """These settings with ratios that a network of this input side [px] can have.

        Corners can have any. Shared: each ratio becomes the nearest of shared_ratios.

        Raises:
            ValueError: a ratio is more than 0.01 away from all of them.
        """
        if self.crops == "corners":
            return self
        choice = shared_ratios(side)
        nearest = [min(choice, key=lambda r: abs(r - ratio)) for ratio in self.crop_ratios]
        for ratio, near in zip(self.crop_ratios, nearest, strict=True):
            if abs(ratio - near) > _SNAP:
                possible = ", ".join(f"{each:.3g}" for each in choice)
                raise ValueError(
                    f"crop_ratios: {ratio:g} is not possible with crops 'shared', which takes "
                    f"{possible}; set crops and crop_ratios together, or a preset first"
                )
        ratios = tuple(sorted(set(nearest), reverse=True))
        return self.model_copy(update={"crop_ratios": ratios})


class Hierarchy(Settings):
    """How far the hierarchical combination goes, and how firmly each level is held to the last."""

    levels: Literal["ring", "frequency"] = "frequency"
    ring_ridge: float = Field(0.3, ge=0)
    frequency_ridge: float = Field(10.0, ge=0)


class Uncertainty(Settings):
    """sigma^2 = floor^2 + (per_depth d)^2 + (per_spread s)^2, calibrated on held-out pictures."""

    floor: float = Field(ge=0, description="[canonical m]")
    per_depth: float = Field(ge=0)
    per_spread: float = Field(ge=0)


class Preset(Settings):
    """A named subset of the fitted candidates, with what the fit expects of it."""

    crop_ratios: tuple[float, ...]
    use_flips: bool
    crops: float = Field(description="CombinationSettings.cost: 5 corners, or 2.36 if shared")
    expected_rmse: float | None = Field(
        None, description="held-out RMSE on the 72 x 96 grid [canonical m]; None before a fit"
    )
    uncertainty: Uncertainty | None = Field(None, description="None before a calibration")

    def combination(self, settings: CombinationSettings) -> CombinationSettings:
        """``settings`` with this preset's candidates."""
        return settings.model_copy(
            update={"crop_ratios": self.crop_ratios, "use_flips": self.use_flips}
        )


#: What the presets are before a fit ranks the subsets.
DEFAULT_PRESETS = {
    "fast": Preset(crop_ratios=(1.0,), use_flips=False, crops=1),
    "balanced": Preset(crop_ratios=(1.0, 0.85), use_flips=False, crops=5),
    "accurate": Preset(crop_ratios=(1.0, 0.9, 0.8, 0.7), use_flips=False, crops=13),
    "paper": Preset(crop_ratios=PAPER_RATIOS, use_flips=True, crops=66),
}


def _default_shared_presets(side: int) -> dict[str, Preset]:
    """Likewise for shared crops: as many ratios, the largest first."""
    presets = {}
    for name, corners in DEFAULT_PRESETS.items():
        ratios = shared_ratios(side)[: len(corners.crop_ratios)]
        flips = corners.use_flips
        settings = CombinationSettings(crops="shared", crop_ratios=ratios, use_flips=flips)
        presets[name] = Preset(crop_ratios=ratios, use_flips=flips, crops=settings.cost)
    return presets


class FitConfig(Settings):
    """What a fit of the combination chose, for one way of making crops."""

    fitted_ratios: tuple[float, ...] = Field((), description="empty: no statistics stored")
    hierarchy: Hierarchy = Hierarchy()
    presets: dict[str, Preset] = {}


class CheckpointConfig(FitConfig):
    """Everything about a checkpoint that is not a tensor; stored as JSON beside the weights.

    What it has of FitConfig is the corners' fit; ``shared`` is that of shared crops, if any.
    """

    network: NetworkConfig
    space: DepthSpace
    shared: FitConfig | None = None
    metrics: dict[str, float] = {}
    description: str = ""
    data: str = ""
    licence: str = ""

    def fit_config(self, crops: CropsName) -> FitConfig:
        """What was fitted for this way of making crops; empty if nothing was."""
        return self if crops == "corners" else self.shared or FitConfig()

    def presets_of(self, crops: CropsName) -> dict[str, Preset]:
        """fast, balanced, accurate and paper: the fit's own, or rough ones before a fit."""
        rough = DEFAULT_PRESETS
        if crops == "shared":
            rough = _default_shared_presets(self.network.input_size)
        return self.fit_config(crops).presets or rough

    def ratios_of(self, crops: CropsName) -> tuple[float, ...]:
        """The ratios that were fitted, or before a fit all that there are to fit."""
        whole = PAPER_RATIOS if crops == "corners" else shared_ratios(self.network.input_size)
        return self.fit_config(crops).fitted_ratios or whole


def _live(default: Any, unit: str, description: str, **bounds: Any) -> Any:
    return Field(
        default, description=description, json_schema_extra={"live": True, "unit": unit}, **bounds
    )


def _startup(default: Any, unit: str, description: str, **bounds: Any) -> Any:
    return Field(
        default, description=description, json_schema_extra={"live": False, "unit": unit}, **bounds
    )


class NodeParameters(Settings):
    """The node's parameters: the one table behind ROS, config/depth.yaml and the README."""

    checkpoint: str = _startup(
        "auto",
        "",
        "path or name of a checkpoint; 'auto': resnet152 on CUDA if installed, else resnet18",
    )
    device: DeviceName = _startup("auto", "", "auto, cpu, cuda or cuda:N")
    precision: PrecisionName = _startup(
        "auto",
        "",
        "auto (float16 on CUDA, bfloat16 on a CPU with AMX or AVX512-BF16, else float32), one of "
        "these, or int8, which takes the model that 'fourier-depth export' calibrates",
    )
    backend: BackendName = _startup(
        "auto",
        "",
        "what runs the network: auto (a CUDA graph; openvino on a CPU if installed, else eager), "
        "eager, graph, compiled, openvino or onnxruntime",
    )
    max_batch: int = _startup(
        66, "crops", "crops in one network pass; lower it to save memory", ge=1, le=4096
    )
    image_transport: Literal["raw", "compressed"] = _startup(
        "raw", "", "subscribe to image, or to image/compressed"
    )
    autostart: bool = _startup(
        True, "", "configure and activate at start; false: wait for lifecycle calls"
    )

    preset: str = _live(
        "auto",
        "",
        "fast, balanced, accurate or paper; '' once ratios are set by hand; 'auto': fast on CPU, "
        "accurate on CUDA",
    )
    crops: CropsName = _live(
        "corners",
        "",
        "corners: every crop passes the network by itself; shared: one pass of a zoomed picture a "
        "ratio, faster, with ratios and presets of its own",
    )
    crop_ratios: tuple[float, ...] = _live(
        (), "of H and W", "crop ratios, a subset of the fitted ones; empty at start: the preset's"
    )
    use_flips: bool = _live(
        False, "", "also run each crop mirrored; follows the preset until set by hand"
    )
    target_rate: float = _live(
        0.0,
        "Hz",
        "choose those ratios and flips, among the fitted ones, that compute a frame within "
        "1/target_rate; 0: the preset's or those set by hand",
        ge=0,
        le=1000,
    )
    combination: CombinationName = _live(
        "hierarchical", "", "hierarchical, paper (plain least squares) or mean"
    )
    ridge: float = _live(
        -1.0,
        "relative",
        "shrinkage of the combination weights; -1: as chosen by the fit",
        ge=-1,
        le=1e6,
    )

    min_depth: float = _live(0.1, "m", "nearer is NaN", ge=0, le=1e4)
    max_depth: float = _live(10.0, "m", "farther is NaN, or inf by far_policy", gt=0, le=1e4)
    far_policy: Literal["nan", "inf"] = _live(
        "nan", "", "what stands for depth beyond max_depth (REP 117)"
    )
    max_relative_std: float = _live(
        0.0, "", "depth is NaN where depth/std over depth is larger; 0: never", ge=0, le=10
    )
    depth_scale: float = _live(1.0, "", "metric depth is multiplied by this", gt=0, le=1e3)
    focal_correction: bool = _live(
        True, "", "scale depth by the camera's fx / width over the training camera's"
    )
    output_size: str = _live(
        "",
        "px",
        "WIDTHxHEIGHT of the outputs, such as 320x240; '': the image's",
    )
    depth_encoding: Literal["32FC1", "16UC1"] = _live(
        "32FC1", "", "32FC1: metres, NaN invalid; 16UC1: millimetres, 0 invalid (REP 118)"
    )
    publish_points: bool = _live(False, "", "publish depth/points even while nobody subscribes")
    points_stride: int = _live(2, "px", "every N-th row and column becomes a point", ge=1, le=64)
    diagnostics_period: float = _live(
        1.0, "s", "time between two messages on /diagnostics; 0: none", ge=0, le=3600
    )

    @field_validator("preset")
    @classmethod
    def _known_preset(cls, name: str) -> str:
        if name not in ("", "auto", *PRESETS):
            raise ValueError(f"{name!r} is none of {', '.join(PRESETS)}, 'auto' or ''")
        return name

    @field_validator("output_size")
    @classmethod
    def _size(cls, size: str) -> str:
        if not re.fullmatch(r"([1-9]\d{0,3}x[1-9]\d{0,3})?", size):
            raise ValueError(f"{size!r} is not WIDTHxHEIGHT; give a size such as 320x240, or ''")
        width, _, height = size.partition("x")
        if size and int(width) * int(height) > 7680 * 4320:
            raise ValueError(f"{size} is more than 8K; give at most 7680x4320")
        return size

    @field_validator("crop_ratios")
    @classmethod
    def _ratios(cls, ratios: tuple[float, ...]) -> tuple[float, ...]:
        return CombinationSettings(crop_ratios=ratios).crop_ratios if ratios else ()

    @field_validator("ridge")
    @classmethod
    def _ridge(cls, ridge: float) -> float:
        if ridge < 0 and ridge != -1:
            raise ValueError(f"{ridge:g} is negative; give 0 or more, or -1 for the fit's own")
        return ridge

    @model_validator(mode="after")
    def _range(self) -> NodeParameters:
        if self.min_depth >= self.max_depth:
            raise ValueError(
                f"min_depth {self.min_depth:g} m is not below max_depth {self.max_depth:g} m"
            )
        return self

    @property
    def output_shape(self) -> tuple[int, int] | None:
        """(height, width) of the outputs [px]; None: the image's."""
        if not self.output_size:
            return None
        width, height = map(int, self.output_size.split("x"))
        return height, width

    @property
    def combination_settings(self) -> CombinationSettings:
        """The part of the parameters that the estimator solves for."""
        return CombinationSettings(
            crops=self.crops,
            crop_ratios=self.crop_ratios,
            use_flips=self.use_flips,
            combination=self.combination,
            ridge=None if self.ridge < 0 else self.ridge,
        )
