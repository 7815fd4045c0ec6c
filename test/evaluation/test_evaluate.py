"""Evaluation on small rooms: what the rows are, where they are measured, and how sure we are."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from checkpoints import RATIOS, SHARED_RATIOS, constant_checkpoint
from rgbd import write_rgbd

from fourier_depth_ros.config import CombinationSettings
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.data.collection import RgbdCollection
from fourier_depth_ros.data.folder import FolderDepth
from fourier_depth_ros.data.nyu import INTRINSICS
from fourier_depth_ros.data.processes import Processes
from fourier_depth_ros.data.sample import RgbdSample
from fourier_depth_ros.evaluation.bootstrap import interval, room_draws
from fourier_depth_ros.evaluation.evaluate import Method, evaluate_checkpoints
from fourier_depth_ros.evaluation.page import choose_pictures, write_page
from fourier_depth_ros.evaluation.protocols import protocols
from fourier_depth_ros.evaluation.report import markdown, report


def lively(seed: int, output_space: str = "balanced", shared: bool = False):
    checkpoint = constant_checkpoint(2.5, shared=shared)
    torch.manual_seed(seed)
    checkpoint.network.head.weight.normal_(0, 0.02)
    space = checkpoint.config.space.model_copy(update={"output_space": output_space})
    config = checkpoint.config.model_copy(update={"space": space})
    return replace(checkpoint, config=config)


class Given(list):
    """Samples as a data set."""

    skipped = 0


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    folder = write_rgbd(tmp_path_factory.mktemp("rooms") / "r", rooms=3, views=3)
    file = str(folder / "depth" / "room000_0.png")
    depth = cv2.imread(file, cv2.IMREAD_UNCHANGED)
    depth[:40] = 0  # a hole
    cv2.imwrite(file, depth)
    return RgbdCollection([FolderDepth(folder)])


@pytest.fixture(scope="module")
def checkpoints():
    return {"dbe": lively(1), "euclidean": lively(2, "depth")}


@pytest.fixture(scope="module")
def evaluation(rooms, checkpoints):
    return evaluate_checkpoints(checkpoints, rooms, nyu=False, device="cpu")


def test_every_row_is_what_predict_answers_at_the_truths_resolution(rooms, checkpoints, evaluation):
    """RMSE of each row, pooled, from DepthEstimator.predict and numpy."""
    estimator = DepthEstimator(checkpoints["dbe"], "cpu", "float32")
    rows = {
        "network only (r = 1)": ("mean", False, (1.0,)),
        "r = 1 and its mirror, mean": ("mean", True, (1.0,)),
        "mean of 3": ("mean", False, RATIOS),
        "mean of 6": ("mean", True, RATIOS),
        "paper's Fourier, 3": ("paper", False, RATIOS),
        "paper's Fourier, 6": ("paper", True, RATIOS),
        "hierarchical, 6": ("hierarchical", True, RATIOS),
    }
    assert [m.row for m in evaluation.methods if m.checkpoint == "dbe"] == list(rows)
    rmse = evaluation.sums["authors"].pooled()["rmse"][0]
    for name, (combination, flips, ratios) in rows.items():
        settings = {"combination": combination, "use_flips": flips, "crop_ratios": ratios}
        estimator.set_combination(CombinationSettings(**settings))
        squares = []
        for _, _, sample in rooms:
            image = torch.from_numpy(sample.rgb).permute(2, 0, 1)
            depth = estimator.predict(image, sample.intrinsics).depth.numpy()
            squares.append(((np.nan_to_num(depth, nan=1e-3) - sample.depth) ** 2).ravel())
        expected = math.sqrt(np.nanmean(np.concatenate(squares)))  # the hole does not count
        column = evaluation.methods.index(Method("dbe", name))
        assert float(rmse[column]) == pytest.approx(expected, rel=1e-4), name


def test_shared_crops_have_rows_of_their_own_once_they_are_fitted(rooms):
    """Each is what predict answers with `crops: shared`; the corners' rows stay what they were."""
    both, corners = lively(1, shared=True), lively(1)
    evaluation = evaluate_checkpoints({"both": both, "one": corners}, rooms, False, device="cpu")
    of = {n: [m.row for m in evaluation.methods if m.checkpoint == n] for n in ("both", "one")}
    assert of["both"][: len(of["one"])] == of["one"]
    zooms = [(zoom.checkpoint, zoom.crops, zoom.ratios) for zoom in evaluation.zooms]
    assert zooms == [
        ("both", "corners", RATIOS),
        ("both", "shared", SHARED_RATIOS),
        ("one", "corners", RATIOS),
    ]
    added = of["both"][len(of["one"]) :]
    assert added[-1] == "shared crops: hierarchical, 4"
    assert len(added) == 7
    rmse = evaluation.sums["authors"].pooled()["rmse"][0]
    for row in of["one"]:
        columns = [evaluation.methods.index(Method(name, row)) for name in of]
        assert rmse[columns[0]] == rmse[columns[1]]
    estimator = DepthEstimator(both, "cpu", "float32")
    estimator.set_combination(CombinationSettings(crops="shared", crop_ratios=SHARED_RATIOS))
    squares = []
    for _, _, sample in rooms:
        image = torch.from_numpy(sample.rgb).permute(2, 0, 1)
        depth = estimator.predict(image, sample.intrinsics).depth.numpy()
        squares.append(((np.nan_to_num(depth, nan=1e-3) - sample.depth) ** 2).ravel())
    expected = math.sqrt(np.nanmean(np.concatenate(squares)))
    column = evaluation.methods.index(Method("both", "shared crops: hierarchical, 4"))
    assert float(rmse[column]) == pytest.approx(expected, rel=1e-4)
    differences = {
        (tuple(each["of"]), tuple(each["minus"])): each["rmse"]["value"]
        for each in report(evaluation)["protocols"]["authors"]["differences"]
    }
    for row in ("hierarchical, 6", "mean of 6", "network only (r = 1)"):
        names = (("both", "shared crops: hierarchical, 4"), ("both", row))
        corners_rmse = float(rmse[evaluation.methods.index(Method("both", row))])
        assert differences[names] == pytest.approx(expected - corners_rmse, abs=1e-4)
    assert not any(of[0] == "one" and "shared" in of[1] for of, _ in differences)


def test_the_network_runs_once_a_picture_and_checkpoint(rooms, checkpoints, monkeypatch):
    calls = []
    predict = DepthEstimator.predict
    monkeypatch.setattr(
        DepthEstimator, "predict", lambda *a, **k: calls.append(1) or predict(*a, **k)
    )
    few = list(rooms)[:3]
    holder = RgbdCollection([])
    monkeypatch.setattr(RgbdCollection, "__iter__", lambda self: iter(few))
    evaluate_checkpoints(checkpoints, holder, nyu=False, device="cpu")
    assert len(calls) == 3 * 2


def test_the_report(evaluation):
    figures = report(evaluation)
    assert (figures["pictures"], figures["rooms"], figures["without_truth"]) == (9, 3, 0)
    assert figures["checkpoints"]["euclidean"] == {
        "loss": "Euclidean",
        "best_row": "hierarchical, 6",
    }
    section = figures["protocols"]["authors"]
    assert section["label"] == "authors' protocol: whole picture, pooled over all pixels"
    row = section["rows"]["dbe"]["hierarchical, 6"]
    low, high = row["interval"]["rmse"]
    assert low < row["rmse"] < high
    assert row["edge/rmse"] is row["edge/f1"] is None  # planes have no edge: null, not NaN
    first = section["differences"][0]
    assert (first["of"], first["minus"]) == (
        ["dbe", "hierarchical, 6"],
        ["dbe", "network only (r = 1)"],
    )
    other = section["rows"]["dbe"]["network only (r = 1)"]
    assert first["rmse"]["value"] == pytest.approx(row["rmse"] - other["rmse"], abs=1.1e-4)
    between = section["differences"][-2]
    assert (between["of"][0], between["minus"][0]) == ("euclidean", "dbe")
    published, ours, _ = figures["nyu_depth_v2"]
    assert published["rmse"] == 0.572
    assert (ours["rmse"], ours["source"]) == (None, "not measured here")
    text = markdown(figures)
    assert f"| hierarchical, 6 | {row['abs_rel']:.4f} |" in text
    assert "| method | boundary AbsRel | boundary RMSE | boundary F1 | precision | recall |" in text
    assert "| hierarchical, 6 | - | - | - | - | - |" in text
    assert "| Lee et al. 2018 | 0.572 (quoted by others; not measured by this project) |" in text
    assert "| dbe: hierarchical, 6 | not measured here |" in text


def test_boundaries_are_in_the_tables():
    """A step from 2 m to 4 m in each of two rooms, before a network that sees a wall."""
    depth = np.full((48, 64), 2.0, np.float32)
    depth[:, 32:] = 4.0
    camera = Intrinsics(fx=50.0, fy=50.0, cx=31.5, cy=23.5, width=64, height=48)
    rgb = np.zeros((48, 64, 3), np.uint8)
    samples = Given(RgbdSample(room, room, rgb, depth, camera) for room in "ab")
    flat = {"flat": constant_checkpoint(2.5)}
    evaluation = evaluate_checkpoints(flat, RgbdCollection([samples]), nyu=False, device="cpu")
    wall = 2.5 * (50 / 64) / flat["flat"].config.space.canonical_focal
    near, far = abs(wall - 2), abs(wall - 4)
    # within a pixel of the step, two columns on each side
    error, rmse = (near / 2 + far / 4) / 2, math.sqrt((near**2 + far**2) / 2)
    text = markdown(report(evaluation))
    assert (
        f"| network only (r = 1) | {error:.4f} [{error:.4f}, {error:.4f}] | {rmse:.4f} "
        f"| 0.0000 [0.0000, 0.0000] | 0.0000 | 0.0000 |"
    ) in text


def test_the_zoom_rule_from_predicts_candidates(rooms, checkpoints, evaluation):
    """Of each checkpoint and ratio, from DepthEstimator.predict and numpy."""
    figures = report(evaluation)
    assert [rule["checkpoint"] for rule in figures["zoom_rule"]] == ["dbe", "euclidean"]
    estimator = DepthEstimator(checkpoints["dbe"], "cpu", "float32")
    estimator.set_combination(CombinationSettings(crop_ratios=RATIOS, use_flips=False))
    logs = []
    for _, _, sample in rooms:
        image = torch.from_numpy(sample.rgb).permute(2, 0, 1)
        candidates = estimator.predict(image).candidates.numpy()
        logs.append(np.log(np.median(candidates[1:] / candidates[0], axis=(1, 2))))
    rule = figures["zoom_rule"][0]
    assert (rule["crops"], rule["over"]) == ("corners", 1.0)
    assert list(rule["of"]) == [f"{ratio:g}" for ratio in RATIOS[1:]]
    text = markdown(figures)
    for found, ratio, spread in zip(
        rule["of"].values(), np.exp(np.mean(logs, 0)), np.std(logs, 0), strict=True
    ):
        assert found["ratio"] == pytest.approx(ratio, abs=2e-4)
        assert found["spread"] == pytest.approx(spread, abs=2e-4)
        low, high = found["interval"]["ratio"]
        assert low <= found["ratio"] <= high
        assert f"| {found['ratio']:.4f} [{low:.4f}, {high:.4f}] | {found['spread']:.4f} [" in text
    assert "## Zoom rule: candidate of r over candidate of 1; 1.00 where the rule holds" in text


def test_two_runs_agree_to_the_last_bit(rooms, checkpoints, evaluation):
    again = evaluate_checkpoints(checkpoints, rooms, nyu=False, device="cpu")
    assert report(again) == report(evaluation)


def test_regions_of_nyu_pictures_whole_and_cropped():
    """Pixels that count, marked in the whole picture of 480 x 640."""
    authors, eigen = protocols(nyu=True)
    for protocol, size, first in ((authors, (427, 561), (44, 40)), (eigen, (426, 560), (45, 41))):
        whole = np.zeros((480, 640), bool)
        whole[protocol.region(480, 640, nyu=True)] = True
        assert whole.sum() == size[0] * size[1]
        assert whole[first]
        assert whole[470, 600]
        cropped = np.zeros((480, 640), bool)
        cropped[44:471, 40:601][protocol.region(427, 561, nyu=True)] = True
        np.testing.assert_array_equal(cropped, whole)
        assert protocol.region(480, 640, nyu=False) == (slice(None), slice(None))
    with pytest.raises(ValueError, match="640x360 is not of NYUv2, expected 640x480 or 561x427"):
        authors.region(360, 640, nyu=True)


def test_nyu_is_measured_inside_its_crops(checkpoints):
    """Truth is absurd outside the authors' crop, and on its first row and column."""
    depth = np.full((480, 640), 1000.0, np.float32)
    depth[44:471, 40:601] = 100.0
    depth[45:471, 41:601] = 2.5
    rgb = np.random.default_rng(0).integers(0, 255, (480, 640, 3), dtype=np.uint8)

    collection = RgbdCollection([Given([RgbdSample("a", "a", rgb, depth, INTRINSICS)])])
    nyu = evaluate_checkpoints({"c": checkpoints["dbe"]}, collection, nyu=True, device="cpu")
    pixels = {name: int(sums.sums[0, 0, 0]) for name, sums in nyu.sums.items()}
    assert pixels == {"authors": 427 * 561, "eigen": 426 * 560}
    authors, eigen = (nyu.sums[n].of_each("rmse")[0, 0] for n in ("authors", "eigen"))
    assert authors > 5 > 2 > eigen
    figures = report(nyu)
    assert figures["protocols"]["eigen"]["rows"]["c"]["mean of 6"]["interval"] is None  # one room
    assert figures["nyu_depth_v2"][1]["source"] == "measured here"
    assert (
        figures["protocols"]["authors"]["label"]
        == "authors' protocol: 427 x 561 crop, pooled over all pixels"
    )


def test_the_page_shows_best_median_and_worst(rooms, evaluation, tmp_path):
    errors = evaluation.sums["eigen"].of_each("abs_rel")[:, 6]
    chosen = choose_pictures(evaluation)
    assert [kind for kind, _, _ in chosen] == ["best"] * 3 + ["median"] * 3 + ["worst"] * 3
    assert chosen[0][1] == errors.argmin()
    assert chosen[-1][1] == errors.argmax()
    assert chosen[4][2] == errors.sort().values[4]
    write_page(tmp_path / "page.png", evaluation, rooms, Processes())
    picture = cv2.imread(str(tmp_path / "page.png"))
    assert picture.shape[0] > 9 * 150
    assert picture.std() > 10


def test_whole_rooms_are_drawn():
    rooms = torch.tensor([0, 0, 7, 7, 7])
    draws = room_draws(rooms, draws=4000)
    assert (draws[:, 0] == draws[:, 1]).all()
    assert (draws[:, 2] == draws[:, 4]).all()
    assert (draws[:, 0] + draws[:, 2] == 2).all()  # two rooms in each draw
    # binomial: both draws the same room in a quarter of the cases each
    assert float((draws[:, 0] == 2).double().mean()) == pytest.approx(0.25, abs=0.03)
    assert room_draws(torch.zeros(3, dtype=torch.long)) is None
    ends = interval(torch.arange(1001.0, dtype=torch.float64)[:, None])
    assert ends[:, 0].tolist() == [25.0, 975.0]
