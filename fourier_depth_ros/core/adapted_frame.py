"""One frame of an adapted network: what its answers mean, and where 1/r comes in.

Ours, not the paper's. A crop of ratio r is seen with 1/r times the focal length. A network whose
metres are right for one focal length, or are multiplied by it, needs 1/r of sec. 3.3 once; one that
sees or is told the focal length has answered for it already; relative answers are aligned.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from fourier_depth_ros.adapter import AdapterConfig, OutputConfig
from fourier_depth_ros.config import DepthSpace
from fourier_depth_ros.core.adapted import AdaptedRunner
from fourier_depth_ros.core.alignment import Alignment
from fourier_depth_ros.core.crops import crop_boxes, extract_crops
from fourier_depth_ros.core.frame import Frame


def adapted_space(config: AdapterConfig) -> DepthSpace:
    """What an adapted network's depths are; ``disparity`` is left to a fit."""
    output = config.output
    any_camera = output.kind in ("metric", "point-map") and output.canonical_focal is None
    return DepthSpace(
        output_space="depth",
        max_depth=output.max_depth,
        # of the others: z = f * answer is answer, as seen with a focal length of the width
        canonical_focal=output.canonical_focal or 1.0,
        any_camera=any_camera,
    )


def applies_zoom_rule(config: AdapterConfig, space: DepthSpace) -> bool:
    """Whether the merged crops of ratio r are multiplied by 1/r."""
    return not (space.any_camera or config.output.relative)


class AdaptedFrame(Frame):
    """As Frame; ``picture`` is its size (height, width) [px], ``config`` the adapter's."""

    network: AdaptedRunner

    def __init__(self, config: AdapterConfig, picture: tuple[int, int], **common: object) -> None:
        super().__init__(**common)  # type: ignore[arg-type]
        self.config = config
        self.picture = picture
        self.content = config.crop_size(picture)
        ratios, device = self.settings.crop_ratios, self.merger.rows.device
        self._alone = config.output.relative and ratios[0] != 1.0
        self._alignment = Alignment.build(picture, ratios, config.map_size, device)
        focal, centre = _crop_cameras(picture, self.content, ratios, self.settings.use_flips)
        self._cameras = focal.to(device), centre.to(device)

    def network_maps(
        self, image: UInt8[Tensor, "3 height width"], factor: Float[Tensor, ""]
    ) -> Float[Tensor, "crops rows columns"]:
        """What the network answers for each crop; of relative ones first the whole picture's."""
        ratios, flips = self.settings.crop_ratios, self.settings.use_flips
        crops = extract_crops(image, ratios, self.content, flips)
        if self._alone:
            crops = torch.cat((extract_crops(image, (1.0,), self.content, False), crops))
        focal, centre = self._cameras
        cameras = torch.cat((focal * factor, centre), dim=1)
        told = bool(self.config.input.camera)
        answers = [
            self.network(part, some if told else None)
            for part, some in zip(
                torch.split(crops, self.max_batch),
                torch.split(cameras if told else crops, self.max_batch),
                strict=True,
            )
        ]
        return torch.cat(answers) if len(answers) > 1 else answers[0]

    def to_depths(
        self, maps: Float[Tensor, "answers rows columns"]
    ) -> Float[Tensor, "crops rows columns"]:
        """Depth [canonical m] in [0, max_depth] of each crop; unknown is max_depth."""
        output = self.config.output
        if output.relative:
            return self._from_disparity(maps)
        depth = maps if output.direction == "farther" else 1.0 / maps
        depth = depth * output.unit
        if output.focal is not None:
            height, width = self.content
            # its authors' f is the mean of both; they differ where the aspect was stretched
            pixels = (width + height * self.picture[1] / self.picture[0]) / 2
            depth = depth * (pixels / output.focal)
        return depth.nan_to_num(nan=torch.inf, posinf=torch.inf).clamp(0.0, self.space.max_depth)

    def _from_disparity(
        self, maps: Float[Tensor, "answers rows columns"]
    ) -> Float[Tensor, "crops rows columns"]:
        affine = self.config.output.kind == "inverse-affine"
        disparity = disparity_of(maps, self.config.output)
        lowest = disparity.nan_to_num(nan=torch.inf).amin(dim=(1, 2), keepdim=True)
        disparity = disparity.where(disparity.isfinite(), lowest.nan_to_num(posinf=0.0))
        whole = disparity[0]
        crops = disparity[1:] if self._alone else disparity
        aligned = self._alignment(crops, whole, self.settings.use_flips, shift=affine)
        metres = self.space.disparity
        if metres is not None:
            aligned = aligned * metres.scale + metres.shift
        return 1.0 / aligned.clamp(min=1.0 / self.space.max_depth)

    def camera_factor(self, factor: Float[Tensor, ""]) -> Float[Tensor, ""]:
        """What canonical depth is multiplied by: 1 where it is any camera's."""
        return torch.ones_like(factor) if self.space.any_camera else factor


def disparity_of(answers: Float[Tensor, "*shape"], output: OutputConfig) -> Float[Tensor, "*shape"]:
    """A relative network's answers so that larger is nearer; in its own scale, and shift."""
    if output.direction == "nearer":
        return answers
    return -answers if output.kind == "inverse-affine" else 1.0 / answers


def _crop_cameras(
    picture: tuple[int, int], content: tuple[int, int], ratios: tuple[float, ...], flips: bool
) -> tuple[Float[Tensor, "crops 2"], Float[Tensor, "crops 2"]]:
    """Of each crop, at the network's resolution: (fx, fy) for fx = the picture's width, (cx, cy).

    The picture's pixels are square, and its principal point is its centre.
    Convention: integers are pixels' centres.
    """
    focals, centres = [], []
    for top, left, height, width in crop_boxes(picture, ratios):
        down, across = content[0] / height, content[1] / width
        focals.append((picture[1] * across, picture[1] * down))
        x, y = (picture[1] / 2 - left) * across, (picture[0] / 2 - top) * down
        centres.append((x - 0.5, y - 0.5))
    focal, centre = torch.tensor(focals), torch.tensor(centres)
    if flips:
        mirrored = torch.stack((content[1] - 1 - centre[:, 0], centre[:, 1]), dim=1)
        focal, centre = torch.cat((focal, focal)), torch.cat((centre, mirrored))
    return focal, centre
