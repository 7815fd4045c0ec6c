"""Fit and evaluate in as many processes as torchrun starts; run by test_processes.py.

Arguments: the folder of its data (see there); the first process writes OUT.pt into it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from fourier_depth_ros.core.checkpoint import load_checkpoint
from fourier_depth_ros.data.collection import RgbdCollection
from fourier_depth_ros.data.folder import FolderDepth
from fourier_depth_ros.data.processes import Processes, join_processes
from fourier_depth_ros.evaluation.evaluate import evaluate_checkpoints
from fourier_depth_ros.evaluation.page import write_page
from fourier_depth_ros.evaluation.report import report
from fourier_depth_ros.fitting.fit import fit_combination

RATIOS = (1.0, 0.8)


def fit_and_evaluate(folder: Path, out: Path, processes: Processes) -> None:
    """What a fit, and evaluations of a few pictures and of a single one, give."""
    fit, held, single = (
        RgbdCollection([FolderDepth(folder / name)]) for name in ("fit", "held", "single")
    )
    network = load_checkpoint(folder / "network.safetensors")
    checkpoint, reports = fit_combination(
        network, fit, held, device="cpu", folds=3, ratios=RATIOS, processes=processes
    )
    fitted = reports["corners"]
    evaluation = evaluate_checkpoints(
        {"c": checkpoint}, held, nyu=False, device="cpu", processes=processes
    )
    write_page(out.with_suffix(".png"), evaluation, held, processes)
    # one picture for two processes: one of them has nothing to add, and must not be waited for
    alone = evaluate_checkpoints(
        {"c": checkpoint}, single, nyu=False, device="cpu", processes=processes
    )
    if processes.first:
        parts = checkpoint.statistics["corners"]._asdict()
        figures = {
            "factors": {part: found.factor for part, found in parts.items()},
            "counts": (fitted.pictures, fitted.rooms, fitted.held_out.pictures),
            "presets": {
                n: p.model_dump() for n, p in checkpoint.config.presets_of("corners").items()
            },
            "ablation": fitted.held_out.ablation,
            "evaluation": report(evaluation),
            "single": report(alone),
        }
        torch.save(figures, out)


if __name__ == "__main__":
    with join_processes() as ours:
        data = Path(sys.argv[1])
        fit_and_evaluate(data, data / "two.pt", ours)
