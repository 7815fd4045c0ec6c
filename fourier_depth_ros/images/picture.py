"""A picture and what is known of it; a source gives them in order."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from fourier_depth_ros.core.geometry import Intrinsics

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture, and what is known of it.

    Attributes:
        rgb: (H, W, 3) uint8.
        intrinsics: of exactly this picture's size; None where nobody calibrated the camera.
        name: unique in its source and fit for a file name, without a suffix.
        stamp_ns: a bag's stamp, a video's time since its start, None for a picture [ns].
    """

    rgb: UInt8[np.ndarray, "height width 3"]
    intrinsics: Intrinsics | None
    name: str
    stamp_ns: int | None


class NoPictureError(ValueError):
    """Not a single picture of a source could be read."""


class PictureSource(ABC):
    """Pictures in order, read one at a time; each ``iter`` starts anew and closes what it opened.

    Unreadable pictures are skipped: the first with a warning, each with its reason in
    ``unreadable`` (of the latest pass). ``len``, where a source has it, counts them too: they show
    only on reading. ``frame_id``: of a recording's headers, empty for what has none.

    Raises:
        NoPictureError: while iterating, when not a single picture could be read.
        ValueError: while iterating, when a calibration file is malformed or made for another shape
            of picture.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.frame_id = ""
        self.unreadable: list[str] = []
        self._warned = False

    @property
    def skipped(self) -> int:
        """How many pictures of the latest pass were unreadable."""
        return len(self.unreadable)

    def __iter__(self) -> Iterator[Picture]:
        self.unreadable = []
        empty = True
        for picture in self._read():
            empty = False
            yield picture
        if empty:
            raise NoPictureError(
                f"{self.path}: no picture could be read ({self.skipped} unreadable), is it whole?"
            )

    @abstractmethod
    def _read(self) -> Iterator[Picture]:
        """One pass; calls ``_skip`` for what cannot be read."""

    def _skip(self, name: str, reason: object) -> None:
        self.unreadable.append(f"{name} ({reason})")
        if not self._warned:
            logger.warning("%s: skipped %s (%s); further ones are counted", self.path, name, reason)
        self._warned = True
