"""The folder that simulated rooms are written to; FolderDepth reads it, no class of its own does.

Layout: rgb/SEED_VIEW.jpg with rgb/SEED_VIEW.yaml (intrinsics), depth/SEED_VIEW.png; rooms/SEED.json
once a room is complete; dataset.yaml and ATTRIBUTION.md. A sample's group is its room.

Convention: depth is z, 16 bit millimetres, 0 invalid (glass, outdoors, beyond 20 m).
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.files import whole_file
from fourier_depth_ros.images.calibration import write_calibration

SIMULATOR = 3  # another number: the same seeds give other pictures
JPEG_QUALITY = 94
RENDERERS = ("gl", "cycles")
SAMPLES = 16  # paths a pixel
PASSAGES = 0.25  # share of the rooms
PEOPLE = 0.3  # share of the rooms
DESKS = 0.3  # share of the views


@dataclass(frozen=True)
class Options:
    """What pictures are made.

    Attributes:
        views: a room.
        width: of the pictures [px].
        height: of the pictures [px].
        renderer: gl or cycles.
        samples: paths a pixel that Cycles traces; gl traces none.
        passages: share of the rooms that are corridors, halls, doorways and stairs.
        people: share of the rooms that have people in them, where anny is installed.
        desks: share of the views that look at a desk or table from near.
    """

    views: int = 8
    width: int = 640
    height: int = 480
    renderer: str = "gl"
    samples: int = SAMPLES
    passages: float = PASSAGES
    people: float = PEOPLE
    desks: float = DESKS

    def __post_init__(self) -> None:
        sides = (64, 4096)
        ranges = {"views": (1, 999), "width": sides, "height": sides, "samples": (1, 4096)}
        ranges |= dict.fromkeys(("passages", "people", "desks"), (0, 1))
        for name, (low, high) in ranges.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {low} to {high}")
        if self.renderer not in RENDERERS:
            raise ValueError(f"renderer is {self.renderer!r}, expected one of {RENDERERS}")
        if self.renderer == "gl" and self.samples != SAMPLES:
            raise ValueError(f"samples is {self.samples}, but gl traces none: renderer cycles does")


@dataclass(frozen=True)
class Summary:
    """What a folder holds.

    Attributes:
        dropped: views that were looked at and not kept, by reason.
    """

    rooms: int
    pictures: int
    dropped: dict[str, int]


def write_pair(
    out: Path, name: str, rgb: np.ndarray, depth: np.ndarray, intrinsics: Intrinsics
) -> dict[str, int]:
    """Write a view's three files, the picture last: it never lacks the other two. Their sizes.

    ``rgb`` is (H, W, 3) uint8, ``depth`` (H, W) [m], 0 invalid.
    """
    millimetres = np.round(depth * 1000).astype(np.uint16)
    quality = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _, png = cv2.imencode(".png", millimetres, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    _, jpeg = cv2.imencode(".jpg", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), quality)
    with whole_file(out / "rgb" / f"{name}.yaml") as partial:
        write_calibration(partial, intrinsics, name="simulated")
        sizes = {f"rgb/{name}.yaml": partial.stat().st_size}
    for file, data in ((f"depth/{name}.png", png), (f"rgb/{name}.jpg", jpeg)):
        sizes[file] = len(data)
        write_whole(out / file, data.tobytes())
    return sizes


def write_whole(path: Path, data: bytes) -> None:
    """Write ``data``: the file is whole or not there."""
    with whole_file(path) as partial:
        partial.write_bytes(data)


def room_record(out: Path, seed: int) -> dict[str, Any] | None:
    """rooms/SEED.json; None where the room is not complete, or a file of it is not whole."""
    try:
        record = json.loads((out / "rooms" / f"{seed:06d}.json").read_text(encoding="utf-8"))
        sizes = {file: (out / file).stat().st_size for file in record["files"]}
    except (OSError, ValueError, KeyError):
        return None
    return record if sizes == record["files"] else None


def discard(out: Path, seed: int) -> None:
    """Take away what there is of a room: its record, its pictures, and what was cut off."""
    stem = f"{seed:06d}"
    (out / "rooms" / f"{stem}.json").unlink(missing_ok=True)
    for folder in ("rgb", "depth", "rooms"):  # the picture first: it never lacks the other two
        for pattern in (f"{stem}_*", f".{stem}[_.]*"):
            for file in sorted((out / folder).glob(pattern)):
                file.unlink()


def claim(out: Path, options: Options) -> None:
    """Write dataset.yaml, or check that the one there is of the same making.

    Raises:
        ValueError: it is of other options, or of another version of the simulator.
    """
    making = {"simulator": SIMULATOR, "options": asdict(options)}
    file = out / "dataset.yaml"
    if file.is_file():
        try:
            held = yaml.safe_load(file.read_text(encoding="utf-8"))
        except yaml.YAMLError as error:
            raise ValueError(f"{file}: {error}") from error
        held = held if isinstance(held, dict) else {}
        if isinstance(held.get("options"), dict):
            # there were no others once
            absent = {"renderer": "gl", "samples": SAMPLES, "people": 0.0}
            held["options"] = absent | held["options"]
        for key, value in making.items():
            if held.get(key) != value:
                raise ValueError(
                    f"{out} holds rooms made with {key} {held.get(key)}, not {value}: give the "
                    f"same, or another folder"
                )
    else:
        write_whole(file, yaml.safe_dump(making, sort_keys=False).encode())


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
    write_whole(out / "dataset.yaml", text.encode())
    return Summary(len(seeds), pictures, dict(dropped))


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
