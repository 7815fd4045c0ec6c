"""``depth_node``: quick to end, from its first moment to its last.

Importing PyTorch takes seconds, in which a Ctrl-C would be a traceback from deep inside. Python's
own end takes PyTorch and OpenVINO apart module by module: also seconds, on a busy machine more than
the 5 that `ros2 launch` waits before it sends SIGTERM, and the 10 before it kills.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import NoReturn

from fourier_depth_ros.openmp import wait_briefly


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the node until SIGINT or SIGTERM, and end the process with its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    wait_briefly()
    from fourier_depth_ros.ros.node import main as run  # takes the signals over while it runs

    code = run(args)  # threads are joined and the context is shut down: nothing is left to do
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _leave(*_: object) -> NoReturn:
    """End at once, where there is nothing to put in order yet, or no more.

    Not by an exception: those that are raised in the middle of an import may be caught there.
    """
    os._exit(0)


if __name__ == "__main__":
    main()
