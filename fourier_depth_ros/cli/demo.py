"""``fourier-depth demo``: photographs through the node, over DDS, and a report of what came out."""

from __future__ import annotations

from pathlib import Path


def demo(*, out: Path = Path("demo"), seconds: float = 8.0, rate: float = 10.0) -> None:
    """Run a camera and the depth node as separate processes on photographs, and show the result.

    Changes the crop ratios through the parameter service while frames flow. Writes
    OUT/contact_sheet.png and OUT/report.json. AbsRel is of the Middlebury Motorcycle, the only
    photograph with metric truth.

    Args:
        out: folder for the results.
        seconds: length of each phase.
        rate: pictures a second that the camera publishes.

    Raises:
        RuntimeError: a process ended early, or no depth came.
        ImportError: ROS 2 or scikit-image is not installed.
    """
    from fourier_depth_ros.demo.run import run_demo

    run_demo(out, seconds, rate)
