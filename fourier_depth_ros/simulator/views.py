"""Cameras in a room, which of their views are worth having, and the picture a camera makes.

Convention: camera frame x right, y down, z forward; depth is z [m], 0 invalid; world z up.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float16, Float32, UInt8

from fourier_depth_ros.images.calibration import intrinsics_from_hfov
from fourier_depth_ros.simulator.lighting import Caster
from fourier_depth_ros.simulator.renderer import Camera
from fourier_depth_ros.simulator.scene import Box, Placement, Room

FIELD_OF_VIEW = (50.0, 75.0)  # degrees across the width
HEIGHT = (0.3, 1.7)  # of the camera above the floor [m]
CLOSE_UPS = 0.27  # share of the views
CLOSE = (0.3, 1.0)  # from a close-up's camera to its object [m]
MIN_VALID = 0.75  # share of the pixels with depth
COARSE = (24, 32)  # rays (rows, columns) that a view is judged by before it is drawn


@dataclass(frozen=True, eq=False)
class View:
    """A camera, and whether it is a close-up."""

    camera: Camera
    close_up: bool


def pose(eye: np.ndarray, yaw: float, pitch: float, roll: float) -> np.ndarray:
    """World from camera, 4 x 4: looks along ``yaw`` about z, up by ``pitch``, turned by ``roll``.

    Convention: radians; yaw 0 looks along x, pitch and roll 0 is level; roll turns the camera
    clockwise as it sees the world.
    """
    forward = np.array(
        [math.cos(yaw) * math.cos(pitch), math.sin(yaw) * math.cos(pitch), math.sin(pitch)]
    )
    right = np.array([math.sin(yaw), -math.cos(yaw), 0.0])
    down = np.cross(forward, right)
    c, s = math.cos(roll), math.sin(roll)
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1] = c * right + s * down, c * down - s * right
    matrix[:3, 2], matrix[:3, 3] = forward, eye
    return matrix


def sample_view(rnd: random.Random, room: Room, width: int, height: int) -> View | None:
    """A random camera outside all furniture; None where no place was found."""
    intrinsics = intrinsics_from_hfov(width, height, rnd.uniform(*FIELD_OF_VIEW))
    share = CLOSE_UPS / 3 if room.outlooks else CLOSE_UPS
    close_up = bool(room.small) and rnd.random() < share
    outlook = rnd.choice(room.outlooks) if room.outlooks and not close_up else None
    eye: np.ndarray
    for _ in range(200):
        if close_up:
            target = room.placements[rnd.choice(room.small)]
            eye, aim = _near(rnd, target)
        elif outlook:
            eye, aim = (np.array(_inside(rnd, box)) for box in (outlook.eye, outlook.aim))
        else:
            x, y, _ = room.size
            eye = np.array(
                [rnd.uniform(0.2, x - 0.2), rnd.uniform(0.2, y - 0.2), rnd.uniform(*HEIGHT)]
            )
            aim = np.array(
                [x * rnd.uniform(0.1, 0.9), y * rnd.uniform(0.1, 0.9), rnd.uniform(0.2, 1.5)]
            )
        if free(room, eye, 0.08 if close_up or outlook else 0.2):
            break
    else:
        return None
    way = aim - eye
    yaw = math.atan2(way[1], way[0])
    pitch = math.atan2(way[2], math.hypot(way[0], way[1]))
    if close_up or outlook:  # not in the very middle
        yaw, pitch = yaw + rnd.gauss(0, 0.12), pitch + rnd.gauss(0, 0.09)
    else:
        yaw, pitch = yaw + rnd.gauss(0, 0.2), max(-0.7, min(0.3, pitch * 0.6 + rnd.gauss(0, 0.12)))
    roll = rnd.gauss(0, 0.04) if rnd.random() < 0.9 else rnd.gauss(0, 0.2)
    close_up = close_up or (outlook is not None and outlook.close)
    return View(Camera(intrinsics, pose(eye, yaw, pitch, roll)), close_up)


def _inside(rnd: random.Random, box: Box) -> list[float]:
    """A random point of a box."""
    return [rnd.uniform(box[k], box[k + 3]) for k in range(3)]


def _near(rnd: random.Random, target: Placement) -> tuple[np.ndarray, np.ndarray]:
    box = target.box
    middle = (np.array(box[:3]) + np.array(box[3:])) / 2
    size = float(np.linalg.norm(np.array(box[3:]) - np.array(box[:3])))
    low, high = CLOSE
    distance = low + (high - low) * rnd.random() ** 2 + size / 3  # the nearer the more
    turn, lift = rnd.uniform(-math.pi, math.pi), rnd.uniform(0.05, 0.9)
    way = (math.cos(turn) * math.cos(lift), math.sin(turn) * math.cos(lift), math.sin(lift))
    return middle + distance * np.array(way), middle


def free(room: Room, eye: np.ndarray, margin: float) -> bool:
    """Whether a camera at ``eye`` is in the room, and ``margin`` [m] clear of all furniture."""
    cells = room.cells or [(0.0, 0.0, 0.0, *room.size)]
    if not any(all(c[k] + 0.12 <= eye[k] <= c[k + 3] - 0.12 for k in range(3)) for c in cells):
        return False
    return not any(
        all(box[k] - margin < eye[k] < box[k + 3] + margin for k in range(3)) for box in room.solids
    )


def coarse_depth(caster: Caster, camera: Camera) -> Float32[np.ndarray, "24 32"]:
    """Depth [m] on a coarse grid of pixels by rays, through glass; inf where nothing is hit."""
    k = camera.intrinsics
    rows, columns = COARSE
    u = (np.arange(columns) + 0.5) / columns * k.width - 0.5
    v = (np.arange(rows) + 0.5) / rows * k.height - 0.5
    x, y = np.meshgrid((u - k.cx) / k.fx, (v - k.cy) / k.fy)
    rays = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3)  # of z 1: distance is depth
    directions = rays @ camera.world_from_camera[:3, :3].T
    origins = np.broadcast_to(camera.eye, directions.shape)
    return caster.distance(origins, directions).reshape(rows, columns).astype(np.float32)


def reject_shape(depth: Float32[np.ndarray, "24 32"], close_up: bool) -> str:
    """Why a view's geometry is no use; empty if it is.

    near: stands in front of or inside something; flat: all at one distance; wall: one bare plane;
    open: mostly outdoors; missed: a close-up whose object is hidden.
    """
    hit = np.isfinite(depth)
    if hit.mean() < MIN_VALID:
        return "open"
    z = np.where(hit, depth, 20.0).astype(np.float64)
    low, median, high = np.percentile(z, [5, 50, 95])
    if (z < (0.12 if close_up else 0.3)).mean() > 0.05 or median < (0.2 if close_up else 0.6):
        return "near"
    rows, columns = z.shape
    middle = z[rows // 4 : -rows // 4, columns // 4 : -columns // 4]
    if close_up and np.percentile(middle, 25) > CLOSE[1] + 0.5:
        return "missed"
    if high / low < 1.25:
        return "flat"
    y, x = np.mgrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    if _plane_share(np.stack([x.ravel(), y.ravel(), np.ones(z.size)], 1), 1 / z.ravel()) > 0.8:
        return "wall"
    return ""


def _plane_share(design: np.ndarray, inverse: np.ndarray) -> float:
    """The share of pixels on one plane within 3 %: inverse depth is linear in the picture."""
    weight = np.ones(len(inverse))
    off = weight
    for _ in range(4):
        plane = np.linalg.lstsq(design * weight[:, None], inverse * weight, rcond=None)[0]
        off = np.abs(design @ plane - inverse) / inverse
        weight = 1 / (1 + (off / 0.03) ** 2)
    return float((off < 0.03).mean())


def develop(
    rnd: random.Random, light: Float16[np.ndarray, "height width 4"]
) -> UInt8[np.ndarray, "height width 3"]:
    """A picture of radiance: exposed by a random amount, its white balance partly right.

    One table of all 16 bit floats a channel does exposure, tone curve and gamma.
    """
    coarse = light[4::8, 4::8, :3].astype(np.float32).reshape(-1, 3)
    bright = max(float(np.percentile(coarse.mean(1), 80)), 1e-4)
    exposure = 0.9 / bright * 2 ** rnd.gauss(0, 0.4)
    mean = np.maximum(coarse.mean(0), 1e-5)
    balance = (mean.mean() / mean) ** rnd.uniform(0.3, 0.9)
    contrast = rnd.uniform(0.9, 1.25)
    bits = np.ascontiguousarray(light).view(np.uint16)
    picture = np.empty((*light.shape[:2], 3), np.uint8)
    for channel in range(3):
        gain = exposure * balance[channel] * 2 ** rnd.gauss(0, 0.05)
        np.take(_tone(gain, contrast), bits[..., channel], out=picture[..., channel])
    return picture


_FLOATS = np.nan_to_num(
    np.arange(0x8000, dtype=np.uint16).view(np.float16).astype(np.float32), nan=6e4, posinf=6e4
)


def _tone(gain: float, contrast: float) -> np.ndarray:
    """The 8 bit value of each 16 bit float (negative ones are 0)."""
    table = np.zeros(0x10000, np.uint8)
    value = 1 - np.exp(-gain * _FLOATS)
    shown = value ** (contrast / 2.2)
    table[:0x8000] = np.round(255 * shown)
    return table


def reject_picture(
    rgb: UInt8[np.ndarray, "height width 3"], depth: Float32[np.ndarray, "height width"]
) -> str:
    """Why a picture is no use; empty if it is.

    holes: too little valid depth; dark, bright: most of it black or white; dull: hardly any
    contrast.
    """
    if (depth[4::8, 4::8] > 0).mean() < MIN_VALID:
        return "holes"
    gray = rgb[4::8, 4::8].astype(np.float32).mean(2)
    if (gray < 12).mean() > 0.5:
        return "dark"
    if (gray > 250).mean() > 0.5:
        return "bright"
    return "dull" if gray.std() < 12 else ""
