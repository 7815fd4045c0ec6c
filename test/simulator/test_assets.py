import zipfile
from dataclasses import replace

import pytest

from fourier_depth_ros.simulator.assets import attribution, find_assets, turn_matrix


def test_the_catalogue_becomes_metres_and_leaves_out_what_is_no_use(assets):
    table, *_ = assets.items
    assert [item.name for item in assets.items] == [
        *("Table", "Mug", "Vase", "Cupboard", "Fancy lamp", "Broken chair", "Window"),
    ]  # not the tractor, nor what has no size
    assert table.size == (1.2, 0.8, 0.75)
    assert (table.opening, table.elevation, table.turn) == (False, 0.0, None)
    window = assets.items[-1]
    assert (window.opening, window.elevation) == (True, 0.9)


def test_textures_of_both_packages(assets):
    names = [path.rsplit("/", 1)[-1] for path in (*assets.floors, *assets.walls, *assets.skies)]
    assert names == ["woodenFloor.jpg", "drywall_1.png", "cloudy.jpg"]
    assert [path.rsplit("/", 1)[-1] for path in assets.paintings] == ["somebody.png"]


def test_attribution_names_creators_works_and_licence(assets):
    text = attribution(assets)
    assert "### Tiny furniture\nLicence: CC0 — by nobody\n" in text
    assert "- B. Potter: Mug, Vase\n" in text
    assert "- unknown: Broken chair, Cupboard, Fancy lamp, Window\n" in text
    assert "miniworld's textures and portraits" in text


def test_a_folder_may_do_without_sweet_home_3ds_own_textures_and_then_owes_them_nothing(
    assets, furniture, tmp_path
):
    for part in ("tiny", "textures"):
        (tmp_path / part).symlink_to(furniture / part)
    found = find_assets(tmp_path)
    assert len(found.items) == len(assets.items)
    assert found.floors == found.skies == ()
    assert len(found.walls) == 1
    assert "eTeks" in attribution(assets)
    assert "eTeks" not in attribution(found)


def test_archives_are_unpacked_once_and_anew_when_they_change(furniture, tmp_path):
    folder = tmp_path / "assets"
    folder.mkdir()
    (folder / "textures").symlink_to(furniture / "textures")
    _zip(furniture / "tiny", folder / "tiny.sh3f")
    _zip(furniture / "sweethome3d", folder / "sweethome3d.jar")
    cache = tmp_path / "cache"
    first = find_assets(folder, cache)
    assert [item.name for item in first.items][:2] == ["Table", "Mug"]
    assert first.items[0].model.is_relative_to(cache)
    unpacked = first.items[0].model.stat()
    assert find_assets(folder, cache).items[0].model.stat() == unpacked
    with zipfile.ZipFile(folder / "tiny.sh3f", "a") as archive:
        archive.writestr("more", "")
    assert find_assets(folder, cache).items[0].model != first.items[0].model


def test_a_broken_archive_is_named(tmp_path):
    (tmp_path / "tiny.sh3f").write_bytes(b"PK but no archive")
    with pytest.raises(ValueError, match=r"tiny\.sh3f is not a whole archive"):
        find_assets(tmp_path, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_is_missing_is_named_with_how_to_install_it_and_where_it_was_looked_for(
    furniture, tmp_path, monkeypatch
):
    with pytest.raises(FileNotFoundError) as error:
        find_assets(tmp_path)
    for hint in (
        "apt install sweethome3d-furniture",
        "pip install --no-deps miniworld",
        f"Looked in: {tmp_path}, {tmp_path}/textures",
        "--assets DIR",
    ):
        assert hint in str(error.value)
    monkeypatch.setenv("SWEETHOME3D_LIBRARIES", str(tmp_path))
    with pytest.raises(FileNotFoundError, match=r"apt install sweethome3d\)"):
        find_assets(cache=tmp_path)
    monkeypatch.setenv("SWEETHOME3D_LIBRARIES", str(furniture))
    monkeypatch.setenv("MINIWORLD_TEXTURES", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="not installed: miniworld's textures") as error:
        find_assets(cache=tmp_path)
    assert "apt" not in str(error.value).split("Looked")[0]


def test_a_turned_model(assets):
    """Rows for y up; 90 degrees about its x axis takes the model's y to z, here z to -y."""
    assert turn_matrix(assets.items[0]) is None
    turned = replace(assets.items[0], turn=(1, 0, 0, 0, 0, -1, 0, 1, 0))
    up = turn_matrix(turned) @ (0, 0, 1)
    assert up == pytest.approx((0, -1, 0))


def _zip(folder, target):
    with zipfile.ZipFile(target, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
