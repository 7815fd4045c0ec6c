"""Plausible poses: standing, walking, sitting, and hands in front of the body.

Convention: bodies.py's; the left side is +x, and directions are the body's (it faces -y).
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping

import numpy as np

from fourier_depth_ros.simulator.bodies import (
    Pose,
    Skeleton,
    bone_motion,
    reach,
    turned,
)

SIDES = {"L": 1.0, "R": -1.0}
STANDING = ("stand", "walk", "reach")
X = np.array([1.0, 0.0, 0.0])
Z = np.array([0.0, 0.0, 1.0])


def random_pose(
    rnd: random.Random, skeleton: Skeleton, heads: np.ndarray, kind: str, shin: float = 0.0
) -> Pose:
    """A pose of ``kind``: stand, walk, reach (hands in front), sit, or desk (forearms on one).

    ``shin`` is how far a sitting body's lower legs lean forward [rad].
    """
    pose = Pose()
    lean = rnd.gauss(0.03, 0.05) + (0.12 if kind == "desk" else 0)
    for bone in ("spine04", "spine03", "spine02"):
        pose.turns[bone] = turned(X, lean / 3) @ turned(Z, rnd.gauss(0, 0.05))
    nod = rnd.gauss(0.05, 0.1) + (0.25 if kind in ("desk", "reach") else 0)
    for bone in ("neck01", "neck03", "head"):
        pose.turns[bone] = turned(X, nod / 3) @ turned(Z, rnd.gauss(0, 0.1))
    stride = rnd.uniform(0.2, 0.5) if kind == "walk" else 0.0
    for side, sign in SIDES.items():
        _leg(rnd, pose, side, sign, kind, stride, shin)
        if kind in ("stand", "walk"):
            swing = -sign * stride + rnd.gauss(0.0, 0.1)
            out = sign * rnd.uniform(0.1, 0.25)
            pose.aims[f"upperarm01.{side}"] = (
                f"lowerarm01.{side}",
                np.array([out, -math.sin(swing), -math.cos(swing)]),
            )
            bend = swing + rnd.uniform(0.1, 0.5)
            pose.aims[f"lowerarm01.{side}"] = (
                f"wrist.{side}",
                np.array([out / 2, -math.sin(bend), -math.cos(bend)]),
            )
        curl = rnd.uniform(0.05, 0.5) if rnd.random() < 0.8 else rnd.uniform(0.5, 1.1)
        curl_fingers(pose, skeleton, heads, side, curl)
    if kind in ("sit", "desk", "reach"):
        _, places = bone_motion(skeleton, heads, pose)
        where = {n: places[k] for k, n in enumerate(skeleton.names)}
        for side, sign in SIDES.items():
            if kind == "reach" and side == "L" and rnd.random() < 0.4:
                wrist = where["upperarm01.L"] + np.array([0.12, -0.05, -0.46])
            elif kind == "reach":
                wrist = where["neck01"] + np.array(
                    [sign * rnd.uniform(0.02, 0.2), -rnd.uniform(0.3, 0.46), -rnd.uniform(0, 0.25)]
                )
            elif kind == "desk":
                wrist = where["root"] + np.array(
                    [sign * rnd.uniform(0.08, 0.22), -rnd.uniform(0.4, 0.5), rnd.uniform(0.2, 0.27)]
                )
            else:
                wrist = where[f"lowerleg01.{side}"] + np.array(
                    [0.0, rnd.uniform(0.08, 0.2), rnd.uniform(0.1, 0.13)]
                )
            put_hand(rnd, pose, skeleton, heads, side, wrist)
    return pose


def _leg(
    rnd: random.Random, pose: Pose, side: str, sign: float, kind: str, stride: float, shin: float
) -> None:
    out = sign * rnd.uniform(0.02, 0.12)
    if kind in ("sit", "desk"):
        thigh, lower = math.pi / 2, shin
    else:
        thigh = sign * stride
        lower = thigh - rnd.uniform(0.0, 0.08) - (0.5 * stride if thigh < 0 else 0)
    for bone, tip, angle in (
        ("upperleg01", "lowerleg01", thigh),
        ("lowerleg01", "foot", lower),
    ):
        direction = np.array([out, -math.sin(angle), -math.cos(angle)])
        pose.aims[f"{bone}.{side}"] = (f"{tip}.{side}", direction)
    pose.level.add(f"foot.{side}")


def put_hand(
    rnd: random.Random,
    pose: Pose,
    skeleton: Skeleton,
    heads: np.ndarray,
    side: str,
    wrist: np.ndarray,
) -> None:
    """Bring a wrist to a place, or as near as the arm goes; the palm down or inwards."""
    index = {n: k for k, n in enumerate(skeleton.names)}
    rest: Mapping[str, np.ndarray] = {n: heads[k] for n, k in index.items()}
    sign = SIDES[side]
    _, places = bone_motion(skeleton, heads, pose)
    shoulder = places[index[f"upperarm01.{side}"]]
    elbow, hand = rest[f"lowerarm01.{side}"], rest[f"wrist.{side}"]
    lengths = (
        float(np.linalg.norm(elbow - rest[f"upperarm01.{side}"])),
        float(np.linalg.norm(hand - elbow)),
    )
    pole = np.array([sign * rnd.uniform(0.3, 0.8), 0.3, -1.0])
    upper, lower = reach(shoulder, wrist, lengths, pole)
    pose.aims[f"upperarm01.{side}"] = (f"lowerarm01.{side}", upper)
    pose.aims[f"lowerarm01.{side}"] = (f"wrist.{side}", lower)
    flat = lower * np.array([1, 1, rnd.uniform(0.1, 1.0)])
    pose.aims[f"wrist.{side}"] = (f"finger3-1.{side}", flat)
    turns, _ = bone_motion(skeleton, heads, pose)
    palm = turns[index[f"wrist.{side}"]] @ palm_normal(rest, side)
    wanted = np.array([-sign * rnd.uniform(0.0, 1.2), 0.0, -1.0])
    along = flat / np.linalg.norm(flat)
    wanted = wanted - (wanted @ along) * along
    angle = math.atan2(float(np.cross(palm, wanted) @ along), float(palm @ wanted))
    pose.rolls[f"lowerarm02.{side}"] = (f"wrist.{side}", angle / 2)
    pose.rolls[f"wrist.{side}"] = (f"finger3-1.{side}", angle / 2)


def palm_normal(rest: Mapping[str, np.ndarray], side: str) -> np.ndarray:
    """The direction a palm faces at rest: across the knuckles, to where the fingers bend."""
    wrist = rest[f"wrist.{side}"]
    normal = np.cross(rest[f"finger2-1.{side}"] - wrist, rest[f"finger5-1.{side}"] - wrist)
    base = rest[f"finger3-1.{side}"]
    bent = float(normal @ (rest[f"finger3-3.{side}"] - base)) / np.linalg.norm(
        rest[f"finger3-3.{side}"] - base
    ) - float(normal @ (base - wrist)) / np.linalg.norm(base - wrist)
    return np.asarray(normal / np.linalg.norm(normal) * math.copysign(1.0, bent))


def curl_fingers(
    pose: Pose, skeleton: Skeleton, heads: np.ndarray, side: str, angle: float
) -> None:
    """Bend each joint of the fingers by ``angle`` [rad], the thumb's by a third."""
    rest = {n: heads[k] for k, n in enumerate(skeleton.names)}
    palm = palm_normal(rest, side)
    for finger in range(1, 6):
        start, end = rest[f"finger{finger}-1.{side}"], rest[f"finger{finger}-3.{side}"]
        axis = np.cross(end - start, palm)
        for joint in range(1, 4):
            part = angle / 3 if finger == 1 else angle
            pose.turns[f"finger{finger}-{joint}.{side}"] = turned(axis, part)
