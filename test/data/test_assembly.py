"""Frames out of small repositories: bytes, calibration, depth, and what is told before the work."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml
from repositories import encoded, place, write_repository

from fourier_depth_ros.cli.assemble import assemble as command
from fourier_depth_ros.data.assembly import assemble, check_out, counts, plan, table
from fourier_depth_ros.data.folder import FolderDepth
from fourier_depth_ros.data.places import Place

COLOR = np.arange(3 * 4 * 3, dtype=np.uint8).reshape(3, 4, 3)
DEPTH = np.array([[1000, 1001, 1002, 1003], [2000, 0, 2002, 2003], [3000, 3001, 3002, 3003]], "u2")
FILES = {
    "rgb/a_1.png": encoded(".png", COLOR),
    "rgb/a_2.png": encoded(".png", COLOR + 1),
    "rgb/a_3.bmp": encoded(".bmp", COLOR),
    "depth/a_1.png": encoded(".png", DEPTH),
    "depth/a_2.png": encoded(".png", DEPTH + 100),
    "depth/a_3.png": encoded(".png", DEPTH),
    "depth/small.png": encoded(".png", DEPTH[:2]),
    "depth/lfs.png": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
}


@pytest.fixture
def clones(tmp_path) -> Path:
    return tmp_path / "clones"


@pytest.fixture
def commit(clones) -> str:
    return write_repository(clones / "someone" / "captures", FILES)


def places(commit: str, **changes: Any) -> list[Place]:
    return [Place(**place(commit=commit, **changes))]


def test_what_folder_depth_reads(tmp_path, clones, commit):
    frames = plan(places(commit), clones)
    assert list(assemble(frames, tmp_path / "out")) == [True, True]
    folder = tmp_path / "out" / "train"
    # the repository's bytes; the name has an underscore only after the place's
    assert (folder / "rgb" / "lab_desk_a-1.png").read_bytes() == FILES["rgb/a_1.png"]
    one, two = FolderDepth(folder)
    assert (one.name, one.group) == ("lab_desk_a-1", "lab_desk")
    assert one.rgb.tolist() == COLOR[..., ::-1].tolist()
    expected = np.where(DEPTH > 0, DEPTH / 1000, np.nan)
    np.testing.assert_allclose(one.depth, expected, rtol=1e-6)
    np.testing.assert_allclose(two.depth[0, 0], 1.1, rtol=1e-6)
    assert one.intrinsics == frames[0].place.camera_model


def test_another_format_becomes_png(tmp_path, clones, commit):
    rows = places(commit, pairs=[{"color": "rgb/*.bmp", "depth": "depth/*.png"}])
    assert list(assemble(plan(rows, clones), tmp_path)) == [True]
    written = cv2.imread(str(tmp_path / "train" / "rgb" / "lab_desk_a-3.png"))
    assert written.tolist() == COLOR.tolist()


def test_turned_and_shrunk(tmp_path, clones, commit):
    rows = places(commit, turn=90, pairs=[{"color": "rgb/a_1.png", "depth": "depth/a_1.png"}])
    rows += places(commit, name="half", shrink=2, pairs=[rows[0].pairs[0].model_dump()])
    assert len(list(assemble(plan(rows, clones), tmp_path))) == 2
    half, turned = FolderDepth(tmp_path / "train")
    # clockwise: the left column, from below, becomes the first row
    assert turned.rgb[0].tolist() == COLOR[::-1, 0, ::-1].tolist()
    np.testing.assert_allclose(turned.depth[0], [3, 2, 1], rtol=1e-6)
    # 4 x 3 halved is 2 x 1: of each 2 x 2 block the lower right depth, and the mean colour
    np.testing.assert_allclose(half.depth, [[np.nan, 2.003]], rtol=1e-6)
    means = COLOR[:2].reshape(2, 2, 2, 3).mean(axis=(0, 2))
    assert np.abs(half.rgb[0, :, ::-1] - means).max() <= 0.5
    assert (half.intrinsics.width, half.intrinsics.height) == (2, 1)


def test_depth_of_another_camera_is_registered(tmp_path, clones, commit):
    beside = {"size": [4, 3], "intrinsics": [4.0, 4.5, 1.5, 1.0], "translation": [0.25, 0, 0]}
    pairs = [{"color": "rgb/a_1.png", "depth": "depth/a_1.png"}]
    rows = places(commit, depth_camera=beside, pairs=pairs)
    assert list(assemble(plan(rows, clones), tmp_path)) == [True]
    (sample,) = FolderDepth(tmp_path / "train")
    # f t / Z = 4 * 0.25 / 1 m: the first row moves by one pixel
    np.testing.assert_allclose(sample.depth[0], [np.nan, 1, 1.001, 1.002], rtol=1e-6)


def test_files_there_are_left_and_a_cut_frame_is_made_again(tmp_path, clones, commit):
    frames = plan(places(commit), clones)
    list(assemble(frames, tmp_path))
    picture = tmp_path / "train" / "rgb" / "lab_desk_a-1.png"
    picture.write_bytes(b"mine")
    (tmp_path / "train" / "rgb" / "lab_desk_a-2.png").unlink()
    assert list(assemble(frames, tmp_path)) == [False, True]
    assert picture.read_bytes() == b"mine"


def test_a_bare_mirror_does_as_well(tmp_path, clones, commit):
    folder = clones / "someone"
    bare = ["git", "clone", "--quiet", "--bare", str(folder / "captures"), str(folder / "bare")]
    subprocess.run(bare, check=True)
    shutil.rmtree(folder / "captures")
    (folder / "bare").rename(folder / "captures.git")
    assert list(assemble(plan(places(commit), clones), tmp_path)) == [True, True]


def test_a_missing_clone_is_fetched(tmp_path, clones, commit):
    source = (clones / "someone" / "captures").as_uri()
    fetched = tmp_path / "others"
    frames = plan(places(commit, source=source), fetched)
    assert list(assemble(frames, tmp_path)) == [True, True]
    assert (fetched / "someone" / "captures.git" / "HEAD").is_file()


def test_a_clone_that_cannot_be_had_is_told_with_the_command(tmp_path):
    source = (tmp_path / "nowhere" / "someone" / "captures").as_uri()
    with pytest.raises(ValueError, match="there is no clone of") as caught:
        plan(places("0" * 40, source=source), tmp_path / "clones")
    wanted = f"git clone --bare {source} {tmp_path / 'clones' / 'someone' / 'captures.git'}"
    assert str(caught.value).endswith(wanted)
    assert not list((tmp_path / "clones" / "someone").iterdir())


def test_every_mistake_comes_before_the_work(clones, commit):
    rows = [
        *places("1" * 40, name="old"),
        *places(commit, name="gone", pairs=[{"color": "c/*.png", "depth": "depth/*.png"}]),
        *places(commit, name="twice", pairs=[{"color": "rgb/*.png", "depth": "depth/*.png"}] * 2),
    ]
    with pytest.raises(ValueError, match="has no commit 1111") as caught:
        plan(rows, clones)
    said = str(caught.value)
    assert f"fetch --depth 1 https://example.invalid/someone/captures {'1' * 40}" in said
    assert "gone: there is no c/*.png" in said
    assert "twice: two frames are named 'a_1'" in said


def test_a_folder_that_is_no_clone(clones):
    (clones / "someone" / "captures").mkdir(parents=True)
    with pytest.raises(ValueError, match="captures has no commit 0000") as caught:
        plan(places("0" * 40), clones)
    assert "not a git repository" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"size": [8, 6]}, "lab_desk: rgb/a_1.png is 4 x 3, the manifest says 8 x 6"),
        (
            {"pairs": [{"color": "rgb/a_1.png", "depth": "depth/small.png"}]},
            "depth/small.png is 4 x 2, the manifest says 4 x 3",
        ),
        (
            {"pairs": [{"color": "rgb/a_1.png", "depth": "depth/lfs.png"}]},
            "depth/lfs.png of https://example.invalid/someone/captures is a Git LFS pointer",
        ),
    ],
)
def test_files_that_are_not_what_the_manifest_says(tmp_path, clones, commit, changes, reason):
    with pytest.raises(ValueError, match=reason):
        list(assemble(plan(places(commit, **changes), clones), tmp_path))
    assert not list(tmp_path.glob("train/*/*"))


def test_a_moved_place_must_not_stay_where_it_was(tmp_path, clones, commit):
    frames = plan(places(commit), clones)
    list(assemble(frames, tmp_path))
    check_out(tmp_path, frames)
    moved = plan(places(commit, name="hall") + places(commit, split="fit"), clones)
    with pytest.raises(ValueError, match=r"rgb holds 4 files of frames that the manifest does not"):
        check_out(tmp_path, moved)


def test_counts_and_the_table(clones, commit):
    rows = places(commit) + places(commit, name="hall", kind="hall", split="validation")
    frames = plan(rows, clones)
    assert counts(frames).splitlines() == [
        "train: 2 pairs of 1 places, 1 cameras",
        "validation: 2 pairs of 1 places, 1 cameras",
        "4 pairs: MIT (repository)",
    ]
    assert table(frames).splitlines() == [
        "| source | camera | what | places | train | fit | validation | licence |",
        "|---|---|---|---|---|---|---|---|",
        "| [someone/captures](https://example.invalid/someone/captures) | RealSense D435 "
        "| hall, near | 2 | 2 |  | 2 | MIT (repository) |",
    ]


def test_the_command(tmp_path, clones, commit, capsys):
    manifest = tmp_path / "places.yaml"
    rows = [place(commit=commit), place(commit=commit, name="hall", split="fit")]
    manifest.write_text(yaml.safe_dump({"places": rows}))
    command(manifest, tmp_path / "out", clones=clones, split="fit")
    assert capsys.readouterr().out.endswith(f"{tmp_path / 'out'}: 2 pairs, 2 of them new\n")
    assert not (tmp_path / "out" / "train").exists()
    command(manifest, tmp_path / "out", clones=clones, table=True)
    said = capsys.readouterr().out
    assert said.startswith("| source |")
    assert said.endswith("4 pairs, 2 of them new\n")
    with pytest.raises(ValueError, match="has no place in validation"):
        command(manifest, tmp_path / "out", clones=clones, split="validation")
