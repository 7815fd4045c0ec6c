"""``fourier-depth benchmark``: what a frame costs here, against what its network passes cost."""

from __future__ import annotations

from pathlib import Path


def benchmark(
    *,
    json: Path,
    quick: bool = False,
    checkpoint: str = "resnet18_rooms",
    large: str = "",
    rooms: Path | None = None,
    device: str = "auto",
    node: bool = True,
) -> None:
    """Time our frame, the pure network and the naive way by turns; the node across processes.

    Writes FILE.json with every figure and target, FILE.md with the tables, FILE.png with a plot.
    Let the machine rest meanwhile: the report says how busy others kept it.

    Args:
        json: the file to write.
        quick: under three minutes on a quiet machine: fewer backends and rounds; neither int8 nor
            5,000 frames.
        checkpoint: a fitted ResNet-18: path or name.
        large: a ResNet-152 checkpoint; empty: random weights, right for time but not for depth.
        rooms: held-out RGB-D data, for int8's error; without, that is not measured.
        device: auto, cpu, cuda or cuda:N.
        node: also run the node end to end, where ROS 2 is installed.
    """
    import json as json_module
    import logging

    from fourier_depth_ros.benchmark import report
    from fourier_depth_ros.benchmark.run import run_benchmark
    from fourier_depth_ros.resources import find_checkpoint

    logging.getLogger("nncf").setLevel(logging.ERROR)
    path, _ = find_checkpoint(checkpoint, cuda=False)
    json.parent.mkdir(parents=True, exist_ok=True)
    result = run_benchmark(path, large, rooms, device, quick, node)
    json.write_text(json_module.dumps(result, indent=1) + "\n")
    text = report.markdown(result)
    json.with_suffix(".md").write_text(text)
    report.plot(result, json.with_suffix(".png"))
    print(text)
    if result["load"]["others_cores"] > 0.1:
        print("the machine was not quiet: trust the ratios more than the milliseconds")
