"""Meshes made in code: boxes, turned shapes, tubes, sheets; what things on desks consist of.

Convention: metres, z up, outward normals; textures are upright as seen from outside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from fourier_depth_ros.simulator.meshes import Material, Mesh
from fourier_depth_ros.simulator.scene import Vector

# per face: its lower left corner, and the ways to its right and up, in halves of the box
_FACES: dict[str, tuple[Vector, Vector, Vector]] = {
    "front": ((-1, -1, -1), (1, 0, 0), (0, 0, 1)),
    "right": ((1, -1, -1), (0, 1, 0), (0, 0, 1)),
    "back": ((1, 1, -1), (-1, 0, 0), (0, 0, 1)),
    "left": ((-1, 1, -1), (0, -1, 0), (0, 0, 1)),
    "top": ((-1, -1, 1), (1, 0, 0), (0, 1, 0)),
    "bottom": ((-1, 1, -1), (1, 0, 0), (0, -1, 0)),
}
Window = tuple[float, float, float, float]  # u0, v0, u1, v1 of a texture
SLIGHT = 0.75  # cosine of a bend that looks round
WHOLE: Window = (0.0, 0.0, 1.0, 1.0)


def quad(origin: Vector, along: Vector, up: Vector, material: Material, uv: Window = WHOLE) -> Mesh:
    """A rectangle seen from the side of along x up."""
    o, a, u = np.array(origin), np.array(along), np.array(up)
    points = np.stack([o, o + a, o + a + u, o + u])
    normal = np.cross(a, u)
    normal = normal / np.linalg.norm(normal)
    corners = np.array([[uv[0], uv[1]], [uv[2], uv[1]], [uv[2], uv[3]], [uv[0], uv[3]]])
    pick = np.array([[0, 1, 2], [0, 2, 3]])
    return Mesh(
        points[pick].astype(np.float32),
        np.tile(normal, (2, 3, 1)).astype(np.float32),
        corners[pick].astype(np.float32),
        np.zeros(2, np.int32),
        (material,),
    )


def box(
    size: Vector,
    middle: Vector,
    material: Material,
    faces: dict[str, Material] | None = None,
    windows: dict[str, Window] | None = None,
) -> Mesh:
    """A box of ``size`` whose bottom's middle is ``middle``; ``faces`` made of something else."""
    half = np.array(size) / 2
    centre = np.array([middle[0], middle[1], middle[2] + half[2]])
    parts = []
    for name, (corner, along, up) in _FACES.items():
        own = (faces or {}).get(name, material)
        origin, a, u = centre + corner * half, 2 * half * along, 2 * half * up
        parts.append(
            quad(_vector(origin), _vector(a), _vector(u), own, (windows or {}).get(name, WHOLE))
        )
    return joined(parts)


def turned(profile: Sequence[tuple[float, float]], material: Material, segments: int = 20) -> Mesh:
    """What turning ``profile``, (radius, z) upwards on the outside, about z gives; u runs around.

    A profile that goes back down inside makes a hollow.
    """
    radius, z = np.array(profile, float).T
    angle = np.linspace(0, 2 * math.pi, segments + 1)
    x, y = radius[:, None] * np.cos(angle), radius[:, None] * np.sin(angle)
    ring = np.stack([x, y, np.broadcast_to(z[:, None], x.shape)], -1)
    length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(radius), np.diff(z)))])
    v = (z - z.min()) / max(float(np.ptp(z)), 1e-6) if np.ptp(z) > 1e-6 else length
    uv = np.stack(np.broadcast_arrays(np.linspace(0, 1, segments + 1)[None], v[:, None]), -1)
    return _grid(ring, uv, material)


def tube(path: np.ndarray, radius: float, material: Material, segments: int = 6) -> Mesh:
    """A round tube along ``path``, (points, xyz)."""
    way = np.gradient(path, axis=0)
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
    helper = np.where(np.abs(way[:, 2:]) > 0.9, [[1.0, 0, 0]], [[0, 0, 1.0]])
    side = np.cross(way, helper)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(side, way)
    angle = np.linspace(0, 2 * math.pi, segments + 1)[None, :, None]
    ring = path[:, None] + radius * (np.cos(angle) * side[:, None] + np.sin(angle) * other[:, None])
    return _grid(ring, np.zeros((*ring.shape[:2], 2)), material)


def _grid(points: np.ndarray, uv: np.ndarray, material: Material) -> Mesh:
    """A closed skin over (rows, columns) of points; normals away from columns x rows."""
    rows, columns = points.shape[:2]
    diagonals = points[1:, 1:] - points[:-1, :-1], points[1:, :-1] - points[:-1, 1:]
    flat = np.cross(*diagonals)  # of each four-sided face
    flat /= np.maximum(np.linalg.norm(flat, axis=-1, keepdims=True), 1e-12)
    # smooth around, and from row to row where the bend is slight
    around = np.concatenate([flat[:, -1:], flat, flat[:, :1]], 1)
    smooth = around[:, :-1] + around[:, 1:]
    smooth /= np.maximum(np.linalg.norm(smooth, axis=-1, keepdims=True), 1e-12)
    slight = (smooth[:-1] * smooth[1:]).sum(-1, keepdims=True) > SLIGHT
    low, high = smooth.copy(), smooth.copy()  # at each row of faces' lower and upper vertices
    low[1:] += slight * smooth[:-1]
    high[:-1] += slight * smooth[1:]
    ends = np.stack([low, high])
    ends /= np.maximum(np.linalg.norm(ends, axis=-1, keepdims=True), 1e-12)
    i, j = (k.ravel() for k in np.mgrid[: rows - 1, : columns - 1])
    rise, step = np.array([[0, 0, 1], [0, 1, 1]]), np.array([[0, 1, 1], [0, 1, 0]])
    row = (i[:, None, None] + rise).reshape(-1, 3)
    column = (j[:, None, None] + step).reshape(-1, 3)
    corners = points[row, column]
    upper = np.broadcast_to(rise, (len(i), 2, 3)).reshape(-1, 3)
    normals = ends[upper, i.repeat(2)[:, None], column]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    keep = np.linalg.norm(cross, axis=1) > 1e-12
    return Mesh(
        corners[keep].astype(np.float32),
        normals[keep].astype(np.float32),
        uv[row, column][keep].astype(np.float32),
        np.zeros(int(keep.sum()), np.int32),
        (material,),
    )


def joined(parts: Sequence[Mesh]) -> Mesh:
    """All of ``parts`` as one; equal materials are one of its palette."""
    palette: list[Material] = []
    owners = []
    for part in parts:
        for material in part.palette:
            if material not in palette:
                palette.append(material)
        owners.append(np.array([palette.index(m) for m in part.palette])[part.materials])
    return Mesh(
        np.concatenate([part.corners for part in parts]),
        np.concatenate([part.normals for part in parts]),
        np.concatenate([part.uvs for part in parts]),
        np.concatenate(owners).astype(np.int32),
        tuple(palette),
    )


def moved(mesh: Mesh, offset: Vector = (0, 0, 0), pitch: float = 0.0, yaw: float = 0.0) -> Mesh:
    """``mesh`` tilted about x (its top backwards for positive ``pitch``), turned about z, moved."""
    c, s = math.cos(-pitch), math.sin(-pitch)
    tilt = np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = math.cos(yaw), math.sin(yaw)
    rotation = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ tilt
    return Mesh(
        (mesh.corners @ rotation.T + np.array(offset)).astype(np.float32),
        (mesh.normals @ rotation.T).astype(np.float32),
        mesh.uvs,
        mesh.materials,
        mesh.palette,
    )


def centred(mesh: Mesh) -> Mesh:
    """``mesh`` on z = 0 with x = y = 0 in its middle, as models stand."""
    low, high = mesh.bounds
    x, y = (low + high)[:2] / 2
    return moved(mesh, (-float(x), -float(y), -float(low[2])))


def _vector(values: np.ndarray) -> Vector:
    x, y, z = (float(k) for k in values)
    return x, y, z
