"""``fourier-depth evaluate``: errors of checkpoints on RGB-D data, and the ablation table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from fourier_depth_ros.cli.rgbd_flags import RgbdFlags

if TYPE_CHECKING:
    from fourier_depth_ros.core.checkpoint import Checkpoint


def evaluate(
    *,
    data: tyro.conf.UseAppendAction[tuple[Path, ...]],
    checkpoint: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    json: Path | None = None,
    page: Path | None = None,
    nyu: bool = False,
    device: str = "auto",
    precision: str = "float32",
    reading: tyro.conf.OmitArgPrefixes[RgbdFlags] = RgbdFlags(split="test"),  # noqa: B008 (frozen)
) -> None:
    """Measure depth errors on RGB-D data, in two protocols, with intervals over rooms.

    Rows: the network alone, means of candidates, the paper's Fourier combination, the hierarchical
    one, and each preset; all out of one network pass a picture. Protocols: the authors' (427 x 561
    crop, pooled over all pixels) and Eigen's (its crop, mean over pictures); the crops are NYUv2's,
    on other data the whole picture counts. Data is as for 'fit'. Use rooms that neither training
    nor fit have seen.

    Several processes share the pictures: torchrun --nproc-per-node 8 --no-python fourier-depth
    evaluate --data ...

    Args:
        data: RGB-D data; may be given several times.
        checkpoint: path or name of a checkpoint; several are compared with the first, such as one
            trained with the Euclidean loss and one with the DBE loss.
        json: write all figures to this file.
        page: draw the best, median and worst pictures into this PNG.
        nyu: the pictures are of NYUv2 (480 x 640, or 427 x 561 cropped): its crops count.
        device: auto, cpu, cuda or cuda:N.
        precision: of the network: float32 gives the same figures anywhere; auto is the node's.
        reading: how to read the data.
    """
    import json as json_module

    import torch

    from fourier_depth_ros.core.checkpoint import file_digest
    from fourier_depth_ros.data.collection import RgbdCollection
    from fourier_depth_ros.data.nyu import NyuDepth
    from fourier_depth_ros.data.processes import join_processes
    from fourier_depth_ros.evaluation.evaluate import evaluate_checkpoints
    from fourier_depth_ros.evaluation.page import write_page
    from fourier_depth_ros.evaluation.report import markdown, report

    # a GPU's convolutions would round float32 to TF32, and the figures be its own
    torch.backends.cudnn.allow_tf32 = False
    sets = reading.open(data)
    nyu = nyu or all(isinstance(dataset, NyuDepth) for dataset in sets)
    paths, checkpoints = _load(checkpoint or ("auto",))
    with join_processes() as processes:
        samples = RgbdCollection(sets, "evaluated" if processes.first else None)
        evaluation = evaluate_checkpoints(checkpoints, samples, nyu, device, precision, processes)
        if page is not None:
            write_page(page, evaluation, RgbdCollection(sets), processes)
        if not processes.first:
            return
    figures = {
        "data": [str(path) for path in data],
        "precision": precision,
        "weights": {name: file_digest(path) for name, path in paths.items()},
        **report(evaluation),
    }
    print(markdown(figures))
    if json is not None:
        json.write_text(json_module.dumps(figures, indent=1, ensure_ascii=False) + "\n")


def _load(names: tuple[str, ...]) -> tuple[dict[str, Path], dict[str, Checkpoint]]:
    """Checkpoints by the stem of their file, or by their path where stems are alike."""
    from fourier_depth_ros.core.checkpoint import load_checkpoint
    from fourier_depth_ros.resources import find_checkpoint

    files = [find_checkpoint(name, cuda=False)[0] for name in names]
    stems = [file.stem for file in files]
    paths = {
        stem if stems.count(stem) == 1 else str(file): file
        for stem, file in zip(stems, files, strict=True)
    }
    return paths, {name: load_checkpoint(path) for name, path in paths.items()}
