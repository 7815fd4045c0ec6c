"""Manifests: what is refused, and that the one in config/train is valid."""

import pytest
import yaml
from layout import ROOT
from repositories import place

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.data.places import SPLITS, Place, load_manifest


def written(tmp_path, *places):
    path = tmp_path / "places.yaml"
    path.write_text(yaml.safe_dump({"places": list(places)}))
    return path


def test_a_split_s_places(tmp_path):
    rows = [place(name=f"p{i}", split=split) for i, split in enumerate(SPLITS)]
    manifest = load_manifest(written(tmp_path, *rows))
    assert [each.name for each in manifest.of("fit")] == ["p1"]
    assert [each.name for each in manifest.of(None)] == ["p0", "p1", "p2"]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([], "places is"),
        ([place(split="test")], "place lab_desk.split is 'test'; it should be 'train', 'fit' or"),
        ([place(unit=1)], "place lab_desk.unit is no key that is known here"),
        ([place(depth={"unit": 0})], "place lab_desk.depth.unit is 0; it should be greater than 0"),
        ([place(commit="main")], "place lab_desk.commit is 'main'"),
        ([place(source="someone/captures")], "place lab_desk.source is 'someone/captures'"),
        ([place(name="Lab desk")], "place Lab desk.name is 'Lab desk'"),
        ([place(turn=45)], "place lab_desk.turn is 45; it should be 0, 90, 180 or 270"),
        ([place(), place()], "the place lab_desk is there twice"),
        (
            [place(group="lab"), place(name="lab_floor", group="lab", split="fit")],
            "lab_desk (train) and lab_floor (fit) are one room (lab); give both the same split",
        ),
        (
            [place(pairs=[{"color": "a*", "depth": "b*", "every": 2, "only": ["1"]}])],
            "give `only` or `every`, not both",
        ),
        (
            [place(pairs=[{"color": "a*", "depth": "b*", "only": ["1", "1"]}])],
            "`only` has a name twice",
        ),
        (  # 012 without quotes is ten to YAML
            [place(pairs=[{"color": "a*", "depth": "b*", "only": [10]}])],
            "only.0 is 10; it should be a valid string",
        ),
    ],
)
def test_mistakes_are_told_with_the_place_s_name(tmp_path, rows, reason):
    path = written(tmp_path, *rows)
    with pytest.raises(ValueError, match=r"places\.yaml") as caught:
        load_manifest(path)
    assert reason in str(caught.value)


def test_a_missing_file_and_no_yaml(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"places.yaml does not exist"):
        load_manifest(tmp_path / "places.yaml")
    (tmp_path / "places.yaml").write_text("places: [")
    with pytest.raises(ValueError, match="is not YAML"):
        load_manifest(tmp_path / "places.yaml")


def test_the_camera_of_a_turned_and_shrunk_picture():
    whole = place(size=[9, 6], intrinsics=[8.0, 10.0, 3.5, 2.5])
    assert Place(**whole).camera_model == Intrinsics(8.0, 10.0, 3.5, 2.5, 9, 6)
    # halved: 9 x 6 is cut to 8 x 6, and (3.5 + 0.5) / 2 - 0.5 = 1.5, (2.5 + 0.5) / 2 - 0.5 = 1
    assert Place(**whole, shrink=2).camera_model == Intrinsics(4.0, 5.0, 1.5, 1.0, 4, 3)
    # by 90 degrees (u, v) comes to (6 - 1 - v, u), by 180 to (9 - 1 - u, 6 - 1 - v)
    assert Place(**whole, turn=90).camera_model == Intrinsics(10.0, 8.0, 2.5, 3.5, 6, 9)
    assert Place(**whole, turn=180).camera_model == Intrinsics(8.0, 10.0, 4.5, 2.5, 9, 6)
    assert Place(**whole, turn=270).camera_model == Intrinsics(10.0, 8.0, 2.5, 4.5, 6, 9)


def test_the_shipped_manifest_is_valid_and_each_split_has_something():
    manifest = load_manifest(ROOT / "config" / "train" / "places.yaml")
    for split in SPLITS:
        kinds = {each.kind for each in manifest.of(split)}
        cameras = {each.camera for each in manifest.of(split)}
        assert {"near", "robot"} <= kinds, split
        assert len(cameras) >= 3, split
    assert not [each.name for each in manifest.places if "unlicensed" in each.licence]
