"""Places with real RGB-D pictures: which files of which repository, and how to read them.

A manifest (config/train/places.yaml) makes a training set of public repositories' pictures
reproducible: the repository holds the list, data.assembly gets the pictures.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from fourier_depth_ros.config import Settings, explain
from fourier_depth_ros.core.geometry import Intrinsics, scale_intrinsics

SPLITS = ("train", "fit", "validation")
Split = Literal["train", "fit", "validation"]
Kind = Literal["near", "robot", "corridor", "person", "room", "table", "hall", "stairs"]
Positive = Annotated[float, Field(gt=0)]
Camera = Annotated[
    tuple[Positive, Positive, float, float], Field(description="(fx, fy, cx, cy) [px]")
]


class Pairs(Settings):
    """Which files of a repository are pairs. ``*`` in a pattern stands for a name without a /.

    A frame's name is what its colour file's ``*`` stand for, joined by "-"; without ``*``, the
    file's stem.
    """

    color: str = Field(min_length=1, description="colour file or pattern, from the root")
    depth: str = Field(
        min_length=1, description="depth file or pattern; that of a .pcd is the colour's"
    )
    by: Literal["name", "number", "order", "time"] = Field(
        "name",
        description="name: the same text for *; number: the same last number in it; order: the "
        "n-th with the n-th; time: the nearest number of seconds",
    )
    within: Positive = Field(0.02, description="largest difference `by` time [s]")
    every: int = Field(1, ge=1, description="take every n-th pair, from the first")
    only: tuple[str, ...] = Field((), description="names of the frames to take; empty: all")

    @model_validator(mode="after")
    def _one_choice(self) -> Pairs:
        if self.only and self.every > 1:
            raise ValueError("give `only` or `every`, not both")
        if len(set(self.only)) < len(self.only):
            raise ValueError("`only` has a name twice")
        return self


class DepthFile(Settings):
    """What a depth file's numbers mean. 0, what is not finite and what is negative is invalid."""

    unit: Positive = Field(0.001, description="metres that a depth of 1 means")
    nearest: float = Field(0.0, ge=0, description="nearer than that depth is invalid [m]")
    farthest: Positive | None = Field(None, description="beyond it depth is invalid [m]")
    invalid: tuple[float, ...] = Field((), description="other numbers that mean: no depth")
    rotate_bits: int = Field(
        0, ge=0, le=15, description="16 bit are stored rotated left by so many; 8: bytes swapped"
    )


class DepthCamera(Settings):
    """The depth camera, where its pictures are not registered to colour yet.

    Registered depth of a lower resolution is of such a camera too: the colour camera's intrinsics
    at that size, no translation.
    """

    size: tuple[int, int] = Field(description="(width, height) of the depth files [px]")
    intrinsics: Camera
    translation: tuple[float, float, float] = Field(
        description="of the depth camera's origin in the colour camera's frame [m]"
    )


class Place(Settings):
    """One place (a room, a desk, a sequence) in one repository, seen by one camera."""

    name: str = Field(pattern=r"^[a-z0-9]+(_[a-z0-9]+)*$", description="the pictures' group")
    source: str = Field(pattern=r"^(https|file)://\S+/[^/\s]+/[^/\s]+$", description="repository")
    commit: str = Field(pattern=r"^[0-9a-f]{40}$")
    licence: str = Field(min_length=1, description="which, and of what")
    camera: str = Field(min_length=1)
    kind: Kind
    split: Split
    group: str = Field("", description="of places that are one physical room: a name in common")
    note: str = Field("", description="what is odd, for readers")
    size: tuple[int, int] = Field(description="(width, height) of the colour files [px]")
    intrinsics: Camera = Field(description="of the colour files")
    assumed: bool = Field(False, description="the intrinsics are the camera model's usual ones")
    pairs: tuple[Pairs, ...] = Field(min_length=1)
    depth: DepthFile = DepthFile()
    depth_camera: DepthCamera | None = Field(
        None, description="where depth is not registered to colour: what it takes to do that"
    )
    turn: Literal[0, 90, 180, 270] = Field(0, description="clockwise, to stand upright [degrees]")
    shrink: int = Field(1, ge=1, le=8, description="sides are divided by it, before turning")

    @model_validator(mode="after")
    def _a_camera(self) -> Place:
        _ = self.camera_model
        return self

    @property
    def owner_and_name(self) -> tuple[str, str]:
        """Of the repository."""
        owner, name = self.source.removesuffix(".git").rsplit("/", 2)[1:]
        return owner, name

    @property
    def camera_model(self) -> Intrinsics:
        """Of the assembled pictures: shrunk, then turned.

        Convention: turned clockwise by 90 degrees, pixel (u, v) of a picture of height h comes to
        (h - 1 - v, u).
        """
        width, height = (side // self.shrink for side in self.size)
        whole = Intrinsics(*self.intrinsics, width * self.shrink, height * self.shrink)
        camera = scale_intrinsics(whole, width, height)
        for _ in range(self.turn // 90):
            camera = Intrinsics(
                fx=camera.fy,
                fy=camera.fx,
                cx=camera.height - 1 - camera.cy,
                cy=camera.cx,
                width=camera.height,
                height=camera.width,
            )
        return camera


class Manifest(Settings):
    """Places, each in one split; places of one physical room are in the same."""

    places: tuple[Place, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _apart(self) -> Manifest:
        twice = [name for name, n in Counter(p.name for p in self.places).items() if n > 1]
        if twice:
            raise ValueError(f"the place {twice[0]} is there twice; give each a name of its own")
        splits: dict[str, Place] = {}
        for place in self.places:
            other = splits.setdefault(place.group or place.name, place)
            if other.split != place.split:
                raise ValueError(
                    f"{other.name} ({other.split}) and {place.name} ({place.split}) are one room "
                    f"({place.group or place.name}); give both the same split"
                )
        return self

    def of(self, split: Split | None) -> tuple[Place, ...]:
        """The places of a split; None: all."""
        return tuple(place for place in self.places if split in (None, place.split))


def load_manifest(path: Path | str) -> Manifest:
    """The places in a YAML file.

    Raises:
        FileNotFoundError: nothing is at ``path``.
        ValueError: not YAML, or not such a manifest; the text names the place and the key.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; give a manifest of places")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise ValueError(f"{path}: {_named(explain(error), content)}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{path} is not YAML: {reason}") from error


def _named(sentence: str, content: object) -> str:
    """``sentence`` with "places.3" said as that place's name, where it has one."""
    places = content.get("places") if isinstance(content, dict) else None
    for index, place in reversed(list(enumerate(places if isinstance(places, list) else ()))):
        if isinstance(place, dict) and isinstance(place.get("name"), str):
            sentence = sentence.replace(f"places.{index}", f"place {place['name']}")
    return sentence
