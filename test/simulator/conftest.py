"""Tiny furniture of our own in place of Debian's, and what skips without OpenGL."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from fourier_depth_ros.simulator.assets import RESOURCES, Assets, find_assets

# a catalogue as Sweet Home 3D writes it: sizes in cm, numbers after #
CATALOGUE = """\
name=Tiny furniture
license=CC0 \\u2014 by nobody
name#1=Table
category#1=Living room
model#1=/models/table.obj
width#1=120
depth#1=80
height#1=75
creator#1=A. Joiner
name#2=Mug
category#2=Kitchen
model#2=/models/cube.obj
width#2=12
depth#2=12
height#2=15
creator#2=B. Potter
name#3=Vase
category#3=Living room
model#3=/models/glass.obj
width#3=12
depth#3=12
height#3=25
creator#3=B. Potter
name#4=Cupboard
category#4=Bedroom
model#4=/models/cube.obj
width#4=90
depth#4=45
height#4=180
name#5=Fancy lamp
category#5=Living room
model#5=/models/missing_texture.obj
width#5=60
depth#5=60
height#5=150
name#6=Broken chair
category#6=Living room
model#6=/models/broken.obj
width#6=50
depth#6=50
height#6=90
name#7=Window
category#7=Doors and windows
model#7=/models/glass.obj
width#7=110
depth#7=10
height#7=120
elevation#7=90
doorOrWindow#7=true
name#8=Tractor
category#8=Vehicles
model#8=/models/cube.obj
width#8=300
depth#8=200
height#8=200
name#9=No size
category#9=Living room
model#9=/models/cube.obj
"""


Corner = tuple[float, float, float]


def obj_boxes(*boxes: tuple[Corner, Corner]) -> str:
    """Boxes (low and high corner) as an OBJ file's vertices and faces; y up."""
    lines = []
    for number, ((x, y, z), (p, q, r)) in enumerate(boxes):
        front = [(x, y, r), (p, y, r), (p, q, r), (x, q, r)]
        back = [(x, y, z), (p, y, z), (p, q, z), (x, q, z)]
        lines += [f"v {a} {b} {c}" for a, b, c in back + front]
        faces = ("4321", "5678", "1265", "4873", "1584", "2376")
        lines += ["f " + " ".join(str(int(k) + 8 * number) for k in face) for face in faces]
    return "\n".join(lines) + "\n"


def write_furniture(folder: Path) -> Path:
    """A folder for ``--assets``: a library of furniture, Sweet Home 3D's own, textures."""
    models = folder / "tiny" / "models"
    models.mkdir(parents=True)
    (folder / "tiny" / "PluginFurnitureCatalog.properties").write_text(CATALOGUE, "latin-1")
    (models / "colors.mtl").write_text(
        "newmtl wood\nKd 0.7 0.5 0.3\nnewmtl pane\nKd 0.9 0.9 0.9\nd 0.3\n"
        "newmtl torn\nmap_Kd gone.jpg\n"
    )
    legs = [((x, 0, z), (x + 5, 70, z + 5)) for x in (0, 115) for z in (0, 75)]
    table = obj_boxes(((0, 70, 0), (120, 75, 80)), *legs)
    head = "mtllib colors.mtl\nusemtl "
    (models / "table.obj").write_text(f"{head}wood\n{table}")
    cube = obj_boxes(((0, 0, 0), (1, 1, 1)))
    for name, material in (("cube", "wood"), ("glass", "pane"), ("missing_texture", "torn")):
        (models / f"{name}.obj").write_text(f"{head}{material}\n{cube}")
    (models / "broken.obj").write_text("v 0 0 0\nv what is this\nf 1 2 99\n")
    resources = folder / "sweethome3d" / RESOURCES
    pictures = resources / "resources/textures"
    pictures.mkdir(parents=True)
    (resources / "DefaultFurnitureCatalog.properties").write_text("", "latin-1")
    (folder / "textures" / "portraits").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for file in (
        pictures / "woodenFloor.jpg",
        pictures / "cloudy.jpg",
        folder / "textures" / "drywall_1.png",
        folder / "textures" / "portraits" / "somebody.png",
    ):
        grain = rng.integers(90, 250, (8, 8, 3), np.uint8)
        cv2.imwrite(str(file), cv2.resize(grain, (64, 64), interpolation=cv2.INTER_NEAREST))
    return folder


@pytest.fixture(scope="session")
def furniture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for ``--assets``; read only."""
    return write_furniture(tmp_path_factory.mktemp("furniture"))


@pytest.fixture(scope="session")
def assets(furniture: Path, tmp_path_factory: pytest.TempPathFactory) -> Assets:
    """What is found in ``furniture``, with a cache of its own."""
    return find_assets(furniture, tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def embree() -> None:
    pytest.importorskip("embreex", reason="rays take embreex (the extra 'sim')")


@pytest.fixture(scope="session")
def egl() -> None:
    """Skips where no OpenGL context can be made."""
    moderngl = pytest.importorskip("moderngl", reason="drawing takes moderngl (the extra 'sim')")
    try:
        moderngl.create_context(standalone=True, backend="egl", require=330).release()
    except Exception as error:
        pytest.skip(f"no OpenGL 3.3 on EGL here: {error}")
