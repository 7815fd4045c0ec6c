"""Pictures and depth of a room by Blender's path tracer: slower and truer than the renderer's.

Windows, sun and ceiling lamp shine as strong as they do there, but their light is traced: soft
shadows, colour that bounces, mirror images. A few samples a pixel are denoised.

Convention: as the renderer's: depth is z in the camera's optical frame [m] at the pixel's centre,
not the ray's length; 0 is invalid: glass, sky, beyond FAR. Row 0 is the top one. Blender's cameras
look along their -z with y up, and its pictures begin with the bottom row.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float16, Float32

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.tools.simulator.meshes import Material
from fourier_depth_ros.tools.simulator.optional import BPY_HINT, optional
from fourier_depth_ros.tools.simulator.renderer import FAR, NEAR, Camera
from fourier_depth_ros.tools.simulator.scene import Placement, Room, Surface, Vector, Window
from fourier_depth_ros.tools.simulator.textures import SIDE, texture

SAMPLES = 16  # a pixel
BOUNCES = {"max_bounces": 4, "diffuse_bounces": 3, "glossy_bounces": 2}
BRIGHTEST = 20.0  # of what a bounced path brings: rarer and brighter ones are noise [radiance]
REVEAL = 0.24  # how far outside the wall's inner face the windows shine [m]
SUN_ANGLE = math.radians(0.5)  # across
HOLE = 0.4  # a texture's alpha below it is a hole
CLEAREST = 0.05  # glass of less opacity would have no first hit
VALID, INVALID = 0, 1  # materials' pass index: whether they have a depth
SENSOR = 36.0  # Blender's own width of a sensor [mm]; only its ratio to the focal length counts


@dataclass(frozen=True, eq=False)
class Geometry:
    """Triangles for Blender, all corners of their own.

    Attributes:
        corners: positions, (triangles, 3 corners, xyz) [m].
        normals: to shade by, unit length, on the side that the corners turn left around.
        uvs: texture coordinates, v up, (triangles, 3 corners, 2).
        slots: index into ``palette``, (triangles,).
    """

    corners: Float32[np.ndarray, "triangles 3 3"]
    normals: Float32[np.ndarray, "triangles 3 3"]
    uvs: Float32[np.ndarray, "triangles 3 2"]
    slots: np.ndarray
    palette: tuple[Material, ...]


def surfaces_geometry(surfaces: list[Surface]) -> Geometry:
    """Two triangles a part of each rectangle; the palette has a material a surface."""
    corners, normals, uvs, slots = [], [], [], []
    for slot, surface in enumerate(surfaces):
        pick = [0, 1, 2, 1, 2, 3, 0, 1, 2, 3, 0, 3]  # (a0, b0) (a1, b0) (a1, b1), (a1, b1) ...
        ab = np.array(surface.parts)[:, pick].reshape(-1, 3, 2)
        corners.append(surface.points(ab[..., 0], ab[..., 1]))
        normals.append(np.broadcast_to(surface.axes[2], (len(ab), 3, 3)))
        uvs.append(ab * surface.repeat if surface.repeat else ab / surface.lengths)
        slots.append(np.full(len(ab), slot))
    return Geometry(
        np.concatenate(corners).astype(np.float32),
        np.concatenate(normals).astype(np.float32),
        np.concatenate(uvs).astype(np.float32),
        np.concatenate(slots),
        tuple(surface.material for surface in surfaces),
    )


def placement_geometry(placed: Placement) -> Geometry:
    """A model where it stands, tinted; each triangle turned to the side its normals look to."""
    triangles = placed.model.triangles
    positions, normals = placed.world
    corners = positions[triangles]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    away = (flat * normals[triangles].sum(1)).sum(1) < 0
    triangles = np.where(away[:, None], triangles[:, ::-1], triangles)
    return Geometry(
        positions[triangles],
        normals[triangles],
        placed.model.uvs[triangles],
        placed.model.owners[triangles[:, 0]],
        tuple(material.tinted(placed.tint) for material in placed.model.palette),
    )


def camera_matrix(world_from_camera: np.ndarray) -> np.ndarray:
    """Blender's matrix_world, 4 x 4, of a pose whose frame is x right, y down, z forward."""
    return np.asarray(world_from_camera @ np.diag([1.0, -1.0, -1.0, 1.0]))


def lens(intrinsics: Intrinsics) -> dict[str, float]:
    """Focal length [mm] for a sensor SENSOR wide, and shifts [picture widths], in Blender's terms.

    Convention: u = (width - 1) / 2 is the middle of the picture, for pixel centres are integers;
    shift_x moves the picture to the right, shift_y up.

    Raises:
        ValueError: pixels that are not square.
    """
    k = intrinsics
    if not math.isclose(k.fx, k.fy, rel_tol=1e-6):
        raise ValueError(f"fx is {k.fx} and fy {k.fy}, expected square pixels (fx = fy)")
    return {
        "lens": SENSOR * k.fx / k.width,
        "shift_x": ((k.width - 1) / 2 - k.cx) / k.width,
        "shift_y": (k.cy - (k.height - 1) / 2) / k.width,
    }


def valid_depth(
    z: Float32[np.ndarray, "height width"], index: Float32[np.ndarray, "height width"]
) -> Float32[np.ndarray, "height width"]:
    """Depth [m], 0 invalid, of the z pass (1e10 where nothing is) and the material index pass."""
    return np.where((index == VALID) & (z > NEAR) & (z <= FAR), z, 0).astype(np.float32)


class CyclesRenderer:
    """Draws rooms at one picture size, as Renderer does; there is one in a process.

    Args:
        threads: that draw; 0: a core each.

    Raises:
        ImportError: bpy is not installed.
    """

    def __init__(self, width: int, height: int, threads: int = 0) -> None:
        self.bpy = optional("bpy", BPY_HINT)
        self.size = width, height
        self.threads = threads

    def load(self, room: Room) -> None:
        """Take over a room; the one before is let go."""
        with _quiet():
            self.bpy.ops.wm.read_factory_settings(use_empty=True)
        self._materials: dict[Material, Any] = {}
        self._set_up()
        camera = self.bpy.data.cameras.new("camera")
        camera.sensor_fit, camera.sensor_width = "HORIZONTAL", SENSOR
        camera.clip_start, camera.clip_end = NEAR, 1000.0
        self._scene.camera = self._add("camera", camera)
        lamps = [s for s in room.surfaces if s.material.emission > 0 and not s.material.sky]
        area = sum(math.prod(s.lengths) for s in lamps if s.axes[2][2] < -0.5)
        # the renderer's lamp is a point; a panel of this radiance gives as much light below
        self._lamp = np.array(room.lights.lamp_intensity) * math.pi / max(area, 1e-3)
        self._sky = np.array(room.lights.sky)
        solid = [s for s in room.surfaces if not s.material.sky]
        self._add_mesh("shell", surfaces_geometry(solid))
        for placed in room.placements:
            self._add_mesh(placed.name, placement_geometry(placed))
        outdoors = [s for s in room.surfaces if s.material.sky]
        if outdoors:
            # it is looked at; what shines are the windows and the sun
            seen = self._add_mesh("outdoors", surfaces_geometry(outdoors))
            seen.visible_diffuse = seen.visible_shadow = False
        for window in room.windows:
            self._add_window(window)
        if max(room.lights.sun) > 0:
            self._add_sun(room.lights.sun, np.array(room.lights.sun_direction))

    def render(
        self, camera: Camera
    ) -> tuple[Float16[np.ndarray, "height width 4"], Float32[np.ndarray, "height width"]]:
        """Radiance (linear RGB, unexposed; the fourth is no use) and depth [m], 0 invalid."""
        blender = self._scene.camera
        for name, value in lens(camera.intrinsics).items():
            setattr(blender.data, name, value)
        _place(blender, camera_matrix(camera.world_from_camera))
        light = self._draw(SAMPLES, passes=False)
        passes = self._draw(1, passes=True)
        half = np.clip(light, 0, 6e4).astype(np.float16)
        return half, valid_depth(passes[..., 0], passes[..., 1])

    def _set_up(self) -> None:
        """An empty scene of Cycles' own, and how depth is taken out of it."""
        self._scene = scene = self.bpy.context.scene
        render, cycles = scene.render, scene.cycles
        render.engine = "CYCLES"
        render.resolution_x, render.resolution_y = self.size
        render.resolution_percentage = 100
        render.use_persistent_data = True  # the second picture of a scene is quicker
        if self.threads:
            render.threads_mode, render.threads = "FIXED", self.threads
        render.image_settings.file_format = "OPEN_EXR"
        render.image_settings.color_depth = "32"
        render.image_settings.exr_codec = "NONE"
        cycles.device = "CPU"
        cycles.use_adaptive_sampling = False
        cycles.use_light_tree = False  # half as slow again, for as few lights as a room has
        cycles.denoiser = "OPENIMAGEDENOISE"
        cycles.denoising_quality, cycles.denoising_prefilter = "BALANCED", "FAST"
        for name, count in BOUNCES.items():
            setattr(cycles, name, count)
        cycles.caustics_reflective = cycles.caustics_refractive = False
        cycles.sample_clamp_indirect = BRIGHTEST
        view = scene.view_layers[0]
        view.use_pass_z = view.use_pass_material_index = True
        view.pass_alpha_threshold = CLEAREST / 2  # glass is a first hit, a texture's hole is none
        nodes = self.bpy.data.node_groups.new("passes", "CompositorNodeTree")
        nodes.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        scene.compositing_node_group = nodes
        drawn = nodes.nodes.new("CompositorNodeRLayers")
        both = nodes.nodes.new("CompositorNodeCombineColor")
        written = nodes.nodes.new("NodeGroupOutput")
        nodes.links.new(drawn.outputs["Depth"], both.inputs[0])
        nodes.links.new(drawn.outputs["Material Index"], both.inputs[1])
        nodes.links.new(both.outputs[0], written.inputs[0])

    def _draw(self, samples: int, passes: bool) -> Float32[np.ndarray, "height width 4"]:
        """Radiance; or z, the material's index, and two more, through the pixels' centres."""
        scene = self._scene
        scene.cycles.samples = samples
        scene.cycles.max_bounces = 0 if passes else BOUNCES["max_bounces"]
        scene.cycles.use_denoising = not passes
        scene.cycles.filter_width = 0.01 if passes else 1.5  # [px]
        scene.render.use_compositing = passes
        with tempfile.TemporaryDirectory() as folder:
            scene.render.filepath = str(Path(folder) / "drawn.exr")
            with _quiet():
                self.bpy.ops.render.render(write_still=True)
            image = self.bpy.data.images.load(scene.render.filepath)
            width, height = self.size
            values = np.empty(height * width * image.channels, np.float32)
            image.pixels.foreach_get(values)
            self.bpy.data.images.remove(image)
        return values.reshape(height, width, -1)[::-1]

    def _add(self, name: str, data: Any) -> Any:
        thing = self.bpy.data.objects.new(name, data)
        self._scene.collection.objects.link(thing)
        return thing

    def _add_mesh(self, name: str, geometry: Geometry) -> Any:
        count = len(geometry.corners)
        mesh = self.bpy.data.meshes.new(name)
        faces = np.arange(count * 3).reshape(-1, 3)
        mesh.from_pydata(geometry.corners.reshape(-1, 3), [], faces, shade_flat=False)
        mesh.uv_layers.new(do_init=False).uv.foreach_set("vector", geometry.uvs.ravel())
        mesh.normals_split_custom_set_from_vertices(geometry.normals.reshape(-1, 3))
        for material in geometry.palette:
            mesh.materials.append(self._material(material))
        mesh.polygons.foreach_set("material_index", geometry.slots.astype(np.int32))
        mesh.update()
        return self._add(name, mesh)

    def _add_window(self, window: Window) -> None:
        """Daylight of the sky's radiance from just outside, unseen by the camera."""
        light = self.bpy.data.lights.new("window", "AREA")
        light.shape = "RECTANGLE"
        light.size, light.size_y = math.hypot(*window.along), math.hypot(*window.up)
        brightest = max(float(self._sky.max()), 1e-6)
        light.color = [float(value) for value in self._sky / brightest]
        light.energy = math.pi * window.area * brightest
        thing = self._add("window", light)
        along, up, inward = (np.array(v) for v in (window.along, window.up, window.inward))
        axes = [along / light.size, up / light.size_y, -inward]  # it shines along its -z
        _place(thing, _frame(axes, np.array(window.middle) - REVEAL * inward))
        thing.visible_camera = False

    def _add_sun(self, sun: Vector, direction: np.ndarray) -> None:
        light = self.bpy.data.lights.new("sun", "SUN")
        light.color = [value / max(sun) for value in sun]
        light.energy, light.angle = math.pi * max(sun), SUN_ANGLE
        side = np.cross(direction, (1.0, 0.0, 0.0) if abs(direction[2]) > 0.9 else (0.0, 0.0, 1.0))
        side /= np.linalg.norm(side)
        axes = [side, np.cross(-direction, side), -direction]
        _place(self._add("sun", light), _frame(axes, np.zeros(3)))

    def _material(self, material: Material) -> Any:
        """Blender's one of it; made once a room."""
        if material not in self._materials:
            self._materials[material] = self._new_material(material)
        return self._materials[material]

    def _new_material(self, material: Material) -> Any:
        new = self.bpy.data.materials.new("material")
        new.pass_index = INVALID if material.glass or material.sky else VALID
        nodes, links = new.node_tree.nodes, new.node_tree.links
        shader = nodes["Principled BSDF"]
        inputs = shader.inputs
        inputs["Roughness"].default_value = 0.05 if material.glass else 0.9 - 0.7 * material.gloss
        color = (*material.color, 1.0)
        inputs["Base Color"].default_value = color
        if material.glass:
            inputs["Alpha"].default_value = max(material.opacity, CLEAREST)
        if material.emission > 0:
            shine = self._sky if material.sky else self._lamp
            color = (*(np.array(material.color) * shine / max(shine.max(), 1e-6)), 1.0)
            inputs["Base Color"].default_value = (0.0, 0.0, 0.0, 1.0)
            inputs["Emission Color"].default_value = color
            inputs["Emission Strength"].default_value = float(shine.max())
        if material.texture:
            picture = nodes.new("ShaderNodeTexImage")
            picture.image = self._image(material.texture)
            product = nodes.new("ShaderNodeMix")
            product.data_type, product.blend_type = "RGBA", "MULTIPLY"
            product.inputs["Factor"].default_value = 1.0
            tinted = [s for s in product.inputs if s.type == "RGBA"]
            tinted[0].default_value = color
            links.new(picture.outputs["Color"], tinted[1])
            result = next(s for s in product.outputs if s.type == "RGBA")
            links.new(result, inputs["Emission Color" if material.emission > 0 else "Base Color"])
            if not material.glass and (texture(material.texture)[..., 3] < HOLE * 255).any():
                there = nodes.new("ShaderNodeMath")
                there.operation = "GREATER_THAN"
                there.inputs[1].default_value = HOLE
                links.new(picture.outputs["Alpha"], there.inputs[0])
                links.new(there.outputs[0], inputs["Alpha"])
        return new

    def _image(self, name: str) -> Any:
        held = self.bpy.data.images.get(name[-60:])
        if held is not None:
            return held
        image = self.bpy.data.images.new(name[-60:], SIDE, SIDE, alpha=True)
        image.alpha_mode = "CHANNEL_PACKED"
        image.pixels.foreach_set(texture(name).astype(np.float32).ravel() / 255)
        return image


def _frame(axes: list[np.ndarray], origin: np.ndarray) -> np.ndarray:
    """World from a frame of these axes, 4 x 4."""
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = np.stack(axes, 1), origin
    return matrix


def _place(thing: Any, world_from_thing: np.ndarray) -> None:
    # transposed: Blender takes a nested list for columns
    thing.matrix_world = [[float(value) for value in column] for column in world_from_thing.T]


@contextmanager
def _quiet() -> Iterator[None]:
    """Blender says on standard output what it does; not while this lasts."""
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
