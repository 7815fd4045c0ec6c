"""The node end to end: a camera process, the node, and this process, which listens."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from fourier_depth_ros.demo.child import child

#: How long the node may take to its first depth: on a new machine it converts the network first.
PATIENCE = 180.0


@dataclass(frozen=True)
class NodeCase:
    """Pictures of a size (height, width) at a rate [Hz], for so many seconds or depth images."""

    size: tuple[int, int]
    rate: float
    seconds: float = 0.0
    frames: int = 0


#: vga, hd: what the node adds to predict, and ages without overload. rate: more pictures than the
#: node can take. long: whether memory stays flat.
CASES = {
    "vga": NodeCase((480, 640), 20.0, seconds=12.0),
    "hd": NodeCase((1080, 1920), 10.0, seconds=12.0),
    "rate": NodeCase((480, 640), 60.0, seconds=10.0),
    "long": NodeCase((480, 640), 60.0, frames=5000),
}


def measure_node(case: NodeCase, checkpoint: Path, device: str, folder: Path) -> dict[str, Any]:
    """Rate, ages [ms], CPU, memory, and what the node adds to predict [ms], by the fast preset.

    An age runs from the image's stamp to the receipt of its depth in this process. CPU is of the
    node's process, in per cent of one core. first_depth_s runs from the node's start, with the
    camera running already.

    Raises:
        RuntimeError: a process ended, or no depth came in time.
    """
    import cv2
    import numpy as np
    import rclpy

    from fourier_depth_ros.ros.transport import use_shared_memory_profile

    picture = np.random.default_rng(0).integers(0, 256, (15, 20, 3), dtype=np.uint8)
    file = folder / f"{case.size[1]}x{case.size[0]}" / "noise.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(file), cv2.resize(picture, case.size[::-1], interpolation=cv2.INTER_LINEAR))
    os.environ.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    namespace = f"/fourier_depth_benchmark_{os.getpid()}"
    camera = ["cli.main", "camera", str(file.parent), "--rate", str(case.rate)]
    settings = {"checkpoint": checkpoint, "device": device, "preset": "fast"}
    node = ["ros.main", "--ros-args", "-r", f"__ns:={namespace}"]
    node += [part for name, value in settings.items() for part in ("-p", f"{name}:={value}")]
    use_shared_memory_profile()
    rclpy.init(args=[])
    listener = _listener(namespace)
    try:
        with child([*camera, "--namespace", namespace], quiet=True) as camera_process:
            _spin(
                listener,
                lambda: listener.count_publishers(f"{namespace}/image") > 0,
                [camera_process],
            )
            start = time.monotonic()
            with child(node, quiet=True) as node_process:
                processes = [camera_process, node_process]
                _spin(listener, lambda: bool(listener.ages), processes)
                first = time.monotonic() - start
                return {"first_depth_s": round(first, 2), **_watch(listener, case, processes)}
    finally:
        listener.destroy_node()
        rclpy.try_shutdown()


def _watch(
    listener: Any, case: NodeCase, processes: list[subprocess.Popen[bytes]]
) -> dict[str, Any]:
    import numpy as np

    from fourier_depth_ros.ros.diagnostics import resident_bytes

    node = processes[1].pid
    settle = 2.0 if case.seconds else 10.0  # caches and allocators fill
    settled = time.monotonic() + settle
    _spin(listener, lambda: time.monotonic() > settled, processes)
    listener.ages.clear()
    listener.stages.clear()
    start, ticks, memory = time.monotonic(), _cpu_seconds(node), resident_bytes(node)
    end = start + case.seconds if case.seconds else float("inf")

    def done() -> bool:
        return time.monotonic() > end or 0 < case.frames <= len(listener.ages)

    patience = case.seconds + case.frames / 5 + PATIENCE
    _spin(listener, done, processes, patience)
    elapsed = time.monotonic() - start
    p50, p95, p99 = np.percentile(listener.ages, (50, 95, 99))
    found: dict[str, Any] = {
        "frames": len(listener.ages),
        "rate_hz": round(len(listener.ages) / elapsed, 2),
        "age_ms_p50": round(float(p50), 1),
        "age_ms_p95": round(float(p95), 1),
        "age_ms_p99": round(float(p99), 1),
        "cpu_percent": round(100 * (_cpu_seconds(node) - ticks) / elapsed),
        "rss_mb": round(resident_bytes(node) / 1e6),
        "rss_gained_mb": round((resident_bytes(node) - memory) / 1e6, 1),
    }
    beside = [each["decode"] + each["publish"] for each in listener.stages if "publish" in each]
    found["beside_predict_ms"] = round(median(beside), 2) if beside else None
    return found


def _listener(namespace: str) -> Any:
    """A node that keeps the ages of depth images, and the stages of /diagnostics, both in ms."""
    import rclpy
    from diagnostic_msgs.msg import DiagnosticArray
    from sensor_msgs.msg import Image

    from fourier_depth_ros.ros.transport import input_qos

    node: Any = rclpy.create_node("benchmark", namespace=namespace)
    node.ages, node.stages = [], []

    def on_depth(msg: Image) -> None:
        stamp = msg.header.stamp.sec * 10**9 + msg.header.stamp.nanosec
        node.ages.append((node.get_clock().now().nanoseconds - stamp) * 1e-6)

    def on_diagnostics(msg: DiagnosticArray) -> None:
        for status in msg.status:
            if not status.name.startswith(namespace.lstrip("/")):
                continue
            stages = {}
            for entry in status.values:
                if entry.key.endswith(" p50 / p95 [ms]") and entry.value:
                    stages[entry.key.split()[0]] = float(entry.value.split("/")[0])
            node.stages.append(stages)

    node.create_subscription(Image, "depth/image", on_depth, input_qos())
    node.create_subscription(DiagnosticArray, "/diagnostics", on_diagnostics, 1)
    return node


def _spin(
    node: Any, done: Any, processes: list[subprocess.Popen[bytes]], patience: float = PATIENCE
) -> None:
    import rclpy

    deadline = time.monotonic() + patience
    while not done():
        rclpy.spin_once(node, timeout_sec=0.05)
        for process in processes:
            if process.poll() is not None:
                raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"the node gave too little depth within {patience:.0f} s")


def _cpu_seconds(pid: int) -> float:
    # after the name in parentheses: state, ppid, ... utime and stime are fields 14 and 15 of all
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
