"""Relative depth of crops on one scale: each crop's scale and shift, from the whole picture's map.

Ours, not the paper's. A network that answers inverse depth up to a scale and a shift has others in
each crop; before anything is merged they are brought to those of the whole picture (r = 1), by
least squares in disparity over the crop's window.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from fourier_depth_ros.core.crops import crop_boxes

#: Maps are compared after averages over so many cells in either direction: a crop's map holds more
#: detail than the whole picture's, which would count as noise and shrink its scale.
POOL = 4
#: A crop without contrast has no scale of its own: relative to its mean square.
_FLAT = 1e-9


@dataclass(frozen=True)
class Alignment:
    """Where the windows of one picture size and set of ratios lie in the whole picture's map."""

    rows: Float[Tensor, "boxes pooled_rows map_rows"]
    columns: Float[Tensor, "boxes pooled_columns map_columns"]

    @staticmethod
    def build(
        picture: tuple[int, int],
        ratios: tuple[float, ...],
        map_size: tuple[int, int],
        device: torch.device | str = "cpu",
    ) -> Alignment:
        """For the plain crops, in extract_crops' order."""
        rows, columns = [], []
        for top, left, height, width in crop_boxes(picture, ratios):
            rows.append(_window(picture[0], top, height, map_size[0]))
            columns.append(_window(picture[1], left, width, map_size[1]))
        return Alignment(
            torch.stack(rows).to(device, torch.float32),
            torch.stack(columns).to(device, torch.float32),
        )

    def __call__(
        self,
        maps: Float[Tensor, "crops map_rows map_columns"],
        whole: Float[Tensor, "map_rows map_columns"],
        flips: bool,
        shift: bool,
    ) -> Float[Tensor, "crops map_rows map_columns"]:
        """``maps`` of crops [disparity] on the scale of ``whole``, that of the whole picture.

        With ``flips`` the second half is of mirrored crops; ``shift``: not the scale alone.
        """
        target = self.rows @ whole @ self.columns.mT
        if flips:
            target = torch.cat((target, target.flip(-1)))
        x = _inner(F.avg_pool2d(maps[None], POOL)[0])
        y = _inner(target)
        if not shift:
            scale = (x * y).sum(1) / (x * x).sum(1).clamp(min=1e-30)
            return maps * scale.to(maps.dtype)[:, None, None]
        x_mean, y_mean = x.mean(1), y.mean(1)
        x, y = x - x_mean[:, None], y - y_mean[:, None]
        variance = (x * x).mean(1) + _FLAT * (x_mean * x_mean + y_mean * y_mean) + 1e-30
        # a crop that contradicts the whole picture adds nothing but its place
        scale = ((x * y).mean(1) / variance).clamp(min=0.0)
        offset = y_mean - scale * x_mean
        scale, offset = (each.to(maps.dtype)[:, None, None] for each in (scale, offset))
        return maps * scale + offset


def _inner(maps: Float[Tensor, "n rows columns"]) -> Float[Tensor, "n cells"]:
    """Without the outermost cells, where the whole picture's map may end (float64)."""
    return maps[:, 1:-1, 1:-1].flatten(1).double()


def _window(full: int, start: int, length: int, cells: int) -> Float[Tensor, "pooled cells"]:
    """A window's cells, averaged by POOL, as bilinear samples of the map of ``full`` pixels."""
    centres = start + (torch.arange(cells, dtype=torch.float64) + 0.5) * length / cells
    at = (centres / full * cells - 0.5).clamp(0, cells - 1)
    first = at.floor().long().clamp(max=cells - 2)
    share = (at - first)[:, None]
    eye = torch.eye(cells, dtype=torch.float64)
    sampled = eye[first] * (1 - share) + eye[first + 1] * share
    return sampled.reshape(-1, POOL, cells).mean(dim=1)
