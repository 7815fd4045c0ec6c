"""What it costs and saves to run the trunk once for the four corner crops of a ratio.

This is the trial behind `crops: shared`, which shares all of the trunk; here it is also shared only
up to the modified blocks, and both ways are fitted on the same few pictures.

    python experiments/shared_trunk.py models/resnet18_rooms.safetensors FIT_ROOMS HELD_OUT_ROOMS

Both folders come from `fourier-depth simulate`. The corners are windows of one picture zoomed to a
size that stride 32 divides: its first stages run once, then the windows of the feature map, on
whole cells, go through the rest. What was found: docs/decisions/crops-shared.md.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial, reduce
from pathlib import Path

import torch
from torch import Tensor, nn

from fourier_depth_ros.benchmark.timing import ratio
from fourier_depth_ros.config import CombinationSettings, shared_ratios
from fourier_depth_ros.core.checkpoint import load_checkpoint
from fourier_depth_ros.core.crops import (
    GRID,
    CropMerger,
    cut_windows,
    extract_crops,
    extract_zoomed,
    merge_crops,
)
from fourier_depth_ros.core.geometry import focal_factor
from fourier_depth_ros.core.network import FoldedNetwork
from fourier_depth_ros.core.space import to_depth
from fourier_depth_ros.core.statistics import CombinerStatistics
from fourier_depth_ros.core.subsets import Folds, choose_hierarchy
from fourier_depth_ros.data.folder import FolderDepth
from fourier_depth_ros.data.truth import fill_holes, resize_depth
from fourier_depth_ros.evaluation.bootstrap import interval, room_draws
from fourier_depth_ros.evaluation.metrics import DepthMetrics
from fourier_depth_ros.fitting.candidates import GridSample
from fourier_depth_ros.fitting.fit import FoldCollector

#: Which pictures of each room.
FIT_VIEWS, HELD_OUT_VIEWS = (0, 2), (0, 1, 2, 3)
ROUNDS = 9

#: From a picture's crops, and the picture zoomed to each size, to all crops' maps.
Way = Callable[[Tensor, list[Tensor]], Tensor]


def stages(network: FoldedNetwork) -> list[tuple[str, nn.Module]]:
    """The trunk in the order it runs: the stem, then every block."""
    trunk = network.trunk
    stem = nn.Sequential(trunk.conv1, trunk.bn1, trunk.relu, trunk.maxpool)
    blocks = [
        (f"{name}_{i}", block)
        for name in ("layer1", "layer2", "layer3", "layer4")
        for i, block in enumerate(getattr(trunk, name))
    ]
    return [("stem", stem), *blocks]


def partly_shared(network: FoldedNetwork, zoomed: Tensor, shared: int) -> Tensor:
    """The corners' answers, (4 n, rows, columns); only the first ``shared`` stages run once."""
    share = 1 - network.config.input_size / zoomed.shape[-1]

    def windows(maps: Tensor) -> Tensor:
        return cut_windows(maps, round(share * maps.shape[-1]))

    x = (zoomed - network.mean).to(network.trunk.conv1.weight.dtype)
    paths = []
    for index, (name, stage) in enumerate(stages(network)):
        if index == shared:
            x = windows(x)
        x = stage(x)
        if name in network.extra:
            path = network.extra[name](x)
            paths.append(windows(path) if index < shared else path)
    return network.head.answer((*paths, x), 0)


def ways(network: FoldedNetwork) -> dict[str, Way]:
    """The crops one by one, and the trunk shared up to the modified blocks, and altogether."""
    names = [name for name, _ in stages(network)]

    def separate(crops: Tensor, zoomed: list[Tensor]) -> Tensor:
        return network(crops)

    def partly(count: int, crops: Tensor, zoomed: list[Tensor]) -> Tensor:
        corners = [partly_shared(network, picture, count) for picture in zoomed]
        return torch.cat((network(crops[:1]), *corners))

    def altogether(crops: Tensor, zoomed: list[Tensor]) -> Tensor:
        return torch.cat((network(crops[:1]), *map(network, zoomed)))

    first = names.index(next(iter(network.extra)))
    return {
        "separate": separate,
        f"shared up to {names[first - 1]}": partial(partly, first),
        "shared altogether": altogether,
    }


def read(folder: str, views: tuple[int, ...], focal: float) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Room, picture and truth [canonical m] of some views of each room."""
    seen: Counter[str] = Counter()
    for sample in FolderDepth(Path(folder)):
        seen[sample.group] += 1
        if seen[sample.group] - 1 in views:
            depth = torch.from_numpy(sample.depth / focal_factor(sample.intrinsics, focal))
            picture = torch.from_numpy(sample.rgb).permute(2, 0, 1)
            yield len(seen) - 1, picture, resize_depth(depth, GRID)


def combine(
    fit: list[GridSample], held_out: list[GridSample], settings: CombinationSettings
) -> dict[str, list[Tensor]]:
    """Each held-out picture's candidates, and its depth by combinations fitted on ``fit``."""
    plain = len(settings.crop_ratios)
    collector = FoldCollector(settings.crop_ratios, folds=4)
    for sample in fit:
        collector.add(sample)
    folds = collector.finish()
    everything = reduce(CombinerStatistics.merge, folds)
    hierarchy = choose_hierarchy(Folds.of(folds), settings)
    depths = {
        f"candidate r = {r:.3f}": [sample.candidates[i] for sample in held_out]
        for i, r in enumerate(settings.crop_ratios)
    }
    for name in ("mean", "paper", "hierarchical"):
        chosen = settings.model_copy(update={"combination": name})
        combiner = everything.solve(chosen, hierarchy).combiner()
        depths[name] = [combiner(sample.candidates[:plain]) for sample in held_out]
    return depths


def report(depths: dict[str, dict[str, list[Tensor]]], held_out: list[GridSample]) -> None:
    """RMSE and AbsRel of the first way, and how much the others differ from it."""
    for row in depths["separate"]:
        metrics = DepthMetrics(len(depths))
        for i, sample in enumerate(held_out):
            maps = torch.stack([depths[way][row][i] for way in depths])
            metrics.update(maps, sample.truth.where(sample.valid, torch.nan), i, sample.room)
        sums = metrics.compute()
        for metric in ("rmse", "abs_rel"):
            once, drawn = sums.pooled()[metric], sums.pooled(room_draws(sums.groups))[metric]
            print(f"{row}: {metric} {once[0, 0]:.4f}")
            change = 100 * (once / once[:, :1] - 1)
            low, high = interval(100 * (drawn / drawn[:, :1] - 1))
            for i, way in list(enumerate(depths))[1:]:
                print(f"  {way}: {change[0, i]:+.2f} % [{low[i]:+.2f}, {high[i]:+.2f}]")


@torch.inference_mode()
def main(checkpoint_path: str, fit: str, held_out: str) -> None:
    """Fit each way's combination on its own candidates; print errors and time."""
    checkpoint = load_checkpoint(checkpoint_path)
    space, side = checkpoint.config.space, checkpoint.config.network.input_size
    network = FoldedNetwork(checkpoint.network).to(memory_format=torch.channels_last)
    network.set_precision(torch.bfloat16)
    ratios = shared_ratios(side)
    settings = CombinationSettings(crop_ratios=ratios, use_flips=False)
    samples: dict[str, dict[str, list[GridSample]]] = {}
    for folder, views in ((fit, FIT_VIEWS), (held_out, HELD_OUT_VIEWS)):
        of_way = samples[folder] = {name: [] for name in ways(network)}
        for room, picture, truth in read(folder, views, space.canonical_focal):
            crops = extract_crops(picture, ratios, side, flips=False)
            zoomed = extract_zoomed(picture, ratios[1:], side, flips=False)
            merger = CropMerger.build(picture.shape[1:], ratios, network.config.map_size)
            for name, way in ways(network).items():
                made = merge_crops(to_depth(way(crops, zoomed), space), merger, flips=False)
                twice = torch.cat((made, made))  # the mirrored ones are never asked for
                filled, valid = fill_holes(truth, made[0]), torch.isfinite(truth)
                of_way[name].append(GridSample(0, room, twice, filled, valid))
    depths = {
        name: combine(samples[fit][name], samples[held_out][name], settings)
        for name in samples[fit]
    }
    report(depths, samples[held_out]["separate"])
    taken: dict[str, list[float]] = {name: [] for name in depths}
    for _ in range(ROUNDS):
        for name, way in ways(network).items():
            start = time.thread_time()  # unlike wall time, hardly longer on a busy machine
            way(crops, zoomed)
            taken[name].append(time.thread_time() - start)
    for name in taken:
        print(f"passes of {name}: separate / this {ratio(taken['separate'], taken[name]):.2f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(*sys.argv[1:])
