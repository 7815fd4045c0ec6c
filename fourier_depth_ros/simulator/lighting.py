"""Light: what shines in a room, and the irradiance that its surfaces get, by ray tracing.

Walls, floor and ceiling get a light map (a grid of points a rectangle); furniture takes the light
of a grid of probes in the air, from six directions each. Both know the windows' soft light and
all light that bounced (radiosity over the same points); lamp and sun are added by the renderer,
with shadow maps.

Convention: irradiance is divided by pi, so that radiance = albedo x irradiance.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float32

from fourier_depth_ros.simulator.models import distances, hemisphere, ray_scene
from fourier_depth_ros.simulator.optional import optional
from fourier_depth_ros.simulator.scene import Lights, Room, Surface, Vector
from fourier_depth_ros.simulator.textures import mean_color

MAP_RAYS = 32  # a point of a light map
PROBE_RAYS = 48  # a probe
WINDOW_RAYS = 6  # a point and window
PROBE_SPACING = 0.36  # [m]
BOUNCES = 4
LIFT = 0.01  # rays start this far off their surface [m]
AXES = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], np.float64)


def choose_lights(rnd: random.Random, room: Room) -> Lights:
    """Day or night, lamp on or off, sun or none; warm lamps, blue or grey skies."""
    warmth = rnd.random()
    lamp = rnd.uniform(0.8, 5.0) * (1.0 if rnd.random() < 0.75 else 0.04)
    day = rnd.random()
    sky = rnd.uniform(2.0, 9.0) if day < 0.65 else rnd.uniform(0.4, 2.0) if day < 0.85 else 0.03
    if day >= 0.85:
        lamp = max(lamp, 1.5)
    blue = rnd.uniform(0.0, 0.25)
    sun: Vector = (0.0, 0.0, 0.0)
    direction: Vector = (0.0, 0.0, -1.0)
    if day < 0.4 and room.windows:
        window = rnd.choice(room.windows)
        sideways = rnd.gauss(0, 0.5)
        inward, along = np.array(window.inward), np.array(window.along)
        way = inward + sideways * along / np.linalg.norm(along) - (0, 0, rnd.uniform(0.35, 1.3))
        x, y, z = way / np.linalg.norm(way)
        direction = (float(x), float(y), float(z))
        power = rnd.uniform(2.0, 7.0)
        sun = (power, 0.94 * power, 0.82 * power)
    return Lights(
        lamp=room.lights.lamp,
        lamp_intensity=(lamp, lamp * (0.76 + 0.22 * warmth), lamp * (0.5 + 0.46 * warmth)),
        sky=(sky * (1 - blue), sky * (1 - blue / 3), sky * (1 + blue / 3)),
        sun=sun,
        sun_direction=direction,
    )


@dataclass(frozen=True, eq=False)
class Baked:
    """A room's light.

    Attributes:
        maps: of each surface, (rows up, columns along, RGB); the first and last points lie on the
            rectangle's edges.
        probes: (6 directions as in AXES, z, y, x, RGB).
        caster: the room for rays.
    """

    maps: list[Float32[np.ndarray, "rows columns 3"]]
    probes: Float32[np.ndarray, "6 z y x 3"]
    caster: Caster


class Caster:
    """A room's opaque triangles for rays, with what light needs to know of each."""

    def __init__(self, room: Room) -> None:
        corners, albedo, owner = [], [], []
        for index, surface in enumerate(room.surfaces):
            if surface.material.sky or surface.material.glass:
                continue
            for a0, b0, a1, b1 in surface.parts:
                quad = surface.points(np.array([a0, a1, a1, a0]), np.array([b0, b0, b1, b1]))
                corners.append(quad[[[0, 1, 2], [0, 2, 3]]])
                albedo.append(np.tile(_albedo(surface.material), (2, 1)))
                owner.append(np.full(2, index))
        for placed in room.placements:
            palette = placed.model.palette
            glass = np.array([m.glass for m in palette])
            colors = np.array([_albedo(m) for m in palette]) * placed.tint
            first = placed.model.owners[placed.model.triangles[:, 0]]
            keep = ~glass[first]
            corners.append(placed.world[0][placed.model.triangles[keep]])
            albedo.append(colors[first[keep]])
            owner.append(np.full(int(keep.sum()), -1))
        self.corners = np.concatenate(corners).astype(np.float32)
        self.albedo = np.concatenate(albedo).astype(np.float32)
        self.owner = np.concatenate(owner)
        self.scene = ray_scene(self.corners)

    def distance(self, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """How far rays go [lengths of the direction], inf through windows."""
        return distances(self.scene, origins, directions)

    def hits(self, origins: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, ...]:
        """Triangle (-1: none), distance and unnormalised geometric normal of each ray's hit."""
        found = self.scene.run(  # type: ignore[attr-defined]
            np.ascontiguousarray(origins, np.float32),
            np.ascontiguousarray(directions, np.float32),
            query="INTERSECT",
            output=1,
        )
        return found["primID"], found["tfar"], found["Ng"]


def _albedo(material: object) -> np.ndarray:
    color = np.array(material.color)  # type: ignore[attr-defined]
    name = material.texture  # type: ignore[attr-defined]
    return np.clip(color * (mean_color(name) if name else 1.0), 0.0, 0.92)


class _Points:
    """All points that light is worked out at: light maps first, then six a probe."""

    def __init__(self, room: Room) -> None:
        self.shapes: list[tuple[int, int]] = []
        self.starts: list[int] = []
        places, normals, count = [], [], 0
        for surface in room.surfaces:
            rows, columns, xyz = _map_points(surface)
            self.shapes.append((rows, columns))
            self.starts.append(count)
            count += rows * columns
            places.append(xyz)
            normals.append(np.broadcast_to(surface.axes[2], xyz.shape))
        self.maps = count
        x, y, z = room.size
        counts = [max(2, round(side / PROBE_SPACING)) for side in (x, y, z)]
        self.grid = counts
        axes = [(np.arange(n) + 0.5) / n * side for n, side in zip(counts, room.size, strict=True)]
        probes = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3)
        self.probes = probes
        self.size = np.array(room.size)
        self.places = np.concatenate([*places, probes.repeat(6, 0)])
        self.normals = np.concatenate([*normals, np.tile(AXES, (len(probes), 1))])

    def nearest_probe(self, places: np.ndarray, normals: np.ndarray) -> np.ndarray:
        """The index of the point of the nearest probe that looks along ``normals``."""
        cell = np.clip(places / self.size * self.grid, 0, np.array(self.grid) - 1).astype(int)
        probe = (cell[:, 0] * self.grid[1] + cell[:, 1]) * self.grid[2] + cell[:, 2]
        axis = np.abs(normals).argmax(1)
        negative = np.take_along_axis(normals, axis[:, None], 1)[:, 0] < 0
        return self.maps + probe * 6 + axis * 2 + negative


def _map_points(surface: Surface) -> tuple[int, int, np.ndarray]:
    if surface.material.sky or surface.material.emission > 0:
        return 1, 1, surface.points(*(np.array([side / 2]) for side in surface.lengths))
    inset = [min(0.02, side / 4) for side in surface.lengths]
    columns, rows = (max(2, round(side / surface.spacing) + 1) for side in surface.lengths)
    a = np.linspace(inset[0], surface.lengths[0] - inset[0], columns)
    b = np.linspace(inset[1], surface.lengths[1] - inset[1], rows)
    return rows, columns, surface.points(*np.meshgrid(a, b)).reshape(-1, 3)


def bake(room: Room, seed: int) -> Baked:
    """The light in ``room``; the seed is the rays'.

    Raises:
        ImportError: embreex is not installed.
    """
    optional("embreex")
    rng = np.random.default_rng(seed)
    caster, points = Caster(room), _Points(room)
    starts = points.places + LIFT * points.normals
    soft = _window_light(room, caster, points, starts, rng)
    direct = soft + _lamp_and_sun(room.lights, caster, starts, points.normals)
    direct[: points.maps][_shining(room, points)] = 1.0

    map_way = hemisphere(points.normals[: points.maps], MAP_RAYS, rng)
    probe_way = _sphere(len(points.probes), PROBE_RAYS, rng)
    map_seen = _Seen(room, caster, points, starts[: points.maps], map_way)
    probe_seen = _Seen(room, caster, points, points.probes, probe_way)
    facing = np.maximum(probe_way @ AXES.T, 0).astype(np.float32)  # probe, ray, axis
    weight = 4.0 / PROBE_RAYS * facing.transpose(0, 2, 1)
    bounced = np.zeros_like(direct)
    for _ in range(BOUNCES):
        light = direct + bounced
        bounced[: points.maps] = map_seen.radiance(light).mean(1)
        bounced[points.maps :] = (weight @ probe_seen.radiance(light)).reshape(-1, 3)
    result = soft + bounced
    maps = []
    for start, (rows, columns) in zip(points.starts, points.shapes, strict=True):
        grid = result[start : start + rows * columns].reshape(rows, columns, 3)
        maps.append(_smooth(grid.astype(np.float32)))
    return Baked(maps, _fill(result[points.maps :], points, probe_seen.reach), caster)


class _Seen:
    """What each point's rays hit: whose light it gives back, and how much of it."""

    def __init__(
        self, room: Room, caster: Caster, points: _Points, starts: np.ndarray, way: np.ndarray
    ) -> None:
        count, rays = way.shape[:2]
        origins = starts[:, None].repeat(rays, 1).reshape(-1, 3)
        directions = way.reshape(-1, 3)
        triangle, far, normal = caster.hits(origins, directions)
        hit = triangle >= 0
        places = origins + np.where(hit, far, 0.0)[:, None] * directions
        toward = np.where((normal * directions).sum(1, keepdims=True) > 0, -normal, normal)
        source = points.nearest_probe(places, toward)
        owner = np.where(hit, caster.owner[triangle], -1)
        for index in np.unique(owner[owner >= 0]):
            rows = np.flatnonzero(owner == index)
            source[rows] = _map_index(room.surfaces[index], points, int(index), places[rows])
        self.source = source.reshape(count, rays)
        albedo = np.where(hit[:, None], caster.albedo[triangle], 0)
        self.albedo = albedo.astype(np.float32).reshape(count, rays, 3)
        self.reach = np.where(hit, far, 9.0).reshape(count, rays)

    def radiance(self, light: np.ndarray) -> np.ndarray:
        """What comes along each ray, (points, rays, RGB), of the irradiance of all points."""
        return np.asarray(self.albedo * light[self.source])


def _map_index(surface: Surface, points: _Points, index: int, places: np.ndarray) -> np.ndarray:
    along, up, _ = surface.axes
    rows, columns = points.shapes[index]
    offset = places - np.array(surface.origin)
    column = np.round(offset @ along / surface.lengths[0] * (columns - 1)).astype(int)
    row = np.round(offset @ up / surface.lengths[1] * (rows - 1)).astype(int)
    return points.starts[index] + row.clip(0, rows - 1) * columns + column.clip(0, columns - 1)


def _window_light(
    room: Room, caster: Caster, points: _Points, starts: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Soft daylight: the windows as area lights, sampled."""
    light = np.zeros((len(starts), 3), np.float32)
    for window in room.windows:
        facing = (np.array(window.middle) - starts) @ np.array(window.inward) < 0
        rows = np.flatnonzero(facing)
        for _ in range(WINDOW_RAYS):
            a, b = rng.random((2, len(rows), 1)) - 0.5
            target = np.array(window.middle) + a * np.array(window.along) + b * np.array(window.up)
            way = target - starts[rows]
            square = (way**2).sum(1)
            cosines = np.maximum((way * points.normals[rows]).sum(1), 0) / np.sqrt(square)
            cosines *= np.maximum(-(way @ np.array(window.inward)), 0) / np.sqrt(square)
            lit = np.flatnonzero(cosines > 1e-4)
            clear = caster.distance(starts[rows[lit]], way[lit]) > 0.99
            share = cosines[lit] * clear * window.area / (np.pi * np.maximum(square[lit], 0.02))
            light[rows[lit]] += share[:, None] * np.array(room.lights.sky) / WINDOW_RAYS
    return light


def _lamp_and_sun(
    lights: Lights, caster: Caster, starts: np.ndarray, normals: np.ndarray
) -> np.ndarray:
    """What the renderer adds with shadow maps, here for the light that bounces."""
    way = np.array(lights.lamp) - starts
    square = (way**2).sum(1)
    cosine = np.maximum((way * normals).sum(1), 0) / np.sqrt(square)
    clear = caster.distance(starts, way) > 0.99
    light = (cosine * clear / (square + 0.05))[:, None] * np.array(lights.lamp_intensity)
    if max(lights.sun) > 0:
        back = -np.array(lights.sun_direction)
        cosine = np.maximum(normals @ back, 0)
        rows = np.flatnonzero(cosine > 0)
        clear = np.isinf(caster.distance(starts[rows], np.tile(back, (len(rows), 1))))
        light[rows] += (cosine[rows] * clear)[:, None] * np.array(lights.sun)
    return np.asarray(light, np.float32)


def _shining(room: Room, points: _Points) -> np.ndarray:
    shining = np.zeros(points.maps, bool)
    for surface, start in zip(room.surfaces, points.starts, strict=True):
        if surface.material.emission > 0:
            shining[start] = True
    return shining


def _sphere(count: int, rays: int, rng: np.random.Generator) -> np.ndarray:
    """Directions all around, stratified, (count, rays, 3)."""
    z = 1 - 2 * (np.arange(rays)[None] + rng.random((count, rays))) / rays
    angle = 2 * np.pi * (0.618034 * np.arange(rays)[None] + rng.random((count, 1)))
    flat = np.sqrt(1 - z**2)
    return np.stack([flat * np.cos(angle), flat * np.sin(angle), z], -1).astype(np.float32)


def _smooth(grid: np.ndarray) -> np.ndarray:
    if min(grid.shape[:2]) < 3:
        return grid
    return np.asarray(cv2.GaussianBlur(grid, (0, 0), 0.8, borderType=cv2.BORDER_REPLICATE))


def _fill(light: np.ndarray, points: _Points, reach: np.ndarray) -> np.ndarray:
    """Probes as a grid, those inside furniture filled up from their neighbours, and smoothed."""
    x, y, z = points.grid
    open_air = np.clip(np.median(reach, 1) / 0.4, 0.003, 1) ** 2
    weight = open_air.reshape(x, y, z, 1, 1)
    values = light.reshape(x, y, z, 6, 3) * weight
    for axis in range(3):
        values, weight = _blur(values, axis), _blur(weight, axis)
    return np.ascontiguousarray((values / weight).transpose(3, 2, 1, 0, 4), np.float32)


def _blur(values: np.ndarray, axis: int) -> np.ndarray:
    ends = [(0, 0)] * values.ndim
    ends[axis] = (1, 1)
    padded = np.pad(values, ends, mode="edge")
    size = values.shape[axis]
    parts = [np.take(padded, range(k, k + size), axis) for k in range(3)]
    return np.asarray(0.25 * parts[0] + 0.5 * parts[1] + 0.25 * parts[2])
