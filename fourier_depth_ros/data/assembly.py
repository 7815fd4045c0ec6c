"""A training set of real pictures, assembled from clones of the repositories that hold them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float32, Shaped, UInt8

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.data.clones import Clone, fetch_commit, find_clone
from fourier_depth_ros.data.pairing import Pair, find_pairs
from fourier_depth_ros.data.places import SPLITS, Place
from fourier_depth_ros.data.reading import read_color, read_depth
from fourier_depth_ros.data.registration import register_depth
from fourier_depth_ros.files import whole_file
from fourier_depth_ros.images.calibration import write_calibration
from fourier_depth_ros.images.encodings import encode_depth

#: Colour files that are copied to the byte; others are decoded and written as PNG.
_COPIED = (".jpg", ".jpeg", ".png")
_JPEG_QUALITY = 95
_TURNS = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


class Frame(NamedTuple):
    """A pair of a place, and where it is read from."""

    place: Place
    clone: Clone
    pair: Pair

    @property
    def name(self) -> str:
        """Of its files: the place, an underscore, and a name without any (see FolderDepth)."""
        return f"{self.place.name}_{self.pair.name.replace('_', '-')}"


def plan(places: Sequence[Place], clones: Path) -> list[Frame]:
    """Every frame of the ``places``, found in clones CLONES/OWNER/NAME (.git), bare or not.

    A clone that is missing is fetched into ``clones``, that commit alone.

    Raises:
        FileNotFoundError: git is not installed.
        ValueError: a clone or its commit is missing, or a place's pairs are not as the manifest
            says; all such mistakes, one after the other.
    """
    opened: dict[tuple[str, str], Clone | str] = {}
    frames: list[Frame] = []
    mistakes: list[str] = []
    for place in places:
        key = place.source, place.commit
        if key not in opened:
            opened[key] = _open(place, clones)
            if isinstance(mistake := opened[key], str):
                mistakes.append(mistake)
        if isinstance(clone := opened[key], Clone):
            try:
                frames += _frames(place, clone)
            except ValueError as error:
                mistakes.append(f"{place.name}: {error}")
    if mistakes:
        raise ValueError("; ".join(mistakes))
    return frames


def _open(place: Place, clones: Path) -> Clone | str:
    """A place's clone, or what is wrong with it."""
    owner, name = place.owner_and_name
    try:
        path = find_clone(clones, owner, name)
        if path is None:
            path = clones / owner / f"{name}.git"
            path.parent.mkdir(parents=True, exist_ok=True)
            fetch_commit(place.source, place.commit, path)
        return Clone(path, place.source, place.commit)
    except ValueError as error:
        return str(error)


def _frames(place: Place, clone: Clone) -> list[Frame]:
    frames: dict[str, Frame] = {}
    for pairs in place.pairs:
        for pair in find_pairs(clone.files, pairs):
            frame = Frame(place, clone, pair)
            if frame.name in frames:
                raise ValueError(f"two frames are named {pair.name!r}; give `color` another *")
            frames[frame.name] = frame
    return list(frames.values())


def check_out(out: Path, frames: Sequence[Frame]) -> None:
    """Refuse a folder with pictures that the manifest does not put there, such as a moved place's.

    Raises:
        ValueError: there are some.
    """
    for split in SPLITS:
        planned = {frame.name for frame in frames if frame.place.split == split}
        folder = out / split / "rgb"
        files = sorted(folder.iterdir()) if planned and folder.is_dir() else []
        others = [file for file in files if file.stem not in planned and file.name[0] != "."]
        if others:
            raise ValueError(
                f"{folder} holds {len(others)} files of frames that the manifest does not put "
                f"there ({others[0].name}, ...); remove them, or give another folder"
            )


def assemble(frames: Sequence[Frame], out: Path) -> Iterator[bool]:
    """Write each frame to OUT/SPLIT/; whether it was written, or there already and left.

    rgb/PLACE_NAME.jpg or .png: the repository's bytes, unless shrunk, turned or in another format;
    rgb/PLACE_NAME.yaml: the calibration; depth/PLACE_NAME.png: uint16 [mm], 0 invalid. What
    FolderDepth reads, with the places as groups.

    Raises:
        OSError: nothing can be written.
        ValueError: a file is not what the manifest says.
    """
    for frame in frames:
        rgb, depth = (out / frame.place.split / part for part in ("rgb", "depth"))
        rgb.mkdir(parents=True, exist_ok=True)
        depth.mkdir(exist_ok=True)
        suffix = _suffix(frame)
        picture = rgb / f"{frame.name}{suffix}"
        if picture.is_file():  # written last
            yield False
            continue
        try:
            color, millimetres = read_frame(frame)
        except ValueError as error:
            raise ValueError(f"{frame.place.name}: {error}") from error
        with whole_file(depth / f"{frame.name}.png") as partial:
            partial.write_bytes(_encode(".png", millimetres))
        write_calibration(rgb / f"{frame.name}.yaml", frame.place.camera_model, frame.place.name)
        with whole_file(picture) as partial:
            partial.write_bytes(color)
        yield True


def _suffix(frame: Frame) -> str:
    suffix = PurePosixPath(frame.pair.color).suffix.lower()
    return suffix.replace("jpeg", "jpg") if suffix in _COPIED else ".png"


def read_frame(frame: Frame) -> tuple[bytes, Shaped[np.ndarray, "height width"]]:
    """A frame's colour file and its depth (height, width) uint16 [mm], 0 invalid.

    Raises:
        ValueError: a file cannot be read, or its size is not the manifest's.
    """
    place, pair = frame.place, frame.pair
    content = frame.clone.read(pair.color)
    raw = content if pair.depth == pair.color else frame.clone.read(pair.depth)
    bgr = read_color(content, pair.color)
    depth = read_depth(raw, pair.depth, place.depth)
    size = place.depth_camera.size if place.depth_camera else place.size
    _check_size(pair.color, bgr, place.size)
    _check_size(pair.depth, depth, size)
    if place.depth_camera:
        camera = Intrinsics(*place.depth_camera.intrinsics, *size)
        color = Intrinsics(*place.intrinsics, *place.size)
        depth = register_depth(depth, camera, color, place.depth_camera.translation)
    if place.shrink > 1 or place.turn or not pair.color.lower().endswith(_COPIED):
        content = _encode(_suffix(frame), _upright(_shrunk_color(bgr, place.shrink), place.turn))
    depth = _upright(_shrunk_depth(depth, place.shrink), place.turn)
    return content, encode_depth(depth, "16UC1")


def _check_size(file: str, pixels: np.ndarray, size: tuple[int, int]) -> None:
    height, width = pixels.shape[:2]
    if (width, height) != size:
        raise ValueError(f"{file} is {width} x {height}, the manifest says {size[0]} x {size[1]}")


def _shrunk_color(
    bgr: UInt8[np.ndarray, "height width 3"], factor: int
) -> UInt8[np.ndarray, "rows columns 3"]:
    rows, columns = bgr.shape[0] // factor, bgr.shape[1] // factor
    whole = bgr[: rows * factor, : columns * factor]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.uint8)


def _shrunk_depth(
    depth: Float32[np.ndarray, "height width"], factor: int
) -> Float32[np.ndarray, "rows columns"]:
    """Every ``factor``-th pixel, from the middle of its block: a mean would blend near and far."""
    rows, columns = depth.shape[0] // factor, depth.shape[1] // factor
    whole = depth[: rows * factor, : columns * factor]
    return whole[factor // 2 :: factor, factor // 2 :: factor]


def _upright(pixels: np.ndarray, turn: int) -> np.ndarray:
    return cv2.rotate(pixels, _TURNS[turn]) if turn else pixels


def _encode(suffix: str, pixels: np.ndarray) -> bytes:
    quality = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if suffix == ".jpg" else []
    good, content = cv2.imencode(suffix, pixels, quality)
    if not good:
        raise OSError(f"OpenCV could not encode a {suffix}")
    return content.tobytes()


def counts(frames: Sequence[Frame]) -> str:
    """How much there is: a line a split, and a line a licence."""
    lines = []
    for split in SPLITS:
        part = [frame for frame in frames if frame.place.split == split]
        if part:
            places = len({frame.place.name for frame in part})
            cameras = len({frame.place.camera for frame in part})
            lines.append(f"{split}: {len(part)} pairs of {places} places, {cameras} cameras")
    licences = Counter(frame.place.licence for frame in frames)
    lines += [f"{number} pairs: {licence}" for licence, number in licences.most_common()]
    return "\n".join(lines)


def table(frames: Sequence[Frame]) -> str:
    """What was assembled, in Markdown: a row a repository and camera, with frames a split."""
    rows: dict[tuple[str, str, str], list[Frame]] = {}
    for frame in frames:
        place = frame.place
        rows.setdefault((place.source, place.camera, place.licence), []).append(frame)
    lines = [
        f"| source | camera | what | places | {' | '.join(SPLITS)} | licence |",
        f"|{'---|' * (5 + len(SPLITS))}",
    ]
    for (source, camera, licence), row in sorted(rows.items()):
        name = "/".join(row[0].place.owner_and_name)
        kinds = ", ".join(sorted({frame.place.kind for frame in row}))
        places = len({frame.place.name for frame in row})
        numbers = [sum(frame.place.split == split for frame in row) for split in SPLITS]
        cells = [f"[{name}]({source})", camera, kinds, places, *(n or "" for n in numbers), licence]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)
