"""Somebody else's network behind the protocol of ours: crops in, a map of each out.

Ours, not the paper's. What runs the model's file is handed in as a Session; here is what is done
to crops before it and to its answers after it, as the adapter says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Num
from torch import Tensor

from fourier_depth_ros.adapter import AdapterConfig, InputConfig
from fourier_depth_ros.core.frame import Backend

#: Runs the model's file: its inputs by name -> its outputs by name, as the file gives them.
Session = Callable[[dict[str, Tensor]], Mapping[str, Tensor]]
#: A cell of the smaller map is known where this share of the answer's pixels is.
MIN_KNOWN_SHARE = 0.5


class AnswerError(ValueError):
    """What the model's file answered is not what the adapter says."""


@dataclass(frozen=True)
class AdaptedNetwork:
    """A checkpoint's network that is somebody else's.

    open: backend's name ("auto": what suits), device, precision -> what runs it.
    """

    config: AdapterConfig
    open: Callable[[str, torch.device, str], Backend]

    def state_dict(self) -> dict[str, Tensor]:
        """Nothing: its weights stay in their own file."""
        return {}


class AdaptedRunner:
    """Calls a Session with crops of the content's size; its answer comes as maps of ``map_size``.

    Args:
        config: of the adapter.
        session: runs the file.
        device: where maps are wanted.
    """

    def __init__(self, config: AdapterConfig, session: Session, device: torch.device) -> None:
        self.config = config
        self._session = session
        mean, std = (
            torch.tensor(values, device=device)[:, None, None] * 255 / config.input.range
            for values in (config.input.mean, config.input.std)
        )
        self._mean, self._std = mean, std
        padding = config.input.padding or config.input.mean
        filled = torch.tensor(padding, device=device)[:, None, None] * 255 / config.input.range
        self._padding = (filled - mean) / std

    def __call__(
        self,
        pictures: Num[Tensor, "n 3 height width"],
        cameras: Float[Tensor, "n 4"] | None = None,
    ) -> Float[Tensor, "n rows columns"]:
        """What the network answers, in its own unit; NaN where masked, in the sky or not finite.

        Args:
            pictures: RGB crops of InputConfig.content_size, 0..255.
            cameras: fx, fy, cx, cy of each crop [px], for networks that are told it; integers are
                pixels' centres.

        Raises:
            AnswerError: an output is missing, or of a shape that is no map.
        """
        content = (pictures.shape[-2], pictures.shape[-1])
        padded = self.config.input.padded_size(content)
        top, left = ((whole - part) // 2 for whole, part in zip(padded, content, strict=True))
        inputs = {self.config.input.name: self._normalized(pictures, padded, top, left)}
        if self.config.input.camera:
            assert cameras is not None  # the frame's of a network that is told
            moved = cameras + torch.tensor([0.0, 0.0, left, top], device=cameras.device)
            for name, form in self.config.input.camera.items():
                make = camera_matrices if form == "matrix" else pixel_rays
                inputs[name] = make(moved, padded)
        inside = partial(_without_padding, padded=padded, box=(top, left, *content))
        answer, known = self._answer(self._session(inputs), len(pictures), inside)
        return _shrunk(answer, known, self.config.map_size)

    def _normalized(
        self,
        pictures: Num[Tensor, "n 3 height width"],
        padded: tuple[int, int],
        top: int,
        left: int,
    ) -> Float[Tensor, "n _ _ _"]:
        x = (pictures.float() - self._mean) / self._std
        height, width = pictures.shape[-2:]
        if (height, width) != padded:
            around = self._padding.expand(len(x), 3, *padded).clone()
            around[..., top : top + height, left : left + width] = x
            x = around
        return x.permute(0, 2, 3, 1) if self.config.input.layout == "NHWC" else x

    def _answer(
        self, outputs: Mapping[str, Tensor], crops: int, inside: Callable[[Tensor], Tensor]
    ) -> tuple[Float[Tensor, "n _ _"], Bool[Tensor, "n _ _"]]:
        """The map of each crop, before it is made smaller, and where it is known."""
        output = self.config.output

        def a_map(name: str) -> Tensor:
            return inside(_as_map(name, self._named(outputs, name), crops))

        if output.kind == "point-map":
            points = inside(_as_points(output.name, self._named(outputs, output.name), crops))
            answer = points[:, 2]
        else:
            answer = a_map(output.name)
        known = answer.isfinite()
        if output.mask is not None:
            known = known & (a_map(output.mask) > 0.5)
        if output.sky is not None:
            known = known & ~(a_map(output.sky) > 0.5)
        if output.shifted:
            answer = answer + recovered_shift(points, known)[:, None, None]
        if output.scale is not None:
            factor = self._named(outputs, output.scale).reshape(-1)
            if len(factor) != crops:
                raise AnswerError(
                    f"output '{output.scale}' holds {len(factor)} numbers for {crops} crops, "
                    f"expected one for each; correct output.scale"
                )
            answer = answer * factor[:, None, None]
        return answer, known

    def _named(self, outputs: Mapping[str, Tensor], name: str) -> Float[Tensor, ...]:
        if name not in outputs:
            raise AnswerError(
                f"the model has no output '{name}', it has {', '.join(outputs)}; correct the "
                f"adapter's output"
            )
        return outputs[name].to(self._mean.device, torch.float32)


def _as_map(name: str, answer: Tensor, crops: int) -> Float[Tensor, "n _ _"]:
    """(n, h, w) of (n, 1, h, w), (n, h, w, 1), or (h, w) of a single crop."""
    shape = tuple(answer.shape)
    if answer.ndim == 4:
        answer = answer.squeeze(1) if shape[1] == 1 else answer.squeeze(-1)
    if answer.ndim == 2 and crops == 1:
        answer = answer[None]
    if answer.ndim != 3 or len(answer) != crops:
        raise AnswerError(
            f"output '{name}' has shape {shape} for {crops} crops, expected (n, h, w), "
            f"(n, 1, h, w) or (n, h, w, 1); correct the adapter's output"
        )
    return answer


def _as_points(name: str, answer: Tensor, crops: int) -> Float[Tensor, "n 3 _ _"]:
    """(n, 3, h, w) of that or of (n, h, w, 3)."""
    shape = tuple(answer.shape)
    if answer.ndim == 4 and shape[1] != 3:
        answer = answer.permute(0, 3, 1, 2)
    if answer.ndim != 4 or answer.shape[1] != 3 or len(answer) != crops:
        raise AnswerError(
            f"output '{name}' has shape {shape} for {crops} crops, expected points (n, h, w, 3) or "
            f"(n, 3, h, w); set output.kind to what it is"
        )
    return answer


def _without_padding(
    answer: Num[Tensor, "*n height width"],
    padded: tuple[int, int],
    box: tuple[int, int, int, int],
) -> Num[Tensor, "*n _ _"]:
    """The part of an answer for the content's ``box`` (top, left, height, width) of the input."""
    top, left, height, width = box
    down, across = answer.shape[-2] / padded[0], answer.shape[-1] / padded[1]
    rows = slice(round(top * down), round((top + height) * down))
    return answer[..., rows, round(left * across) : round((left + width) * across)]


def _shrunk(
    answer: Float[Tensor, "n _ _"], known: Bool[Tensor, "n _ _"], size: tuple[int, int]
) -> Float[Tensor, "n rows columns"]:
    """On a smaller grid, averaged over what is known; NaN where under half of a cell is."""
    stacked = torch.stack((answer.where(known, 0.0), known.float()))
    total, share = F.interpolate(
        stacked, size, mode="bilinear", align_corners=False, antialias=True
    )
    return (total / share.clamp(min=1e-6)).where(share >= MIN_KNOWN_SHARE, torch.nan)


def recovered_shift(
    points: Float[Tensor, "n 3 height width"], known: Bool[Tensor, "n height width"]
) -> Float[Tensor, " n"]:
    """What z of each map of points, known up to a shift s, lacks: the s of f x = u (z + s).

    With f unknown too, that and f y = v (z + s) are linear in (f, s): least squares over all known
    pixels, in closed form. u, v are measured from the picture's centre, in halves of its diagonal.
    """
    height, width = points.shape[-2:]
    v = torch.arange(height, device=points.device) - (height - 1) / 2
    u = torch.arange(width, device=points.device) - (width - 1) / 2
    half = 0.5 * float(height**2 + width**2) ** 0.5
    v, u = torch.meshgrid(v / half, u / half, indexing="ij")
    x, y, z = points.where(known[:, None], 0.0).double().unbind(dim=1)
    weight = known.double()
    across, squared = u * x + v * y, (u * u + v * v) * weight
    # normal equations of rows [x, -u] (f, s) = u z and [y, -v] (f, s) = v z
    ff, fs, ss = (each.sum(dim=(1, 2)) for each in (x * x + y * y, -across * weight, squared))
    fz, sz = (across * z).sum(dim=(1, 2)), -(squared * z).sum(dim=(1, 2))
    determinant = ff * ss - fs * fs
    shift = (ff * sz - fs * fz) / determinant
    return shift.where(determinant > 1e-12 * ff * ss, 0.0).float()


def camera_matrices(cameras: Float[Tensor, "n 4"], size: tuple[int, int]) -> Float[Tensor, "n 3 3"]:
    """K of each crop [px]; ``size`` does not matter."""
    matrices = torch.eye(3, device=cameras.device).repeat(len(cameras), 1, 1)
    matrices[:, 0, 0], matrices[:, 1, 1] = cameras[:, 0], cameras[:, 1]
    matrices[:, 0, 2], matrices[:, 1, 2] = cameras[:, 2], cameras[:, 3]
    return matrices


def pixel_rays(
    cameras: Float[Tensor, "n 4"], size: tuple[int, int]
) -> Float[Tensor, "n 3 height width"]:
    """The direction in which each pixel's centre is seen, of length 1, in the optical frame."""
    fx, fy, cx, cy = cameras[:, :, None, None].unbind(dim=1)
    v = torch.arange(size[0], device=cameras.device)[:, None]
    u = torch.arange(size[1], device=cameras.device)
    x = ((u - cx) / fx).expand(-1, *size)
    y = ((v - cy) / fy).expand(-1, *size)
    return F.normalize(torch.stack((x, y, torch.ones_like(x)), dim=1), dim=1)


def check_input(config: InputConfig, shape: list[int | None], path: str) -> None:
    """Whether a file's input can take what the adapter gives it; None: any size.

    Raises:
        AnswerError: a side, the channels or the layout differ.
    """
    channels = 1 if config.layout == "NCHW" else 3
    there = [shape[i] for i in range(len(shape)) if i not in (0, channels)]
    if len(shape) != 4 or shape[channels] not in (3, None):
        other = "NHWC" if config.layout == "NCHW" else "NCHW"
        raise AnswerError(
            f"{path}: input '{config.name}' has shape {shape}, expected {config.layout} with 3 "
            f"channels; set input.layout: {other} if that is what it is"
        )
    for given, own in zip(config.size, there, strict=True):
        if own is not None and (own != given or not config.fixed):
            raise AnswerError(
                f"{path}: input '{config.name}' takes {there} pixels alone, the adapter says size: "
                f"{list(config.size)}, fixed: {str(config.fixed).lower()}; set size: {there} and "
                f"fixed: true"
            )
