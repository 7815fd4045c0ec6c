"""Every setting of the method once: its type, default, unit and bounds.

The command line, the YAML files and the checkpoints all take theirs from these frozen pydantic
models; the node's parameters, in ros/settings.py, are built of them. Neither module imports torch
or rclpy, so that ``--help`` is fast.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from fourier_depth_ros.adapter import AdapterConfig
from fourier_depth_ros.strict import Settings as Settings
from fourier_depth_ros.strict import explain as explain

#: Lee et al. 2018, sec. 3.3: the nine crop ratios of the paper.
PAPER_RATIOS = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6)
PRESETS = ("fast", "balanced", "accurate", "paper")
#: A zoomed picture is larger than the network's input by multiples of the trunk's stride, so that
#: the corners' windows lie on whole cells of every feature map.
STRIDE = 32
#: A patch of the vision transformers' input has this side [px], and so many cells of the depth map
#: along it.
PATCH, PATCH_CELLS = 14, 4
#: The layers of a vision transformer, counted from 1, whose tokens the decoder sees.
TAPS = (3, 6, 9, 12)
#: Below it the corners of a zoomed picture hardly overlap; the paper's smallest is 0.6.
SMALLEST_SHARED_RATIO = 0.58
#: How far a ratio may be from a possible one and still mean it.
_SNAP = 0.01

TrunkName = Literal["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "vits14"]
FamilyName = Literal["resnet", "vit"]
CombinationName = Literal["hierarchical", "paper", "mean"]
CropsName = Literal["corners", "shared"]
DEVICE_PATTERN = r"^(auto|cpu|cuda(:\d+)?)$"
DeviceName = Annotated[str, Field(pattern=DEVICE_PATTERN)]
PrecisionName = Literal["auto", "float32", "bfloat16", "float16", "int8"]
BackendName = Literal["auto", "eager", "graph", "compiled", "openvino", "onnxruntime"]


def shared_ratios(side: int) -> tuple[float, ...]:
    """The ratios that ``crops: shared`` can have for an input of ``side`` pixels: side / Z.

    Z is the side of the zoomed picture, ``side`` plus a multiple of 32: five ratios down to 0.6 for
    192 pixels, six down to 0.583 for 224.
    """
    sides = range(side, int(side / SMALLEST_SHARED_RATIO) + 1, STRIDE)
    return tuple(round(side / zoomed, 6) for zoomed in sides)


class NetworkConfig(Settings):
    """What the depth estimation network is built from (Lee et al. 2018, sec. 3.1).

    The vision transformers (ours, not the paper's) have an input of whole patches, 4 x 4 cells of
    the map for each, and no modified blocks; what is not given follows from that.
    """

    trunk: TrunkName = "resnet152"
    input_size: int = Field(224, ge=64, le=1024, description="side of the square input [px]")
    map_size: tuple[int, int] = Field((25, 32), description="(rows, columns) of the depth map")
    modified: bool = Field(True, description="extra paths on the last blocks (stage 2)")

    @property
    def family(self) -> FamilyName:
        """Which module the network is: it follows from the trunk."""
        return _family(self.trunk)

    def crop_size(self, picture: tuple[int, int]) -> tuple[int, int]:
        """(height, width) that the crops of a picture of that size get [px]: a square."""
        return self.input_size, self.input_size

    @model_validator(mode="before")
    @classmethod
    def _of_a_vision_transformer(cls, given: Any) -> Any:
        if not isinstance(given, dict) or _family(given.get("trunk")) != "vit":
            return given
        side = given.get("input_size", cls.model_fields["input_size"].default)
        known: dict[str, Any] = {"modified": False}
        if isinstance(side, int):
            known["map_size"] = _map_of_patches(side)
        return known | given

    @model_validator(mode="after")
    def _fits_a_vision_transformer(self) -> NetworkConfig:
        if self.family != "vit":
            return self
        if self.input_size % PATCH:
            raise ValueError(
                f"input_size {self.input_size} is no multiple of {PATCH}, the patches' side of "
                f"{self.trunk}; the nearest is {PATCH * max(5, round(self.input_size / PATCH))}"
            )
        if self.map_size != (expected := _map_of_patches(self.input_size)):
            raise ValueError(
                f"map_size {self.map_size} is not {expected}, {PATCH_CELLS} cells a patch, which "
                f"{self.trunk} has at {self.input_size} px; leave it out"
            )
        if self.modified:
            raise ValueError(f"modified: {self.trunk} has no blocks to modify; set false")
        return self

    def check_crops(self, crops: CropsName) -> None:
        """Whether this network takes crops made that way.

        Raises:
            ValueError: zoomed pictures, for a network without windows to cut out of its maps.
        """
        if crops == "shared" and self.family == "vit":
            raise ValueError(
                f"crops: 'shared' cuts windows out of a ResNet's feature maps; {self.trunk} is a "
                f"vision transformer, each of whose patches sees the whole crop; set 'corners'"
            )


def _family(trunk: object) -> FamilyName:
    return "vit" if isinstance(trunk, str) and trunk.startswith("vit") else "resnet"


def _map_of_patches(side: int) -> tuple[int, int]:
    cells = PATCH_CELLS * (side // PATCH)
    return cells, cells


class Disparity(Settings):
    """1 / depth = scale * answer + shift [1 / canonical m], of a network that answers disparity."""

    scale: float = Field(gt=0)
    shift: float


class DepthSpace(Settings):
    """What the network's output means, and the depths that it can express (sec. 3.2).

    ``balanced``: the head emits u = g(d) = a1 d + (a2 / 2) d^2; ``depth``: it emits d itself.
    All depths here are canonical metres: as seen with a focal length of ``canonical_focal`` times
    the picture's width. Of adapted networks (ours, not the paper's): with ``any_camera`` they are
    metres, whatever the focal length; ``disparity`` is what a fit found for a relative one.
    """

    output_space: Literal["balanced", "depth"] = "balanced"
    a1: float = Field(1.5, gt=0)
    a2: float = Field(-0.1, le=0)
    max_depth: float = Field(12.0, gt=0, description="largest depth the head may answer [m]")
    canonical_focal: float = Field(0.81, gt=0, description="phi_c = fx / picture width")
    any_camera: bool = False
    disparity: Disparity | None = None

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

    def possible(self, network: NetworkConfig | AdapterConfig) -> CombinationSettings:
        """These settings with ratios that this network can have.

        Corners can have any. Shared: each ratio becomes the nearest of shared_ratios.

        Raises:
            ValueError: a ratio is more than 0.01 away from all of them, or the network takes no
                zoomed pictures.
        """
        if self.crops == "corners":
            return self
        network.check_crops(self.crops)
        choice = shared_ratios(network.input_size)
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
    cost: float = Field(description="CombinationSettings.cost: 5 crops, or 2.36 if shared")
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
    "fast": Preset(crop_ratios=(1.0,), use_flips=False, cost=1),
    "balanced": Preset(crop_ratios=(1.0, 0.85), use_flips=False, cost=5),
    "accurate": Preset(crop_ratios=(1.0, 0.9, 0.8, 0.7), use_flips=False, cost=13),
    "paper": Preset(crop_ratios=PAPER_RATIOS, use_flips=True, cost=66),
}


def _default_shared_presets(side: int) -> dict[str, Preset]:
    """Likewise for shared crops: as many ratios, the largest first."""
    presets = {}
    for name, corners in DEFAULT_PRESETS.items():
        ratios = shared_ratios(side)[: len(corners.crop_ratios)]
        flips = corners.use_flips
        settings = CombinationSettings(crops="shared", crop_ratios=ratios, use_flips=flips)
        presets[name] = Preset(crop_ratios=ratios, use_flips=flips, cost=settings.cost)
    return presets


class FitConfig(Settings):
    """What a fit of the combination chose, for one way of making crops."""

    fitted_ratios: tuple[float, ...] = Field((), description="empty: no statistics stored")
    hierarchy: Hierarchy = Hierarchy()
    presets: dict[str, Preset] = Field({})


def _whose(network: object) -> str:
    """Which model a checkpoint's network is described by: one of ours, or an adapter."""
    adapted = isinstance(network, AdapterConfig) or (
        isinstance(network, dict) and "output" in network
    )
    return "adapted" if adapted else "own"


class CheckpointConfig(Settings):
    """Everything about a checkpoint that is not a tensor; stored as JSON beside the weights."""

    network: Annotated[
        Annotated[NetworkConfig, Tag("own")] | Annotated[AdapterConfig, Tag("adapted")],
        Discriminator(_whose),
    ]
    space: DepthSpace
    fits: dict[CropsName, FitConfig] = Field({}, description="one for each way of making crops")
    metrics: dict[str, float] = Field({})
    description: str = ""
    data: str = ""
    licence: str = ""

    def fit_config(self, crops: CropsName) -> FitConfig:
        """What was fitted for this way of making crops; empty if nothing was."""
        return self.fits.get(crops, FitConfig())

    def presets_of(self, crops: CropsName) -> dict[str, Preset]:
        """fast, balanced, accurate and paper: the fit's own, or rough ones before a fit."""
        rough = DEFAULT_PRESETS
        if crops == "shared":
            rough = _default_shared_presets(self.network.input_size)
        return self.fit_config(crops).presets or rough

    def preset(self, name: str, crops: CropsName) -> Preset:
        """One of presets_of.

        Raises:
            ValueError: no such preset; the text names those that there are. Or the network takes
                no crops made that way.
        """
        self.network.check_crops(crops)
        presets = self.presets_of(crops)
        if name not in presets:
            raise ValueError(
                f"preset: '{name}' is not in this checkpoint, which has {', '.join(presets)}"
            )
        return presets[name]

    def with_preset(self, settings: CombinationSettings, name: str) -> CombinationSettings:
        """``settings`` with the candidates that this preset has for their way of making crops.

        Raises:
            ValueError: no such preset.
        """
        return self.preset(name, settings.crops).combination(settings)

    def ratios_of(self, crops: CropsName) -> tuple[float, ...]:
        """The ratios that were fitted, or before a fit all that there are to fit."""
        whole = PAPER_RATIOS if crops == "corners" else shared_ratios(self.network.input_size)
        return self.fit_config(crops).fitted_ratios or whole
