"""Random people for rooms: bodies with skin, hair and clothes, as models like any furniture.

Convention: a person stands on z = 0 and faces -y, as furniture does. The same random numbers give
the same person.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fourier_depth_ros.simulator.bodies import (
    RACES,
    BodyMesh,
    bone_motion,
    load_body,
    shaped,
    skinned,
)
from fourier_depth_ros.simulator.meshes import Mesh
from fourier_depth_ros.simulator.models import Model, make_model
from fourier_depth_ros.simulator.people.clothes import Wardrobe, dressed
from fourier_depth_ros.simulator.people.poses import random_pose

HEIGHTS = {True: (1.63, 0.07), False: (1.76, 0.075)}  # female: mean, deviation [m]
HEIGHT_RANGE = (1.5, 1.95)  # [m]


@dataclass(frozen=True, eq=False)
class Person:
    """A person on z = 0, where x = y = 0 is the middle of its box.

    Attributes:
        marks: places in the model's frame by name [m]: eyes, neck, hips, and of each side of L, R
            the hand's middle, hand.L.
        face: the way its head looks, unit length.
    """

    model: Model
    kind: str
    height: float
    marks: dict[str, np.ndarray]
    face: np.ndarray


def random_height(rnd: random.Random, female: bool) -> float:
    """A grown-up's [m], within HEIGHT_RANGE."""
    low, high = HEIGHT_RANGE
    return min(max(rnd.gauss(*HEIGHTS[female]), low), high)


def make_person(
    rnd: random.Random,
    folder: Path,
    kind: str,
    height: float | None = None,
    seat: float | None = None,
) -> Person:
    """A random person in a pose of poses.random_pose's ``kind``.

    Args:
        folder: bodies.find_bodies's.
        height: of the body standing upright and barefoot [m]; None: random.
        seat: height of what it sits on [m]; its feet are on the floor where its legs reach it.

    Raises:
        OSError: the body's data is not whole.
    """
    body = load_body(folder)
    female = rnd.random() < 0.5
    rest = shaped(
        folder,
        female,
        old=rnd.random() ** 2,
        weight=min(max(rnd.gauss(0.5, 0.2), 0.1), 1.0),
        race=rnd.choice(RACES),
        muscle=min(max(rnd.gauss(0.5, 0.15), 0.0), 1.0),
    )
    height = height or random_height(rnd, female)
    skin = np.unique(body.triangles[body.parts == 0])
    rest *= height / np.ptp(rest[skin, 2])
    heads = body.skeleton.heads(rest)
    pose_seed = rnd.random()
    pose = random_pose(random.Random(pose_seed), body.skeleton, heads, kind)
    if seat is not None:
        shin = _shin(body, rest, heads, seat)
        pose = random_pose(random.Random(pose_seed), body.skeleton, heads, kind, shin)
    moved, places = skinned(body.skeleton, rest, pose)
    turns, _ = bone_motion(body.skeleton, heads, pose)
    mesh = dressed(body, rest, moved, Wardrobe.random(rnd, female))
    low, high = mesh.bounds
    bottom = float(low[2])
    if seat is not None:
        bottom = min(bottom, _buttocks(body, moved) - seat)
    origin = np.array([*(low + high)[:2] / 2, bottom])
    model = make_model(_moved(mesh, -origin))
    index = {n: k for k, n in enumerate(body.skeleton.names)}
    marks = {
        "eyes": (places[index["eye.L"]] + places[index["eye.R"]]) / 2,
        "neck": places[index["neck01"]],
        "hips": places[index["root"]],
        "hand.L": places[index["finger3-1.L"]],
        "hand.R": places[index["finger3-1.R"]],
    }
    marks = {name: place - origin for name, place in marks.items()}
    return Person(model, kind, height, marks, turns[index["head"]] @ np.array([0.0, -1.0, 0.0]))


def _moved(mesh: Mesh, shift: np.ndarray) -> Mesh:
    corners = (mesh.corners + shift).astype(np.float32)
    return Mesh(corners, mesh.normals, mesh.uvs, mesh.materials, mesh.palette)


def _buttocks(body: BodyMesh, moved: np.ndarray) -> float:
    """Height of a sitting body's lowest point at its hips [m], in ``moved``'s frame."""
    names = body.skeleton.names
    columns = [k for k, n in enumerate(names) if n.startswith(("root", "pelvis", "upperleg01"))]
    rows = np.unique(body.triangles[body.parts == 0])
    rows = rows[body.skeleton.weights[rows][:, columns].sum(1) > 0.6]
    return float(np.percentile(moved[rows, 2], 2))


def _shin(body: BodyMesh, rest: np.ndarray, heads: np.ndarray, seat: float) -> float:
    """How far the lower legs lean forward [rad] for feet on the floor before a seat [m]."""
    index = {n: k for k, n in enumerate(body.skeleton.names)}
    knee, ankle = heads[index["lowerleg01.L"]], heads[index["foot.L"]]
    skin = np.unique(body.triangles[body.parts == 0])
    sole = ankle[2] - rest[skin, 2].min()
    wanted = seat + 0.07 - sole  # the knee's joint is that far above the seat
    return math.acos(min(max(wanted / float(np.linalg.norm(knee - ankle)), 0.4), 1.0))
