"""Photographs through the node, over DDS, and a report of what came out."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import rclpy
import torch

from fourier_depth_ros.demo.child import child
from fourier_depth_ros.demo.contact_sheet import write_contact_sheet
from fourier_depth_ros.demo.listener import DepthListener
from fourier_depth_ros.demo.photographs import (
    MOTORCYCLE_CAMERA,
    motorcycle_depth,
    write_photographs,
)
from fourier_depth_ros.evaluation.metrics import abs_rel
from fourier_depth_ros.ros.transport import use_shared_memory_profile

#: Each phase: its name, and the parameter that a live call sets before it.
PHASES = (
    ("fast preset", ("preset", "fast")),
    ("crop_ratios set live", ("crop_ratios", "[1, 0.85, 0.7]")),
    ("paper preset, 66 crops", ("preset", "paper")),
)
STARTUP_SECONDS = 120.0


@dataclass(frozen=True)
class Phase:
    """What one phase measured; an age runs from the image's stamp to the depth's receipt."""

    name: str
    crop_ratios: list[float]
    frames_in: int
    frames_out: int
    rate_hz: float
    age_ms_p50: float
    age_ms_p95: float
    abs_rel: float
    abs_rel_median_scaled: float


def run_demo(out: Path, seconds: float, rate: float) -> None:
    """A camera and the depth node as separate processes on photographs; see `fourier-depth demo`.

    Raises:
        RuntimeError: a process ended early, or no depth came.
    """
    photographs = write_photographs(out / "photographs")
    # this machine only, and a namespace of its own: nothing else on the network is disturbed
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    namespace = f"/fourier_depth_demo_{os.getpid()}"
    use_shared_memory_profile()
    rclpy.init(args=[])
    listener = DepthListener(namespace)
    camera = ["cli.main", "camera", str(out / "photographs"), "--rate", str(rate)]
    node = ["ros.main", "--ros-args", "-r", f"__ns:={namespace}"]
    try:
        with child([*camera, "--namespace", namespace]) as a, child(node) as b:
            print(f"camera and depth node run in {namespace}; waiting for the first depth")
            _wait_for_depth(listener, [a, b])
            phases, shots = [], []
            for name, setting in PHASES:
                ratios = listener.set_parameter(*setting)
                listener.collect(seconds, needed=len(photographs))
                phases.append(_summary(name, ratios, listener))
                shots.append(dict(listener.latest))
                _print(phases[-1])
    finally:
        listener.destroy_node()
        rclpy.try_shutdown()
    (out / "report.json").write_text(
        json.dumps({"phases": [asdict(phase) for phase in phases]}, indent=2) + "\n"
    )
    sheet = write_contact_sheet(out / "contact_sheet.png", shots, [asdict(p) for p in phases])
    if not all(phase.frames_out for phase in phases):
        raise RuntimeError("a phase had no depth; see the node's messages above")
    print(f"look at {sheet}; figures in {out / 'report.json'}")


def _wait_for_depth(listener: DepthListener, processes: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + STARTUP_SECONDS
    while not listener.frames_out:
        for process in processes:
            if process.poll() is not None:
                raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"no depth within {STARTUP_SECONDS:g} s; see the messages above")
        listener.collect(0.5, needed=0)


def _summary(name: str, ratios: list[float], listener: DepthListener) -> Phase:
    truth = torch.from_numpy(motorcycle_depth())
    shot = listener.latest.get((MOTORCYCLE_CAMERA.width, MOTORCYCLE_CAMERA.height))
    depth = torch.full_like(truth, torch.nan) if shot is None else torch.from_numpy(shot.depth)
    p50, p95 = np.percentile(listener.ages_ms or [np.nan], (50, 95))
    return Phase(
        name=name,
        crop_ratios=ratios,
        frames_in=listener.frames_in,
        frames_out=listener.frames_out,
        rate_hz=round(listener.rate_hz, 2),
        age_ms_p50=round(float(p50), 1),
        age_ms_p95=round(float(p95), 1),
        abs_rel=round(abs_rel(depth, truth), 4),
        abs_rel_median_scaled=round(abs_rel(depth, truth, median_scaled=True), 4),
    )


def _print(phase: Phase) -> None:
    ratios = ", ".join(f"{ratio:g}" for ratio in phase.crop_ratios)
    print(
        f"{phase.name}: ratios {ratios}\n"
        f"  {phase.frames_in} frames in, {phase.frames_out} out, {phase.rate_hz:.1f} Hz, "
        f"age p50 {phase.age_ms_p50:.0f} ms, p95 {phase.age_ms_p95:.0f} ms\n"
        f"  Motorcycle: AbsRel {phase.abs_rel:.3f}, median-scaled {phase.abs_rel_median_scaled:.3f}"
    )
