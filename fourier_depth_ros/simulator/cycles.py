"""Pictures and depth of a room by Blender's path tracer: slower and truer than the renderer's.

Windows, sun and ceiling lamp shine as strong as they do there, but their light is traced: soft
shadows, colour that bounces, mirror images. A few samples a pixel are denoised.

Convention: as the renderer's (z in metres, 0 invalid, row 0 the top one). Blender's cameras look
along their -z with y up, and its pictures begin with the bottom row.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float16, Float32

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.simulator.meshes import Material, Mesh
from fourier_depth_ros.simulator.optional import BPY_HINT, optional
from fourier_depth_ros.simulator.renderer import FAR, NEAR, Camera
from fourier_depth_ros.simulator.scene import Placement, Room, Surface
from fourier_depth_ros.simulator.textures import SIDE, texture

BOUNCES = 4
BRIGHTEST = 20.0  # of what a bounced path brings: rarer and brighter ones are noise [radiance]
REVEAL = 0.24  # how far outside the wall's inner face the windows shine [m]
HOLE = 0.4  # a texture's alpha below it is a hole
TOUCH = 1e-4  # faces nearer than that lie on one another [m]
CLEAREST = 0.05  # glass of less opacity would have no first hit
INVALID = 1  # pass index of materials without a depth; others have 0
SENSOR = 36.0  # width of the sensor [mm]; only its ratio to the focal length counts


def surfaces_mesh(surfaces: list[Surface]) -> Mesh:
    """Two triangles a part of each rectangle; the palette has a material a surface."""
    corners, normals, uvs, owners = [], [], [], []
    for index, surface in enumerate(surfaces):
        pick = [0, 1, 2, 1, 2, 3, 0, 1, 2, 3, 0, 3]  # (a0, b0) (a1, b0) (a1, b1), (a0, b0) ...
        ab = np.array(surface.parts)[:, pick].reshape(-1, 3, 2)
        corners.append(surface.points(ab[..., 0], ab[..., 1]))
        normals.append(np.broadcast_to(surface.axes[2], (len(ab), 3, 3)))
        uvs.append(ab * surface.repeat if surface.repeat else ab / surface.lengths)
        owners += [index] * len(ab)
    xyz, n, uv = (np.concatenate(k).astype(np.float32) for k in (corners, normals, uvs))
    return Mesh(xyz, n, uv, np.array(owners, np.int32), tuple(s.material for s in surfaces))


def placement_mesh(placed: Placement) -> Mesh:
    """A model where it stands, tinted; each triangle turned to the side its normals look to."""
    model, (positions, normals) = placed.model, placed.world
    edges = positions[model.triangles[:, 1:]] - positions[model.triangles[:, :1]]
    away = (np.cross(edges[:, 0], edges[:, 1]) * normals[model.triangles].sum(1)).sum(1) < 0
    triangles = np.where(away[:, None], model.triangles[:, ::-1], model.triangles)
    owners = model.owners[triangles[:, 0]]
    palette = tuple(material.tinted(placed.tint) for material in model.palette)
    # files hold texture coordinates of 1e9 that Blender would draw magenta
    uvs = np.where(np.abs(model.uvs) < 1e4, model.uvs, 0)[triangles]
    return Mesh(positions[triangles], normals[triangles], uvs, owners, palette)


def camera_matrix(world_from_camera: np.ndarray) -> np.ndarray:
    """Blender's matrix_world, 4 x 4, of a pose whose frame is x right, y down, z forward."""
    return np.asarray(world_from_camera @ np.diag([1.0, -1.0, -1.0, 1.0]))


def lens(intrinsics: Intrinsics) -> dict[str, float]:
    """Focal length [mm] for a sensor SENSOR wide, and shifts [picture widths], in Blender's terms.

    Convention: u = (width - 1) / 2 is the middle of the picture, for pixel centres are integers;
    shifts move what is cut out of the view, to the right and up.

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
    return np.where((index != INVALID) & (z > NEAR) & (z <= FAR), z, 0).astype(np.float32)


class CyclesRenderer:
    """Draws as Renderer does, one in a process, in so many ``threads`` (0: a core each).

    ``samples`` are the paths a pixel; denoised they leave little noise from 2 on.

    Raises:
        ImportError: bpy is not installed.
    """

    def __init__(self, width: int, height: int, samples: int, threads: int = 0) -> None:
        self.bpy = optional("bpy", BPY_HINT)
        self.size, self.samples, self.threads = (width, height), samples, threads

    def load(self, room: Room) -> None:
        """Take over a room; the one before is let go."""
        with _quiet():
            self.bpy.ops.wm.read_factory_settings(use_empty=True)
            self._scene = self.bpy.context.scene
            self._set_up()
        self._materials: dict[Material, Any] = {}
        self._images: dict[str, Any] = {}
        solid = [s for s in room.surfaces if not s.material.sky]
        panels = [s for s in solid if s.material.emission > 0 and s.axes[2][2] < -0.5]
        area = sum(math.prod(s.lengths) for s in panels)
        # the renderer's lamp is a point; a panel of this radiance gives as much light below
        self._level = room.lights.level
        self._lamp = np.array(room.lights.lamp_intensity) * math.pi / max(area, 1e-3)
        self._sky, sun = np.array(room.lights.sky), np.array(room.lights.sun)
        self._add_mesh("shell", surfaces_mesh(solid))
        for placed in room.placements:
            self._add_mesh(placed.name, placement_mesh(placed))
        if outdoors := [s for s in room.surfaces if s.material.sky]:
            # it is looked at; what shines are the windows and the sun
            seen = self._add_mesh("outdoors", surfaces_mesh(outdoors))
            seen.visible_diffuse = seen.visible_shadow = False
        for window in room.windows:
            if window.inward[2] < 0:
                continue  # a panel in the ceiling, which shines itself
            along, up, inward = map(np.array, (window.along, window.up, window.inward))
            outside = np.array(window.middle) - REVEAL * inward
            light = self._add_light("AREA", self._sky * window.area, outside, -along, up)
            light.data.shape = "RECTANGLE"
            light.data.size, light.data.size_y = np.linalg.norm(along), np.linalg.norm(up)
            light.visible_camera = False
        if sun.max() > 0:
            way = np.array(room.lights.sun_direction)
            side = np.linalg.svd(way[None])[2][1]  # any at a right angle to it
            light = self._add_light("SUN", sun, np.zeros(3), side, np.cross(side, way))
            light.data.angle = math.radians(0.5)

    def render(
        self, camera: Camera
    ) -> tuple[Float16[np.ndarray, "height width 4"], Float32[np.ndarray, "height width"]]:
        """Radiance (linear RGB, unexposed; the fourth is no use) and depth [m], 0 invalid."""
        blender, k = self._scene.camera, lens(camera.intrinsics)
        blender.data.lens, blender.data.shift_x, blender.data.shift_y = k.values()
        # Blender takes a nested list for columns
        blender.matrix_world = camera_matrix(camera.world_from_camera).T.tolist()
        light = self._draw(self.samples, passes=False)
        passes = self._draw(1, passes=True)
        depth = valid_depth(passes[..., 0], passes[..., 1])
        return np.clip(light, 0, 6e4).astype(np.float16), depth

    def _set_up(self) -> None:
        """A camera, the settings that all pictures share, and what the passes for depth are."""
        camera = self.bpy.data.cameras.new("camera")
        camera.sensor_fit, camera.sensor_width, camera.clip_start = "HORIZONTAL", SENSOR, NEAR
        self._scene.camera = self._add("camera", camera)
        render, cycles = self._scene.render, self._scene.cycles
        render.engine = "CYCLES"
        render.resolution_x, render.resolution_y = self.size
        render.resolution_percentage = 100
        render.use_persistent_data = True  # the second picture of a room is quicker
        if self.threads:
            render.threads_mode, render.threads = "FIXED", self.threads
        file = render.image_settings
        file.file_format, file.color_depth = "OPEN_EXR", "32"
        # a tree is slower by two fifths, for as few lights as a room has
        cycles.use_adaptive_sampling = cycles.use_light_tree = False
        cycles.denoiser = "OPENIMAGEDENOISE"
        cycles.denoising_quality, cycles.denoising_prefilter = "BALANCED", "FAST"
        cycles.diffuse_bounces, cycles.glossy_bounces = 3, 2
        cycles.caustics_reflective = cycles.caustics_refractive = False
        cycles.sample_clamp_indirect = BRIGHTEST
        # depth is drawn so: red is z, green the index of the first material that is hit
        view = self._scene.view_layers[0]
        view.use_pass_z = view.use_pass_material_index = True
        view.pass_alpha_threshold = CLEAREST / 2  # glass is hit, a texture's hole is not
        tree = self.bpy.data.node_groups.new("passes", "CompositorNodeTree")
        self._scene.compositing_node_group = tree
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        kinds = ("CompositorNodeRLayers", "CompositorNodeCombineColor", "NodeGroupOutput")
        drawn, both, written = (tree.nodes.new(kind) for kind in kinds)
        tree.links.new(drawn.outputs["Depth"], both.inputs[0])
        tree.links.new(drawn.outputs["Material Index"], both.inputs[1])
        tree.links.new(both.outputs[0], written.inputs[0])

    def _draw(self, samples: int, passes: bool) -> Float32[np.ndarray, "height width 4"]:
        """Radiance; or, through the pixels' centres, z and the material's index."""
        scene, (width, height) = self._scene, self.size
        scene.cycles.samples = samples
        scene.cycles.max_bounces = 0 if passes else BOUNCES
        scene.cycles.use_denoising = not passes
        scene.cycles.filter_width = 0.01 if passes else 1.5  # [px]
        scene.render.use_compositing = passes
        with tempfile.TemporaryDirectory() as folder:
            scene.render.filepath = str(Path(folder) / "drawn.exr")
            with _quiet():
                self.bpy.ops.render.render(write_still=True)
            image = self.bpy.data.images.load(scene.render.filepath)
            values = np.empty(height * width * image.channels, np.float32)
            image.pixels.foreach_get(values)
            self.bpy.data.images.remove(image)
        return values.reshape(height, width, -1)[::-1]

    def _add(self, name: str, data: Any) -> Any:
        thing = self.bpy.data.objects.new(name, data)
        self._scene.collection.objects.link(thing)
        return thing

    def _add_mesh(self, name: str, triangles: Mesh) -> Any:
        mesh = self.bpy.data.meshes.new(name)
        corners = triangles.corners.reshape(-1, 3)
        mesh.from_pydata(corners, [], np.arange(len(corners)).reshape(-1, 3), shade_flat=False)
        mesh.uv_layers.new(do_init=False).uv.foreach_set("vector", triangles.uvs.ravel())
        mesh.normals_split_custom_set_from_vertices(triangles.normals.reshape(-1, 3))
        for material in triangles.palette:
            mesh.materials.append(self._material(material))
        mesh.polygons.foreach_set("material_index", triangles.materials)
        return self._add(name, mesh)

    def _add_light(
        self, kind: str, power: np.ndarray, place: np.ndarray, right: np.ndarray, up: np.ndarray
    ) -> Any:
        """One that shines away from right x up; ``power``, linear RGB, is radiance times area."""
        brightest = max(float(power.max()), 1e-6)
        light = self.bpy.data.lights.new(kind, kind)
        light.color = [float(value) for value in power / brightest]
        light.energy = math.pi * brightest
        matrix = np.eye(4)
        axes = np.stack([right, up, np.cross(right, up)], 1)
        matrix[:3, :3], matrix[:3, 3] = axes / np.linalg.norm(axes, axis=0), place
        thing = self._add(kind, light)
        thing.matrix_world = matrix.T.tolist()
        return thing

    def _material(self, material: Material) -> Any:
        """Blender's one of it; made once a room."""
        if material in self._materials:
            return self._materials[material]
        new = self._materials[material] = self.bpy.data.materials.new("material")
        new.pass_index = INVALID * (material.glass or material.sky)
        inputs = new.node_tree.nodes["Principled BSDF"].inputs
        inputs["Roughness"].default_value = 0.05 if material.glass else 0.9 - 0.7 * material.gloss
        color, name = np.array(material.color), "Base Color"
        if material.glass:
            inputs["Alpha"].default_value = max(material.opacity, CLEAREST)
        if material.emission > 0 or material.glow > 0:
            shine = self._sky if material.sky else self._lamp
            if material.glow > 0:
                shine = np.full(3, material.glow * self._level)
            strength = max(float(shine.max()), 1e-6)
            # light is not sought at the sky's 168 m2 nor at screens, but at windows and lamp
            new.cycles.emission_sampling = (
                "FRONT" if material.emission > 0 and not material.sky else "NONE"
            )
            inputs["Base Color"].default_value = (0.0, 0.0, 0.0, 1.0)
            inputs["Emission Strength"].default_value = strength
            color, name = color * shine / strength, "Emission Color"
        inputs[name].default_value = (*color, 1.0)
        if material.texture:
            self._paint(new.node_tree, inputs, name, material)
        if not (material.glass or material.emission > 0):
            self._let_out(new.node_tree, inputs["Alpha"])
        return new

    def _paint(self, tree: Any, inputs: Any, name: str, material: Material) -> None:
        """Multiply an input by the material's texture; cut out the texture's holes."""
        file = material.texture or ""
        pixels = texture(file)
        if file not in self._images:
            image = self._images[file] = self.bpy.data.images.new("texture", SIDE, SIDE, alpha=True)
            image.alpha_mode = "CHANNEL_PACKED"
            image.pixels.foreach_set(pixels.astype(np.float32).ravel() / 255)
        picture, product = tree.nodes.new("ShaderNodeTexImage"), tree.nodes.new("ShaderNodeMix")
        picture.image = self._images[file]
        product.data_type, product.blend_type = "RGBA", "MULTIPLY"
        product.inputs["Factor"].default_value = 1.0
        factors = [socket for socket in product.inputs if socket.type == "RGBA"]
        factors[0].default_value = inputs[name].default_value
        tree.links.new(picture.outputs["Color"], factors[1])
        tree.links.new(next(s for s in product.outputs if s.type == "RGBA"), inputs[name])
        if not material.glass and (pixels[..., 3] < HOLE * 255).any():
            there = tree.nodes.new("ShaderNodeMath")
            there.operation, there.inputs[1].default_value = "GREATER_THAN", HOLE
            tree.links.new(picture.outputs["Alpha"], there.inputs[0])
            tree.links.new(there.outputs[0], inputs["Alpha"])

    def _let_out(self, tree: Any, alpha: Any) -> None:
        """Hide a material from rays that have just begun.

        Models' faces lie on one another, back to back or not, and split differently: to light,
        the one would shut in the other, which were black.
        """
        way, far = tree.nodes.new("ShaderNodeLightPath"), tree.nodes.new("ShaderNodeMath")
        far.operation, far.inputs[1].default_value = "GREATER_THAN", TOUCH
        tree.links.new(way.outputs["Ray Length"], far.inputs[0])
        both = tree.nodes.new("ShaderNodeMath")
        both.operation, both.inputs[1].default_value = "MULTIPLY", 1.0
        tree.links.new(far.outputs[0], both.inputs[0])
        if alpha.is_linked:  # the texture's holes
            tree.links.new(alpha.links[0].from_socket, both.inputs[1])
        tree.links.new(both.outputs[0], alpha)


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
