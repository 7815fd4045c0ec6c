"""Triangle meshes: Wavefront OBJ and MTL files, subdivision, and merging of equal vertices.

Convention: meshes are z up and in metres once scaled; OBJ files are y up and in any unit.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int32

logger = logging.getLogger(__name__)

OPAQUE = 0.95  # an opacity below it counts as glass


@dataclass(frozen=True)
class Material:
    """What a surface is made of.

    Attributes:
        color: albedo, linear RGB in [0, 1]; multiplies the texture.
        texture: what TextureStore knows it by; None for plain colour.
        opacity: below OPAQUE it is glass, seen through, its depth invalid.
        gloss: strength of the highlights, 0 (matt) to 1.
        emission: radiance relative to the albedo, for lamps and the sky; 0 elsewhere.
        sky: a backdrop without depth.
        glow: radiance of a screen, relative to white paper's under the room's light (Lights.level).
    """

    color: tuple[float, float, float] = (0.6, 0.6, 0.6)
    texture: str | None = None
    opacity: float = 1.0
    gloss: float = 0.0
    emission: float = 0.0
    sky: bool = False
    glow: float = 0.0

    @property
    def glass(self) -> bool:
        """Seen through: depth behind and of it is invalid."""
        return self.opacity < OPAQUE

    def tinted(self, tint: tuple[float, float, float]) -> Material:
        """The same, its colour multiplied by ``tint``."""
        r, g, b = (c * t for c, t in zip(self.color, tint, strict=True))
        return replace(self, color=(r, g, b))


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles with a material each.

    Attributes:
        corners: positions, (triangles, 3 corners, xyz).
        normals: unit length, (triangles, 3 corners, xyz).
        uvs: texture coordinates, v up, (triangles, 3 corners, 2).
        materials: index into ``palette``, (triangles,).
        palette: the materials.
    """

    corners: Float32[np.ndarray, "triangles 3 3"]
    normals: Float32[np.ndarray, "triangles 3 3"]
    uvs: Float32[np.ndarray, "triangles 3 2"]
    materials: Int32[np.ndarray, " triangles"]
    palette: tuple[Material, ...]

    @property
    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """The lowest and the highest corner of the box around it."""
        points = self.corners.reshape(-1, 3)
        return points.min(0), points.max(0)


def linear(color: tuple[float, float, float] | list[float]) -> tuple[float, float, float]:
    """A display colour in [0, 1] as linear light (gamma 2.2), never blacker than a real surface."""
    r, g, b = (max(min(float(c), 1.0), 0.0) ** 2.2 * 0.9 + 0.012 for c in color)
    return r, g, b


def read_mtl(path: Path) -> dict[str, Material | None]:
    """The materials of an MTL file by name; None where the texture that it names is missing.

    A missing file gives none. ``map_Kd`` replaces ``Kd``, as Sweet Home 3D's models mean it.
    """
    materials: dict[str, Material | None] = {}
    if not path.is_file():
        return materials
    name, values, broken = "", Material(), False
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, rest = line.strip().partition(" ")
        rest = rest.strip()
        try:
            if key == "newmtl":
                name, values, broken = rest, Material(), False
            elif key == "Kd" and values.texture is None:
                values = replace(values, color=linear([float(x) for x in rest.split()[:3]]))
            elif key == "Ks":
                ks = float(np.mean([float(x) for x in rest.split()[:3]]))
                values = replace(values, gloss=min(ks, 1.0))
            elif key == "d":
                values = replace(values, opacity=float(rest.split()[-1]))
            elif key == "map_Kd":
                texture = _beside(path.parent, rest)
                broken = broken or texture is None
                values = replace(values, texture=texture, color=(0.9, 0.9, 0.9))
        except (ValueError, IndexError):
            logger.debug("%s: %r not understood", path, line)
        if name:
            materials[name] = None if broken else values
    return materials


def _beside(folder: Path, name: str) -> str | None:
    """The texture file that ``name`` (maybe with options before it) means, whatever its case."""
    for candidate in (name, name.split()[-1] if name else ""):
        relative = candidate.replace("\\", "/")
        file = folder / relative
        if relative and file.is_file():
            return str(file)
        wanted = Path(relative).name.lower()
        if wanted and file.parent.is_dir():
            for other in sorted(file.parent.iterdir()):
                if other.name.lower() == wanted:
                    return str(other)
    return None


def read_obj(path: Path) -> Mesh:
    """A Wavefront OBJ file; y up becomes z up: (x, y, z) -> (x, -z, y).

    Polygons become fans; faces without area are dropped; faces whose material misses its texture
    are dropped; absent normals are the face's.

    Raises:
        ValueError: no face is left, or an index points nowhere.
    """
    points: list[list[float]] = []
    coordinates: list[list[float]] = []
    directions: list[list[float]] = []
    library: dict[str, Material | None] = {}
    names: dict[str, int] = {}
    corners: list[tuple[int, int, int]] = []
    owners: list[int] = []
    current = names.setdefault("", 0)
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, _, rest = line.strip().partition(" ")
        if key == "v":
            points.append([float(x) for x in rest.split()[:3]])
        elif key == "vt":
            coordinates.append([float(x) for x in rest.split()[:2]])
        elif key == "vn":
            directions.append([float(x) for x in rest.split()[:3]])
        elif key == "f":
            sizes = (len(points), len(coordinates), len(directions))
            face = [_indices(token, sizes) for token in rest.split()]
            for second, third in pairwise(face[1:]):
                corners += (face[0], second, third)
                owners.append(current)
        elif key == "usemtl":
            current = names.setdefault(rest.strip(), len(names))
        elif key == "mtllib":
            library.update(read_mtl(path.parent / rest.strip()))
    palette = [library.get(name, Material()) for name in names]
    if not owners:
        raise ValueError(f"{path} holds no face")
    try:
        mesh = _assemble(points, coordinates, directions, corners, owners)
    except IndexError as error:
        raise ValueError(f"{path}: {error}") from error
    whole = np.array([material is not None for material in palette])[mesh.materials]
    edges = mesh.corners[:, 1:] - mesh.corners[:, :1]
    keep = whole & (np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1) > 1e-12)
    if not keep.any():
        raise ValueError(f"{path}: no face with area and a material whose texture exists")
    filled = tuple(material or Material() for material in palette)
    return replace(_select(mesh, keep), palette=filled)


def _indices(token: str, sizes: tuple[int, int, int]) -> tuple[int, int, int]:
    """Zero-based (position, texture, normal) of a face's corner; -1 for none."""
    parts = [*token.split("/"), "", ""][:3]
    found = []
    for part, size in zip(parts, sizes, strict=True):
        index = int(part) if part else 0
        found.append(index - 1 if index > 0 else size + index if index < 0 else -1)
    return found[0], found[1], found[2]


def _assemble(
    points: list[list[float]],
    coordinates: list[list[float]],
    directions: list[list[float]],
    corners: list[tuple[int, int, int]],
    owners: list[int],
) -> Mesh:
    index = np.array(corners, np.int64).reshape(-1, 3, 3)  # triangle, corner, (v, vt, vn)
    xyz = np.array(points, np.float64)[index[..., 0]]
    edges = xyz[:, 1:] - xyz[:, :1]
    flat = _unit(np.cross(edges[:, 0], edges[:, 1]))[:, None].repeat(3, 1)
    normals = flat
    if directions:
        given = _unit(np.array(directions, np.float64))[index[..., 2]]
        usable = (index[..., 2:] >= 0) & (np.linalg.norm(given, axis=2, keepdims=True) > 0.5)
        normals = np.where(usable, given, flat)
    uvs = np.zeros((*xyz.shape[:2], 2))
    if coordinates:
        uvs = np.where(index[..., 1:2] >= 0, np.array(coordinates)[index[..., 1]], 0.0)
    return Mesh(
        _z_up(xyz),
        _z_up(normals),
        uvs.astype(np.float32),
        np.array(owners, np.int32),
        (),
    )


def _z_up(y_up: np.ndarray) -> np.ndarray:
    return np.stack([y_up[..., 0], -y_up[..., 2], y_up[..., 1]], -1).astype(np.float32)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _select(mesh: Mesh, keep: np.ndarray) -> Mesh:
    return replace(
        mesh,
        corners=mesh.corners[keep],
        normals=mesh.normals[keep],
        uvs=mesh.uvs[keep],
        materials=mesh.materials[keep],
    )


def fitted(mesh: Mesh, size: tuple[float, float, float], turn: np.ndarray | None = None) -> Mesh:
    """``mesh`` turned by the 3 x 3 matrix ``turn``, then stretched to ``size`` (x, y, z) [m].

    Convention: it then stands on z = 0 with x = y = 0 in its middle; its front faces -y.
    """
    if turn is not None:
        mesh = replace(
            mesh,
            corners=(mesh.corners @ turn.T).astype(np.float32),
            normals=(mesh.normals @ turn.T).astype(np.float32),
        )
    low, high = mesh.bounds
    origin = np.array([*(low + high)[:2] / 2, low[2]], np.float32)
    scale = np.array(size, np.float32) / np.maximum(high - low, 1e-4)
    return replace(
        mesh,
        corners=((mesh.corners - origin) * scale).astype(np.float32),
        normals=_unit(mesh.normals / scale).astype(np.float32),
    )


def subdivided(mesh: Mesh, longest: float, most: int = 200_000) -> Mesh:
    """``mesh`` with its edges halved until none is longer than ``longest`` [m], without gaps.

    Only edges that are too long are halved, in both triangles that share them, hence no gaps. It
    stops at ``most`` triangles.
    """
    while len(mesh.corners) <= most:
        lengths = np.linalg.norm(np.roll(mesh.corners, -1, axis=1) - mesh.corners, axis=2)
        split = lengths.max(1) > longest
        if not split.any():
            break
        first = lengths.argmax(1)
        owners = mesh.materials
        mesh = replace(
            mesh,
            corners=_halved(mesh.corners, split, first),
            normals=_halved(mesh.normals, split, first),
            uvs=_halved(mesh.uvs, split, first),
            materials=np.concatenate([owners[~split], owners[split], owners[split]]),
        )
    return mesh


def _halved(values: np.ndarray, split: np.ndarray, first: np.ndarray) -> np.ndarray:
    """What the corners of each ``split`` triangle hold, cut at the edge after corner ``first``."""
    rows = np.flatnonzero(split)
    a, b, c = (values[rows, (first[rows] + k) % 3] for k in range(3))
    middle = (a + b) / 2
    halves = np.stack([a, middle, c], 1), np.stack([middle, b, c], 1)
    return np.concatenate([values[~split], *halves])


def simplified(mesh: Mesh, cell: float) -> Mesh:
    """``mesh`` with its corners moved to the mean of their cell of a grid of ``cell`` [m].

    Triangles that shrink to a line, and all but one of those that come to coincide, are dropped.
    """
    points = mesh.corners.reshape(-1, 3)
    keys = np.floor((points - points.min(0)) / cell).astype(np.int64)
    keys = (keys[:, 0] << 42) + (keys[:, 1] << 21) + keys[:, 2]
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    means = np.stack([np.bincount(inverse, points[:, k]) for k in range(3)], 1) / counts[:, None]
    moved = replace(mesh, corners=means[inverse].astype(np.float32).reshape(-1, 3, 3))
    corners = inverse.reshape(-1, 3)
    a, b, c = np.sort(corners, axis=1).T
    whole = np.flatnonzero((a != b) & (b != c))
    _, first = np.unique(np.stack([a, b, c], 1)[whole], axis=0, return_index=True)
    return _select(moved, np.sort(whole[first]))
