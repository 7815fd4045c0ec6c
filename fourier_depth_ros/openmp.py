"""How OpenMP's threads, which run PyTorch's work on a CPU, wait for more of it."""

from __future__ import annotations

import os

#: Rounds of a waiting loop, some tenths of a millisecond: as long as one operation of a frame is
#: behind another, and no longer.
_ROUNDS = "10000"


def wait_briefly() -> None:
    """Let idle OpenMP threads sleep soon; call it before anything imports PyTorch.

    GNU's OpenMP, which comes with PyTorch, lets them spin for some milliseconds, on the very cores
    that the next library needs: on two cores OpenVINO's pass of a ResNet-18 takes 19 ms then
    instead of 15. What the environment says already is kept.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _ROUNDS)
