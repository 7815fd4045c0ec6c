"""``fourier-depth train``: train the network, as a YAML file says."""

from __future__ import annotations

import math
from pathlib import Path


def train(*, config: Path, resume: bool = False, minutes: float | None = None) -> int:
    """Train the depth estimation network in its stages; see config/train/ for examples.

    Several GPUs: torchrun --nproc-per-node 8 --no-python fourier-depth train --config FILE. What
    results is a checkpoint; 'fourier-depth fit' then fits its combination.

    Ctrl-C (or SIGTERM) saves the state and ends; --resume goes on from there as if nothing had
    happened. Another Ctrl-C ends at once.

    Args:
        config: YAML file; relative paths in it are from the working directory.
        resume: go on where the last saved state in the run's folder is.
        minutes: stop after so many, with the state saved; resume another day.
    """
    from fourier_depth_ros.cli.outputs import prepare_folder
    from fourier_depth_ros.training.config import load_train_config, refuse_to_overwrite

    if minutes is not None and not minutes >= 0:
        raise ValueError(f"minutes is {minutes:g}, expected 0 or more")
    run = load_train_config(config)
    refuse_to_overwrite(run, resume)
    prepare_folder("out", run.out)

    from fourier_depth_ros.training.train import train as train_stages

    results = train_stages(run, resume, minutes)
    for result in results:
        best = f"AbsRel {result.best:.4f} on held-out pictures, {result.checkpoint}"
        if math.isinf(result.best):
            best = "not validated yet"
        print(f"{result.name}: step {result.step} of {result.steps}, {best}")
    signal = results[-1].signal
    if signal:
        print("interrupted, with the state saved; go on with --resume")
    return 128 + signal if signal else 0
