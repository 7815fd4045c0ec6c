"""Our frame against its pure network time and the naive way; and how its cost grows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass
from statistics import median

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from fourier_depth_ros.benchmark.naive import naive_depth
from fourier_depth_ros.benchmark.timing import ratio, take_turns
from fourier_depth_ros.config import PAPER_RATIOS, CombinationSettings, CropsName
from fourier_depth_ros.core.checkpoint import Checkpoint
from fourier_depth_ros.core.crops import extract_crops, extract_zoomed
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.core.frame import Backend

VGA = (480, 640)
#: What the presets of shared crops are called in a Row.
SHARED = "{}, shared"
#: What to do with a finished depth map in the naive way: fill a message.
Fill = Callable[[Float32[np.ndarray, "height width"]], object]


@dataclass(frozen=True)
class Row:
    """One backend on one preset; medians [ms], of rounds taken by turns.

    naive_over_frame is None where the naive way was not timed. error: median absolute difference
    of depth to eager float32 [m].
    """

    trunk: str
    preset: str
    crops: float
    backend: str
    frame_ms: float
    network_ms: float
    overhead_ms: float
    frame_over_network: float
    naive_ms: float | None
    naive_over_frame: float | None
    error_m: float
    rounds: int


def measure_preset(
    checkpoint: Checkpoint,
    preset: str,
    backends: dict[str, Backend],
    rgb: UInt8[np.ndarray, "height width 3"],
    seconds: float,
    fill: Fill | None,
    least: int = 3,
    way: CropsName = "corners",
) -> list[Row]:
    """A row for each of ``backends``, the first of which is the oracle of error_m.

    ``fill`` None leaves the naive way out, which is for corners.
    """
    image = torch.from_numpy(rgb).permute(2, 0, 1)
    tasks: dict[str, Callable[[], object]] = {}
    depths: dict[str, np.ndarray] = {}
    settings: CombinationSettings | None = None
    for name, backend in backends.items():
        estimator = DepthEstimator(checkpoint, backend=backend)
        estimator.use(preset, way)
        settings = estimator.combination
        tasks[f"frame {name}"] = frame = _frame(estimator, image)
        tasks[f"network {name}"] = network = _network(estimator, image, settings)
        for _ in range(3 if backend.name in ("graph", "compiled") else 1):
            depths[name] = frame()
        network()
    assert settings is not None
    if fill is not None:
        device = next(iter(backends.values())).device
        tasks["naive"] = _naive(checkpoint, device, settings, rgb, fill)
    taken = take_turns(tasks, seconds, least)
    oracle = next(iter(depths.values()))
    return [
        Row(
            trunk=checkpoint.config.network.trunk,
            preset=preset if way == "corners" else SHARED.format(preset),
            crops=settings.cost,
            backend=name,
            frame_ms=median(taken[f"frame {name}"]),
            network_ms=median(taken[f"network {name}"]),
            overhead_ms=median(
                a - b for a, b in zip(taken[f"frame {name}"], taken[f"network {name}"], strict=True)
            ),
            frame_over_network=ratio(taken[f"frame {name}"], taken[f"network {name}"]),
            naive_ms=median(taken["naive"]) if "naive" in taken else None,
            naive_over_frame=(
                ratio(taken["naive"], taken[f"frame {name}"]) if "naive" in taken else None
            ),
            error_m=float(np.nanmedian(np.abs(depths[name] - oracle))),
            rounds=len(taken[f"frame {name}"]),
        )
        for name in backends
    ]


def relative_difference(checkpoint: Checkpoint, backend: Backend, crops: torch.Tensor) -> float:
    """Of a backend's answer to the network's own in float32, of the largest value."""
    with torch.inference_mode():
        expected = checkpoint.own_network(crops)
        actual = backend.network(crops.to(backend.device)).cpu()
    return float((actual - expected).abs().max() / expected.abs().max())


@dataclass(frozen=True)
class Growth:
    """Median milliseconds of a frame, or for batches of the pure network, by x."""

    by: str
    x: list[int]
    milliseconds: list[float]


def measure_growth(checkpoint: Checkpoint, backend: Backend, seconds: float) -> list[Growth]:
    """How cost grows with the crops (mean of 1 to 66), the picture's pixels, and the batch."""
    by_crops = {}
    ratios: dict[int, tuple[tuple[float, ...], bool]] = {
        1: ((1.0,), False),
        5: (PAPER_RATIOS[:2], False),
        13: (PAPER_RATIOS[:4], False),
        33: (PAPER_RATIOS, False),
        66: (PAPER_RATIOS, True),
    }
    vga = torch.from_numpy(_noise(VGA)).permute(2, 0, 1)
    for crops, (some, flips) in ratios.items():
        estimator = DepthEstimator(checkpoint, backend=backend)
        estimator.set_combination(
            CombinationSettings(crop_ratios=some, use_flips=flips, combination="mean")
        )
        by_crops[crops] = _frame(estimator, vga)
    single = DepthEstimator(checkpoint, backend=backend)
    single.set_combination(
        CombinationSettings(crop_ratios=(1.0,), use_flips=False, combination="mean")
    )
    sizes = ((240, 320), VGA, (720, 1280), (1080, 1920), (2160, 3840))
    pictures = {h * w: torch.from_numpy(_noise((h, w))).permute(2, 0, 1) for h, w in sizes}
    by_size = {pixels: _frame(single, picture) for pixels, picture in pictures.items()}
    side = checkpoint.config.network.input_size
    batches = {
        n: torch.zeros(n, 3, side, side, dtype=torch.uint8) for n in (1, 2, 4, 8, 16, 33, 66)
    }
    by_batch = {n: _pure(backend, batch) for n, batch in batches.items()}
    return [
        _grow(name, tasks, seconds)
        for name, tasks in (("crops", by_crops), ("pixels", by_size), ("batch", by_batch))
    ]


def _grow(by: str, tasks: Mapping[int, Callable[[], object]], seconds: float) -> Growth:
    for task in tasks.values():
        for _ in range(3):
            task()
    taken = take_turns({str(x): task for x, task in tasks.items()}, seconds)
    return Growth(by, list(tasks), [median(taken[str(x)]) for x in tasks])


def deviation_from_a_line(growth: Growth) -> float:
    """The largest distance of a cost from the best straight line, of the largest cost."""
    slope, start = np.polyfit(growth.x, growth.milliseconds, 1)
    line = start + slope * np.array(growth.x)
    return float(np.abs(line - growth.milliseconds).max() / max(growth.milliseconds))


def as_json(rows: list[Row]) -> list[dict[str, object]]:
    """Plain dictionaries, rounded to what means something."""
    return [
        {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(row).items()}
        for row in rows
    ]


def _frame(estimator: DepthEstimator, image: torch.Tensor) -> Callable[[], np.ndarray]:
    return lambda: estimator.predict(image).depth.cpu().numpy()


def _network(
    estimator: DepthEstimator, image: torch.Tensor, settings: CombinationSettings
) -> Callable[[], object]:
    side, there = estimator.config.network.input_size, image.to(estimator.device)
    if settings.crops == "shared":
        passes = extract_zoomed(there, settings.crop_ratios, side, settings.use_flips)
    else:
        passes = [extract_crops(there, settings.crop_ratios, side, settings.use_flips)]
    return _pure(estimator.backend, *passes)


def _pure(backend: Backend, *passes: torch.Tensor) -> Callable[[], object]:
    there = [pictures.to(backend.device) for pictures in passes]

    @torch.inference_mode()
    def run() -> None:
        for pictures in there:
            backend.network(pictures)
        if backend.device.type == "cuda":
            torch.cuda.synchronize()

    return run


def _naive(
    checkpoint: Checkpoint,
    device: torch.device,
    settings: CombinationSettings,
    rgb: np.ndarray,
    fill: Fill,
) -> Callable[[], object]:
    combiner = checkpoint.fit_of("corners").combiner(settings)
    network, space = deepcopy(checkpoint.own_network).to(device), checkpoint.config.space
    return lambda: fill(naive_depth(network, space, settings, combiner, rgb))


def _noise(size: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
