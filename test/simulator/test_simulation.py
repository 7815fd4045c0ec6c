"""Folders of rooms: reproducible, resumable, readable; what goes wrong is said, and where."""

import hashlib
import json
import sys

import cv2
import numpy as np
import pytest
import yaml

from fourier_depth_ros.data.opening import open_rgbd
from fourier_depth_ros.simulator import simulation
from fourier_depth_ros.simulator.contact_sheet import write_contact_sheet
from fourier_depth_ros.simulator.dataset import Options, room_record, write_summary
from fourier_depth_ros.simulator.renderer import Renderer
from fourier_depth_ros.simulator.simulation import Simulator, simulate_rooms

drawing = pytest.mark.usefixtures("egl", "embree")
OPTIONS = Options(views=3, width=96, height=72)


def make(out, assets, seeds=range(3), workers=1, options=OPTIONS):
    return list(simulate_rooms(out, assets, options, seeds, workers))


def contents(out):
    """The pictures' bytes."""
    files = [file for part in ("rgb", "depth") for file in sorted((out / part).iterdir())]
    return {str(f.relative_to(out)): hashlib.sha1(f.read_bytes()).hexdigest() for f in files}


@pytest.fixture(scope="module")
def made(egl, embree, assets, tmp_path_factory):
    """Three rooms; tests leave the pictures as they are."""
    out = tmp_path_factory.mktemp("made") / "rooms"
    assert make(out, assets) == [(0, ""), (1, ""), (2, "")]
    return out


def test_the_folder_is_read_as_rgbd_by_rooms(made):
    samples = list(open_rgbd(made))
    assert [sample.name for sample in samples] == [
        f"00000{room}_00{view}" for room in range(3) for view in range(3)
    ]
    assert [sample.group for sample in samples[::3]] == ["000000", "000001", "000002"]
    for sample in samples:
        raw = cv2.imread(str(made / "depth" / f"{sample.name}.png"), cv2.IMREAD_UNCHANGED)
        assert raw.dtype == np.uint16
        np.testing.assert_array_equal(np.isnan(sample.depth), raw == 0)
        valid = raw > 0
        np.testing.assert_allclose(sample.depth[valid], raw[valid] / 1000, rtol=1e-6)
        assert 0.1 < np.nanmedian(sample.depth) < 8
        camera = sample.intrinsics
        assert (camera.width, camera.height, camera.cx, camera.cy) == (96, 72, 47.5, 35.5)
        assert 48 / np.tan(np.radians(37.5)) <= camera.fx == camera.fy
        assert camera.fx <= 48 / np.tan(np.radians(25))


def test_the_summary_counts_what_is_there_and_what_was_dropped(made):
    summary = write_summary(made, OPTIONS)
    about = yaml.safe_load((made / "dataset.yaml").read_text())
    assert (summary.rooms, summary.pictures) == (3, 9)
    assert (about["rooms"], about["pictures"], about["seeds"]) == (3, 9, ["0-2"])
    assert about["views_looked_at"] == 9 + sum(summary.dropped.values())
    assert (made / "ATTRIBUTION.md").read_text().count("A. Joiner: Table") == 1


def test_a_contact_sheet_shows_pairs_and_needs_some(made, tmp_path):
    sheet = cv2.imread(str(write_contact_sheet(made, pairs=5)))
    assert sheet.shape == (2 * 480, 4 * 320, 3)
    assert sheet[:480].std() > 10
    assert sheet[500:, 340:].max() < 8  # no sixth; JPEG smears the edges
    with pytest.raises(ValueError, match="rgb holds no picture"):
        write_contact_sheet(tmp_path)


@drawing
def test_other_workers_and_another_order_give_the_same_bytes(made, assets, tmp_path):
    results = make(tmp_path, assets, range(1, 3), workers=2)
    assert sorted(results) == [(1, ""), (2, "")]
    make(tmp_path, assets, range(3))  # and room 0 last
    assert contents(tmp_path) == contents(made)


@drawing
def test_desk_views_alone_are_near(assets, tmp_path):
    make(
        tmp_path,
        assets,
        range(1),
        options=Options(views=3, width=96, height=72, passages=0.0, desks=1.0),
    )
    medians = [np.nanmedian(sample.depth) for sample in open_rgbd(tmp_path)]
    assert len(medians) == 3
    assert max(medians) < 1.6


@drawing
def test_a_room_that_was_cut_off_is_redone_and_complete_ones_are_left_alone(
    made, assets, tmp_path, monkeypatch
):
    calls, render = [], Renderer.render

    def cut_off(self, camera):
        calls.append(camera)
        if len(calls) == 5:
            raise OSError("no space left on device")
        return render(self, camera)

    with monkeypatch.context() as patch:
        patch.setattr(Renderer, "render", cut_off)
        with pytest.raises(OSError, match="no space"):  # every room would fail: that is said
            make(tmp_path, assets)
    assert room_record(tmp_path, 0)
    assert not room_record(tmp_path, 1)
    assert len(list((tmp_path / "rgb").glob("000001_*.jpg"))) >= 1  # it was in the middle
    (tmp_path / "depth" / ".000001_009.png.part").write_bytes(b"left over")
    first = (tmp_path / "rgb" / "000000_000.jpg").stat()
    assert make(tmp_path, assets) == [(0, ""), (1, ""), (2, "")]
    assert (tmp_path / "rgb" / "000000_000.jpg").stat() == first
    assert contents(tmp_path) == contents(made)


@drawing
@pytest.mark.parametrize("harm", ["truncated", "gone", "record"])
def test_a_room_that_is_not_whole_any_more_is_redone(made, assets, tmp_path, harm):
    make(tmp_path, assets, range(1))
    picture = tmp_path / "depth" / "000000_001.png"
    if harm == "truncated":
        picture.write_bytes(picture.read_bytes()[:-10])
    elif harm == "gone":
        picture.unlink()
    else:
        (tmp_path / "rooms" / "000000.json").write_text('{"seed": 0')
    assert room_record(tmp_path, 0) is None
    make(tmp_path, assets, range(1))
    assert {k: v for k, v in contents(made).items() if "000000" in k} == contents(tmp_path)


@drawing
def test_a_room_that_fails_is_reported_and_the_others_are_made(assets, tmp_path, monkeypatch):
    build = simulation.build_room

    def broken(seed, *rest):
        if seed == 1:
            raise ZeroDivisionError("no width")
        return build(seed, *rest)

    monkeypatch.setattr(simulation, "build_room", broken)
    results = make(tmp_path, assets)
    assert results == [(0, ""), (1, "ZeroDivisionError: no width"), (2, "")]
    assert write_summary(tmp_path, OPTIONS).rooms == 2


@drawing
def test_a_room_without_a_view_worth_having_is_complete_and_says_so(assets, tmp_path, monkeypatch):
    monkeypatch.setattr(simulation, "reject_picture", lambda rgb, depth: "dark")
    assert make(tmp_path, assets, range(1)) == [(0, "")]
    record = json.loads((tmp_path / "rooms" / "000000.json").read_text())
    assert record["pictures"] == 0
    assert record["dropped"]["dark"] > 1
    assert sum(record["dropped"].values()) == OPTIONS.views * simulation.TRIES
    assert write_summary(tmp_path, OPTIONS).pictures == 0


def test_a_folder_of_other_options_is_not_mixed_up(made, assets):
    with pytest.raises(ValueError, match=r"holds rooms made with options .*96.*, not .*128"):
        make(made, assets, options=Options(views=3, width=128, height=72))
    with pytest.raises(ValueError, match="workers is 0"):
        make(made, assets, workers=0)


def test_a_dataset_yaml_that_is_none(assets, tmp_path):
    (tmp_path / "dataset.yaml").write_text("a: [")
    with pytest.raises(ValueError, match=r"dataset\.yaml"):
        make(tmp_path, assets)


@pytest.mark.parametrize(
    ("name", "value"), [("views", 0), ("width", 32), ("height", 9999), ("desks", 1.5)]
)
def test_options_out_of_range(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}, expected"):
        Options(**{name: value})


@pytest.mark.parametrize("package", ["moderngl", "embreex"])
def test_a_missing_package_says_what_to_install(assets, tmp_path, monkeypatch, request, package):
    if package == "embreex":
        request.getfixturevalue("egl")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=rf"pip install 'fourier_depth_ros\[sim\]'.*{package}"):
        make(tmp_path, assets, range(1))
    assert room_record(tmp_path, 0) is None


def test_without_opengl_it_says_what_to_install_from_a_worker_as_well(
    embree, assets, tmp_path, monkeypatch
):
    pytest.importorskip("moderngl", reason="drawing takes moderngl (the extra 'sim')")
    # libglvnd finds no driver there, as on a machine without libgl1-mesa-dri
    monkeypatch.setenv("__EGL_VENDOR_LIBRARY_DIRS", str(tmp_path))
    with pytest.raises(
        RuntimeError, match=r"room \d: RuntimeError: no OpenGL .*apt install libegl1"
    ):
        make(tmp_path, assets, range(2), workers=2)


@drawing
def test_one_simulator_makes_room_after_room(made, assets, tmp_path):
    for part in ("rgb", "depth", "rooms"):
        (tmp_path / part).mkdir()
    simulator = Simulator(assets, OPTIONS)
    for seed in (2, 0, 2):
        assert simulator.attempt(tmp_path, seed) == ""
    expected = contents(made)
    assert contents(tmp_path) == {k: v for k, v in expected.items() if "000001" not in k}


@drawing
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_passages_only_or_none(assets, tmp_path, share):
    options = Options(views=1, width=96, height=72, passages=share)
    assert make(tmp_path, assets, range(2), options=options) == [(0, ""), (1, "")]
    for seed in range(2):
        kind = room_record(tmp_path, seed)["theme"].split()[-1]
        assert (kind in ("corridor", "hall", "doorway", "stairs")) == (share == 1.0)


def test_a_share_of_passages_is_between_0_and_1():
    with pytest.raises(ValueError, match=r"passages is 1\.5, expected 0 to 1"):
        Options(passages=1.5)
