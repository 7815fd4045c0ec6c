"""One run of the benchmark: frames, processes, the node, a cloud, and the targets they meet."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from fourier_depth_ros.benchmark import timing
from fourier_depth_ros.benchmark.frames import (
    Row,
    as_json,
    measure_growth,
    measure_preset,
    relative_difference,
)
from fourier_depth_ros.benchmark.networks import names_for, open_all, random_checkpoint
from fourier_depth_ros.benchmark.node import CASES, measure_node
from fourier_depth_ros.benchmark.once import measure_once
from fourier_depth_ros.benchmark.pictures import calibration_crops, made_up_picture
from fourier_depth_ros.benchmark.rooms import rmse_on
from fourier_depth_ros.benchmark.targets import Measured, targets
from fourier_depth_ros.core.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from fourier_depth_ros.core.estimator import resolve_device
from fourier_depth_ros.core.frame import Backend
from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.runtime import read_checkpoint


def run_benchmark(
    checkpoint: Path, large: str, rooms: Path | None, device: str, quick: bool, node: bool
) -> dict[str, Any]:
    """Measure everything; what report.markdown and report.plot show, ready for JSON.

    Args:
        checkpoint: a fitted ResNet-18.
        large: a ResNet-152 checkpoint; empty: random weights.
        rooms: held-out RGB-D data for int8's error, or None.
        device: "auto", "cpu", "cuda" or "cuda:N".
        quick: fewer backends and rounds.
        node: also the node end to end.
    """
    load, start = timing.LoadMeter(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        run = _Run(checkpoint, large, device, quick, Path(folder))
        found = run.measure(rooms, node)
    return {
        "when": time.strftime("%Y-%m-%d"),
        "quick": quick,
        "seconds": round(time.perf_counter() - start, 1),
        "machine": timing.machine(),
        "load": {"others_cores": round(load.others(), 2)},
        "best": found.best,
        "targets": [target.as_json() for target in targets(found)],
        **run.as_json(found),
    }


class _Run:
    """One run's settings, and what it could not run."""

    def __init__(self, path: Path, large: str, device: str, quick: bool, folder: Path) -> None:
        self.device = resolve_device(device)
        self.quick = quick
        self.folder = folder
        self.picture = made_up_picture()
        self.skipped: dict[str, str] = {}
        self.paths = {"small": path, "large": folder / "resnet152_random.safetensors"}
        self.small = read_checkpoint(path)
        _ = self.small.own_network  # refuses an adapted one, which has no naive way to be held to
        if large:
            self.paths["large"] = Path(large)
            self.large = load_checkpoint(large)
        else:
            self.large = random_checkpoint(self.small, "resnet152")
            save_checkpoint(self.paths["large"], self.large)
            # as every process will read it: the same weights, the same cache
            self.large = load_checkpoint(self.paths["large"])

    def measure(self, rooms: Path | None, node: bool) -> Measured:
        """Everything, the small network's frames first."""
        small, crops = self._open("resnet18", self.small)
        best = next(name for name in (*small, "") if name != "eager float32")
        rows = self._rows("resnet18", self.small, small, best)
        differences = {
            name: relative_difference(self.small, backend, torch.cat(crops[:8]))
            for name, backend in small.items()
        }
        self._say("growth with crops, pixels and batch")
        growth = measure_growth(self.small, small[best], 3.0 if self.quick else 15.0)
        rmse = {}
        if rooms is not None and not self.quick:
            self._say(f"depth error on {rooms}")
            rmse = rmse_on(rooms, self.small, small, "accurate", most=300)
        large, _ = self._open("resnet152", self.large)
        rows += self._rows("resnet152", self.large, large, best)
        presets = self.small.config.presets_of("corners")
        return Measured(
            best=best,
            rows=rows,
            growth=growth,
            differences=differences,
            once=self._once(),
            node=self._node() if node else {},
            rmse=rmse,
            expected={name: preset.expected_rmse for name, preset in presets.items()},
            cloud_ms=self._cloud() if node else None,
        )

    def as_json(self, found: Measured) -> dict[str, Any]:
        """All but the targets."""
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

    def _open(
        self, trunk: str, checkpoint: Checkpoint
    ) -> tuple[dict[str, Backend], list[torch.Tensor]]:
        """The backends that work here, by name, and the crops that int8 was calibrated on."""
        names = names_for(self.device, self.quick)
        if self.quick and trunk == "resnet152":
            names = names[1:2]  # what 'auto' takes
        crops = calibration_crops(self.picture, checkpoint, self.folder)
        installed = open_all(checkpoint, self.device, self.folder, crops, names)
        self.skipped.update({f"{trunk} {name}": why for name, why in installed.skipped.items()})
        return installed.backends, crops

    def _rows(
        self, trunk: str, checkpoint: Checkpoint, backends: dict[str, Backend], best: str
    ) -> list[Row]:
        """A row for each preset and backend, of corners and, where fitted, of shared crops."""
        rows: list[Row] = []
        fill, seconds = _naive_fill(), 3.0 if self.quick else 20.0
        for preset in ("fast", "balanced", "accurate", "paper"):
            if self.quick and preset == "balanced":
                continue
            if self.quick and trunk == "resnet18" and preset == "paper":
                backends = {k: b for k, b in backends.items() if k in (best, "eager float32")}
            self._say(f"{trunk}, {preset}: {', '.join(backends)}")
            naive = fill if preset in ("fast", "paper") or not self.quick else None
            rows += measure_preset(
                checkpoint, preset, backends, self.picture, seconds, naive, least=2
            )
            if checkpoint.fit_of("shared").statistics and preset != "fast":  # that is one crop
                rows += measure_preset(
                    checkpoint, preset, backends, self.picture, seconds, None, least=2, way="shared"
                )
        return rows

    def _once(self) -> list[dict[str, Any]]:
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
        try:
            from std_msgs.msg import Header

            from fourier_depth_ros.ros.conversions import points_to_msg
        except ImportError:
            return None
        camera = Intrinsics(fx=525.0, fy=525.0, cx=319.5, cy=239.5, width=640, height=480)
        depth = np.full((480, 640), 2.0, np.float32)
        rgb = self.picture
        taken = timing.take_turns(
            {"cloud": lambda: points_to_msg(depth, rgb, camera, Header(), 1)}, 2.0
        )
        return round(median(taken["cloud"]), 2)

    def _say(self, what: str) -> None:
        print(f"fourier-depth benchmark: {what}", file=sys.stderr, flush=True)


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
