"""``fourier-depth benchmark``: what a frame costs here, against what its network passes cost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch

    from fourier_depth_ros.benchmark.frames import Growth, Row
    from fourier_depth_ros.core.checkpoint import Checkpoint


def benchmark(
    *,
    json: Path,
    quick: bool = False,
    checkpoint: str = "resnet18_rooms",
    large: str = "",
    rooms: Path | None = None,
    device: str = "auto",
    node: bool = True,
) -> None:
    """Time our frame, the pure network and the naive way by turns; the node across processes.

    Writes FILE.json with every figure and target, FILE.md with the tables, FILE.png with a plot.
    Let the machine rest meanwhile: the report says how busy others kept it.

    Args:
        json: the file to write.
        quick: under three minutes on a quiet machine: fewer backends and rounds; neither int8 nor
            5,000 frames.
        checkpoint: a fitted ResNet-18: path or name.
        large: a ResNet-152 checkpoint; empty: random weights, right for time but not for depth.
        rooms: held-out RGB-D data, for int8's error; without, that is not measured.
        device: auto, cpu, cuda or cuda:N.
        node: also run the node end to end, where ROS 2 is installed.
    """
    import json as json_module
    import logging
    import tempfile
    import time

    from fourier_depth_ros.benchmark import report, timing
    from fourier_depth_ros.benchmark.targets import targets
    from fourier_depth_ros.resources import find_checkpoint

    logging.getLogger("nncf").setLevel(logging.ERROR)
    path, _ = find_checkpoint(checkpoint, cuda=False)
    json.parent.mkdir(parents=True, exist_ok=True)
    load, start = timing.LoadMeter(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        run = _Run(path, large, device, quick, Path(folder))
        found = run.measure(rooms, node)
    result = {
        "when": time.strftime("%Y-%m-%d"),
        "quick": quick,
        "seconds": round(time.perf_counter() - start, 1),
        "machine": timing.machine(),
        "load": {"others_cores": round(load.others(), 2)},
        "best": found.best,
        "targets": [target.as_json() for target in targets(found)],
        **run.as_json(found),
    }
    json.write_text(json_module.dumps(result, indent=1) + "\n")
    text = report.markdown(result)
    json.with_suffix(".md").write_text(text)
    report.plot(result, json.with_suffix(".png"))
    print(text)
    if load.others() > 0.1:
        print("the machine was not quiet: trust the ratios more than the milliseconds")


class _Run:
    """One run's settings, and what it could not run."""

    def __init__(self, path: Path, large: str, device: str, quick: bool, folder: Path) -> None:
        from fourier_depth_ros.benchmark.networks import random_checkpoint
        from fourier_depth_ros.core.checkpoint import load_checkpoint, save_checkpoint
        from fourier_depth_ros.core.estimator import resolve_device

        self.device = resolve_device(device)
        self.quick = quick
        self.folder = folder
        self.skipped: dict[str, str] = {}
        self.paths = {"small": path, "large": folder / "resnet152_random.safetensors"}
        self.small = load_checkpoint(path)
        if large:
            self.paths["large"] = Path(large)
            self.large = load_checkpoint(large)
        else:
            self.large = random_checkpoint(self.small, "resnet152")
            save_checkpoint(self.paths["large"], self.large)
            # as every process will read it: the same weights, the same cache
            self.large = load_checkpoint(self.paths["large"])

    def measure(self, rooms: Path | None, node: bool) -> Any:
        """Everything, the frames first."""
        from fourier_depth_ros.benchmark.targets import Measured

        rows, growth, differences, rmse, best = self._frames(rooms)
        once = self._once()
        return Measured(
            best=best,
            rows=rows,
            growth=growth,
            differences=differences,
            once=once,
            node=self._node() if node else {},
            rmse=rmse,
            expected={name: p.expected_rmse for name, p in self.small.config.presets.items()},
            cloud_ms=self._cloud() if node else None,
        )

    def as_json(self, found: Any) -> dict[str, Any]:
        """All but the targets."""
        from dataclasses import asdict

        from fourier_depth_ros.benchmark.frames import as_json

        return {
            "frames": as_json(found.rows),
            "growth": [asdict(each) for each in found.growth],
            "differences": found.differences,
            "rmse_m": found.rmse,
            "once": found.once,
            "node": found.node,
            "cloud_ms": found.cloud_ms,
            "skipped": self.skipped,
        }

    def _frames(
        self, rooms: Path | None
    ) -> tuple[list[Row], list[Growth], dict[str, float], dict[str, float], str]:
        from fourier_depth_ros.benchmark.frames import (
            measure_growth,
            measure_preset,
            relative_difference,
        )
        from fourier_depth_ros.benchmark.networks import names_for, open_all
        from fourier_depth_ros.benchmark.rooms import rmse_on

        rgb, fill = _picture(), _naive_fill()
        rows: list[Row] = []
        growth: list[Growth] = []
        differences: dict[str, float] = {}
        rmse: dict[str, float] = {}
        best = ""
        for trunk, checkpoint in (("resnet18", self.small), ("resnet152", self.large)):
            names = names_for(self.device, self.quick)
            if self.quick and trunk == "resnet152":
                names = names[1:2]  # what 'auto' takes
            crops = _calibration(rgb, checkpoint, self.folder)
            installed = open_all(checkpoint, self.device, self.folder, crops, names)
            self.skipped.update({f"{trunk} {k}": why for k, why in installed.skipped.items()})
            backends = installed.backends
            best = best or next(k for k in (*backends, "") if k != "eager float32")
            for preset in ("fast", "balanced", "accurate", "paper"):
                if self.quick and preset == "balanced":
                    continue
                naive = preset in ("fast", "paper") or not self.quick
                if self.quick and trunk == "resnet18" and preset == "paper":
                    backends = {k: b for k, b in backends.items() if k in (best, "eager float32")}
                self._say(f"{trunk}, {preset}: {', '.join(backends)}")
                seconds = 3.0 if self.quick else 20.0
                rows += measure_preset(
                    checkpoint, preset, backends, rgb, seconds, fill if naive else None, least=2
                )
                if checkpoint.shared_fit is not None and preset != "fast":  # that is one crop
                    rows += measure_preset(
                        checkpoint, preset, backends, rgb, seconds, None, least=2, way="shared"
                    )
            if trunk == "resnet18":
                import torch

                differences = {
                    name: relative_difference(checkpoint, backend, torch.cat(crops[:8]))
                    for name, backend in installed.backends.items()
                }
                self._say("growth with crops, pixels and batch")
                growth = measure_growth(
                    checkpoint, installed.backends[best], 3.0 if self.quick else 15.0
                )
                if rooms is not None and not self.quick:
                    self._say(f"depth error on {rooms}")
                    rmse = rmse_on(rooms, checkpoint, installed.backends, "accurate", most=300)
        return rows, growth, differences, rmse, best

    def _once(self) -> list[dict[str, Any]]:
        from fourier_depth_ros.benchmark.once import measure_once

        presets = ("fast", "paper") if self.quick else ("fast", "balanced", "accurate", "paper")
        wanted = [(size, preset) for size in ("small", "large") for preset in presets]
        if self.quick:
            wanted = [("small", "fast"), ("large", "paper")]
        found = []
        for size, preset in wanted:
            self._say(f"memory in a process of its own: {size} network, {preset}")
            found.append(measure_once(self.paths[size], preset, "auto", str(self.device)))
        return found

    def _node(self) -> dict[str, dict[str, Any]]:
        from dataclasses import replace

        from fourier_depth_ros.benchmark.node import CASES, measure_node

        try:
            import rclpy  # noqa: F401
        except ImportError as error:
            self.skipped["node"] = f"ROS 2 is not installed ({error})"
            return {}
        found = {}
        for name, case in CASES.items():
            if self.quick and case.frames:
                continue
            chosen = replace(case, seconds=case.seconds / 2) if self.quick else case
            self._say(f"node end to end: {name}")
            try:
                found[name] = measure_node(
                    chosen, self.paths["small"], str(self.device), self.folder
                )
            except RuntimeError as error:  # the rest of the report is worth having
                self.skipped[f"node {name}"] = str(error)
        return found

    def _cloud(self) -> float | None:
        """Milliseconds for a cloud of 640 x 480 points."""
        from statistics import median

        import numpy as np

        try:
            from std_msgs.msg import Header

            from fourier_depth_ros.ros.conversions import points_to_msg
        except ImportError:
            return None
        from fourier_depth_ros.benchmark.timing import take_turns
        from fourier_depth_ros.core.geometry import Intrinsics

        camera = Intrinsics(fx=525.0, fy=525.0, cx=319.5, cy=239.5, width=640, height=480)
        depth = np.full((480, 640), 2.0, np.float32)
        rgb = _picture()
        taken = take_turns({"cloud": lambda: points_to_msg(depth, rgb, camera, Header(), 1)}, 2.0)
        return round(median(taken["cloud"]), 2)

    def _say(self, what: str) -> None:
        import sys

        print(f"fourier-depth benchmark: {what}", file=sys.stderr, flush=True)


def _picture() -> np.ndarray:
    """A VGA picture with structure of every size."""
    import cv2
    import numpy as np

    random = np.random.default_rng(0)
    layers = [cv2.resize(random.uniform(0, 255, (s * 3, s * 4, 3)), (640, 480)) for s in (2, 8, 32)]
    return np.clip(np.mean(layers, axis=0) * 1.5 - 64, 0, 255).astype(np.uint8)


def _calibration(rgb: np.ndarray, checkpoint: Checkpoint, folder: Path) -> list[torch.Tensor]:
    """Crops of the demo's photographs if scikit-image is there, else of one made-up picture."""
    import cv2
    import torch

    from fourier_depth_ros.config import PAPER_RATIOS
    from fourier_depth_ros.core.crops import extract_crops
    from fourier_depth_ros.demo.photographs import PHOTOGRAPHS, write_photographs

    try:
        write_photographs(folder)
        read = [cv2.imread(str(folder / name)) for name in PHOTOGRAPHS]
        pictures = [picture[..., ::-1].copy() for picture in read if picture is not None]
    except ImportError:
        pictures = [rgb]
    side = checkpoint.config.network.input_size
    crops = [
        extract_crops(torch.from_numpy(each).permute(2, 0, 1), PAPER_RATIOS, side, False)[::4]
        for each in pictures
    ]
    return list(torch.split(torch.cat(crops), 1))


def _naive_fill() -> Callable[[np.ndarray], object]:
    """An image message filled element by element, as an assignment to ``data`` does."""
    try:
        from sensor_msgs.msg import Image
    except ImportError:
        return lambda depth: list(depth.tobytes())

    def fill(depth: np.ndarray) -> object:
        msg = Image()
        msg.data = depth.tobytes()
        return msg

    return fill
