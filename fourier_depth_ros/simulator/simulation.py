"""Making rooms: one at a time, resuming, in several processes.

Convention: a picture depends on the seed, the options and the assets only; not on the number of
processes, nor on what was made before.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import queue
import random
import signal
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2

from fourier_depth_ros.clock import StageClock
from fourier_depth_ros.simulator.assets import Assets, attribution
from fourier_depth_ros.simulator.cycles import CyclesRenderer
from fourier_depth_ros.simulator.dataset import (
    Options,
    claim,
    room_record,
    write_pair,
    write_whole,
)
from fourier_depth_ros.simulator.lighting import Caster, bake
from fourier_depth_ros.simulator.models import ModelStore
from fourier_depth_ros.simulator.renderer import Renderer
from fourier_depth_ros.simulator.rooms import build_room
from fourier_depth_ros.simulator.scene import Room
from fourier_depth_ros.simulator.views import (
    coarse_depth,
    develop,
    reject_picture,
    reject_shape,
    sample_view,
)

TRIES = 8  # cameras sampled a wanted view, at most


class Simulator:
    """Makes rooms one at a time; holds what they share: models and the renderer.

    Args:
        threads: that draw, where Cycles does; 0: a core each.

    Raises:
        ImportError: moderngl, embreex or bpy is not installed.
        RuntimeError: no OpenGL on EGL.
    """

    def __init__(self, assets: Assets, options: Options, threads: int = 0) -> None:
        self.assets, self.options = assets, options
        self.store = ModelStore(assets.cache)
        self.renderer: Renderer | CyclesRenderer
        if options.renderer == "cycles":
            self.renderer = CyclesRenderer(options.width, options.height, options.samples, threads)
        else:
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
        clock = StageClock()
        stem = f"{seed:06d}"
        (out / "rooms" / f"{stem}.json").unlink(missing_ok=True)
        for folder in ("rgb", "depth", "rooms"):
            for left_over in (out / folder).glob(f".{stem}[_.]*"):
                left_over.unlink(missing_ok=True)
        room = build_room(seed, self.assets, self.store)
        clock.mark("build")
        caster = self._load(room, seed, clock)
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
                reason = reject_shape(coarse_depth(caster, view.camera), view.close_up)
            clock.mark("views")
            if reason or view is None:
                dropped[reason] += 1
                continue
            light, depth = self.renderer.render(view.camera)
            clock.mark("render")
            rgb = develop(rnd, light)
            reason = reject_picture(rgb, depth)
            clock.mark("develop")
            if reason:
                dropped[reason] += 1
                continue
            files |= write_pair(out, f"{stem}_{kept:03d}", rgb, depth, view.camera.intrinsics)
            clock.mark("write")
            kept += 1
        about = {
            "seed": seed,
            "theme": room.theme,
            "size_m": [round(side, 3) for side in room.size],
            "options": asdict(self.options),
            "pictures": kept,
            "dropped": dict(dropped),
            "seconds": {stage: round(taken, 4) for stage, taken in clock.seconds.items()},
            "files": files,
        }
        write_whole(out / "rooms" / f"{stem}.json", json.dumps(about, indent=1).encode())

    def _load(self, room: Room, seed: int, clock: StageClock) -> Caster:
        """Give a room to the renderer, with its light where that is not traced; it for rays."""
        if isinstance(self.renderer, CyclesRenderer):
            self.renderer.load(room)
            caster = Caster(room)
        else:
            baked = bake(room, seed)
            clock.mark("bake")
            self.renderer.load(room, baked)
            caster = baked.caster
        clock.mark("load")
        return caster


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
    claim(out, options)
    write_whole(out / "ATTRIBUTION.md", attribution(assets).encode())
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
    threads = max(1, (os.cpu_count() or 1) // workers)
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
    threads: int,
) -> None:
    """A worker process: takes the next seed until there is none, or nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends this
    os.environ.setdefault("LP_NUM_THREADS", str(threads))
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
            simulator = simulator or Simulator(assets, options, threads)
            done.put((seeds[index], simulator.attempt(out, seeds[index]), False))
        except Exception as error:
            done.put((seeds[index], f"{type(error).__name__}: {error}", True))
            return
