"""Depth against pencil and paper, and Embree; what is invalid; that depth fits the picture."""

import math
import random

import numpy as np
import pytest

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.simulator.desks.solids import box
from fourier_depth_ros.simulator.lighting import Baked, bake
from fourier_depth_ros.simulator.meshes import Material
from fourier_depth_ros.simulator.models import ModelStore, distances, make_model
from fourier_depth_ros.simulator.renderer import Camera, Renderer
from fourier_depth_ros.simulator.rooms import build_room
from fourier_depth_ros.simulator.scene import Lights, Placement, Room, Surface
from fourier_depth_ros.simulator.views import pose, sample_view

pytestmark = pytest.mark.usefixtures("egl")

# off-centre, and not square
CAMERA = Intrinsics(fx=70.0, fy=61.0, cx=44.3, cy=27.8, width=96, height=64)
GREY = Material((0.5, 0.5, 0.5))
IDENTITY = np.eye(4)  # the camera's frame is the world's: the renderer minds no walls


@pytest.fixture(scope="module")
def renderer(egl):
    return Renderer(CAMERA.width, CAMERA.height)


def lit(room):
    """Light of 1 from everywhere, no rays needed."""
    maps = [np.ones((2, 2, 3), np.float32) for _ in room.surfaces]
    return Baked(maps, np.ones((6, 2, 2, 2, 3), np.float32), None)


def scene(*surfaces, placements=()):
    dark = Lights((0.0, 0.0, 50.0), lamp_intensity=(0.0, 0.0, 0.0), sky=(2.0, 2.0, 2.0))
    return Room((9.0, 9.0, 9.0), dark, surfaces=list(surfaces), placements=list(placements))


def facing(u, v, z, material=GREY):
    """A rectangle at depth z over [u0, u1] x [v0, v1] pixels of CAMERA."""
    x = [(k - CAMERA.cx) / CAMERA.fx * z for k in u]
    y = [(k - CAMERA.cy) / CAMERA.fy * z for k in v]
    return Surface((x[0], y[0], z), (x[1] - x[0], 0, 0), (0, y[1] - y[0], 0), material)


def draw(renderer, room, world_from_camera=IDENTITY):
    renderer.load(room, lit(room))
    return renderer.render(Camera(CAMERA, world_from_camera))


def test_depth_of_a_slanted_plane_at_every_pixels_centre(renderer):
    """n . (o + z R ((u - cx) / fx, (v - cy) / fy, 1)) = d, solved for z.

    The plane is so steep that half a pixel, a mirrored axis or a ray's length for z would show.
    """
    turned = pose(np.array([0.4, -0.3, 0.2]), yaw=0.5, pitch=-0.2, roll=0.3)
    normal, through = np.array([-0.8, 0.36, 0.48]), np.array([3.0, 1.0, 0.5])
    along = np.cross(normal, (0, 0, 1.0))
    up = np.cross(normal, along)
    corner = through - 60 * along - 60 * up
    sheet = Surface(tuple(corner), tuple(120 * along), tuple(120 * up), GREY)
    _, depth = draw(renderer, scene(sheet), turned)
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width]
    rays = np.stack([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, 1 + 0 * u], -1)
    slope = rays @ turned[:3, :3].T @ normal
    z = normal @ (through - turned[:3, 3]) / slope
    expected = np.where((z > 0.05) & (z <= 20), z, 0)
    assert (expected > 0).mean() > 0.9
    np.testing.assert_allclose(depth, expected, rtol=2e-4)
    right = np.abs(expected[:, 1:] - expected[:, :-1])[expected[:, 1:] * expected[:, :-1] > 0]
    assert (right / 2 > 4 * 2e-4 * expected.max()).mean() > 0.2  # half a pixel would show


def test_an_edge_falls_between_the_pixels_it_should_in_depth_and_in_the_picture(renderer):
    back = facing((-60, 160), (-60, 160), 4.0, Material((0.1, 0.1, 0.1)))
    front = facing((10.4, 30.6), (20.6, 50.4), 1.5, Material((0.9, 0.9, 0.9)))
    light, depth = draw(renderer, scene(back, front))
    expected = np.full((CAMERA.height, CAMERA.width), 4.0)
    expected[21:51, 11:31] = 1.5  # pixel centres are whole numbers
    np.testing.assert_allclose(depth, expected, rtol=1e-5)
    # light of 1 from everywhere: radiance is the albedo
    albedo = np.where(expected == 1.5, 0.9, 0.1)
    np.testing.assert_allclose(
        light[..., :3].astype(float), albedo[..., None] * np.ones(3), rtol=0.01
    )


def test_sky_and_what_is_beyond_20_m_are_invalid_yet_seen(renderer):
    sky = Material((1.0, 1.0, 1.0), emission=1.0, sky=True)
    light, depth = draw(
        renderer,
        scene(facing((-60, 160), (-60, 30.5), 3.0, sky), facing((-60, 160), (30.5, 160), 25.0)),
    )
    assert (depth == 0).all()
    np.testing.assert_allclose(light[:30, :, 0].astype(float), 2.0, rtol=0.01)  # the sky's radiance
    np.testing.assert_allclose(light[32:, :, 0].astype(float), 0.5, rtol=0.01)


def test_nothing_there_is_invalid(renderer):
    _, depth = draw(renderer, scene(facing((10.5, 20.5), (10.5, 20.5), 2.0)))
    assert (depth > 0).sum() == 100


@pytest.mark.usefixtures("embree")
def test_glass_is_seen_through_and_its_depth_is_invalid(renderer, assets, tmp_path):
    vase = next(item for item in assets.items if item.name == "Vase")
    model = ModelStore(tmp_path).get(vase)
    standing = Placement("Vase", model, (0.0, 0.0, 2.0), 0.0)  # 12 x 12 cm, z from 2 to 2.25 m
    wall = facing((-60, 160), (-60, 160), 4.0, Material((0.1, 0.1, 0.1)))
    light, depth = draw(renderer, scene(wall, placements=[standing]))
    half_u, half_v = CAMERA.fx * 0.06 / 2, CAMERA.fy * 0.06 / 2
    u, v = (np.arange(n) for n in (CAMERA.width, CAMERA.height))
    inside = np.outer(np.abs(v - CAMERA.cy) < half_v, np.abs(u - CAMERA.cx) < half_u)
    np.testing.assert_allclose(depth, np.where(inside, 0, 4.0), rtol=1e-5)
    # panes of opacity 0.3 and a bright colour over 0.1: lighter than the wall, not opaque
    shown = light[..., 0].astype(float)[inside]
    assert (shown > 0.12).all()
    assert (shown < 0.8).all()


@pytest.mark.usefixtures("embree")
def test_a_furnished_room_is_where_embree_sees_it(renderer, assets, tmp_path):
    """The drawn depth of whole rooms against rays cast through the pixels' centres."""
    store = ModelStore(tmp_path)
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width]
    rays = np.stack([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, 1 + 0 * u], -1)
    furniture = agreeing = seen = 0
    for seed in range(3):
        room = build_room(seed, assets, store)
        furniture += len(room.placements)
        baked = bake(room, seed)
        renderer.load(room, baked)
        for k in range(3):
            view = sample_view(random.Random(k), room, CAMERA.width, CAMERA.height)
            matrix = view.camera.world_from_camera
            _, depth = renderer.render(Camera(CAMERA, matrix))
            ways = (rays @ matrix[:3, :3].T).reshape(-1, 3)
            start = np.broadcast_to(matrix[:3, 3], ways.shape)
            cast = distances(baked.caster.scene, start, ways).reshape(depth.shape)
            valid = depth > 0
            assert valid.mean() > 0.5
            agreeing += (np.abs(depth - cast) < 2e-3 * cast)[valid].sum()
            seen += valid.sum()
    assert furniture > 20
    assert agreeing / seen > 0.995  # the rest: edges, where a ray may pass on either side


def test_a_lamp_casts_the_shadow_of_what_stands_before_it(renderer):
    """Irradiance is I cos / (r^2 + 0.05 m^2) in the open, and none behind a board."""
    floor = Surface((-9, -9, 0), (18, 0, 0), (0, 18, 0), Material((1.0, 1.0, 1.0)))
    board = Surface((0.3, -0.2, 1.0), (0, 0.4, 0), (0.4, 0, 0), GREY)  # faces down
    room = scene(floor, board)
    room.lights = Lights((0.0, 0.0, 2.0), lamp_intensity=(3.0, 3.0, 3.0))
    baked = lit(room)
    baked.maps[0][:] = 0
    renderer.load(room, baked)
    down = np.diag([1.0, -1.0, -1.0, 1.0])  # from 1.9 m, looking straight down
    down[:3, 3] = (0.8, 0.0, 0.9)
    light, depth = renderer.render(Camera(CAMERA, down))
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width]
    x = 0.8 + (u - CAMERA.cx) / CAMERA.fx * 0.9
    y = -(v - CAMERA.cy) / CAMERA.fy * 0.9
    square = x**2 + y**2 + 4
    open_light = 3 * (2 / np.sqrt(square)) / (square + 0.05)
    # the board halves the way from the lamp: its shadow is twice as large
    shade = (x > 0.6) & (x < 1.4) & (np.abs(y) < 0.4)
    away = (x < 0.5) | (x > 1.5) | (np.abs(y) > 0.5)
    core = (x > 0.7) & (x < 1.3) & (np.abs(y) < 0.3)
    assert shade.sum() > core.sum() > 100
    np.testing.assert_allclose(depth, 0.9, rtol=1e-4)
    shown = light[..., 0].astype(float)
    np.testing.assert_allclose(shown[away], open_light[away], rtol=0.02)
    assert shown[core].max() < 0.01


def test_pose_by_hand():
    level = pose(np.array([1.0, 2.0, 3.0]), 0.0, 0.0, 0.0)
    # looks along x: right is -y, down is -z
    np.testing.assert_allclose(level[:3, :3].T, [[0, -1, 0], [0, 0, -1], [1, 0, 0]], atol=1e-12)
    np.testing.assert_allclose(level[:, 3], [1, 2, 3, 1])
    up = pose(np.zeros(3), math.pi / 2, math.pi / 6, 0.0)
    np.testing.assert_allclose(up[:3, 2], [0, math.cos(math.pi / 6), 0.5], atol=1e-12)
    # the camera leans to its right: its right goes down, the world seems to turn the other way
    rolled = pose(np.zeros(3), 0.0, 0.0, math.pi / 2)
    np.testing.assert_allclose(rolled[:3, 0], [0, 0, -1], atol=1e-12)
    assert np.linalg.det(rolled[:3, :3]) == pytest.approx(1)


def test_a_screen_shines_as_bright_as_its_glow_in_a_dark_room(renderer):
    """Radiance is colour x glow x the room's level; probes of 1 add the 2 % it reflects."""
    off, on = (
        make_model(box((1.0, 1.0, 1.0), (0.0, 0.0, 0.0), Material((0.5, 0.5, 0.5), glow=glow)))
        for glow in (0.0, 2.0)
    )
    seen = []
    for model in (off, on):
        wall = facing((0, 95), (0, 63), 5.0)
        room = scene(wall, placements=[Placement("screen", model, (0.0, 0.0, 2.0), 0.0)])
        light, depth = draw(renderer, room)
        assert depth[28, 44] == pytest.approx(2.0, abs=1e-4)
        seen.append(light[28, 44, 0])
    # of a lamp of 0 and a sky of 2: 0.05 + 0.1 x 2
    assert room.lights.level == pytest.approx(0.25)
    assert seen[0] <= 0.51
    assert seen[1] == pytest.approx(0.5 * 2.0 * 0.25, abs=0.03)
