"""``fourier-depth evaluate``: errors of checkpoints on RGB-D data, and the ablation table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import tyro

from fourier_depth_ros.cli.device import Device
from fourier_depth_ros.config import PrecisionName
from fourier_depth_ros.data.options import RgbdOptions

#: Said at the first signal.
WRITING = "writing what is measured so far; another Ctrl-C ends at once, without"


def evaluate(
    *,
    data: tyro.conf.UseAppendAction[tuple[Path, ...]],
    checkpoint: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    json: Path | None = None,
    page: Path | None = None,
    nyu: bool = False,
    device: Device = "auto",
    precision: PrecisionName = "float32",
    reading: tyro.conf.OmitArgPrefixes[RgbdOptions] = RgbdOptions(split="test"),  # noqa: B008 (frozen)
) -> int:
    """Measure depth errors on RGB-D data, in two protocols, with intervals over rooms.

    Rows: the network alone, means of candidates, the paper's Fourier combination, the hierarchical
    one, and each preset; all out of one network pass a picture. Protocols: the authors' (427 x 561
    crop, pooled over all pixels) and Eigen's (its crop, mean over pictures); the crops are NYUv2's,
    on other data the whole picture counts. Also: how many depth boundaries are found, and whether
    crops of ratio r are answered with r times the depth. Data is as for 'fit'. Use rooms that
    neither training nor fit have seen.

    Several processes share the pictures: torchrun --nproc-per-node 8 --no-python fourier-depth
    evaluate --data ...

    Ctrl-C (or SIGTERM) ends it early, with the figures of the pictures so far; the report says so.

    Args:
        data: RGB-D data; may be given several times.
        checkpoint: path or name of a checkpoint; several are compared with the first, such as one
            trained with the Euclidean loss and one with the DBE loss; auto, or none: what the node
            takes on this machine.
        json: write all figures to this file.
        page: draw the best, median and worst pictures, and the zoom rule, into this PNG.
        nyu: the pictures are of NYUv2 (480 x 640, or 427 x 561 cropped): its crops count.
        device: auto, cpu, cuda or cuda:N.
        precision: of the network: float32 gives the same figures anywhere; auto is the node's.
        reading: how to read the data.
    """
    import json as json_module
    import sys

    from fourier_depth_ros.cli.outputs import prepare_file
    from fourier_depth_ros.data.nyu import NyuDepth
    from fourier_depth_ros.data.opening import open_all
    from fourier_depth_ros.resources import find_checkpoint

    sets = open_all(data, reading)
    nyu = nyu or all(isinstance(dataset, NyuDepth) for dataset in sets)
    names = checkpoint or ("auto",)
    for name in names:
        if name != "auto":
            find_checkpoint(name, cuda=False)
    for flag, file in (("json", json), ("page", page)):
        if file is not None:
            prepare_file(flag, file)
    if page is not None:
        import matplotlib  # noqa: F401 (missing: said before the work)

    import torch

    from fourier_depth_ros.core.checkpoint import file_digest
    from fourier_depth_ros.data.collection import RgbdCollection
    from fourier_depth_ros.data.processes import join_processes
    from fourier_depth_ros.evaluation.evaluate import evaluate_checkpoints
    from fourier_depth_ros.evaluation.page import write_page
    from fourier_depth_ros.evaluation.report import markdown, report
    from fourier_depth_ros.runtime import choose_checkpoint, read_checkpoint, require_metres
    from fourier_depth_ros.signals import stop_on_signals

    # a GPU's convolutions would round float32 to TF32, and the figures be its own
    torch.backends.cudnn.allow_tf32 = False
    chosen = [choose_checkpoint(name, device) for name in names]
    paths = _by_name([path for path, _ in chosen])
    checkpoints = {name: read_checkpoint(path) for name, path in paths.items()}
    for name, path in paths.items():
        require_metres(checkpoints[name], path)
    with join_processes() as processes, stop_on_signals(WRITING) as stop:
        for _, why in chosen:
            if why and processes.first:
                print(f"fourier-depth: {why}", file=sys.stderr)
        samples = RgbdCollection(sets, "evaluated" if processes.first else None)
        evaluation = evaluate_checkpoints(
            checkpoints, samples, nyu, device, precision, processes, stop
        )
        if page is not None:
            write_page(page, evaluation, RgbdCollection(sets), processes)
        if processes.first:
            figures = {
                "data": [str(path) for path in data],
                "precision": precision,
                "weights": {name: file_digest(path) for name, path in paths.items()},
                **report(evaluation),
            }
            print(markdown(figures))
            if json is not None:
                text = json_module.dumps(figures, indent=1, ensure_ascii=False)
                json.write_text(f"{text}\n")
    return 128 + evaluation.interrupted.signal if evaluation.interrupted else 0


def _by_name(files: Sequence[Path]) -> dict[str, Path]:
    """Files by their stem, or by their path where stems are alike."""
    stems = [file.stem for file in files]
    return {
        stem if stems.count(stem) == 1 else str(file): file
        for stem, file in zip(stems, files, strict=True)
    }
