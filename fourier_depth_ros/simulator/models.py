"""Furniture ready for a room: scaled, subdivided, with its own shade and its resting places.

Worked out once a model (a second or less) and kept in the cache; the result is the same either
way.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int32

from fourier_depth_ros.simulator.assets import Item, turn_matrix
from fourier_depth_ros.simulator.meshes import (
    Material,
    Mesh,
    fitted,
    read_obj,
    simplified,
    subdivided,
)
from fourier_depth_ros.simulator.optional import optional

logger = logging.getLogger(__name__)

FORMAT = 8  # of the cached files; another one is another file
LONGEST_EDGE = 0.3  # [m]
MANY_TRIANGLES = 4_000  # models with more are simplified
FINEST = 1 / 160  # of a model's longest side: what is smaller is simplified away
MOST_TRIANGLES = 30_000  # models that have more even so are left out: plants of 300 000 leaves
SHADE_RAYS = 24  # a vertex and side
SHADE_REACH = 0.5  # [m]
GRID = 24  # resting places are sought on GRID x GRID points
LEVELS = 6  # surfaces below each other


@dataclass(frozen=True, eq=False)
class Model:
    """A piece of furniture, standing on z = 0 around x = y = 0, its front towards -y [m].

    Attributes:
        positions: of its vertices (vertices, xyz) [m].
        normals: (vertices, xyz), unit length.
        uvs: texture coordinates (vertices, 2).
        shade: what share of the hemisphere its own parts leave open, on the normal's side and on
            the other one; (vertices, 2) in [0, 1].
        owners: index into ``palette``, (vertices,).
        triangles: indices of vertices (triangles, 3).
        size: width, depth, height [m].
        heights: z of the surfaces that a line downwards meets, topmost first; (GRID over x, GRID
            over y, LEVELS), NaN for none [m].
    """

    positions: Float32[np.ndarray, "vertices 3"]
    normals: Float32[np.ndarray, "vertices 3"]
    uvs: Float32[np.ndarray, "vertices 2"]
    shade: Float32[np.ndarray, "vertices 2"]
    owners: Int32[np.ndarray, " vertices"]
    triangles: Int32[np.ndarray, "triangles 3"]
    palette: tuple[Material, ...]
    size: tuple[float, float, float]
    heights: Float32[np.ndarray, "grid grid levels"]


class ModelStore:
    """Models of catalogue items, from memory, from the cache, or worked out."""

    def __init__(self, cache: Path) -> None:
        self.folder = cache / f"models-{FORMAT}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.get = lru_cache(maxsize=150)(self._get)

    def _get(self, item: Item) -> Model | None:
        """The model; None where it cannot be used (unreadable, textures missing, too large)."""
        key = f"{item.model} {item.size} {item.turn} {item.model.stat().st_size}"
        file = self.folder / f"{item.model.stem}-{hashlib.sha1(key.encode()).hexdigest()[:12]}.npz"
        if file.is_file():
            return _load(file)
        try:
            mesh = fitted(read_obj(item.model), item.size, turn_matrix(item))
            if len(mesh.corners) > MANY_TRIANGLES:
                mesh = simplified(mesh, max(item.size) * FINEST)
            model = make_model(mesh) if len(mesh.corners) <= MOST_TRIANGLES else None
        except (ValueError, IndexError, OSError) as error:
            logger.debug("%s left out: %s", item.model, error)
            model = None
        _save(file, model)
        return model


def make_model(mesh: Mesh) -> Model:
    """``mesh``, its edges cut to LONGEST_EDGE, with its shade and resting places."""
    mesh = subdivided(mesh, LONGEST_EDGE)
    plain = np.array([material.texture is None for material in mesh.palette])[mesh.materials]
    rows = np.concatenate(
        [
            mesh.corners.reshape(-1, 3),
            mesh.normals.reshape(-1, 3),
            np.where(plain[:, None, None], 0.0, mesh.uvs).reshape(-1, 2),
            mesh.materials.repeat(3)[:, None],
        ],
        axis=1,
    )
    # equal within a step is one vertex; normals within some 30 degrees are averaged
    steps = np.array([4096] * 3 + [2] * 3 + [512] * 2 + [1])
    rounded = np.ascontiguousarray(np.round(rows * steps).astype(np.int64))
    keys = rounded.view([("", np.int64)] * rounded.shape[1]).ravel()
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    positions = np.ascontiguousarray(rows[first, :3], np.float32)
    sums = np.stack([np.bincount(inverse, rows[:, k]) for k in (3, 4, 5)], 1)
    normals = sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    solid = ~np.array([material.glass for material in mesh.palette])[mesh.materials]
    low, high = mesh.bounds
    size = (float(high[0] - low[0]), float(high[1] - low[1]), float(high[2]))
    shade = np.ones((len(first), 2), np.float32)
    heights = np.full((GRID, GRID, LEVELS), np.nan, np.float32)
    if solid.any():
        scene = ray_scene(mesh.corners[solid])
        shade = np.stack([_shade(scene, positions, s * normals) for s in (1, -1)], 1)
        heights = _heights(scene, size)
    return Model(
        positions,
        normals.astype(np.float32),
        np.ascontiguousarray(rows[first, 6:8], np.float32),
        shade,
        rows[first, 8].astype(np.int32),
        inverse.reshape(-1, 3).astype(np.int32),
        mesh.palette,
        size,
        heights,
    )


def ray_scene(corners: Float32[np.ndarray, "triangles 3 3"]) -> object:
    """An Embree scene of these triangles."""
    scene = optional("embreex.rtcore_scene").EmbreeScene(_device())
    triangles = np.ascontiguousarray(corners, np.float32)
    optional("embreex.mesh_construction").TriangleMesh(scene, triangles)
    return scene


@cache
def _device() -> object:
    """Embree's, one a process: left alone, each scene would start and end one of its own."""
    return optional("embreex.rtcore").EmbreeDevice()


def distances(scene: object, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """How far each ray goes [lengths of its direction], inf where it meets nothing."""
    far = scene.run(  # type: ignore[attr-defined]
        np.ascontiguousarray(origins, np.float32),
        np.ascontiguousarray(directions, np.float32),
        query="DISTANCE",
    )
    return np.where(far < 1e6, far, np.inf)


def hemisphere(
    normals: np.ndarray, rays: int, rng: np.random.Generator
) -> Float32[np.ndarray, "points rays 3"]:
    """Cosine-distributed directions about each normal, stratified."""
    count = len(normals)
    radius2 = (np.arange(rays)[None] + rng.random((count, rays))) / rays
    angle = 2 * np.pi * (np.arange(rays)[None] * 0.618034 + rng.random((count, 1)))
    helper = np.where(np.abs(normals[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    right = np.cross(normals, helper)
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-6)
    up = np.cross(normals, right)
    x, y = np.sqrt(radius2) * np.cos(angle), np.sqrt(radius2) * np.sin(angle)
    z = np.sqrt(1 - radius2)
    frame = (
        x[..., None] * right[:, None],
        y[..., None] * up[:, None],
        z[..., None] * normals[:, None],
    )
    return np.asarray(frame[0] + frame[1] + frame[2], np.float32)


def _shade(scene: object, positions: np.ndarray, normals: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    rays = int(np.clip(1_000_000 // max(len(positions), 1), 8, SHADE_RAYS))
    directions = hemisphere(normals, rays, rng)
    origins = (positions + 0.004 * normals)[:, None].repeat(rays, 1)
    far = distances(scene, origins.reshape(-1, 3), directions.reshape(-1, 3)).reshape(-1, rays)
    return np.clip(far / SHADE_REACH, 0, 1).mean(1).astype(np.float32)


def _heights(scene: object, size: tuple[float, float, float]) -> np.ndarray:
    middle = (np.arange(GRID) + 0.5) / GRID - 0.5
    x, y = np.meshgrid(middle * size[0], middle * size[1], indexing="ij")
    z = np.full(x.shape, size[2] + 0.05)
    heights = np.full((GRID, GRID, LEVELS), np.nan, np.float32)
    down = np.zeros((GRID * GRID, 3))
    down[:, 2] = -1
    for level in range(LEVELS):
        far = distances(scene, np.stack([x, y, z], -1).reshape(-1, 3), down).reshape(x.shape)
        z = z - np.where(np.isfinite(far), far, np.nan)
        heights[..., level] = z
        z = np.nan_to_num(z - 0.004, nan=-1.0)
    return heights


_ARRAYS = ("positions", "normals", "uvs", "shade", "owners", "triangles", "heights")


def _save(file: Path, model: Model | None) -> None:
    """Atomic, without pickle; a model that cannot be used is an empty file of arrays."""
    part = file.with_name(f".{file.stem}.{os.getpid()}.npz")
    if model is None:
        np.savez(part, unusable=np.zeros(0))
    else:
        about = {"palette": [asdict(m) for m in model.palette], "size": model.size}
        arrays = {name: getattr(model, name) for name in _ARRAYS}
        np.savez(part, about=np.array(json.dumps(about)), **arrays)
    part.replace(file)


def _load(file: Path) -> Model | None:
    with np.load(file, allow_pickle=False) as data:
        if "unusable" in data:
            return None
        about = json.loads(str(data["about"]))
        arrays = {name: data[name] for name in _ARRAYS}
    palette = tuple(Material(**{**m, "color": tuple(m["color"])}) for m in about["palette"])
    return Model(**arrays, palette=palette, size=tuple(about["size"]))
