"""A frame of another checkout and of this one, by turns: time, time beside the network, depth.

    python experiments/frame_by_turns.py OTHER_CHECKOUT [PRECISION] [PRESET] [SECONDS] [BUSY]

Two processes, each with the code of its own checkout, take turns at VGA and at 1080p with OpenVINO
and this checkout's resnet18_rooms. BUSY other processes keep a core busy each meanwhile. On cores
with AVX-512, this makes torch, MKL and OpenVINO keep to AVX2:

    export ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2 ONEDNN_MAX_CPU_ISA=AVX2
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parents[1]
SIZES = {"VGA": (480, 640), "1080p": (1080, 1920)}


def child(precision: str, preset: str, folder: Path) -> None:
    """Answers each line, a size's name, with milliseconds of a frame and of its network passes."""
    try:
        from fourier_depth_ros.openmp import wait_briefly

        wait_briefly()
    except ImportError:  # an older checkout
        pass
    import numpy as np
    import torch

    from fourier_depth_ros.core.crops import extract_crops
    from fourier_depth_ros.runtime import open_estimator

    estimator: Any = open_estimator(
        HERE / "models" / "resnet18_rooms.safetensors", "openvino", "cpu", precision
    )
    estimator.set_combination(estimator.presets[preset].combination(estimator.combination))
    side, settings = estimator.config.network.input_size, estimator.combination
    tasks = {}
    for name, size in SIZES.items():
        v, u = np.meshgrid(np.linspace(0, 9, size[0]), np.linspace(0, 7, size[1]), indexing="ij")
        noise = np.random.default_rng(0).uniform(-40, 40, (*size, 3))
        rgb = (128 + 80 * (np.sin(v) * np.cos(u))[..., None] + noise).astype(np.uint8)
        image = torch.from_numpy(rgb).permute(2, 0, 1)
        crops = extract_crops(image, settings.crop_ratios, side, settings.use_flips)

        def frame(image: torch.Tensor = image) -> np.ndarray:
            return estimator.predict(image).depth.numpy()

        @torch.inference_mode()
        def network(crops: torch.Tensor = crops) -> None:
            estimator.backend.network(crops)

        for _ in range(3):
            depth = frame()
            network()
        np.save(folder / f"{name}.npy", depth)
        tasks[name] = (frame, network)
    print("ready", flush=True)
    for line in sys.stdin:
        taken = []
        for task in tasks[line.strip()]:
            start = time.perf_counter()
            task()
            taken.append(1000 * (time.perf_counter() - start))
        print(*taken, flush=True)


def main() -> None:
    """Print a table."""
    import numpy as np

    other, precision, preset, seconds, busy = (
        *sys.argv[1:],
        *("", "float32", "fast", "20", "0")[len(sys.argv) - 1 :],
    )
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        children, folders = [], []
        for name, checkout in (("other", Path(other).resolve()), ("this", HERE)):
            folders.append(Path(temporary) / name)
            folders[-1].mkdir()
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, __file__, "--child", precision, preset, str(folders[-1])],
                    env={**os.environ, "PYTHONPATH": str(checkout)},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            stack.callback(process.kill)
            children.append(process)
        for process in children:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for _ in range(int(busy)):
            spinner = subprocess.Popen([sys.executable, "-c", "while True: pass"])
            stack.callback(spinner.kill)
        taken: dict[str, list[list[float]]] = {name: [] for name in SIZES}
        end = time.perf_counter() + float(seconds)
        turn = 0
        while time.perf_counter() < end:
            turn += 1
            for name, rounds in taken.items():
                found: dict[int, list[float]] = {}
                for index in (0, 1) if turn % 2 else (1, 0):
                    stdin, stdout = children[index].stdin, children[index].stdout
                    assert stdin is not None
                    assert stdout is not None
                    stdin.write(name + "\n")
                    stdin.flush()
                    found[index] = [float(each) for each in stdout.readline().split()]
                rounds.append(found[0] + found[1])
        print(
            "| picture | | other [ms] | this [ms] | other / this |\n| --- | --- | --- | --- | --- |"
        )
        for name, rounds in taken.items():
            columns = [[r[i] for r in rounds] for i in range(4)]
            beside = [[r[i] - r[i + 1] for r in rounds] for i in (0, 2)]
            for what, one, two in (
                ("frame", columns[0], columns[2]),
                ("network alone", columns[1], columns[3]),
                ("frame less network", *beside),
            ):
                ratio = median(a / b for a, b in zip(one, two, strict=True))
                print(f"| {name} | {what} | {median(one):.2f} | {median(two):.2f} | {ratio:.2f} |")
            one, two = (np.load(folder / f"{name}.npy") for folder in folders)
            apart = np.nanmax(np.abs(one - two))
            same = np.array_equal(np.isnan(one), np.isnan(two))
            print(f"{name}: depth at most {apart:.1e} m apart, NaN alike: {same}", file=sys.stderr)
        print(f"{turn} rounds", file=sys.stderr)


if __name__ == "__main__":
    if sys.argv[1] == "--child":
        child(sys.argv[2], sys.argv[3], Path(sys.argv[4]))
    else:
        main()
