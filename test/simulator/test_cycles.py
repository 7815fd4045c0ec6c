"""What Blender is told, by hand; with bpy: its depth against pencil and paper, and OpenGL's."""

import math
import sys

import cv2
import numpy as np
import pytest
import yaml

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.simulator import cycles
from fourier_depth_ros.simulator.cycles import (
    CyclesRenderer,
    camera_matrix,
    lens,
    placement_mesh,
    surfaces_mesh,
    valid_depth,
)
from fourier_depth_ros.simulator.dataset import Options, claim
from fourier_depth_ros.simulator.meshes import Material
from fourier_depth_ros.simulator.models import Model
from fourier_depth_ros.simulator.renderer import Camera
from fourier_depth_ros.simulator.scene import (
    Lights,
    Placement,
    Room,
    Surface,
    Window,
    vector,
)
from fourier_depth_ros.simulator.simulation import simulate_rooms
from fourier_depth_ros.simulator.views import pose

# off-centre
CAMERA = Intrinsics(fx=70.0, fy=70.0, cx=44.3, cy=27.8, width=96, height=64)
GREY = Material((0.5, 0.5, 0.5))
DARK = Lights((0.0, 0.0, 50.0), lamp_intensity=(0.0, 0.0, 0.0))


def test_blenders_camera_looks_along_its_minus_z_with_y_up():
    at = pose(np.array([1.0, 2.0, 3.0]), 0.0, 0.0, 0.0)  # looks along x, its right is -y
    matrix = camera_matrix(at)
    # columns: right, up, backwards, place
    np.testing.assert_allclose(
        matrix.T, [[0, -1, 0, 0], [0, 0, 1, 0], [-1, 0, 0, 0], [1, 2, 3, 1]], atol=1e-12
    )
    # 1 to the right, 0.5 down and 2 ahead, in either frame
    np.testing.assert_allclose(at @ (1, 0.5, 2, 1), matrix @ (1, -0.5, -2, 1))


def test_the_lens_by_hand():
    middle = Intrinsics(fx=320.0, fy=320.0, cx=319.5, cy=239.5, width=640, height=480)
    assert lens(middle) == {"lens": 18.0, "shift_x": 0.0, "shift_y": 0.0}  # 90 degrees
    off = Intrinsics(fx=640.0, fy=640.0, cx=383.5, cy=271.5, width=640, height=480)
    # the axis is 64 px right of the middle: the picture is cut out 64 px to its left; 32 px above
    assert lens(off) == pytest.approx({"lens": 36.0, "shift_x": -0.1, "shift_y": 0.05})
    with pytest.raises(ValueError, match=r"fx is 320.0 and fy 300.0, expected square pixels"):
        lens(Intrinsics(fx=320.0, fy=300.0, cx=319.5, cy=239.5, width=640, height=480))


def test_depth_is_invalid_on_glass_and_sky_too_near_too_far_and_where_nothing_is():
    z = np.array([[0.04, 0.06, 3.5], [19.9, 20.1, 1e10], [2.0, 2.0, 2.0]], np.float32)
    index = np.array([[0, 0, 0], [0, 0, 0], [0, 1, 0]], np.float32)
    expected = np.array([[0, 0.06, 3.5], [19.9, 0, 0], [2.0, 0, 2.0]], np.float32)
    np.testing.assert_array_equal(valid_depth(z, index), expected)


def test_a_rectangles_triangles():
    wall = Surface((1, 0, 0), (0, 4, 0), (0, 0, 3), GREY, 0.5, patches=((1, 0, 2, 3), (3, 1, 4, 3)))
    picture = Surface((5, 5, 5), (2, 0, 0), (0, 1, 0), Material((1, 0, 0)))
    got = surfaces_mesh([wall, picture])
    assert got.palette == (GREY, Material((1, 0, 0)))
    np.testing.assert_array_equal(got.materials, [0, 0, 0, 0, 1, 1])
    np.testing.assert_allclose(got.corners[0], [[1, 1, 0], [1, 2, 0], [1, 2, 3]])
    np.testing.assert_allclose(got.corners[3], [[1, 3, 1], [1, 4, 3], [1, 3, 3]])
    np.testing.assert_allclose(got.uvs[3], [[1.5, 0.5], [2, 1.5], [1.5, 1.5]])  # 0.5 a metre
    np.testing.assert_allclose(got.uvs[4], [[0, 0], [1, 0], [1, 1]])  # once over it
    np.testing.assert_allclose(got.normals[:4], np.tile([1.0, 0, 0], (4, 3, 1)))


def test_furniture_is_placed_tinted_and_turned_to_where_its_normals_look():
    corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], np.float32)
    up, down = np.tile([0, 0, 1], (3, 1)), np.tile([0, 0, -1], (3, 1))
    model = Model(
        positions=np.vstack([corners, corners + np.array([0, 0, 1])]).astype(np.float32),
        normals=np.vstack([up, down]).astype(np.float32),
        uvs=np.vstack([corners[:, :2], corners[:, :2] * (1, 3e9)]).astype(np.float32),
        shade=np.ones((6, 2), np.float32),
        owners=np.array([0, 0, 0, 1, 1, 1], np.int32),
        triangles=np.array([[0, 1, 2], [3, 4, 5]], np.int32),  # both turn left around +z
        palette=(GREY, Material((0.2, 0.4, 0.6), opacity=0.3)),
        size=(1.0, 1.0, 0.0),
        heights=np.zeros((1, 1, 1), np.float32),
    )
    placed = Placement("sheet", model, (5.0, 0.0, 2.0), math.pi / 2, tint=(0.5, 1.0, 1.0))
    got = placement_mesh(placed)
    np.testing.assert_allclose(got.corners[0], [[5, 0, 2], [5, 1, 2], [4, 0, 2]], atol=1e-6)
    np.testing.assert_allclose(got.corners[1], [[4, 0, 3], [5, 1, 3], [5, 0, 3]], atol=1e-6)
    np.testing.assert_allclose(got.uvs[0], [[0, 0], [1, 0], [0, 1]])
    np.testing.assert_allclose(got.uvs[1], [[0, 0], [1, 0], [0, 0]])  # 3e9 is a file's mistake
    np.testing.assert_allclose(got.normals[:, 0], [[0, 0, 1], [0, 0, -1]], atol=1e-6)
    np.testing.assert_array_equal(got.materials, [0, 1])
    assert [m.color for m in got.palette] == [(0.25, 0.5, 0.5), (0.1, 0.4, 0.6)]
    assert got.palette[1].glass


def test_without_bpy_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "bpy", None)
    with pytest.raises(ImportError, match=r"Python 3\.11 only .*pip install bpy==5\.0\.1"):
        CyclesRenderer(96, 64, samples=1)


def test_a_folder_goes_on_with_the_renderer_it_was_begun_with(tmp_path):
    with pytest.raises(ValueError, match="renderer is 'eevee', expected one of"):
        Options(renderer="eevee")
    claim(tmp_path, Options())
    with pytest.raises(ValueError, match=r"'renderer': 'gl'.*, not .*'renderer': 'cycles'"):
        claim(tmp_path, Options(renderer="cycles"))
    with pytest.raises(ValueError, match=r"'samples': 16.*, not .*'samples': 4"):
        claim(tmp_path, Options(renderer="cycles", samples=4))
    # a folder from when there was only one
    file = tmp_path / "dataset.yaml"
    about = yaml.safe_load(file.read_text())
    del about["options"]["renderer"], about["options"]["samples"]
    file.write_text(yaml.safe_dump(about))
    claim(tmp_path, Options())
    with pytest.raises(ValueError, match="holds rooms made with options"):
        claim(tmp_path, Options(renderer="cycles"))


def test_a_traced_folder_goes_on_with_as_many_samples(tmp_path):
    with pytest.raises(ValueError, match="samples is 0, expected 1 to 4096"):
        Options(renderer="cycles", samples=0)
    with pytest.raises(ValueError, match="samples is 4, but gl traces none"):
        Options(samples=4)
    claim(tmp_path, Options(renderer="cycles"))
    with pytest.raises(ValueError, match=r"'samples': 16.*, not .*'samples': 4"):
        claim(tmp_path, Options(renderer="cycles", samples=4))
    # a folder from when there were always 16
    file = tmp_path / "dataset.yaml"
    about = yaml.safe_load(file.read_text())
    del about["options"]["samples"]
    file.write_text(yaml.safe_dump(about))
    claim(tmp_path, Options(renderer="cycles"))
    with pytest.raises(ValueError, match="holds rooms made with options"):
        claim(tmp_path, Options(renderer="cycles", samples=4))


@pytest.fixture(scope="module")
def blender():
    pytest.importorskip("bpy", reason="Cycles takes bpy (the extra 'cycles', Python 3.11)")


@pytest.fixture
def draw(blender):
    """Draws surfaces with CAMERA, few samples: radiance and depth."""

    def draw(surfaces, matrix, lights=DARK, windows=()):
        renderer = CyclesRenderer(CAMERA.width, CAMERA.height, samples=4)
        renderer.load(Room((9.0, 9.0, 9.0), lights, list(surfaces), windows=list(windows)))
        light, depth = renderer.render(Camera(CAMERA, matrix))
        return light[..., :3].astype(np.float32), depth

    return draw


def test_depth_of_a_slanted_plane_at_every_pixels_centre(draw):
    """n . (o + z R ((u - cx) / fx, (v - cy) / fy, 1)) = d, solved for z: not the ray's length."""
    turned = pose(np.array([0.4, -0.3, 0.2]), yaw=0.5, pitch=-0.2, roll=0.3)
    normal, through = np.array([-0.8, 0.36, 0.48]), np.array([3.0, 1.0, 0.5])
    along = np.cross(normal, (0, 0, 1.0))
    up = np.cross(normal, along)
    corner = through - 60 * along - 60 * up
    _, depth = draw([Surface(tuple(corner), tuple(120 * along), tuple(120 * up), GREY)], turned)
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width]
    rays = np.stack([(u - CAMERA.cx) / CAMERA.fx, (v - CAMERA.cy) / CAMERA.fy, 1 + 0 * u], -1)
    z = normal @ (through - turned[:3, 3]) / (rays @ turned[:3, :3].T @ normal)
    expected = np.where((z > 0.05) & (z <= 20), z, 0)
    assert (expected > 0).mean() > 0.9
    np.testing.assert_allclose(depth, expected, rtol=1e-3)  # its rays keep to 0.005 px


def facing(u, z, material):
    """A rectangle at depth z over [u0, u1] pixels of CAMERA, from top to bottom."""
    x = [(k - CAMERA.cx) / CAMERA.fx * z for k in u]
    return Surface((x[0], 3 * z, z), (x[1] - x[0], 0, 0), (0, -6 * z, 0), material)


def test_glass_and_sky_are_seen_and_their_depth_is_invalid(draw):
    sky = Material((1.0, 1.0, 1.0), emission=1.0, sky=True)
    pane = Material((0.5, 0.5, 0.5), opacity=0.3)
    lights = Lights((0.0, 0.0, 50.0), (0.0, 0.0, 0.0), sky=(2.0, 3.0, 4.0))
    surfaces = [facing((-60, 59.5), 3.0, sky), facing((59.5, 160), 3.0, GREY)]
    surfaces += [facing((19.5, 29.5), 2.0, pane), facing((69.5, 79.5), 2.0, pane)]
    light, depth = draw(surfaces, np.eye(4), lights)
    expected = np.full((CAMERA.height, CAMERA.width), 3.0)
    expected[:, :60] = expected[:, 70:80] = 0
    np.testing.assert_allclose(depth, expected, rtol=1e-5)
    np.testing.assert_allclose(light[:, 40:50].mean((0, 1)), (2, 3, 4), rtol=0.05)
    np.testing.assert_allclose(light[:, 22:27].mean((0, 1)), (1.4, 2.1, 2.8), rtol=0.1)  # 70 %


def test_the_sun_is_as_bright_as_the_renderers(draw):
    """Radiance is albedo x irradiance / pi: 0.5 x 3 at a right angle."""
    lights = Lights((0.0, 0.0, 50.0), (0.0, 0.0, 0.0), sun=(3.0, 2.0, 1.0), sun_direction=(0, 0, 1))
    light, _ = draw([facing((-60, 160), 3.0, GREY)], np.eye(4), lights)
    np.testing.assert_allclose(light[20:40, 40:60].mean((0, 1)), (1.5, 1.0, 0.5), rtol=0.1)


@pytest.mark.parametrize("back", [False, True], ids=["front", "back"])
def test_a_face_on_another_one_takes_no_light_from_it(draw, back):
    """As the sun's test; the second face is wider, hence split elsewhere."""
    lights = Lights((0.0, 0.0, 50.0), (0.0, 0.0, 0.0), sun=(3.0, 2.0, 1.0), sun_direction=(0, 0, 1))
    face, other = facing((-60, 160), 3.0, GREY), facing((-75, 190), 3.0, GREY)
    if back:
        along, up = np.array(other.along), np.array(other.up)
        other = Surface(vector(other.origin + along), vector(-along), vector(up), GREY)
    light, depth = draw([face, other], np.eye(4), lights)
    np.testing.assert_allclose(light[20:40, 40:60].mean((0, 1)), (1.5, 1.0, 0.5), rtol=0.1)
    np.testing.assert_allclose(depth, 3.0, rtol=1e-5)


def test_a_windows_light_follows_the_cosines_and_the_square_of_the_distance(draw):
    """A window of A m2 and radiance L, z m before a wall: irradiance / pi = L A / (pi z^2)."""
    lights = Lights((0.0, 0.0, 50.0), (0.0, 0.0, 0.0), sky=(9.0, 9.0, 9.0))
    window = Window((0.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.2, 0.0, 0.0), (0.0, 0.3, 0.0))
    light, _ = draw([facing((-60, 160), 3.0, GREY)], np.eye(4), lights, [window])
    expected = 0.5 * 9 * 0.06 / (math.pi * (3 + cycles.REVEAL) ** 2)
    middle = light[24:32, 40:48].mean()
    assert middle == pytest.approx(expected, rel=0.15)


@pytest.mark.usefixtures("blender", "egl", "embree")
def test_rooms_and_cameras_are_opengls_and_so_is_the_depth(assets, tmp_path):
    """Furnished rooms in both: the same views kept, their depth alike to the pixel."""
    made = {}
    opengl, traced = Options(2, 96, 72), Options(2, 96, 72, "cycles", samples=2)
    for options, folder in ((opengl, "gl"), (traced, "one"), (traced, "two")):
        out = tmp_path / folder
        assert list(simulate_rooms(out, assets, options, range(2))) == [(0, ""), (1, "")]
        files = sorted((out / "depth").glob("*.png")) + sorted((out / "rgb").glob("*.jpg"))
        made[folder] = {str(f.relative_to(out)): f.read_bytes() for f in files}
    assert made["one"] == made["two"]
    names = [name for name in made["gl"] if name.startswith("depth")]
    assert set(made["one"]) == set(made["gl"])
    assert len(names) == 4
    for name in names:
        gl, ours = (
            cv2.imread(str(tmp_path / k / name), cv2.IMREAD_UNCHANGED).astype(float)
            for k in ("gl", "one")
        )
        assert ((gl > 0) != (ours > 0)).mean() < 0.005
        off = np.abs(gl - ours)[(gl > 0) & (ours > 0)]
        assert np.median(off) == 0
        assert (off > 1).mean() < 0.01  # [mm]; the rest: edges
