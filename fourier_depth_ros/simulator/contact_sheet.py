"""A contact sheet of simulated pairs, for eyes."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from fourier_depth_ros.images.encodings import colorize_depth

NEAR, FAR = 0.3, 8.0  # [m], the ends of the colours
CELL = (320, 240)  # (width, height) of a picture [px]
COLUMNS = 4


def write_contact_sheet(out: Path, pairs: int = 24) -> Path:
    """``out``/contact_sheet.jpg: pairs spread evenly over the folder, depth red near, blue far.

    Black is invalid depth.

    Raises:
        ValueError: ``out`` holds no picture.
        OSError: the sheet could not be written.
    """
    pictures = sorted((out / "rgb").glob("*.jpg"))
    if not pictures:
        raise ValueError(f"{out / 'rgb'} holds no picture")
    step = max(len(pictures) / pairs, 1.0)
    cells = []
    for index in range(min(pairs, len(pictures))):
        picture = pictures[int(index * step)]
        raw = cv2.imread(str(out / "depth" / f"{picture.stem}.png"), cv2.IMREAD_UNCHANGED)
        bgr = cv2.imread(str(picture), cv2.IMREAD_COLOR)
        if raw is None or bgr is None:
            continue
        depth = np.where(raw > 0, raw / np.float32(1000), np.float32(np.nan)).astype(np.float32)
        color = cv2.cvtColor(colorize_depth(depth, NEAR, FAR), cv2.COLOR_RGB2BGR)
        shown = [
            cv2.resize(bgr, CELL, interpolation=cv2.INTER_AREA),
            cv2.resize(color, CELL, interpolation=cv2.INTER_NEAREST),
        ]
        cv2.putText(shown[0], picture.stem, (4, 12), cv2.FONT_HERSHEY_PLAIN, 0.8, (0, 0, 255))
        cells.append(np.vstack(shown))
    blank = np.zeros((2 * CELL[1], CELL[0], 3), np.uint8)
    rows = [cells[i : i + COLUMNS] for i in range(0, len(cells), COLUMNS)]
    sheet = np.vstack([np.hstack(row + [blank] * (COLUMNS - len(row))) for row in rows])
    path = out / "contact_sheet.jpg"
    if not cv2.imwrite(str(path), sheet, [cv2.IMWRITE_JPEG_QUALITY, 90]):
        raise OSError(f"{path} could not be written")
    return path
