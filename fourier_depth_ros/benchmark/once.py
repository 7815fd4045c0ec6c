"""One checkpoint in a process of its own: time to the first depth, and the memory at its highest.

python -m fourier_depth_ros.benchmark.once CHECKPOINT PRESET BACKEND DEVICE
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_START = time.perf_counter()


def measure_once(checkpoint: Path, preset: str, backend: str, device: str) -> dict[str, Any]:
    """What this module prints, with the seconds from starting the process to its first depth.

    Raises:
        RuntimeError: the process failed; the text is its last line.
    """
    command = [sys.executable, "-m", __name__, str(checkpoint), preset, backend, device]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    whole = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[3:])}: {done.stderr.strip().splitlines()[-1:]}")
    return {**json.loads(done.stdout.splitlines()[-1]), "process_s": round(whole, 2)}


def main() -> None:
    """Predict three pictures and print one line of JSON."""
    import torch

    from fourier_depth_ros.runtime import open_estimator

    path, preset, backend, device = sys.argv[1:]
    estimator = open_estimator(Path(path), backend, device)
    estimator.use(preset)
    image = torch.zeros(3, 480, 640, dtype=torch.uint8)
    estimator.predict(image).depth.cpu()
    first = time.perf_counter() - _START
    for _ in range(2):
        estimator.predict(image).depth.cpu()
    gpu = torch.cuda.max_memory_allocated() / 1e6 if estimator.device.type == "cuda" else None
    found = {
        "trunk": estimator.config.network.trunk,
        "preset": preset,
        "backend": f"{estimator.backend.name} {estimator.precision}",
        "first_depth_s": round(first, 2),
        "peak_rss_mb": round(_peak_rss_mb()),
        "peak_gpu_mb": gpu,
    }
    print(json.dumps(found))


def _peak_rss_mb() -> float:
    """This process's memory at its highest; getrusage would begin with the parent's, by fork."""
    status = Path("/proc/self/status").read_text()
    return float(status.split("VmHWM:")[1].split()[0]) / 1000  # kB


if __name__ == "__main__":
    main()
