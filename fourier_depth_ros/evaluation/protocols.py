"""The two evaluation protocols: which pixels count, and how pictures are put together.

The papers' crops belong to NYU Depth v2, whose projected depth ends in a white frame: 427 x 561
pixels of 480 x 640 in the authors' release, 426 x 560 in Eigen et al.'s. On pictures of any other
camera there is no such frame, and the whole picture counts.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from fourier_depth_ros.data.nyu import CROP_COLUMNS, CROP_ROWS, INTRINSICS
from fourier_depth_ros.evaluation.metrics import PictureSums

Box = tuple[slice, slice]

_WHOLE: Box = (slice(None), slice(None))
_NYU_SIZE = (INTRINSICS.height, INTRINSICS.width)
_RELEASE_SIZE = (CROP_ROWS.stop - CROP_ROWS.start, CROP_COLUMNS.stop - CROP_COLUMNS.start)
#: Eigen, Puhrsch and Fergus, NeurIPS 2014: within the whole picture of 480 x 640.
_EIGEN: Box = (slice(45, 471), slice(41, 601))


@dataclass(frozen=True)
class Protocol:
    """One of the two: its short name, what it is in words, and how it averages."""

    name: str
    label: str
    pooled: bool

    def region(self, height: int, width: int, nyu: bool) -> Box:
        """Rows and columns that count in a picture of this size.

        Raises:
            ValueError: said to be of NYUv2, but of neither of its sizes.
        """
        if not nyu:
            return _WHOLE
        if (height, width) == _NYU_SIZE:
            return (CROP_ROWS, CROP_COLUMNS) if self.pooled else _EIGEN
        if (height, width) == _RELEASE_SIZE:  # cropped when it was read
            if self.pooled:
                return _WHOLE
            top, left = CROP_ROWS.start, CROP_COLUMNS.start
            rows, columns = _EIGEN
            return (
                slice(rows.start - top, rows.stop - top),
                slice(columns.start - left, columns.stop - left),
            )
        raise ValueError(
            f"a picture of {width}x{height} is not of NYUv2, expected "
            f"{_NYU_SIZE[1]}x{_NYU_SIZE[0]} or {_RELEASE_SIZE[1]}x{_RELEASE_SIZE[0]}; leave out "
            f"--nyu"
        )

    def metrics(self, sums: PictureSums, weights: Tensor | None = None) -> dict[str, Tensor]:
        """Every metric, as this protocol averages: see PictureSums."""
        return sums.pooled(weights) if self.pooled else sums.per_picture(weights)


def protocols(nyu: bool) -> tuple[Protocol, Protocol]:
    """The authors' protocol and Eigen's, labelled for NYUv2 or for other pictures."""
    crops = ("427 x 561 crop", "Eigen crop") if nyu else 2 * ("whole picture",)
    return (
        Protocol("authors", f"authors' protocol: {crops[0]}, pooled over all pixels", True),
        Protocol("eigen", f"Eigen's protocol: {crops[1]}, mean over pictures", False),
    )
