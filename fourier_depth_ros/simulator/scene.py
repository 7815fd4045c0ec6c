"""What a room consists of, before light and pictures: rectangles and placed furniture.

Convention: world frame, z up, metres; the floor is z = 0 with x in [0, X], y in [0, Y].
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float32

from fourier_depth_ros.simulator.meshes import Material
from fourier_depth_ros.simulator.models import Model

Vector = tuple[float, float, float]
Box = tuple[float, float, float, float, float, float]  # x0, y0, z0, x1, y1, z1 [m]


def vector(values: np.ndarray) -> Vector:
    """Three numbers as a tuple."""
    x, y, z = (float(value) for value in values)
    return x, y, z


@dataclass(frozen=True)
class Surface:
    """A rectangle: ``origin`` + a ``along`` / |along| + b ``up`` / |up|; seen from along x up.

    Attributes:
        along, up: its edges, whose lengths are its size [m].
        repeat: how often the texture repeats a metre; None: once over the rectangle.
        patches: the parts that exist, (a0, b0, a1, b1) [m] along the edges; None: all of it.
        spacing: of the points at which its light is worked out [m].
    """

    origin: Vector
    along: Vector
    up: Vector
    material: Material
    repeat: float | None = None
    patches: tuple[tuple[float, float, float, float], ...] | None = None
    spacing: float = 0.12

    @property
    def lengths(self) -> tuple[float, float]:
        """|along| and |up| [m]."""
        return math.hypot(*self.along), math.hypot(*self.up)

    @property
    def axes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Unit vectors along, up, and of the side that is seen."""
        along = np.array(self.along) / self.lengths[0]
        up = np.array(self.up) / self.lengths[1]
        return along, up, np.cross(along, up)

    @property
    def parts(self) -> tuple[tuple[float, float, float, float], ...]:
        """``patches``, or the whole."""
        return self.patches or ((0.0, 0.0, *self.lengths),)

    def points(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """World points [m] at ``a`` along and ``b`` up [m]."""
        along, up, _ = self.axes
        return np.array(self.origin) + a[..., None] * along + b[..., None] * up


@dataclass(frozen=True, eq=False)
class Placement:
    """A model in the room: scaled, turned by ``yaw`` about z [rad], moved to ``position``."""

    name: str
    model: Model
    position: Vector
    yaw: float
    tint: Vector = (1.0, 1.0, 1.0)
    stretch: Vector = (1.0, 1.0, 1.0)

    @property
    def rotation(self) -> np.ndarray:
        """3 x 3, from the model's frame to the world's."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])

    @cached_property
    def world(self) -> tuple[Float32[np.ndarray, "vertices 3"], Float32[np.ndarray, "vertices 3"]]:
        """Positions [m] and unit normals of its vertices in the world."""
        stretch, rotation = np.array(self.stretch), self.rotation.T
        positions = self.model.positions @ (stretch[:, None] * rotation).astype(np.float32)
        positions += np.array(self.position, np.float32)
        normals = self.model.normals @ ((1 / stretch)[:, None] * rotation).astype(np.float32)
        if min(stretch) < max(stretch):
            normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        else:
            normals *= np.float32(stretch[0])
        return positions, normals

    @property
    def box(self) -> Box:
        """The upright box around it."""
        return standing_box(
            (
                self.model.size[0] * self.stretch[0],
                self.model.size[1] * self.stretch[1],
                self.model.size[2] * self.stretch[2],
            ),
            self.position,
            self.yaw,
        )


def standing_box(size: Vector, position: Vector, yaw: float) -> Box:
    """The upright box around something of ``size`` on ``position``, turned by ``yaw``."""
    c, s = abs(math.cos(yaw)), abs(math.sin(yaw))
    x, y, z = position
    half_x, half_y = (size[0] * c + size[1] * s) / 2, (size[0] * s + size[1] * c) / 2
    return x - half_x, y - half_y, z, x + half_x, y + half_y, z + size[2]


def overlap(a: Box, b: Box, margin: float = 0.0) -> bool:
    """Whether two boxes come closer than ``margin`` [m] sideways and touch in height."""
    return (
        a[0] < b[3] + margin
        and b[0] < a[3] + margin
        and a[1] < b[4] + margin
        and b[1] < a[4] + margin
        and a[2] < b[5]
        and b[2] < a[5]
    )


@dataclass(frozen=True)
class Window:
    """An opening that light comes in by: its middle, inward normal, edges along the wall and up."""

    middle: Vector
    inward: Vector
    along: Vector
    up: Vector

    @property
    def area(self) -> float:
        """In square metres."""
        return math.hypot(*self.along) * math.hypot(*self.up)


@dataclass(frozen=True)
class Lights:
    """What shines; intensities are linear RGB, such that irradiance = intensity cos / r^2.

    Attributes:
        lamp: where the ceiling lamp hangs.
        sky: radiance of the sky seen through the windows.
        sun: irradiance of the sun at a right angle; all 0 for none.
        sun_direction: the way its light travels, unit length.
    """

    lamp: Vector
    lamp_intensity: Vector = (3.0, 3.0, 3.0)
    sky: Vector = (0.0, 0.0, 0.0)
    sun: Vector = (0.0, 0.0, 0.0)
    sun_direction: Vector = (0.0, 0.0, -1.0)

    @property
    def level(self) -> float:
        """About the irradiance that a desk gets of lamp and sky; screens are set to suit it."""
        return 0.05 + 0.45 * max(self.lamp_intensity) + 0.1 * max(self.sky)


@dataclass(frozen=True)
class Desk:
    """A desk or table with things on it.

    Attributes:
        yaw: its user sits on the side of its -y, turned by it about z [rad].
        top: the middle of its top, in the world [m].
        things: indices of what lies on it, among the room's placements.
    """

    yaw: float
    top: Vector
    things: tuple[int, ...]


@dataclass(frozen=True)
class Outlook:
    """A view worth having: the boxes that the camera is in, and that what it looks at is in.

    Attributes:
        close: a close-up, of a wall or of the floor before a robot.
    """

    eye: Box
    aim: Box
    close: bool = False


@dataclass(frozen=True)
class Figure:
    """A person in the room, one of its placements, as cameras know it.

    Attributes:
        kind: of its pose, as in poses.random_pose.
        marks: people.Person's, in the world [m].
        face: the way its head looks, unit length.
    """

    kind: str
    marks: dict[str, Vector]
    face: Vector


@dataclass
class Room:
    """A room; ``solids`` are the boxes that cameras and furniture keep out of.

    Attributes:
        small: placements worth a close look.
        cells: where cameras may be, where the room is not one box; none: anywhere in it.
        outlooks: views to take; none: from anywhere to anywhere.
    """

    size: Vector
    lights: Lights
    surfaces: list[Surface] = field(default_factory=list)
    placements: list[Placement] = field(default_factory=list)
    windows: list[Window] = field(default_factory=list)
    solids: list[Box] = field(default_factory=list)
    small: list[int] = field(default_factory=list)
    people: list[Figure] = field(default_factory=list)
    desks: list[Desk] = field(default_factory=list)
    theme: str = ""
    cells: list[Box] = field(default_factory=list)
    outlooks: list[Outlook] = field(default_factory=list)


def box_surfaces(
    box: Box, material: Material, repeat: float | None, bottom: bool = False
) -> list[Surface]:
    """The outside of a box, without its bottom unless asked for."""
    x0, y0, z0, x1, y1, z1 = box
    x, y, z = x1 - x0, y1 - y0, z1 - z0
    faces: list[tuple[Vector, Vector, Vector]] = [
        ((x0, y0, z0), (x, 0, 0), (0, 0, z)),
        ((x1, y0, z0), (0, y, 0), (0, 0, z)),
        ((x1, y1, z0), (-x, 0, 0), (0, 0, z)),
        ((x0, y1, z0), (0, -y, 0), (0, 0, z)),
        ((x0, y0, z1), (x, 0, 0), (0, y, 0)),
    ]
    if bottom:
        faces.append(((x0, y1, z0), (x, 0, 0), (0, -y, 0)))
    return [Surface(o, a, u, material, repeat) for o, a, u in faces]
