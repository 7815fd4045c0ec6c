"""/diagnostics: one status, whose message is a reason that a person can act on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.time import Time

from fourier_depth_ros.ros.monitor import WINDOW, Snapshot

#: No image for longer than this is worth a warning [s].
QUIET = 2.0
#: Depth with a larger share of NaN is of no use.
ALL_INVALID = 0.9999


@dataclass(frozen=True)
class NodeState:
    """What the status tells besides the monitor's figures.

    image_topic: what the node listens to, or will. not_ready: why there is no network running (''
    if it does); failed: because it could not, and not because nobody asked. camera: why there are
    no intrinsics. std: why there is no standard deviation though somebody listens; derived: no
    points, or no scan. pace: why target_rate is not kept. scale: why the live scale is not tracked.
    unheard: the topic and policy of publishers whose messages cannot arrive. facts: name -> text,
    shown as they are.
    """

    image_topic: str
    listened: bool
    not_ready: str = ""
    failed: bool = False
    camera: str = ""
    std: str = ""
    derived: str = ""
    pace: str = ""
    scale: str = ""
    unheard: str = ""
    facts: dict[str, str] | None = None


def judge(snapshot: Snapshot, state: NodeState) -> tuple[bytes, str]:
    """The level and the one reason that matters most."""
    error, warn, ok = DiagnosticStatus.ERROR, DiagnosticStatus.WARN, DiagnosticStatus.OK
    if state.not_ready:
        return error if state.failed else ok, state.not_ready
    if state.unheard:
        return error, state.unheard
    quiet = snapshot.seconds_since_image
    if quiet is None or quiet > QUIET:
        ever = "no image yet" if quiet is None else f"no image for {quiet:.0f} s"
        return warn, f"{ever} on {state.image_topic}: is the camera running, and is it remapped?"
    if snapshot.trouble:
        return error, snapshot.trouble
    if not state.listened:
        return ok, "nobody subscribes to an output: the network rests"
    if trouble := state.camera or state.std or state.derived or state.pace or state.scale:
        return warn, trouble
    if snapshot.invalid_share is None:
        return warn, (
            f"no depth in the last {WINDOW:.0f} s: a frame is being computed; if this stays, "
            f"choose a faster preset"
        )
    if snapshot.invalid_share > ALL_INVALID:
        return warn, (
            "all depth is invalid: min_depth, max_depth or max_relative_std let none of it pass"
        )
    return ok, f"depth at {snapshot.published_hz:.1f} Hz"


def diagnostics_msg(
    name: str, hardware_id: str, stamp: Time, snapshot: Snapshot, state: NodeState
) -> DiagnosticArray:
    """The array to publish; times are in milliseconds, p50 and p95 of the last 10 s."""
    level, message = judge(snapshot, state)
    values = {
        "images received [Hz]": f"{snapshot.received_hz:.2f}",
        "depth published [Hz]": f"{snapshot.published_hz:.2f}",
        "images replaced by newer ones": str(snapshot.dropped),
        "images failed": str(snapshot.failed),
        "age p50 / p95 [ms]": _quantiles(snapshot.ages),
        **{f"{stage} p50 / p95 [ms]": _quantiles(s) for stage, s in snapshot.stages.items()},
        "invalid depth [%]": (
            "" if snapshot.invalid_share is None else f"{100 * snapshot.invalid_share:.1f}"
        ),
        "memory [MB]": f"{resident_bytes() / 1e6:.0f}",
        **(state.facts or {}),
    }
    if torch.cuda.is_available():
        values["GPU memory [MB]"] = f"{torch.cuda.memory_allocated() / 1e6:.0f}"
    status = DiagnosticStatus(
        level=level,
        name=f"{name}: depth",
        message=message,
        hardware_id=hardware_id,
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )
    array = DiagnosticArray(status=[status])
    array.header.stamp = stamp.to_msg()
    return array


def resident_bytes(process: int | str = "self") -> int:
    """The resident memory of this process, or of one by its number."""
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _quantiles(seconds: list[float]) -> str:
    if not seconds:
        return ""
    p50, p95 = np.percentile(seconds, (50, 95)) * 1e3
    return f"{p50:.1f} / {p95:.1f}"
