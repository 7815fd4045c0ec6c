import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fourier_depth_ros.simulator.meshes import (
    fitted,
    linear,
    read_mtl,
    read_obj,
    simplified,
    subdivided,
)

SQUARE = "v 0 0 0\nv 2 0 0\nv 2 3 0\nv 0 3 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"


def area(mesh):
    edges = mesh.corners[:, 1:] - mesh.corners[:, :1]
    return np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1).sum() / 2


def obj(folder, text):
    (folder / "thing.obj").write_text(text)
    return folder / "thing.obj"


@pytest.mark.parametrize("face", ["f 1/1 2/2 3/3 4/4", "f -4/-4 -3/-3 -2/-2 -1/-1"])
def test_a_polygon_becomes_a_fan_with_z_up(tmp_path, face):
    mesh = read_obj(obj(tmp_path, SQUARE + face))
    # (x, y, z) -> (x, -z, y): a wall of 2 x 3 that faces the file's +z, which is -y
    expected = [[[0, 0, 0], [2, 0, 0], [2, 0, 3]], [[0, 0, 0], [2, 0, 3], [0, 0, 3]]]
    np.testing.assert_allclose(mesh.corners, expected)
    np.testing.assert_allclose(mesh.normals, np.broadcast_to([0, -1, 0], (2, 3, 3)))
    np.testing.assert_allclose(mesh.uvs[0], [[0, 0], [1, 0], [1, 1]])


def test_materials(tmp_path):
    (tmp_path / "Wood.PNG").write_bytes(b"")
    (tmp_path / "a.mtl").write_text(
        "newmtl wood\nKd 1 0 0\nmap_Kd -s 1 1 1 textures\\wood.png\nnewmtl pane\nd 0.3\nKs 1 1 1\n"
        "newmtl torn\nmap_Kd gone.jpg\nnewmtl odd\nKd red\n"
    )
    (tmp_path / "textures").mkdir()
    (tmp_path / "textures" / "WOOD.png").write_bytes(b"")
    found = read_mtl(tmp_path / "a.mtl")
    assert found["wood"].texture == str(tmp_path / "textures" / "WOOD.png")
    assert found["pane"].glass
    assert found["pane"].gloss == 1
    assert not found["wood"].glass
    assert found["torn"] is None
    assert found["odd"].color == (0.6, 0.6, 0.6)
    assert read_mtl(tmp_path / "none.mtl") == {}


def test_faces_without_their_texture_are_dropped_never_drawn_in_a_stand_in_colour(tmp_path):
    (tmp_path / "a.mtl").write_text("newmtl whole\nKd 1 1 1\nnewmtl torn\nmap_Kd gone.jpg\n")
    both = "mtllib a.mtl\n" + SQUARE + "usemtl torn\nf 1 2 3\nusemtl whole\nf 1 3 4\n"
    mesh = read_obj(obj(tmp_path, both))
    np.testing.assert_allclose(mesh.corners, [[[0, 0, 0], [2, 0, 3], [0, 0, 3]]])
    with pytest.raises(ValueError, match="no face with area and a material whose texture exists"):
        read_obj(obj(tmp_path, "mtllib a.mtl\n" + SQUARE + "usemtl torn\nf 1 2 3\n"))


@pytest.mark.parametrize("text", ["", SQUARE, SQUARE + "f 1 2 99", SQUARE + "f 1 1 2", "v a b c"])
def test_broken_files_are_value_errors(tmp_path, text):
    with pytest.raises(ValueError):  # noqa: PT011  the store turns any into 'left out'
        read_obj(obj(tmp_path, text))


def test_fitted_stands_on_the_floor_with_the_catalogues_size(tmp_path):
    mesh = fitted(read_obj(obj(tmp_path, SQUARE + "v 1 1 -5\nf 1 2 3 4\nf 1 2 5\n")), (1, 2, 0.5))
    low, high = mesh.bounds
    np.testing.assert_allclose(low, [-0.5, -1, 0], atol=1e-6)
    np.testing.assert_allclose(high, [0.5, 1, 0.5], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=2), 1, atol=1e-6)


@given(st.floats(0.2, 2.5))
def test_subdividing_keeps_area_and_leaves_no_edge_too_long_nor_a_gap(tmp_path_factory, longest):
    whole = read_obj(obj(tmp_path_factory.mktemp("mesh"), SQUARE + "f 1/1 2/2 3/3 4/4"))
    mesh = subdivided(whole, longest)
    edges = np.roll(mesh.corners, -1, axis=1) - mesh.corners
    assert np.linalg.norm(edges, axis=2).max() <= longest * 1.0001
    assert area(mesh) == pytest.approx(6, rel=1e-4)
    # texture coordinates are still the position's: u = x / 2, v = z / 3
    np.testing.assert_allclose(mesh.uvs, mesh.corners[..., [0, 2]] / (2, 3), atol=1e-5)
    # no gap: an edge belongs to two triangles, or lies on the square's rim
    ends = np.round(np.stack([mesh.corners, np.roll(mesh.corners, -1, axis=1)], 2), 4)
    sides = np.sort(ends.reshape(-1, 2, 3).view([("", ends.dtype)] * 3)[..., 0], axis=1)
    _, first, counts = np.unique(sides, axis=0, return_index=True, return_counts=True)
    middles = ends.reshape(-1, 2, 3)[first].mean(1)
    rim = (np.abs(middles[:, [0]] - [0, 2]) < 1e-3) | (np.abs(middles[:, [2]] - [0, 3]) < 1e-3)
    assert (counts == np.where(rim.any(1), 1, 2)).all()


def test_simplifying_merges_what_is_smaller_than_a_cell(tmp_path):
    many = subdivided(read_obj(obj(tmp_path, SQUARE + "f 1 2 3 4")), 0.05)
    few = simplified(many, 0.4)
    assert len(few.corners) < len(many.corners) / 20
    assert area(few) == pytest.approx(6, rel=0.4)
    assert (few.bounds[0] >= -1e-5).all()
    assert (few.bounds[1] <= np.array([2, 0, 3]) + 1e-5).all()


def test_display_colours_become_light():
    assert linear((1, 0.5, -3)) == pytest.approx((0.912, 0.9 * 0.5**2.2 + 0.012, 0.012))
