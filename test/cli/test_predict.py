"""`fourier-depth predict` as a user calls it."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from checkpoints import save_constant


def fourier_depth(*args):
    command = [sys.executable, "-m", "fourier_depth_ros.cli.main", *map(str, args)]
    return subprocess.run(command, check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def constant(tmp_path_factory):
    return save_constant(tmp_path_factory.mktemp("c") / "c.safetensors", fitted=False)


def test_three_files_a_picture(tmp_path, constant):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((48, 64, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "b.jpg"), np.zeros((64, 100, 3), np.uint8))
    done = fourier_depth(
        *("predict", tmp_path / "a.png", tmp_path / "b.jpg", "--out", tmp_path / "out"),
        *("--checkpoint", constant, "--combination", "mean", "--fx", 64, "--json"),
    )
    assert done.returncode == 0, done.stderr
    # 2 canonical metres at phi_c = 0.8: fx / width is 1 for a, 0.64 for b
    for name, size, expected in (("a", (48, 64), 2.5), ("b", (64, 100), 1.6)):
        depth = np.load(tmp_path / "out" / f"{name}.npy")
        assert depth.dtype == np.float32
        assert depth.shape == size
        np.testing.assert_allclose(depth, expected, atol=2e-3)
        millimetres = cv2.imread(str(tmp_path / "out" / f"{name}_mm.png"), cv2.IMREAD_UNCHANGED)
        assert millimetres.dtype == np.uint16
        assert abs(int(millimetres[3, 3]) - 1000 * expected) <= 2
        assert cv2.imread(str(tmp_path / "out" / f"{name}_color.png")).shape == (*size, 3)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["name"] for line in lines] == ["a", "b"]
    assert lines[0]["median_depth_m"] == pytest.approx(2.5, abs=2e-3)
    assert lines[0]["crop_ratios"] == [1.0]


def test_ratios_in_place_of_a_preset(tmp_path, constant):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((48, 64, 3), np.uint8))
    done = fourier_depth(
        *("predict", tmp_path / "a.png", "--out", tmp_path, "--crop-ratios", 1, 0.8),
        *("--checkpoint", constant, "--combination", "mean"),
    )
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), (2 + 2 / 0.8) / 2, atol=2e-3)


def test_shared_crops(tmp_path, constant):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((48, 64, 3), np.uint8))
    given = ("--checkpoint", constant, "--combination", "mean", "--crops", "shared", "--json")
    for chosen, ratios, expected in (
        (("--preset", "balanced"), [1.0, 0.666667], 2.5),  # 64 / 96: 3 m
        (("--crop-ratios", 0.67), [0.666667], 3.0),
        ((), [1.0], 2.0),
    ):
        out = tmp_path / str(expected)
        done = fourier_depth("predict", tmp_path / "a.png", "--out", out, *chosen, *given)
        assert done.returncode == 0, done.stderr
        np.testing.assert_allclose(np.load(out / "a.npy"), expected, atol=2e-3)
        summary = json.loads(done.stdout)
        assert (summary["crops"], summary["crop_ratios"]) == ("shared", ratios)


def test_what_cannot_be_read_is_named_at_the_end_and_the_rest_is_done(tmp_path, constant):
    good = tmp_path / "good.jpg"
    cv2.imwrite(str(good), np.zeros((48, 64, 3), np.uint8))
    (tmp_path / "cut.jpg").write_bytes(good.read_bytes()[:-20])
    (tmp_path / "folder").mkdir()
    cv2.imwrite(str(tmp_path / "folder" / "tiny.png"), np.zeros((8, 8, 3), np.uint8))
    cv2.imwrite(str(tmp_path / "folder" / "whole.png"), np.zeros((48, 64, 3), np.uint8))
    (tmp_path / "folder" / "empty.png").touch()
    (tmp_path / "last.png").write_bytes((tmp_path / "folder" / "whole.png").read_bytes())
    (tmp_path / "last.yaml").write_text("no calibration")
    done = fourier_depth(
        *("predict", tmp_path / "cut.jpg", tmp_path / "last.png", tmp_path / "folder", good),
        *("--out", tmp_path / "out", "--checkpoint", constant, "--combination", "mean"),
    )
    assert done.returncode == 1
    assert {p.name for p in (tmp_path / "out").glob("*.npy")} == {"good.npy", "whole.npy"}
    said = done.stderr.splitlines()[-1]
    assert said.startswith(
        "fourier-depth: error: 4 of 6 pictures failed: cut.jpg (a truncated JPEG"
    )
    for each in ("last.yaml is not a ROS camera calibration", "tiny (", "empty.png (not a picture"):
        assert each in said
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nowhere.png"], "nowhere.png does not exist"),
        ([], "no pictures given"),
        (["a.png", "--crop-ratios", "0.3"], r"0.3 is not in (0.5, 1]"),
        (["a.png", "--preset", "fast", "--crop-ratios", "1"], "contradict each other"),
        (["a.png", "--preset", "slow"], "'slow' is none of fast"),
        (
            ["a.png", "--crops", "shared", "--crop-ratios", "0.8"],
            "0.8 is not possible with crops 'shared', which takes 1, 0.667",
        ),
        (["a.png", "--fx", "-1"], "fx is -1"),
        (["a.png", "--max-depth", "0"], "max-depth is 0, expected a positive number"),
        (["a.png", "--device", "cuda:99"], "'cuda:99' is not there"),
        (["a.png", "--checkpoint", "mine"], "'mine' is neither a file nor one of"),
        (["a.png", "--combination", "hierarchical"], "set 'mean', or fit it"),
    ],
)
def test_a_mistake_is_one_line(tmp_path, constant, monkeypatch, arguments, reason):
    monkeypatch.chdir(tmp_path)
    cv2.imwrite("a.png", np.zeros((48, 64, 3), np.uint8))
    given = [] if "--checkpoint" in arguments else ["--checkpoint", str(constant)]
    combination = [] if "--combination" in arguments else ["--combination", "mean"]
    done = fourier_depth("predict", *arguments, "--out", "out", *given, *combination)
    assert done.returncode == 1
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
