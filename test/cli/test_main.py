"""What is answered before torch is imported: --version, --help, and every wrong argument."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from layout import ROOT
from rgbd import write_rgbd

from fourier_depth_ros.cli.main import COMMANDS

#: Calls main() for each list of arguments, in one process, until torch (or what else) is there.
CALLS = """
import contextlib, io, json, sys
from fourier_depth_ros.cli.main import main
answers = []
for arguments in json.load(sys.stdin):
    sys.argv = ["fourier-depth", *arguments]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = main()
        except SystemExit as end:
            code = end.code
    answers.append([code, said.getvalue(), sorted({heavy} & set(sys.modules))])
print(json.dumps(answers))
"""


def call(calls: list[list[str]], heavy: set[str], cwd: Path) -> list[tuple[int, str, list[str]]]:
    """Exit code, what was said, and which heavy modules were there, after each."""
    done = subprocess.run(
        [sys.executable, "-c", CALLS.replace("{heavy}", repr(heavy))],
        input=json.dumps(calls),
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_help_and_version_import_nothing_heavy(tmp_path):
    calls = [["--version"], ["--help"], *([command, "--help"] for command in COMMANDS)]
    answers = call(calls, {"torch", "rclpy", "cv2", "numpy"}, tmp_path)
    for arguments, (code, said, heavy) in zip(calls, answers, strict=True):
        assert (code, heavy) == (0, []), arguments
        assert said
    version = ElementTree.parse(ROOT / "package.xml").getroot().findtext("version")
    assert answers[0][1] == f"fourier-depth {version}\n"
    assert "--version" in answers[1][1]


TRAIN = "out: run\ndata: [{path: held}]\ntrunk: resnet18\nstages: [{STAGE}]\n"
STAGE = "name: a, modified: false, start: scratch, steps: 1, learning_rate: 1"
#: Arguments, exit code, and what is said: what was given, and what is accepted.
MISTAKES = [
    ("", 2, "Missing subcommand"),
    ("predikt a.png", 2, "predict"),
    ("predict nowhere.png --out o", 1, "nowhere.png does not exist; give a picture"),
    ("predict --out o", 1, "no pictures given"),
    ("predict a.png", 2, "--out"),
    ("predict a.png --out o --device gpu", 2, "'gpu' is none of auto, cpu, cuda and cuda:N"),
    ("predict a.png --out o --preset slow", 1, "'slow' is none of fast, balanced, accurate"),
    ("predict a.png --out o --crop-ratios 0.3", 1, "crop_ratios: 0.3 is not in (0.5, 1]"),
    (
        "predict a.png --out o --combination best",
        2,
        "Expected one of ('hierarchical', 'paper',",
    ),
    ("predict a.png --out o --fx -1", 1, "fx is -1, expected"),
    ("predict a.png --out o --max-depth nan", 1, "max-depth is nan, expected"),
    ("predict a.png --out o --checkpoint mine", 1, "'mine' is neither a file nor one of"),
    ("predict a.png --out a.png", 1, "out: nothing can be written into a.png"),
    ("camera nowhere", 1, "nowhere does not exist; give a picture"),
    ("camera a.png --rate 0", 1, "rate is 0, expected"),
    ("camera a.png --hfov 180", 1, "hfov is 180, expected degrees"),
    ("fit --data nowhere --out o.safetensors", 1, "nowhere does not exist; expected a folder"),
    ("fit --data held --held-out nowhere --out o", 1, "nowhere does not exist; expected a folder"),
    ("fit --data held --out a.png/o", 1, "out: nothing can be written into a.png"),
    ("fit --data held --out o --crop-ratios 2", 1, "crop_ratios: 2 is not in (0.5, 1]"),
    (
        "fit --data held --out o --depth-unit -1",
        1,
        "depth_unit is -1.0; it should be greater",
    ),
    (
        "fit --data held --out o --tolerance inf",
        1,
        "tolerance is inf; it should be a finite",
    ),
    ("fit --data held --out o --split tset", 2, "Expected one of ('train', 'test', 'all')"),
    ("evaluate --data held --checkpoint mine", 1, "'mine' is neither a file nor one of"),
    ("evaluate --data held --json a.png/j", 1, "json: nothing can be written into a.png"),
    ("evaluate --data held --page .", 1, "page: . is a folder; give the name of a file"),
    ("evaluate --data held --precision half", 2, "Expected one of ('auto', 'float32', "),
    ("train --config nowhere.yaml", 1, "nowhere.yaml"),
    ("train --config depth.yaml", 1, "depth.yaml: stages.0.steps is 0; it should be greater than"),
    ("train --config unknown.yaml", 1, "unknown.yaml: data.0.unit is no key that is known here"),
    (
        "train --config unit.yaml",
        1,
        "unit.yaml: data.0.depth_unit is -1; it should be greater",
    ),
    ("train --config whole.yaml", 1, "run/a holds a run already; go on with --resume"),
    ("train --config whole.yaml --resume --minutes -1", 1, "minutes is -1, expected 0 or more"),
    ("teach --data held --model nowhere.onnx --out o", 1, "model: nowhere.onnx does not exist"),
    ("grow mine o.safetensors", 1, "'mine' is neither a file nor one of"),
    ("grow resnet18_rooms o --trunk vgg", 2, "Expected one of ('resnet18', 'resnet34', "),
    ("simulate o --rooms 0", 1, "rooms is 0, expected 1 or more"),
    ("simulate o --workers -1", 1, "workers is -1, expected 0 or more"),
    ("assemble nowhere.yaml o --clones c", 1, "nowhere.yaml does not exist; give a manifest"),
    ("assemble whole.yaml o --clones c", 1, "whole.yaml: places is missing"),
    ("export resnet18_rooms o.engine", 1, "o.engine ends neither in .onnx nor"),
    ("export resnet18_rooms o.int8.xml", 1, "int8 is calibrated on pictures"),
    ("export resnet18_rooms a.png/o.onnx", 1, "out: nothing can be written into a.png"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """What these mistakes are made with."""
    folder = tmp_path_factory.mktemp("wrong")
    cv2.imwrite(str(folder / "a.png"), np.zeros((48, 64, 3), np.uint8))
    write_rgbd(folder / "held", rooms=1, views=1)
    whole = TRAIN.replace("STAGE", STAGE)
    (folder / "whole.yaml").write_text(whole)
    (folder / "depth.yaml").write_text(whole.replace("steps: 1", "steps: 0"))
    (folder / "unknown.yaml").write_text(whole.replace("path: held", "path: held, unit: 1"))
    (folder / "unit.yaml").write_text(whole.replace("path: held", "path: held, depth_unit: -1"))
    (folder / "run" / "a").mkdir(parents=True)
    (folder / "run" / "a" / "state.safetensors").touch()
    return folder


def test_every_mistake_is_told_in_plain_words_before_torch_is_imported(folder):
    answers = call([arguments.split() for arguments, _, _ in MISTAKES], {"torch"}, folder)
    for (arguments, code, reason), (found, said, heavy) in zip(MISTAKES, answers, strict=True):
        assert (found, heavy) == (code, []), (arguments, said)
        assert reason in said, (arguments, said)
        assert "Traceback" not in said
        assert "validation error" not in said
        if code == 1:  # code 2 is tyro's own frame
            assert said.startswith("fourier-depth: error: "), arguments
            assert said.count("\n") == 1, (arguments, said)
