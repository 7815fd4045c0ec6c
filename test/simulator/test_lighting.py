"""Baked light against the physics that needs no simulation."""

import math
import random

import numpy as np
import pytest

from fourier_depth_ros.simulator.lighting import Caster, bake, choose_lights
from fourier_depth_ros.simulator.meshes import Material
from fourier_depth_ros.simulator.scene import Lights, Room, Surface, Window, box_surfaces

pytestmark = pytest.mark.usefixtures("embree")

SIZE = (4.0, 4.0, 3.0)
DARK = (0.0, 0.0, 0.0)


def closed_room(albedo, lights):
    """Six inward faces of one colour: floor, ceiling, walls."""
    x, y, z = SIZE
    material = Material((albedo,) * 3)
    faces = [
        ((0, 0, 0), (x, 0, 0), (0, y, 0)),
        ((0, y, z), (x, 0, 0), (0, -y, 0)),
        ((x, 0, 0), (-x, 0, 0), (0, 0, z)),
        ((x, y, 0), (0, -y, 0), (0, 0, z)),
        ((0, y, 0), (x, 0, 0), (0, 0, z)),
        ((0, 0, 0), (0, y, 0), (0, 0, z)),
    ]
    return Room(SIZE, lights, surfaces=[Surface(o, a, u, material) for o, a, u in faces])


def test_bounces_keep_the_energy():
    """What bounces: every time all of it, times the albedo.

    A lamp of I sends 4 pi I; over the room's area A that is 4 pi I / A on average, and what
    bounced k times is albedo^k of it, wherever it falls. Four bounces are worked out.
    """
    albedo, intensity = 0.6, 3.0
    lights = Lights((2.0, 2.0, 1.5), lamp_intensity=(intensity,) * 3)
    baked = bake(closed_room(albedo, lights), seed=0)
    areas = [16.0, 16.0, 12.0, 12.0, 12.0, 12.0]
    # points lie on the edges too, which stand for half as much
    means = [np.mean(m[1:-1, 1:-1]) for m in baked.maps]
    mean = np.average(means, weights=areas)
    direct = 4 * math.pi * intensity / sum(areas)
    assert mean == pytest.approx(direct * sum(albedo**k for k in (1, 2, 3, 4)), rel=0.05)
    # in the air as well, from whichever side
    assert baked.probes.mean() == pytest.approx(mean, rel=0.15)


def window_room(*blocks):
    room = closed_room(0.0, Lights((2.0, 2.0, 2.9), lamp_intensity=DARK, sky=(5.0, 5.0, 5.0)))
    room.surfaces += [s for block in blocks for s in box_surfaces(block, Material(DARK), None)]
    room.windows.append(Window((0.01, 2.0, 1.5), (1.0, 0, 0), (0, 0.4, 0), (0, 0, 0.5)))
    return room


def test_daylight_of_a_window_falls_off_as_an_area_light():
    """On the black room's far wall: L A cos^2 / (pi r^2), divided by nothing else."""
    far_wall = bake(window_room(), seed=0).maps[3]  # x = 4
    rows, columns = far_wall.shape[:2]
    y = np.linspace(4 - 0.02, 0.02, columns)
    z = np.linspace(0.02, 3 - 0.02, rows)
    square = 3.99**2 + (y[None] - 2) ** 2 + (z[:, None] - 1.5) ** 2
    expected = 5.0 * 0.2 * (3.99**2 / square) / (math.pi * square)
    inner = (slice(2, -2), slice(2, -2))
    np.testing.assert_allclose(far_wall[inner][..., 0], expected[inner], rtol=0.06)


def test_furniture_shades_the_daylight():
    shaded = bake(window_room((1.0, 1.0, 0.5, 1.2, 3.0, 2.9)), seed=0).maps[3]
    rows, columns = shaded.shape[:2]
    assert shaded[rows // 2, columns // 2].max() == 0


def test_the_same_seed_bakes_the_same_light():
    room = closed_room(0.5, Lights((2.0, 2.0, 2.5), lamp_intensity=(1.0, 2.0, 3.0)))
    first, again, other = (bake(room, seed) for seed in (7, 7, 8))
    np.testing.assert_array_equal(first.probes, again.probes)
    np.testing.assert_array_equal(first.maps[0], again.maps[0])
    assert (first.maps[0] != other.maps[0]).any()


def test_rays_pass_through_sky_and_glass_and_end_at_the_rest():
    room = closed_room(0.5, Lights((2.0, 2.0, 2.5)))
    pane = Surface((2, 0, 0), (0, 4, 0), (0, 0, 3), Material(opacity=0.3))
    sky = Surface((1, 0, 0), (0, 4, 0), (0, 0, 3), Material(sky=True, emission=1.0))
    room.surfaces += [pane, sky]
    ways = np.array([[1.0, 0, 0], [-1.0, 0, 0], [0, 0, -1.0]])
    far = Caster(room).distance(np.tile([3.0, 2.0, 1.0], (3, 1)), ways)
    np.testing.assert_allclose(far, [1, 3, 1], rtol=1e-5)


def test_some_light_is_always_on_and_the_sun_comes_in_by_a_window():
    room = window_room()
    suns = 0
    for seed in range(200):
        lights = choose_lights(random.Random(seed), room)
        assert max(lights.lamp_intensity) + max(lights.sky) > 0.3
        if max(lights.sun) > 0:
            suns += 1
            assert np.linalg.norm(lights.sun_direction) == pytest.approx(1)
            assert lights.sun_direction[0] > 0  # inwards
            assert lights.sun_direction[2] < 0  # from above
    assert 40 < suns < 120
