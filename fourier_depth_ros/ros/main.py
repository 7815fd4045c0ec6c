"""``depth_node``: in order from the first moment on. Importing PyTorch takes seconds.

A Ctrl-C in them, such as just after a mistyped launch, would end in a traceback from deep inside.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM; the exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    from fourier_depth_ros.ros.node import main as run  # takes the signals over while it runs

    return run(args)


def _leave(*_: object) -> None:
    """End at once, where there is nothing to put in order yet, or no more.

    Not by an exception: those that are raised in the middle of an import may be caught there.
    """
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
