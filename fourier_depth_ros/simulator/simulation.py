"""Making rooms: one at a time, resuming, in several processes.

Convention: a picture depends on the seed, the options and the assets only; not on the number of
processes, nor on what was made before.
"""

from __future__ import annotations

import json
import logging
import os
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from fourier_depth_ros.clock import StageClock
from fourier_depth_ros.simulator.assets import Assets, attribution
from fourier_depth_ros.simulator.cycles import CyclesRenderer
from fourier_depth_ros.simulator.dataset import (
    Options,
    claim,
    discard,
    room_record,
    write_pair,
    write_whole,
)
from fourier_depth_ros.simulator.desks.views import DeskView, reject_desk_view, sample_desk_view
from fourier_depth_ros.simulator.lighting import Caster, bake
from fourier_depth_ros.simulator.models import ModelStore
from fourier_depth_ros.simulator.optional import ANNY_HINT
from fourier_depth_ros.simulator.passages.kinds import build_passage, is_passage
from fourier_depth_ros.simulator.people.inhabitants import add_people
from fourier_depth_ros.simulator.people.views import SHARE as PEOPLE_SHARE
from fourier_depth_ros.simulator.people.views import (
    PersonView,
    reject_person_view,
    sample_person_view,
)
from fourier_depth_ros.simulator.renderer import Renderer
from fourier_depth_ros.simulator.rooms import build_room
from fourier_depth_ros.simulator.scene import Room
from fourier_depth_ros.simulator.views import (
    View,
    coarse_depth,
    develop,
    reject_picture,
    reject_shape,
    sample_view,
)
from fourier_depth_ros.simulator.workers import Attempt, attempts

logger = logging.getLogger(__name__)

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
        discard(out, seed)
        make = build_passage if is_passage(seed, self.options.passages) else build_room
        room = make(seed, self.assets, self.store)
        if self.assets.bodies and self.options.people:
            add_people(room, seed, self.assets, self.store, self.options.people)
        clock.mark("build")
        caster = self._load(room, seed, clock)
        files: dict[str, int] = {}
        dropped: Counter[str] = Counter()
        kept = 0
        for attempt in range(self.options.views * TRIES):
            if kept == self.options.views:
                break
            rnd = random.Random(f"{seed} {attempt}")
            # by what is kept, or views that are often dropped would be fewer than their share
            desk = random.Random(f"{seed} kind {kept}").random() < self.options.desks
            view = self._sample_view(rnd, room, desk)
            reason = "crowded"
            if view:
                seen = coarse_depth(caster, view.camera)
                reason = _reject(seen, view)
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
            files |= write_pair(out, f"{seed:06d}_{kept:03d}", rgb, depth, view.camera.intrinsics)
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
        write_whole(out / "rooms" / f"{seed:06d}.json", json.dumps(about, indent=1).encode())

    def _sample_view(self, rnd: random.Random, room: Room, desk: bool) -> View | None:
        """Of a ``desk`` where there is one; else of a person where there is one, in a share."""
        size = self.options.width, self.options.height
        if desk and room.desks:
            return sample_desk_view(rnd, room, *size)
        if room.people and rnd.random() < PEOPLE_SHARE:
            return sample_person_view(rnd, room, *size)
        return sample_view(rnd, room, *size)

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


def _reject(depth: np.ndarray, view: View) -> str:
    """Why a view's coarse depth [m] makes it no use, by its kind's rules; empty if it is one."""
    if isinstance(view, PersonView):
        return reject_person_view(depth, view)
    if isinstance(view, DeskView):
        return reject_desk_view(depth)
    return reject_shape(depth, view.close_up)


def simulate_rooms(
    out: Path,
    assets: Assets,
    options: Options,
    seeds: range,
    workers: int = 1,
    simulator: type[Simulator] = Simulator,
) -> Iterator[tuple[int, str]]:
    """Make the rooms of ``seeds`` that ``out`` lacks; yields each seed, with why it failed or "".

    Complete rooms are skipped (their seeds come first), others redone; the pictures of a seed are
    the same whatever the workers and whatever was made before. A room that ends its process, by a
    crash in a library that draws, is tried once more, and then left out as one that failed.

    Args:
        workers: processes; 1: this one alone, which a crash ends.
        simulator: what makes the rooms.

    Raises:
        ValueError: ``out`` holds rooms of other options or of another version.
        ImportError, RuntimeError: as Simulator, or attempts.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}, expected 1 or more")
    for folder in ("rgb", "depth", "rooms"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    claim(out, options)
    if options.people and not assets.bodies:
        logger.warning("rooms come without people: %s", ANNY_HINT)
    write_whole(out / "ATTRIBUTION.md", attribution(assets).encode())
    missing = []
    for seed in seeds:
        if room_record(out, seed):
            yield seed, ""
        else:
            missing.append(seed)
    if not missing:
        return
    results: Iterator[tuple[int, str]]
    if workers > 1:
        # a core each: without it every process would start a drawing thread a core
        threads = max(1, (os.cpu_count() or 1) // workers)
        prepare = partial(_in_a_worker, simulator, assets, options, threads, out)
        results = attempts(prepare, missing, workers)
    else:
        here = simulator(assets, options)
        results = ((seed, here.attempt(out, seed)) for seed in missing)
    for seed, error in results:
        if error:
            discard(out, seed)
        yield seed, error


def _in_a_worker(
    simulator: type[Simulator], assets: Assets, options: Options, threads: int, out: Path
) -> Attempt:
    # llvmpipe draws beside Python with 1, in its place with 0: as fast, and one thread less
    os.environ.setdefault("LP_NUM_THREADS", str(threads) if threads > 1 else "0")
    cv2.setNumThreads(1)
    return partial(simulator(assets, options, threads).attempt, out)
