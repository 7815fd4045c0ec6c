"""Pictures and depth of a room: OpenGL 3.3 on EGL, by software where there is no GPU.

Convention: depth is z in the camera's optical frame [m] at the pixel's centre, not the ray's
length; 0 is invalid: glass, sky, beyond FAR. Row 0 is the top one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float16, Float32

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.simulator import shaders
from fourier_depth_ros.simulator.lighting import Baked
from fourier_depth_ros.simulator.meshes import Material
from fourier_depth_ros.simulator.optional import EGL_HINT, optional
from fourier_depth_ros.simulator.scene import Placement, Room
from fourier_depth_ros.simulator.textures import SIDE, texture

NEAR, FAR = 0.05, 20.0  # [m]
CLIP_FAR = 40.0  # [m]
SHADOW_SIDE = 1024  # [px]
LAMP_CONE = 150.0  # degrees that the lamp's shadow map covers, downwards
ATLAS_WIDTH = 512  # [px]

_SURFACE = np.dtype(
    [
        ("in_position", "3f4"),
        ("in_normal", "3f4"),
        ("in_emission", "3f4"),
        ("in_uv", "2f4"),
        ("in_spot", "2f4"),
        ("in_color", "4f4"),
        ("in_layer", "2f4"),
    ]
)
_OBJECT = np.dtype(
    [
        ("in_position", "3f4"),
        ("in_normal", "3f4"),
        ("in_uv", "2f4"),
        ("in_color", "4u1"),
        ("in_shade", "4u1"),
        ("in_layer", "f4"),
    ]
)


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera in a room.

    Attributes:
        world_from_camera: 4 x 4; camera frame: x right, y down, z forward (optical), metres.
    """

    intrinsics: Intrinsics
    world_from_camera: np.ndarray

    @property
    def eye(self) -> np.ndarray:
        """Where it is, in the world [m]."""
        return np.asarray(self.world_from_camera[:3, 3])

    @property
    def forward(self) -> np.ndarray:
        """The way it looks, in the world, unit length."""
        return np.asarray(self.world_from_camera[:3, 2])

    def projection(self) -> np.ndarray:
        """World to clip space, 4 x 4; row 0 of what is drawn is the picture's top.

        Convention: pixel centres are integers, u = fx x / z + cx spans [-0.5, width - 0.5].
        """
        k = self.intrinsics
        near, far = NEAR, CLIP_FAR
        clip = np.array(
            [
                [2 * k.fx / k.width, 0, 2 * (k.cx + 0.5) / k.width - 1, 0],
                [0, 2 * k.fy / k.height, 2 * (k.cy + 0.5) / k.height - 1, 0],
                [0, 0, (far + near) / (far - near), -2 * far * near / (far - near)],
                [0, 0, 1, 0],
            ]
        )
        return np.asarray(clip @ np.linalg.inv(self.world_from_camera))


class Renderer:
    """Draws rooms at one picture size. ``load`` a room, then ``render`` as many views as wanted.

    Raises:
        ImportError: moderngl is not installed.
        RuntimeError: no OpenGL context on EGL; says what to install.
    """

    def __init__(self, width: int, height: int) -> None:
        moderngl = optional("moderngl")
        try:
            self.context = moderngl.create_context(standalone=True, backend="egl", require=330)
        except Exception as error:  # moderngl raises bare Exceptions
            raise RuntimeError(f"{EGL_HINT} ({error})") from error
        self.size = width, height
        gl = self.context
        gl.enable(moderngl.DEPTH_TEST)
        self._blend = moderngl.BLEND
        self._linear = (moderngl.LINEAR, moderngl.LINEAR)
        self._mipmap = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)
        self._surface = gl.program(shaders.SURFACE_VERTEX, shaders.SURFACE_FRAGMENT)
        self._object = gl.program(shaders.OBJECT_VERTEX, shaders.OBJECT_FRAGMENT)
        self._shadow = gl.program(shaders.SHADOW_VERTEX, shaders.SHADOW_FRAGMENT)
        self._light = gl.texture(self.size, 4, dtype="f2")
        self._depth = gl.texture(self.size, 1, dtype="f4")
        self._drawn = gl.framebuffer([self._light, self._depth], gl.depth_renderbuffer(self.size))
        self._maps = [gl.depth_texture((SHADOW_SIDE, SHADOW_SIDE)) for _ in range(2)]
        for shadow in self._maps:
            shadow.compare_func, shadow.filter = "<=", self._linear
            shadow.repeat_x = shadow.repeat_y = False
        self._map_targets = [gl.framebuffer([], shadow) for shadow in self._maps]
        self._owned: list[Any] = []

    def load(self, room: Room, baked: Baked) -> None:
        """Take over a room and its light; the one before is let go."""
        for thing in self._owned:
            thing.release()
        names = sorted(
            {s.material.texture for s in room.surfaces if s.material.texture}
            | {m.texture for p in room.placements for m in p.model.palette if m.texture}
        )
        layers = {name: k for k, name in enumerate(names)}
        pictures = self.context.texture_array(
            (SIDE, SIDE, max(len(names), 1)),
            4,
            np.stack([texture(name) for name in names]) if names else bytes(SIDE * SIDE * 4),
        )
        pictures.build_mipmaps()
        pictures.filter = self._mipmap
        self._owned = [pictures]
        self._room = room
        self._load_surfaces(room, baked, layers)
        self._load_objects(room, layers)
        sides, z, y, x, _ = baked.probes.shape
        half = np.ones((sides * z, y, x, 4), np.float16)
        half[..., :3] = np.minimum(baked.probes.reshape(sides * z, y, x, 3), 6e4)
        probes = self.context.texture3d((x, y, sides * z), 4, half.tobytes(), dtype="f2")
        probes.filter = self._linear
        probes.repeat_x = probes.repeat_y = probes.repeat_z = False
        self._owned.append(probes)
        for program in (self._surface, self._object):
            _set(program, "pictures", 0)
            _set(program, "lamp_map", 1)
            _set(program, "sun_map", 2)
        _set(self._surface, "atlas", 3)
        _set(self._object, "probes", 4)
        self._textures = [pictures, *self._maps, self._atlas, probes]
        _set(self._object, "room", room.size)
        _set(self._object, "level", room.lights.level)
        _set(self._object, "cells", (float(x), float(y), float(z)))
        self._draw_shadows(room)

    def _load_surfaces(self, room: Room, baked: Baked, layers: dict[str, int]) -> None:
        spots, atlas = _pack(baked.maps)
        self._atlas = self.context.texture(
            (atlas.shape[1], atlas.shape[0]), 4, atlas.tobytes(), dtype="f2"
        )
        self._atlas.filter = self._linear
        # what casts shadows comes first
        order = sorted(range(len(room.surfaces)), key=lambda i: _shines(room.surfaces[i].material))
        parts = []
        self._casting = 0
        for index in order:
            surface, (left, low) = room.surfaces[index], spots[index]
            rows, columns = baked.maps[index].shape[:2]
            material = surface.material
            corners = np.array(surface.parts)[:, [0, 1, 2, 1, 2, 3, 0, 1, 2, 3, 0, 3]]
            ab = corners.reshape(-1, 2)
            block = np.zeros(len(ab), _SURFACE)
            block["in_position"] = surface.points(ab[:, 0], ab[:, 1])
            block["in_normal"] = surface.axes[2]
            share = ab / surface.lengths
            block["in_uv"] = ab * surface.repeat if surface.repeat else share
            block["in_spot"] = (share * (columns - 1, rows - 1) + (left + 0.5, low + 0.5)) / (
                atlas.shape[1],
                atlas.shape[0],
            )
            block["in_color"] = (*np.sqrt(material.color), material.gloss)
            block["in_layer"] = (layers.get(material.texture or "", -1), material.sky)
            if material.sky:
                block["in_emission"] = room.lights.sky
            elif material.emission > 0:
                block["in_emission"] = 0.15 + 3.0 * np.array(room.lights.lamp_intensity)
            else:
                self._casting += len(block)
            parts.append(block)
        data = self.context.buffer(np.concatenate(parts).tobytes())
        names = list(_SURFACE.names or ())
        self._surfaces = self.context.vertex_array(
            self._surface, [(data, "3f 3f 3f 2f 2f 4f 2f", *names)]
        )
        self._surface_shadow = self.context.vertex_array(
            self._shadow, [(data, f"3f {_SURFACE.itemsize - 12}x", "in_position")]
        )
        self._owned += [self._atlas, data, self._surfaces, self._surface_shadow]

    def _load_objects(self, room: Room, layers: dict[str, int]) -> None:
        blocks, indices = [], []
        self._ranges: list[tuple[int, int, int, np.ndarray]] = []  # first, opaque, glass, corners
        vertices = first = 0
        for placed in room.placements:
            blocks.append(_object_vertices(placed, layers))
            glass = np.array([m.glass for m in placed.model.palette])
            clear = glass[placed.model.owners[placed.model.triangles[:, 0]]]
            solid, seen_through = placed.model.triangles[~clear], placed.model.triangles[clear]
            indices += [solid + vertices, seen_through + vertices]
            self._ranges.append((first, solid.size, seen_through.size, _corners(placed.box)))
            vertices += len(placed.model.positions)
            first += placed.model.triangles.size
        if not vertices:
            return
        data = self.context.buffer(np.concatenate(blocks).tobytes())
        index = self.context.buffer(np.concatenate(indices).astype(np.int32).tobytes())
        names = list(_OBJECT.names or ())
        self._objects = self.context.vertex_array(
            self._object, [(data, "3f 3f 2f 4f1 4f1 1f", *names)], index_buffer=index
        )
        self._object_shadow = self.context.vertex_array(
            self._shadow,
            [(data, f"3f {_OBJECT.itemsize - 12}x", "in_position")],
            index_buffer=index,
        )
        self._owned += [data, index, self._objects, self._object_shadow]

    def _draw_shadows(self, room: Room) -> None:
        lights = room.lights
        lamp = np.array(lights.lamp)
        down = np.array([0.0, 0.0, -1.0])
        t = 1 / math.tan(math.radians(LAMP_CONE) / 2)
        lamp_matrix = _perspective(t, 0.05, 14.0) @ _look(lamp, down)
        middle = np.array(room.size) / 2
        sun_way = np.array(lights.sun_direction)
        radius = float(np.linalg.norm(middle)) + 0.3
        sun_matrix = np.diag([1 / radius, 1 / radius, -1 / (radius + 1), 1.0])
        sun_matrix = sun_matrix @ _look(middle, sun_way)
        for target, matrix, on in zip(
            self._map_targets, (lamp_matrix, sun_matrix), (True, max(lights.sun) > 0), strict=True
        ):
            target.use()
            target.clear(depth=1.0)
            if on:
                _set_matrix(self._shadow, "camera", matrix)
                self._surface_shadow.render(vertices=self._casting)
                for first, solid, _, _ in self._ranges:
                    if solid:
                        self._object_shadow.render(vertices=solid, first=first)
        window = room.windows[0] if room.windows else None
        for program in (self._surface, self._object):
            _set_matrix(program, "lamp_matrix", lamp_matrix)
            _set_matrix(program, "sun_matrix", sun_matrix)
            _set(program, "lamp", lights.lamp)
            _set(program, "lamp_color", lights.lamp_intensity)
            _set(program, "sun_way", lights.sun_direction)
            _set(program, "sun_color", lights.sun)
            _set(program, "window", window.middle if window else (0.0, 0.0, 9.0))
            _set(program, "window_color", lights.sky if window else (0.0, 0.0, 0.0))

    def render(
        self, camera: Camera
    ) -> tuple[Float16[np.ndarray, "height width 4"], Float32[np.ndarray, "height width"]]:
        """Radiance (linear RGB, unexposed; the fourth is no use) and depth [m], 0 invalid."""
        matrix = camera.projection()
        for program in (self._surface, self._object):
            _set_matrix(program, "camera", matrix)
            _set(program, "eye", tuple(camera.eye))
            _set(program, "forward", tuple(camera.forward))
        for unit, image in enumerate(self._textures):
            image.use(unit)
        self._drawn.use()
        self._drawn.clear()
        seen = [r for r in self._ranges if _visible(r[3], matrix)]
        seen.sort(key=lambda r: float(np.linalg.norm(r[3].mean(0) - camera.eye)))
        _set(self._object, "glass", 0.0)
        for first, solid, _, _ in seen:
            if solid:
                self._objects.render(vertices=solid, first=first)
        self._surfaces.render()
        if any(glass for _, _, glass, _ in seen):
            self._draw_glass(seen)
        width, height = self.size
        light = np.frombuffer(self._light.read(), np.float16).reshape(height, width, 4)
        depth = np.frombuffer(self._depth.read(), np.float32).reshape(height, width)
        return light, np.where((depth > NEAR) & (depth <= FAR), depth, 0).astype(np.float32)

    def _draw_glass(self, seen: list[tuple[int, int, int, np.ndarray]]) -> None:
        """Far to near, over what is drawn; it hides nothing, and makes depth invalid."""
        _set(self._object, "glass", 1.0)
        self._drawn.depth_mask = False
        self.context.enable(self._blend)
        for first, solid, glass, _ in reversed(seen):
            if glass:
                self._objects.render(vertices=glass, first=first + solid)
        self.context.disable(self._blend)
        self._drawn.depth_mask = True


def _shines(material: Material) -> bool:
    return material.sky or material.emission > 0


def _object_vertices(placed: Placement, layers: dict[str, int]) -> np.ndarray:
    model = placed.model
    block = np.empty(len(model.positions), _OBJECT)
    block["in_position"], block["in_normal"] = placed.world
    block["in_uv"] = model.uvs
    palette = model.palette
    color = np.array([(*np.sqrt(np.array(m.color) * placed.tint), m.opacity) for m in palette])
    block["in_color"] = np.round(color.clip(0, 1) * 255).astype(np.uint8)[model.owners]
    gloss = np.array([[m.gloss, m.glow / shaders.MOST_GLOW] for m in palette])[model.owners]
    block["in_shade"] = np.round(np.hstack([model.shade, gloss]).clip(0, 1) * 255).astype(np.uint8)
    layer = np.array([layers.get(m.texture or "", -1) for m in palette], np.float32)
    block["in_layer"] = layer[model.owners]
    return block


def _pack(maps: list[np.ndarray]) -> tuple[list[tuple[int, int]], np.ndarray]:
    """Light maps on shelves of one picture: where each begins (left, low), and the picture."""
    spots = [(0, 0)] * len(maps)
    left = low = tall = 0
    for index in sorted(range(len(maps)), key=lambda i: (-maps[i].shape[0], i)):
        rows, columns = maps[index].shape[:2]
        if left + columns > ATLAS_WIDTH:
            left, low, tall = 0, low + tall, 0
        spots[index] = (left, low)
        left, tall = left + columns, max(tall, rows)
    atlas = np.zeros((low + tall, ATLAS_WIDTH, 4), np.float16)
    for (x, y), values in zip(spots, maps, strict=True):
        rows, columns = values.shape[:2]
        atlas[y : y + rows, x : x + columns, :3] = np.minimum(values, 6e4)
    return spots, atlas


def _corners(box: tuple[float, ...]) -> np.ndarray:
    low, high = np.array(box[:3]), np.array(box[3:])
    pick = np.array([[i & 1, i >> 1 & 1, i >> 2] for i in range(8)])
    return np.asarray(low + pick * (high - low))


def _visible(corners: np.ndarray, matrix: np.ndarray) -> bool:
    """Whether a box may be in the picture."""
    clip = corners @ matrix[:, :3].T + matrix[:, 3]
    inside = np.abs(clip[:, :2]) <= clip[:, 3:]
    beyond = (clip[:, :2] > clip[:, 3:]).all(0) | (clip[:, :2] < -clip[:, 3:]).all(0)
    return bool(inside.any() or (clip[:, 3] > 0).any()) and not beyond.any()


def _perspective(t: float, near: float, far: float) -> np.ndarray:
    depth = [-(far + near) / (far - near), -2 * far * near / (far - near)]
    return np.array([[t, 0, 0, 0], [0, t, 0, 0], [0, 0, *depth], [0, 0, -1, 0]])


def _look(eye: np.ndarray, way: np.ndarray) -> np.ndarray:
    """World to a frame at ``eye`` that looks along its -z in the direction ``way``."""
    helper = np.array([1.0, 0.0, 0.0]) if abs(way[2]) > 0.9 else np.array([0.0, 0.0, 1.0])
    right = np.cross(way, helper)
    right /= np.linalg.norm(right)
    matrix = np.eye(4)
    matrix[:3, :3] = right, np.cross(right, way), -way
    matrix[:3, 3] = -matrix[:3, :3] @ eye
    return matrix


def _set(program: Any, name: str, value: Any) -> None:
    """A uniform, unless the compiler found it unused."""
    if name in program:
        program[name].value = value


def _set_matrix(program: Any, name: str, matrix: np.ndarray) -> None:
    if name in program:
        program[name].write(np.ascontiguousarray(matrix.T, np.float32).tobytes())
