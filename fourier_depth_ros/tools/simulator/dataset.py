"""A folder of simulated rooms: writing it, going on where it was cut off, several processes.

Layout (FolderDepth reads it): rgb/SEED_VIEW.jpg with rgb/SEED_VIEW.yaml, depth/SEED_VIEW.png;
rooms/SEED.json once a room is complete; dataset.yaml and ATTRIBUTION.md.

Convention: depth is z, 16 bit millimetres, 0 invalid (glass, outdoors, beyond 20 m).
"""

from __future__ import annotations

import json
import multiprocessing
import os
import queue
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from fourier_depth_ros.tools.simulator.assets import Assets, attribution
from fourier_depth_ros.tools.simulator.lighting import bake
from fourier_depth_ros.tools.simulator.models import ModelStore
from fourier_depth_ros.tools.simulator.renderer import Renderer
from fourier_depth_ros.tools.simulator.rooms import build_room
from fourier_depth_ros.tools.simulator.views import (
    coarse_depth,
    develop,
    reject_picture,
    reject_shape,
    sample_view,
)
from fourier_depth_ros.tools.sources import write_calibration

SIMULATOR = 1  # another number: the same seeds give other pictures
TRIES = 8  # cameras sampled a wanted view, at most
JPEG_QUALITY = 94


@dataclass(frozen=True)
class Options:
    """What pictures are made: views a room, and their size [px]."""

    views: int = 8
    width: int = 640
    height: int = 480

    def __post_init__(self) -> None:
        for name, low, high in (("views", 1, 999), ("width", 64, 4096), ("height", 64, 4096)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {low} to {high}")


@dataclass(frozen=True)
class Summary:
    """What a folder holds.

    Attributes:
        dropped: views that were looked at and not kept, by reason.
        seconds: of work by stage, of all rooms in the folder; processes add up.
    """

    rooms: int
    pictures: int
    dropped: dict[str, int]
    seconds: dict[str, float]


class Simulator:
    """Makes rooms one at a time; holds what they share: models and the OpenGL context.

    Raises:
        ImportError: moderngl or embreex is not installed.
        RuntimeError: no OpenGL on EGL.
    """

    def __init__(self, assets: Assets, options: Options) -> None:
        self.assets, self.options = assets, options
        self.store = ModelStore(assets.cache)
        self.renderer = Renderer(options.width, options.height)

    def attempt(self, out: Path, seed: int) -> str:
        """Make a room; why it could not be made, empty if it was.

        Only what a room's own contents can cause: no disk space or no OpenGL is still raised.
        """
        try:
            self.make(out, seed)
        except (ArithmeticError, LookupError, TypeError, ValueError, cv2.error) as error:
            return f"{type(error).__name__}: {error}"
        return ""

    def make(self, out: Path, seed: int) -> None:
        """The pictures of one room, each file at once in place, and rooms/SEED.json last."""
        clock = _Clock()
        stem = f"{seed:06d}"
        (out / "rooms" / f"{stem}.json").unlink(missing_ok=True)
        for folder in ("rgb", "depth", "rooms"):
            for left_over in (out / folder).glob(f".{stem}[_.]*"):
                left_over.unlink(missing_ok=True)
        room = build_room(seed, self.assets, self.store)
        clock.stop("build")
        baked = bake(room, seed)
        clock.stop("bake")
        self.renderer.load(room, baked)
        clock.stop("load")
        files: dict[str, int] = {}
        dropped: Counter[str] = Counter()
        kept = 0
        for attempt in range(self.options.views * TRIES):
            if kept == self.options.views:
                break
            rnd = random.Random(f"{seed} {attempt}")
            view = sample_view(rnd, room, self.options.width, self.options.height)
            reason = "crowded"
            if view:
                reason = reject_shape(coarse_depth(baked.caster, view.camera), view.close_up)
            clock.stop("views")
            if reason or view is None:
                dropped[reason] += 1
                continue
            light, depth = self.renderer.render(view.camera)
            clock.stop("render")
            rgb = develop(rnd, light)
            reason = reject_picture(rgb, depth)
            clock.stop("develop")
            if reason:
                dropped[reason] += 1
                continue
            files |= _write_pair(out, f"{stem}_{kept:03d}", rgb, depth, view.camera.intrinsics)
            clock.stop("write")
            kept += 1
        about = {
            "seed": seed,
            "theme": room.theme,
            "size_m": [round(side, 3) for side in room.size],
            "options": asdict(self.options),
            "pictures": kept,
            "dropped": dict(dropped),
            "seconds": clock.seconds,
            "files": files,
        }
        _write(out / "rooms" / f"{stem}.json", json.dumps(about, indent=1).encode())


class _Clock:
    """Wall time by stage [s]."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def stop(self, stage: str) -> None:
        """Put the time since the last call down to ``stage``."""
        now = time.perf_counter()
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + now - self._last, 4)
        self._last = now


def _write_pair(
    out: Path, name: str, rgb: np.ndarray, depth: np.ndarray, intrinsics: Any
) -> dict[str, int]:
    """The three files of a view; the picture last, so that it never lacks the other two."""
    millimetres = np.round(depth * 1000).astype(np.uint16)
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _, png = cv2.imencode(".png", millimetres, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), quality)
    part = out / "rgb" / f".{name}.yaml.part"
    write_calibration(part, intrinsics, name="simulated")
    sizes = {f"rgb/{name}.yaml": part.stat().st_size}
    part.replace(out / "rgb" / f"{name}.yaml")
    for file, data in ((f"depth/{name}.png", png), (f"rgb/{name}.jpg", jpeg)):
        sizes[file] = len(data)
        _write(out / file, data.tobytes())
    return sizes


def _write(path: Path, data: bytes) -> None:
    """Atomically: the file is whole or not there."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)


def room_record(out: Path, seed: int) -> dict[str, Any] | None:
    """rooms/SEED.json; None where the room is not complete, or a file of it is not whole."""
    try:
        record = json.loads((out / "rooms" / f"{seed:06d}.json").read_text(encoding="utf-8"))
        sizes = {file: (out / file).stat().st_size for file in record["files"]}
    except (OSError, ValueError, KeyError):
        return None
    return record if sizes == record["files"] else None


def simulate_rooms(
    out: Path, assets: Assets, options: Options, seeds: range, workers: int = 1
) -> Iterator[tuple[int, str]]:
    """Make the rooms of ``seeds`` that ``out`` lacks; yields each seed, with why it failed or "".

    Complete rooms are skipped (their seeds come first), others redone; the pictures of a seed are
    the same whatever the workers and whatever was made before.

    Raises:
        ValueError: ``out`` holds rooms of other options or of another version.
        ImportError, RuntimeError: as Simulator; or a worker process died.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}, expected 1 or more")
    for folder in ("rgb", "depth", "rooms"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    _claim(out, options)
    _write(out / "ATTRIBUTION.md", attribution(assets).encode())
    missing = []
    for seed in seeds:
        if room_record(out, seed):
            yield seed, ""
        else:
            missing.append(seed)
    workers = min(workers, len(missing))
    if workers == 1:
        simulator = Simulator(assets, options)
        for seed in missing:
            yield seed, simulator.attempt(out, seed)
    elif workers:
        yield from _in_processes(out, assets, options, missing, workers)


def _in_processes(
    out: Path, assets: Assets, options: Options, seeds: list[int], workers: int
) -> Iterator[tuple[int, str]]:
    context = multiprocessing.get_context("spawn")
    done: Any = context.Queue()
    following = context.Value("i", 0)
    # a core each: without it every process would start a drawing thread a core
    threads = str(max(1, (os.cpu_count() or 1) // workers))
    arguments = (out, assets, options, seeds, following, done, threads)
    processes = [context.Process(target=_work, args=arguments, daemon=True) for _ in range(workers)]
    try:
        for process in processes:
            process.start()
        for _ in seeds:
            yield _next_result(done, processes)
        for process in processes:
            process.join()
    finally:
        for process in processes:
            if process.is_alive():
                process.terminate()


def _next_result(done: Any, processes: list[Any]) -> tuple[int, str]:
    while True:
        try:
            seed, error, fatal = done.get(timeout=1.0)
        except queue.Empty:
            dead = [p.exitcode for p in processes if p.exitcode not in (None, 0)]
            if dead:
                raise RuntimeError(
                    f"a worker process ended with exit code {dead[0]} (-9: out of memory?); "
                    f"complete rooms are kept, the same command goes on"
                ) from None
            continue
        if fatal:
            raise RuntimeError(f"room {seed}: {error}")
        return seed, error


def _work(
    out: Path,
    assets: Assets,
    options: Options,
    seeds: list[int],
    following: Any,
    done: Any,
    threads: str,
) -> None:
    """A worker process: takes the next seed until there is none, or nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends this
    os.environ.setdefault("LP_NUM_THREADS", threads)
    cv2.setNumThreads(1)
    parent = multiprocessing.parent_process()
    simulator: Simulator | None = None
    while parent is None or parent.is_alive():
        with following.get_lock():
            index = following.value
            following.value += 1
        if index >= len(seeds):
            return
        try:
            simulator = simulator or Simulator(assets, options)
            done.put((seeds[index], simulator.attempt(out, seeds[index]), False))
        except Exception as error:
            done.put((seeds[index], f"{type(error).__name__}: {error}", True))
            return


def _claim(out: Path, options: Options) -> None:
    """Write dataset.yaml, or check that the one there is of the same making."""
    making = {"simulator": SIMULATOR, "options": asdict(options)}
    file = out / "dataset.yaml"
    if file.is_file():
        held = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
        for key, value in making.items():
            if held.get(key) != value:
                raise ValueError(
                    f"{out} holds rooms made with {key} {held.get(key)}, not {value}: give the "
                    f"same, or another folder"
                )
    else:
        _write(file, yaml.safe_dump(making, sort_keys=False).encode())


def write_summary(out: Path, options: Options) -> Summary:
    """Bring dataset.yaml up to date with the complete rooms in ``out``."""
    dropped: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    seeds, pictures = [], 0
    for file in sorted((out / "rooms").glob("[0-9]*.json")):
        record = room_record(out, int(file.stem))
        if record:
            seeds.append(int(record["seed"]))
            pictures += record["pictures"]
            dropped.update(record["dropped"])
            seconds.update(record["seconds"])
    looked_at = pictures + sum(dropped.values())
    about = {
        "made_by": "fourier-depth simulate",
        "version": _version(),
        "simulator": SIMULATOR,
        "options": asdict(options),
        "depth": "z, 16 bit millimetres, 0 invalid",
        "licences": "ATTRIBUTION.md",
        "rooms": len(seeds),
        "pictures": pictures,
        "seeds": _ranges(sorted(seeds)),
        "views_looked_at": looked_at,
        "share_dropped": {
            reason: round(count / looked_at, 4) for reason, count in sorted(dropped.items())
        },
        "seconds_a_picture": {
            stage: round(total / max(pictures, 1), 4) for stage, total in seconds.items()
        },
    }
    text = yaml.safe_dump(about, sort_keys=False, default_flow_style=None, width=100)
    _write(out / "dataset.yaml", text.encode())
    return Summary(len(seeds), pictures, dict(dropped), dict(seconds))


def _version() -> str:
    try:
        return version("fourier_depth_ros")
    except PackageNotFoundError:
        return "unknown"


def _ranges(seeds: list[int]) -> list[str]:
    """Sorted numbers as ranges: 1, 2, 3, 7 -> 1-3, 7."""
    runs: list[list[int]] = []
    for seed in seeds:
        if runs and seed == runs[-1][1] + 1:
            runs[-1][1] = seed
        else:
            runs.append([seed, seed])
    return [f"{first}-{last}" if last > first else str(first) for first, last in runs]
