"""What ends its process, for tests of worker processes; they import it by its name."""

from __future__ import annotations

import os
import signal
from functools import partial

from fourier_depth_ros.simulator.simulation import Simulator


class Mortal(Simulator):
    """Aborts after the pictures of room 1, always, and after those of room 2, the first time."""

    def make(self, out, seed):
        super().make(out, seed)
        again = out / "again"
        if seed == 1 or (seed == 2 and not again.exists()):
            if seed == 2:
                again.touch()
            (out / "rooms" / f"{seed:06d}.json").unlink()
            os.abort()


class Hopeless(Simulator):
    """Aborts before each first picture."""

    def make(self, out, seed):
        os.abort()


def attempt(folder, mortal, seed):
    """A line when it begins and one when it ends; ``mortal`` says how often a seed is lethal."""
    with (folder / "log").open("a") as log:
        print("begin", seed, os.getpid(), file=log, flush=True)
        deaths = mortal.get(seed, 0)
        if (folder / "log").read_text().count(f"begin {seed} ") <= deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        print("end", seed, os.getpid(), file=log, flush=True)
    return "odd" if seed % 2 else ""


def prepare(folder, mortal):
    return partial(attempt, folder, mortal)
