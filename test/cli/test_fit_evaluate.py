"""`fourier-depth fit` and `evaluate` as a user calls them, and a user's own bag."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from checkpoints import constant_checkpoint
from rgbd import CAMERA, write_rgbd
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore
from terminals import open_terminal

from fourier_depth_ros import resources
from fourier_depth_ros.cli.evaluate import evaluate
from fourier_depth_ros.cli.fit import fit
from fourier_depth_ros.core.checkpoint import load_checkpoint, save_checkpoint

STORE = get_typestore(Stores.ROS2_HUMBLE)
RATIOS = ("--crop-ratios", 1, 0.8)


def run(*args):
    """A command's standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "fourier_depth_ros.cli.main", *map(str, args)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Rooms to fit on, other rooms, and a network whose answer depends on the picture."""
    folder = tmp_path_factory.mktemp("data")
    write_rgbd(folder / "fit", rooms=7, views=2, seed=1)
    write_rgbd(folder / "held", rooms=3, views=1, seed=2)
    checkpoint = constant_checkpoint(2.5, fitted=False)
    torch.manual_seed(1)
    checkpoint.network.head.weight.normal_(0, 0.02)
    save_checkpoint(folder / "network.safetensors", checkpoint, dtype=torch.float32)
    return folder


@pytest.fixture(scope="module")
def fitted(data):
    """Fitted on five of the seven rooms, the others held out; and what the command said."""
    out = data / "fitted.safetensors"
    checkpoint = data / "network.safetensors"
    said = run("fit", "--data", data / "fit", "--checkpoint", checkpoint, "--out", out, *RATIOS)
    return out, said


def test_fit_holds_rooms_out_by_itself(fitted):
    out, said = fitted
    assert "10 pictures of 5 rooms fitted, 4 of 2 held out" in said
    assert "% of it in the network's passes" in said
    assert "preset fast: 1 crops, ratios 1, expected 0." in said
    checkpoint = load_checkpoint(out)
    assert [part.count for part in checkpoint.statistics["corners"]] == [10, 4]
    assert checkpoint.config.ratios_of("corners") == (1.0, 0.8)
    assert set(checkpoint.config.fits["corners"].presets) == {
        "fast",
        "balanced",
        "accurate",
        "paper",
    }
    assert cv2.imread(str(out.with_suffix(".png"))) is not None


def test_shared_crops_are_fitted_into_the_same_file_and_evaluated(data, fitted, tmp_path):
    out = tmp_path / "both.safetensors"
    said = run(
        *("fit", "--data", data / "fit", "--checkpoint", fitted[0], "--out", out),
        *("--crops", "shared"),
    )
    assert "crops shared: 10 pictures of 5 rooms fitted, 4 of 2 held out" in said
    assert "preset paper: 6.5 crops, ratios 1, 0.6667 with flips, expected 0." in said
    assert cv2.imread(str(tmp_path / "both_shared.png")) is not None
    checkpoint = load_checkpoint(out)
    assert checkpoint.config.fits["corners"] == load_checkpoint(fitted[0]).config.fits["corners"]
    assert [part.count for part in checkpoint.statistics["shared"]] == [10, 4]
    said = run("evaluate", "--data", data / "held", "--checkpoint", out)
    assert "| shared crops: preset paper (6.5 crops) | 0." in said


def test_evaluate_prints_tables_and_writes_figures_and_a_page(data, fitted):
    said = run(
        *("evaluate", "--data", data / "held", "--data", data / "fit", "--checkpoint", fitted[0]),
        *("--json", data / "figures.json", "--page", data / "page.png"),
    )
    assert "## authors' protocol: whole picture, pooled over all pixels" in said
    figures = json.loads((data / "figures.json").read_text())
    assert (figures["pictures"], figures["rooms"]) == (17, 10)
    assert set(figures["weights"]) == {"fitted"}
    row = figures["protocols"]["eigen"]["rows"]["fitted"]["mean of 4"]
    assert f"| mean of 4 | {row['abs_rel']:.4f} | {row['sq_rel']:.4f} |" in said
    assert cv2.imread(str(data / "page.png")) is not None


def test_a_mistake_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match="crop-ratios are of the corners; crops 'shared' fits all"):
        fit(data=(tmp_path,), out=tmp_path / "x", crops="shared", crop_ratios=(1.0, 0.75))
    with pytest.raises(ValueError, match="no data given; give --data PATH"):
        evaluate(data=())
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist; expected a folder with"):
        evaluate(data=(tmp_path / "nowhere",))


def start(*args, terminal: int | None = None):
    """A command under way; ``terminal``: what its stderr is."""
    return subprocess.Popen(
        [sys.executable, "-m", "fourier_depth_ros.cli.main", *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=terminal if terminal is not None else subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def many(data):
    """More than is measured before the signal comes."""
    return write_rgbd(data / "many", rooms=40, views=25)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_evaluation_leaves_what_it_has_measured(
    data, many, fitted, tmp_path, number
):
    reader, writer = open_terminal()
    process = start(
        *("evaluate", "--data", many, "--checkpoint", fitted[0]),
        *("--json", tmp_path / "new" / "f.json", "--page", tmp_path / "new" / "page.png"),
        terminal=writer,
    )
    os.close(writer)
    bar = ""
    while not re.search(r"evaluated: .*[1-9]\d*/1000 ", bar):  # a picture is measured
        bar += os.read(reader, 1000).decode()
    os.killpg(process.pid, number)
    out, _ = process.communicate(timeout=100)
    os.close(reader)
    assert process.returncode == 128 + number
    figures = json.loads((tmp_path / "new" / "f.json").read_text())
    seen, of = re.fullmatch(r"after (\d+) of (\d+) pictures", figures["interrupted"]).groups()
    assert 0 < figures["pictures"] == int(seen) < int(of) == 1000
    assert out.startswith(f"interrupted after {seen} of 1000 pictures\n")
    assert cv2.imread(str(tmp_path / "new" / "page.png")) is not None
    # as if there had been no more
    short = tmp_path / "short"
    for part in ("rgb", "depth"):
        (short / part).mkdir(parents=True)
        for file in sorted((many / part).glob("*.png"))[: int(seen)]:
            shutil.copy(file, short / part)
    shutil.copy(many / "rgb" / "camera_info.yaml", short / "rgb")
    run("evaluate", "--data", short, "--checkpoint", fitted[0], "--json", tmp_path / "s.json")
    assert json.loads((tmp_path / "s.json").read_text())["protocols"] == figures["protocols"]


def test_processes_that_torchrun_ends_write_together_what_they_have_measured(
    data, many, fitted, tmp_path
):
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = ["-m", "fourier_depth_ros.cli.main", "evaluate", "--data", str(many)]
    reader, writer = open_terminal()
    process = subprocess.Popen(
        [
            *(sys.executable, *launch, *command, "--checkpoint", str(fitted[0])),
            *("--json", str(tmp_path / "f.json")),
        ],
        stdout=subprocess.DEVNULL,
        stderr=writer,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    os.close(writer)
    shown = ""
    while not re.search(r"evaluated: .*[1-9]\d/1000 ", shown):  # ten pictures, of both
        shown += os.read(reader, 1000).decode()
    process.send_signal(signal.SIGTERM)
    drain = threading.Thread(target=read_all, args=(reader,))  # or the processes would wait for us
    drain.start()
    assert process.wait(timeout=100) != 0  # torchrun's own
    drain.join()
    assert shown.count("| 0/1000") == 1  # one bar
    figures = json.loads((tmp_path / "f.json").read_text())
    assert figures["interrupted"] == f"after {figures['pictures']} of 1000 pictures"


def read_all(terminal: int) -> None:
    with os.fdopen(terminal, "rb") as shown, contextlib.suppress(OSError):  # its users have ended
        while shown.read1():
            pass


def test_auto_is_what_the_node_takes_and_says_so(data, tmp_path, monkeypatch, capsys):
    (tmp_path / "models").mkdir()
    shutil.copy(data / "network.safetensors", tmp_path / "models" / "resnet18_indoor.safetensors")
    monkeypatch.setattr(resources, "share_directory", lambda: tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    said = (
        "fourier-depth: 'auto' chose resnet18_indoor: this machine has no CUDA, no vision "
        "transformer is in models/"
    )
    evaluate(data=(data / "held",))
    assert said in capsys.readouterr().err.splitlines()
    fit(data=(data / "fit",), out=tmp_path / "fitted.safetensors", crop_ratios=(1.0, 0.8))
    assert said in capsys.readouterr().err.splitlines()


def test_a_place_that_cannot_be_written_is_refused_before_the_work(data, tmp_path):
    (tmp_path / "file").touch()
    below, held = tmp_path / "file" / "x", data / "held"
    for out in (below, "/proc/nowhere/x", tmp_path):
        with pytest.raises(OSError, match=r"out: .*; give (another place|the name of a file)"):
            fit(data=(held,), out=Path(out), checkpoint=str(data / "network.safetensors"))
    for flag in ("json", "page"):
        with pytest.raises(OSError, match=rf"{flag}: nothing can be written into {below.parent}"):
            evaluate(data=(held,), checkpoint=("resnet18_rooms",), **{flag: below})


def test_a_missing_package_is_told_with_how_to_get_it(data, tmp_path):
    """As in a plain install: torchmetrics and matplotlib are extras."""
    for module in ("torchmetrics", "matplotlib"):
        (tmp_path / module).mkdir()
        line = f"raise ModuleNotFoundError('No module named {module}', name='{module}')"
        (tmp_path / module / "__init__.py").write_text(line)
        arguments = ["evaluate", "--data", str(data / "held")]
        page = ["--page", str(tmp_path / "page.png")] if module == "matplotlib" else []
        done = subprocess.run(
            [sys.executable, "-m", "fourier_depth_ros.cli.main", *arguments, *page],
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"},
        )
        shutil.rmtree(tmp_path / module)
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1] == (
            f"fourier-depth: error: this takes the package {module}: pip install {module} "
            f"(pip install '.[train]' in a clone brings all of its kind)"
        )


def write_bag(path, pictures: int):
    """Colour, depth registered to it and CameraInfo at 10 Hz; grey level 40 z at depth z [m]."""
    types = STORE.types
    rng = np.random.default_rng(0)
    v, u = np.mgrid[-1:1:120j, -1:1:160j]

    def header(i):
        return types["std_msgs/msg/Header"](
            types["builtin_interfaces/msg/Time"](i // 10, i % 10 * 10**8), "camera"
        )

    def image(i, pixels, encoding):
        raw = np.frombuffer(pixels.tobytes(), np.uint8)
        return types["sensor_msgs/msg/Image"](
            header(i), 120, 160, encoding, 0, raw.size // 120, raw
        )

    k = np.array([CAMERA.fx, 0, CAMERA.cx, 0, CAMERA.fy, CAMERA.cy, 0, 0, 1])
    p = np.array([CAMERA.fx, 0, CAMERA.cx, 0, 0, CAMERA.fy, CAMERA.cy, 0, 0, 0, 1, 0])
    region = types["sensor_msgs/msg/RegionOfInterest"](0, 0, 0, 0, False)
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        kinds = {
            "/camera/camera_info": "sensor_msgs/msg/CameraInfo",
            "/camera/image_raw": "sensor_msgs/msg/Image",
            "/camera/aligned_depth_to_color/image_raw": "sensor_msgs/msg/Image",
        }
        topics = {t: writer.add_connection(t, k, typestore=STORE) for t, k in kinds.items()}
        for i in range(pictures):
            depth = rng.uniform(2, 4) + rng.uniform(-0.8, 0.8) * u + rng.uniform(-0.8, 0.8) * v
            grey = np.clip(40 * depth, 0, 255).astype(np.uint8)
            messages = (
                types["sensor_msgs/msg/CameraInfo"](
                    *(header(i), 120, 160, "plumb_bob", np.zeros(5), k, np.eye(3).ravel(), p),
                    *(0, 0, region),
                ),
                image(i, np.repeat(grey[..., None], 3, axis=2), "rgb8"),
                image(i, (1000 * depth).astype(np.uint16), "16UC1"),
            )
            for (topic, connection), message in zip(topics.items(), messages, strict=True):
                raw = STORE.serialize_cdr(message, kinds[topic])
                writer.write(connection, (i + 1) * 10**8, raw)
    return path


def test_a_users_own_bag_refits_the_combination(tmp_path, data, capsys):
    bag, out = write_bag(tmp_path / "mine", pictures=20), tmp_path / "mine.safetensors"
    fit(data=(bag,), checkpoint=str(data / "network.safetensors"), out=out, crop_ratios=(1.0, 0.8))
    said = capsys.readouterr().out
    # ten stretches of two pictures, a fifth of them held out
    assert "16 pictures of 8 rooms fitted, 4 of 2 held out" in said
    before = float(said.split("network only (r = 1)")[1].split()[0])
    assert load_checkpoint(out).config.presets_of("corners")["fast"].expected_rmse < before
