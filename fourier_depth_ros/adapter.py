"""How somebody else's depth network is fed and read: the content of an adapter's YAML file.

Ours, not the paper's. The node's networks take a square crop and answer canonical depth; others
have their own sizes, ranges and units. An adapter says which, and nothing of it is guessed.
"""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, model_validator

from fourier_depth_ros.strict import Settings

Triple = tuple[float, float, float]
KindName = Literal["metric", "metric-per-focal", "inverse-affine", "inverse-scaled", "point-map"]
#: Kinds whose answer is inverse depth up to a scale, or a scale and a shift.
RELATIVE = ("inverse-affine", "inverse-scaled")


class InputConfig(Settings):
    """What the network is given: pictures of ``size``, as numbers (v * range / 255 - mean) / std.

    A crop has the aspect of the camera's picture. ``stretch`` resizes it to ``size`` whatever that
    does to its aspect; ``pad`` keeps the aspect and fills up with ``padding``, evenly on both
    sides: to ``size`` where that is fixed, else to the next multiple.
    """

    name: str = Field(min_length=1, description="of the input that takes pictures")
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    range: Literal[1, 255] = Field(1, description="pixels are 0 to this before mean and std")
    mean: Triple = (0.0, 0.0, 0.0)
    std: Triple = (1.0, 1.0, 1.0)
    size: tuple[int, int] = Field(description="(rows, columns) [px]")
    fixed: bool = Field(True, description="the file takes this size alone")
    multiple: int = Field(1, ge=1, le=256, description="each side is a multiple of this [px]")
    resize: Literal["stretch", "pad"] = "stretch"
    padding: Triple | None = Field(None, description="colour, as mean is given; None: the mean")
    constants: dict[str, float | int] = Field({}, description="other inputs: always this number")
    camera: dict[str, Literal["matrix", "rays"]] = Field(
        {}, description="other inputs: each crop's (3, 3) camera matrix, or a unit ray for a pixel"
    )

    @model_validator(mode="after")
    def _consistent(self) -> InputConfig:
        for side in self.size:
            if not 32 <= side <= 4096:
                raise ValueError(f"size: {side} is no side of a picture; expected 32 to 4096 px")
            if side % self.multiple:
                near = self.multiple * max(1, round(side / self.multiple))
                raise ValueError(
                    f"size: {side} is no multiple of {self.multiple}; set {near}, or the multiple "
                    f"that the network has"
                )
        if min(self.std) <= 0:
            raise ValueError(f"std: {self.std} has to be positive; it divides the pixels")
        largest = max(*self.mean, *self.std)
        if self.range == 1 and largest > 2:
            raise ValueError(
                f"mean and std reach {largest:g}, but range is 1; give them for pixels of 0 to 1, "
                f"or set range: 255"
            )
        twice = [name for name in (self.name, *self.constants) if name in self.camera]
        if twice or self.name in self.constants:
            raise ValueError(
                f"'{(twice or [self.name])[0]}' is given two roles; give each input one"
            )
        return self

    def content_size(self, picture: tuple[int, int]) -> tuple[int, int]:
        """(height, width) that a crop of such a picture is resized to [px], without the padding."""
        if self.resize == "stretch":
            return self.size
        scale = min(self.size[0] / picture[0], self.size[1] / picture[1])
        return max(1, round(scale * picture[0])), max(1, round(scale * picture[1]))

    def padded_size(self, content: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of what the network is given [px] for such a content."""
        if self.fixed:
            return self.size
        rows, columns = (self.multiple * math.ceil(side / self.multiple) for side in content)
        return rows, columns


class OutputConfig(Settings):
    """What the network answers, and how that becomes depth.

    kind: ``metric``: z [m] (or 1 / z); ``metric-per-focal``: z = f * answer / focal, f [px] at the
    network's resolution; ``inverse-affine``, ``inverse-scaled``: 1 / z up to a scale and a shift,
    or up to a scale, per crop; ``point-map``: x, y, z of each pixel [m].
    direction: whether a larger answer is farther or nearer. canonical_focal: fx / width of the
    pictures that the metres are right for; None: they are right for any camera, as the network
    sees the focal length in the picture or is told it. With a number, a crop of ratio r is taken to
    look 1 / r times nearer (sec. 3.3); with None it is not.
    """

    name: str = Field(min_length=1, description="of the output that holds depth")
    kind: KindName
    direction: Literal["farther", "nearer"]
    unit: float = Field(1.0, gt=0, description="metres of one unit: 0.001 for millimetres")
    focal: float | None = Field(None, gt=0, description="[px], of metric-per-focal: 300 or 1000")
    canonical_focal: float | None = Field(None, gt=0, le=10)
    max_depth: float = Field(80.0, gt=0, le=1e4, description="farther is not known [m]")
    mask: str | None = Field(None, description="another output, over 0.5 where depth is valid")
    sky: str | None = Field(None, description="another output, over 0.5 (or true) where sky is")
    scale: str | None = Field(None, description="another output, a factor for each crop")
    shifted: bool = Field(False, description="of a point map: z up to a shift, recovered from x, y")

    @model_validator(mode="after")
    def _consistent(self) -> OutputConfig:
        if (self.kind == "metric-per-focal") != (self.focal is not None):
            wanted = (
                "needs focal: 300 or 1000, as its authors say"
                if self.focal is None
                else ("takes no focal; leave it out, or set kind: metric-per-focal")
            )
            raise ValueError(f"kind '{self.kind}' {wanted}")
        if self.canonical_focal is not None and self.kind not in ("metric", "point-map"):
            raise ValueError(
                f"canonical_focal {self.canonical_focal:g} is for metres; kind '{self.kind}' has "
                f"its own rule for the focal length, leave it out"
            )
        if self.kind == "point-map" and self.direction == "nearer":
            raise ValueError("direction 'nearer' is not for a point-map, whose z grows; 'farther'")
        if self.shifted and self.kind != "point-map":
            raise ValueError(
                f"shifted: true is for a point-map, kind is '{self.kind}'; leave it out"
            )
        return self

    @property
    def relative(self) -> bool:
        """Whether no metres are in it."""
        return self.kind in RELATIVE


class AdapterConfig(Settings):
    """A network of somebody else's: its file, beside the YAML, and how it is fed and read."""

    model: str = Field(min_length=1, description="the ONNX file or transformers folder")
    input: InputConfig
    output: OutputConfig
    licence: str = ""
    source: str = ""

    @model_validator(mode="after")
    def _told_or_not(self) -> AdapterConfig:
        output = self.output
        if self.input.camera and (
            output.kind not in ("metric", "point-map") or output.canonical_focal is not None
        ):
            raise ValueError(
                f"a network that is told the camera (input.camera) answers metres for any; kind "
                f"'{output.kind}' with canonical_focal {output.canonical_focal} contradicts that: "
                f"set kind: metric or point-map, and leave canonical_focal out"
            )
        return self

    @property
    def trunk(self) -> str:
        """The model's name, for people."""
        return self.model.rstrip("/").rsplit("/", 1)[-1].removesuffix(".onnx")

    @property
    def family(self) -> str:
        """As NetworkConfig's."""
        return "adapted"

    @property
    def input_size(self) -> int:
        """The longer side of the input [px]."""
        return max(self.input.size)

    @property
    def map_size(self) -> tuple[int, int]:
        """(rows, columns) of a crop's map: the combination's grid, which holds no more."""
        return 72, 96

    def crop_size(self, picture: tuple[int, int]) -> tuple[int, int]:
        """(height, width) that the crops of a picture of that size get [px]."""
        return self.input.content_size(picture)

    def check_crops(self, crops: str) -> None:
        """As NetworkConfig.check_crops.

        Raises:
            ValueError: zoomed pictures.
        """
        if crops == "shared":
            raise ValueError(
                f"crops: 'shared' cuts windows out of a ResNet's feature maps; {self.trunk} is an "
                f"adapted network, each crop passes it by itself; set 'corners'"
            )
