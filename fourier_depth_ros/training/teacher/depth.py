"""A teacher to distil from: DINOv2 ViT-S/14's features, and a small depth head on top of them.

Ours, not the paper's: where no ImageNet weights can be had, the trunk learns to see from these
features, which are written once beside the pictures.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fourier_depth_ros.config import DepthSpace
from fourier_depth_ros.core.estimator import resolve_device, resolve_precision
from fourier_depth_ros.core.frame import DTYPES
from fourier_depth_ros.core.geometry import focal_factor
from fourier_depth_ros.core.losses import depth_balanced_euclidean_loss
from fourier_depth_ros.core.space import to_depth
from fourier_depth_ros.data.progress import track
from fourier_depth_ros.data.sample import RgbdDataset, RgbdSample
from fourier_depth_ros.data.truth import canonical_truth
from fourier_depth_ros.files import whole_file
from fourier_depth_ros.training.augment import resize_rgb
from fourier_depth_ros.training.teacher.features import SIDE, load_dinov2

#: Channels of ViT-S/14's features.
CHANNELS = 384
_BATCH = 8
MAP = (25, 32)


def write_features(data: RgbdDataset, model: Path, folder: Path, device: str = "auto") -> int:
    """NAME.npy (channels, PATCHES, PATCHES) float16 of each picture; how many are new.

    What is there already is left as it is: the same call goes on where it was cut off.

    Raises:
        ValueError, ImportError, FileNotFoundError: as resolve_device and load_dinov2.
    """
    folder.mkdir(parents=True, exist_ok=True)
    place = resolve_device(device)
    encoder = load_dinov2(model).to(place)
    dtype = DTYPES[resolve_precision("auto", place)]
    samples = track(data, "features", len(data))
    missing = (sample for sample in samples if not (folder / f"{sample.name}.npy").is_file())
    written = 0
    while batch := list(islice(missing, _BATCH)):
        crops = np.stack([resize_rgb(sample.rgb, SIDE) for sample in batch])
        pictures = torch.from_numpy(crops).permute(0, 3, 1, 2).to(place)
        with torch.autocast(place.type, dtype, enabled=dtype != torch.float32):
            features = encoder(pictures)
        for sample, one in zip(batch, features.half().cpu().numpy(), strict=True):
            _save(folder / f"{sample.name}.npy", one)
        written += len(batch)
    return written


def _save(path: Path, values: np.ndarray) -> None:
    with whole_file(path) as partial, partial.open("wb") as file:
        np.save(file, values)


class DepthHead(nn.Module):
    """Features to the depth map that the network is to learn, in the balanced space."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.enter = nn.Conv2d(CHANNELS, width, 1)
        self.coarse = nn.Conv2d(width, width, 3, padding=1)
        self.fine = nn.Conv2d(width, width, 3, padding=1)
        self.leave = nn.Conv2d(width, 1, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """(n, rows, columns) of features (n, CHANNELS, PATCHES, PATCHES)."""
        x = F.gelu(self.enter(features))
        x = x + F.gelu(self.coarse(x))
        x = F.interpolate(x, MAP, mode="bilinear", align_corners=False)
        x = x + F.gelu(self.fine(x))
        return self.leave(x)[:, 0]


def train_head(
    data: Iterable[RgbdSample], folder: Path, space: DepthSpace, steps: int = 2000
) -> DepthHead:
    """A head fitted to the true depth of ``data``, whose features are in ``folder``.

    Raises:
        ValueError: no picture has both features and valid depth.
    """
    features, truths = [], []
    for sample in data:
        truth = canonical_map(sample, space)
        if torch.isfinite(truth).any():
            features.append(torch.from_numpy(np.load(folder / f"{sample.name}.npy")))
            truths.append(truth)
    if not features:
        raise ValueError("no picture has both features and valid depth to train the head on")
    inputs, targets = torch.stack(features), torch.stack(truths)
    torch.manual_seed(0)
    head = DepthHead()
    optimizer = torch.optim.AdamW(head.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
    for _ in track(range(steps), "depth head", steps, "step"):
        chosen = torch.randint(len(inputs), (min(32, len(inputs)),))
        target = targets[chosen]
        output = head(inputs[chosen].float())
        loss = depth_balanced_euclidean_loss(output, target, torch.isfinite(target), space)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return head.eval()


def canonical_map(sample: RgbdSample, space: DepthSpace) -> Tensor:
    """True depth [canonical m] on the network's map, NaN invalid or beyond ``max_depth``."""
    factor = focal_factor(sample.intrinsics, space.canonical_focal)
    return canonical_truth(torch.from_numpy(sample.depth), factor, MAP, space.max_depth)


@torch.inference_mode()
def write_depth_maps(head: DepthHead, features: Path, folder: Path, space: DepthSpace) -> int:
    """NAME.npy (rows, columns) float32 [canonical m] for each file of features; how many."""
    folder.mkdir(parents=True, exist_ok=True)
    files = sorted(features.glob("*.npy"))
    for file in files:
        maps = to_depth(head(torch.from_numpy(np.load(file)).float()[None]), space)
        _save(folder / file.name, maps[0].numpy())
    return len(files)
