"""Converted networks on disk, so that only the first start with new weights converts them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from fourier_depth_ros import resources
from fourier_depth_ros.files import whole_folder


def cache_directory() -> Path:
    """Where converted networks are; made if it is not there."""
    return resources.cache_directory("runtime")


def weights_digest(network: nn.Module) -> str:
    """Sixteen hexadecimal digits that change with any weight, name or shape; 0.1 s for 100 MB."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().reshape(-1).contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()[:16]


def cached(name: str, main: str, make: Callable[[Path], None]) -> Path:
    """The file ``main`` in the cache's folder ``name``; made by ``make(folder)`` if not there.

    The folder appears whole or not at all; of two processes that make it at once, one wins.
    """
    folder = cache_directory() / name
    if not (folder / main).is_file():
        with whole_folder(folder) as partial:
            make(partial)
    return folder / main
