"""``fourier-depth grow``: deepen a checkpoint's trunk without changing what it computes."""

from __future__ import annotations

from pathlib import Path

from fourier_depth_ros.config import TrunkName


def grow(source: str, out: Path, /, *, trunk: TrunkName = "resnet152") -> None:
    """Deepen a checkpoint's trunk with identity blocks: it computes the same, and can learn more.

    ResNet-50 grows to 101 and 152, ResNet-18 to 34. A fitted combination stays valid.

    Args:
        source: path or name of the checkpoint to start from.
        out: where the deeper checkpoint goes, with weights in float32.
        trunk: the trunk to grow to.
    """
    from dataclasses import replace

    from fourier_depth_ros.cli.outputs import prepare_file
    from fourier_depth_ros.resources import find_checkpoint

    path, _ = find_checkpoint(source, cuda=False)
    prepare_file("out", out)

    import torch

    from fourier_depth_ros.core.checkpoint import save_checkpoint
    from fourier_depth_ros.runtime import read_checkpoint
    from fourier_depth_ros.training.growth import grow as deepen

    checkpoint = read_checkpoint(path)
    network = deepen(checkpoint.own_network, trunk)
    config = checkpoint.config.model_copy(update={"network": network.config})
    grown = replace(checkpoint, config=config, network=network)
    save_checkpoint(out, grown, dtype=torch.float32)
    print(f"{out}: {checkpoint.config.network.trunk} grown to {trunk}")
