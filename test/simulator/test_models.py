import numpy as np
import pytest

from fourier_depth_ros.simulator import models
from fourier_depth_ros.simulator.models import ModelStore, distances, hemisphere, ray_scene

pytestmark = pytest.mark.usefixtures("embree")


def item(assets, name):
    return next(item for item in assets.items if item.name == name)


def test_a_table_has_its_size_its_shade_and_where_things_may_stand(assets, tmp_path):
    table = ModelStore(tmp_path).get(item(assets, "Table"))
    assert table.size == pytest.approx((1.2, 0.8, 0.75))
    np.testing.assert_allclose(table.positions.min(0), [-0.6, -0.4, 0], atol=1e-5)
    # a line down the middle meets the top's upper side at 75 cm and its lower one at 70
    middle = table.heights[12, 12]
    assert middle[:2] == pytest.approx([0.75, 0.70], abs=2e-3)
    assert np.isnan(middle[2:]).all()
    # nothing is above the top; below it the legs take a little of the light
    up = np.abs(table.positions[:, 2] - 0.75) < 1e-4
    top = up & (table.normals[:, 2] > 0.99)
    assert top.any()
    assert (table.shade[top, 0] > 0.99).all()
    under = (np.abs(table.positions[:, 2] - 0.70) < 1e-4) & (table.normals[:, 2] < -0.99)
    assert table.shade[under, 0].mean() < 0.97


def test_the_cache_gives_back_the_same_without_reading_the_file_again(
    assets, tmp_path, monkeypatch
):
    table = item(assets, "Table")
    first = ModelStore(tmp_path).get(table)
    monkeypatch.setattr(models, "read_obj", None)
    second = ModelStore(tmp_path).get(table)
    for name in ("positions", "normals", "uvs", "shade", "owners", "triangles", "heights"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    assert (first.palette, first.size) == (second.palette, second.size)


@pytest.mark.parametrize("name", ["Broken chair", "Fancy lamp"])
def test_a_model_that_cannot_be_used_is_left_out_now_and_next_time(assets, tmp_path, name):
    assert ModelStore(tmp_path).get(item(assets, name)) is None
    assert ModelStore(tmp_path).get(item(assets, name)) is None
    assert len(list((tmp_path / f"models-{models.FORMAT}").iterdir())) == 1


def test_glass_gets_no_shade_and_carries_nothing(assets, tmp_path):
    vase = ModelStore(tmp_path).get(item(assets, "Vase"))
    assert (vase.shade == 1).all()
    assert np.isnan(vase.heights).all()


def test_rays_end_where_the_triangle_is():
    """On the plane x + z = 4 a ray from the origin along (a, b, 1) ends at t = 4 / (a + 1)."""
    corners = np.array([[[14, -40, -10], [14, 40, -10], [-26, 0, 30]]], np.float32)
    slopes = np.linspace(-0.4, 0.4, 9)
    way = np.stack([slopes, 0 * slopes, np.ones(9)], 1)
    far = distances(ray_scene(corners), np.zeros((9, 3)), way)
    np.testing.assert_allclose(far, 4 / (slopes + 1), rtol=1e-5)
    assert np.isinf(distances(ray_scene(corners), np.zeros((1, 3)), -way[:1])).all()


def test_hemisphere_directions_are_cosine_distributed():
    normals = np.array([[0, 0, 1.0], [0.6, -0.8, 0]])
    ways = hemisphere(normals, 64, np.random.default_rng(0)).astype(np.float64)
    np.testing.assert_allclose(np.linalg.norm(ways, axis=2), 1, atol=1e-5)
    cosines = np.einsum("prk,pk->pr", ways, normals)
    assert (cosines > 0).all()
    # E[cos] = integral of 2 cos^2 sin = 2 / 3; the mean direction is the normal's
    np.testing.assert_allclose(cosines.mean(1), 2 / 3, atol=0.01)
    np.testing.assert_allclose(ways.mean(1), 2 / 3 * normals, atol=0.06)
