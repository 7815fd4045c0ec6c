"""Skin, hair and clothes on a body: its own surface by region, smoothed and moved outwards.

Convention: bodies.py's frame; colours are linear RGB albedos.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import numpy as np

from fourier_depth_ros.simulator.bodies import BodyMesh
from fourier_depth_ros.simulator.meshes import Material, Mesh
from fourier_depth_ros.simulator.shell import colour
from fourier_depth_ros.simulator.textures import PATTERN

REGIONS = ("head", "neck", "torso", "upperarm", "forearm", "hand", "hips", "thigh", "shin", "foot")
#: Bones by the beginning of their names; all others are the head's.
PREFIXES = {
    "neck": "neck",
    "spine": "torso",
    "breast": "torso",
    "clavicle": "torso",
    "shoulder": "torso",
    "upperarm": "upperarm",
    "lowerarm": "forearm",
    "wrist": "hand",
    "metacarpal": "hand",
    "finger": "hand",
    "root": "hips",
    "pelvis": "hips",
    "upperleg": "thigh",
    "lowerleg": "shin",
    "foot": "foot",
    "toe": "foot",
}
SKINS = (
    (0.62, 0.41, 0.31),
    (0.55, 0.34, 0.24),
    (0.46, 0.27, 0.17),
    (0.35, 0.19, 0.11),
    (0.22, 0.11, 0.06),
    (0.12, 0.06, 0.035),
    (0.07, 0.035, 0.022),
)
HAIRS = (
    (0.012, 0.010, 0.010),
    (0.030, 0.018, 0.012),
    (0.070, 0.040, 0.022),
    (0.190, 0.110, 0.050),
    (0.380, 0.260, 0.130),
    (0.140, 0.045, 0.020),
    (0.350, 0.350, 0.350),
    (0.600, 0.590, 0.570),
)
HAIR_SHARES = (5, 5, 4, 3, 2, 1, 1, 1)
CLOTH = ("noise", "weave", "weave", "stripes", "squares", "dots")
LONG_HAIR = 3  # index into bodies.PARTS
TILE = 0.35  # of a cloth's pattern [m]


@dataclass(frozen=True)
class Layer:
    """Clothes or hair: the regions it covers, how far off the skin [m], how much smoothed.

    Attributes:
        above: it also covers what of hips and thighs is above it, from the hip joints [m].
        rings: of vertices from its edge over which it lifts off the skin; 0: all of it does.
    """

    regions: tuple[str, ...]
    offset: float
    material: Material
    smoothing: int = 4
    above: float = math.inf
    rings: int = 0


@dataclass(frozen=True)
class Wardrobe:
    """What someone looks like; ``layers`` innermost first."""

    skin: tuple[float, float, float]
    hair: Layer | None
    long_hair: bool
    layers: tuple[Layer, ...]

    @staticmethod
    def random(rnd: random.Random, female: bool) -> Wardrobe:
        """Any skin, hair and clothes; few are bald, men only."""
        a, b = rnd.choices(SKINS, k=2)
        share = rnd.random() * 0.4
        skin = tuple((1 - share) * x + share * y for x, y in zip(a, b, strict=True))
        hair = None
        if female or rnd.random() < 0.85:
            hair = Layer(
                ("head",),
                rnd.uniform(0.015, 0.035) if female else rnd.uniform(0.008, 0.025),
                Material(rnd.choices(HAIRS, HAIR_SHARES)[0], gloss=0.15),
                smoothing=2,
                rings=5,
            )
        long_sleeves = ("forearm",) if rnd.random() < 0.55 else ()
        long_legs = ("shin",) if rnd.random() < 0.85 else ()
        loose = rnd.uniform(0.005, 0.014)
        layers = (
            Layer(("hips", "thigh", *long_legs), rnd.uniform(0.004, 0.008), _cloth(rnd, 0.3)),
            Layer(
                ("torso", "upperarm", *long_sleeves),
                loose + 0.004,
                _cloth(rnd, 0.7),
                above=rnd.uniform(-0.13, -0.04),
            ),
            Layer(("foot",), 0.005, Material(colour(rnd, (0.05, 0.9), 0.6), gloss=0.3), 8),
        )
        long_hair = hair is not None and rnd.random() < (0.6 if female else 0.08)
        return Wardrobe((skin[0], skin[1], skin[2]), hair, long_hair, layers)


def _cloth(rnd: random.Random, saturation: float) -> Material:
    color = colour(rnd, (0.1, 0.95), saturation)
    if rnd.random() < 0.45:
        return Material(color)
    kind, seed = rnd.choice(CLOTH), rnd.randrange(10**6)
    return Material(color, f"{PATTERN}{kind}:{seed}")


def regions_of(body: BodyMesh) -> np.ndarray:
    """Index into REGIONS of each triangle: of the bones that carry most of it."""
    names = body.skeleton.names
    found = [next((r for p, r in PREFIXES.items() if n.startswith(p)), "head") for n in names]
    columns = np.array([REGIONS.index(region) for region in found])
    shares = np.stack(
        [body.skeleton.weights[:, columns == k].sum(1) for k in range(len(REGIONS))], 1
    )
    return np.asarray(shares[body.triangles].sum(1).argmax(1))


def dressed(body: BodyMesh, rest: np.ndarray, moved: np.ndarray, wardrobe: Wardrobe) -> Mesh:
    """The posed body ``moved`` in its clothes; ``rest`` (both (vertices, 3) [m]) places seams."""
    region, skin = regions_of(body), body.parts == 0
    normals = vertex_normals(moved, body.triangles[body.parts != LONG_HAIR])
    bare, sheets = body.parts != LONG_HAIR, []
    joint = body.skeleton.heads(rest)[body.skeleton.names.index("upperleg01.L"), 2]
    level = rest[body.triangles, 2].mean(1) - joint
    legs = skin & np.isin(region, [REGIONS.index(name) for name in ("hips", "thigh")])
    for layer in wardrobe.layers:
        covered = skin & np.isin(region, [REGIONS.index(name) for name in layer.regions])
        covered |= legs & (level > layer.above)
        sheets.append((covered, layer))
        bare = bare & ~covered
    if wardrobe.hair:
        sheets.append((_scalp(body, rest, region), wardrobe.hair))
    shown = bare | (skin & _widened(body, bare))
    palette = [Material(wardrobe.skin, gloss=0.1), *_features(wardrobe)]
    owner = _face(body, rest, region)
    pieces = [_piece(body.triangles[shown], moved, normals, rest)]
    owners = [owner[shown]]
    for covered, layer in sheets:
        triangles = body.triangles[covered]
        smooth = smoothed(moved, triangles, layer.smoothing)
        outward = vertex_normals(smooth, triangles)
        offset = layer.offset * _taper(body, covered, layer.rings)[:, None]
        outside = smooth + offset * outward
        # smoothing may not bring cloth under the skin
        depth = ((outside - moved) * normals).sum(1, keepdims=True)
        outside = outside + np.maximum(0.6 * offset - depth, 0) * normals
        pieces.append(_piece(triangles, outside, vertex_normals(outside, triangles), rest))
        owners.append(np.full(len(triangles), len(palette)))
        palette.append(layer.material)
    if wardrobe.hair and wardrobe.long_hair:
        triangles = body.triangles[body.parts == LONG_HAIR]
        pieces.append(_piece(triangles, moved, vertex_normals(moved, triangles), rest))
        owners.append(np.full(len(triangles), len(palette)))
        palette.append(wardrobe.hair.material)
    corners, normal, uvs = (np.concatenate(part) for part in zip(*pieces, strict=True))
    return Mesh(
        corners.astype(np.float32),
        normal.astype(np.float32),
        uvs.astype(np.float32),
        np.concatenate(owners).astype(np.int32),
        tuple(palette),
    )


def _widened(body: BodyMesh, bare: np.ndarray) -> np.ndarray:
    """``bare`` triangles and a little way on, so that nobody looks into an empty sleeve."""
    near = np.zeros(len(body.vertices), bool)
    for _ in range(3):
        near[body.triangles[bare]] = True
        bare = near[body.triangles].any(1)
    return bare


def _taper(body: BodyMesh, covered: np.ndarray, rings: int) -> np.ndarray:
    """1 inside the ``covered`` triangles, falling towards their edge over ``rings`` of vertices."""
    triangles = body.triangles
    inside = np.ones(len(body.vertices), bool)
    inside[triangles[~covered]] = False
    share = inside.astype(float)
    for _ in range(rings - 1):
        inside[triangles[~inside[triangles].all(1)]] = False
        share += inside
    return np.maximum(share / rings, 0.1) if rings else np.ones_like(share)


def _piece(
    triangles: np.ndarray, places: np.ndarray, normals: np.ndarray, rest: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    uvs = np.stack([rest[:, 0] + 0.5 * rest[:, 1], rest[:, 2]], 1) / TILE
    return places[triangles], normals[triangles], uvs[triangles]


def _features(wardrobe: Wardrobe) -> list[Material]:
    """White of the eye, iris, brow, lips: what _face's 1 to 4 mean."""
    r, g, b = wardrobe.skin
    brow = wardrobe.hair.material.color if wardrobe.hair else (0.05, 0.035, 0.03)
    return [
        Material((0.75, 0.73, 0.7), gloss=0.5),
        Material((0.03, 0.02, 0.015), gloss=0.6),
        Material(brow),
        Material((0.85 * r + 0.03, 0.55 * g, 0.6 * b), gloss=0.2),
    ]


def _face(body: BodyMesh, rest: np.ndarray, region: np.ndarray) -> np.ndarray:
    """0 for skin, or which of _features a triangle is."""
    owner = np.zeros(len(region), int)
    middle = rest[body.triangles].mean(1)
    for part in (1, 2):
        eye = body.parts == part
        centre = middle[eye].mean(0)
        out = np.hypot(*(middle - centre)[:, [0, 2]].T)
        owner[eye] = 1
        owner[eye & (out < 0.0055) & (middle[:, 1] < centre[1])] = 2
        above = middle[:, 2] - centre[2]
        aside = np.abs(middle[:, 0] - centre[0])
        front = (region == REGIONS.index("head")) & (middle[:, 1] < centre[1] + 0.01)
        owner[front & (body.parts == 0) & (aside < 0.02) & (above > 0.016) & (above < 0.024)] = 3
    columns = [k for k, n in enumerate(body.skeleton.names) if n.startswith("oris")]
    lips = body.skeleton.weights[:, columns].sum(1)[body.triangles].mean(1) > 0.75
    owner[lips & (body.parts == 0)] = 4
    return owner


def _scalp(body: BodyMesh, rest: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Triangles that hair grows on: above a line that falls from the brow to the nape."""
    head = (region == REGIONS.index("head")) & (body.parts == 0)
    eyes = rest[body.triangles[(body.parts == 1) | (body.parts == 2)]].reshape(-1, 3).mean(0)
    middle = rest[body.triangles].mean(1)
    tall = rest[:, 2][body.triangles[head]].max() - eyes[2]
    back = (middle[:, 1] - eyes[1]) / (1.6 * tall)  # 0 at the eyes, some 1 at the back
    above = (middle[:, 2] - eyes[2]) / tall
    return np.asarray(head & (above > 0.6 - 1.5 * np.clip(back, 0, 1.0)))


def vertex_normals(places: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit normals (vertices, 3), by area; 0 where no triangle is."""
    a, b, c = (places[triangles[:, k]] for k in range(3))
    return _unit(_gathered(np.cross(b - a, c - a), triangles, len(places)))


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _gathered(values: np.ndarray, triangles: np.ndarray, count: int) -> np.ndarray:
    """Sum over each vertex's triangles of ``values`` (triangles, 3)."""
    rows = triangles.ravel()
    return np.stack([np.bincount(rows, values[:, k].repeat(3), count) for k in range(3)], 1)


def smoothed(places: np.ndarray, triangles: np.ndarray, times: int) -> np.ndarray:
    """Each vertex moved to the mean of its triangles' middles, ``times``; others stay."""
    count = np.bincount(triangles.ravel(), minlength=len(places))[:, None]
    for _ in range(times):
        means = _gathered(places[triangles].mean(1), triangles, len(places))
        places = np.where(count > 0, means / np.maximum(count, 1), places)
    return places
