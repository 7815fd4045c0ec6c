"""Networks made from others: stage 2 from stage 1, a deeper trunk, a head for another loss.

All return a new network and leave the old one as it is.
"""

from __future__ import annotations

from copy import deepcopy

import torch
from torch import Tensor, nn

from fourier_depth_ros.config import DepthSpace, NetworkConfig, TrunkName
from fourier_depth_ros.core.network import DepthEstimationNetwork
from fourier_depth_ros.core.networks import DepthNetwork
from fourier_depth_ros.core.space import balance

_LAYERS = ("layer1", "layer2", "layer3", "layer4")


def with_modified_blocks(
    stage1: DepthEstimationNetwork, input_size: int | None = None
) -> DepthEstimationNetwork:
    """Stage 2's start (Lee et al. 2018, sec. 3.1): the last blocks become modified blocks.

    The new parameters, extra paths and the head's columns for them, are Gaussian (std 0.01); trunk,
    the head's columns for the pooled feature, and its bias are stage 1's. ``input_size`` [px] may
    change, for the pooled feature has no size.

    Raises:
        ValueError: ``stage1`` has modified blocks already.
    """
    if stage1.config.modified:
        raise ValueError("the network has modified blocks already: it is past stage 1")
    side = input_size or stage1.config.input_size
    config = NetworkConfig.model_validate(
        {**stage1.config.model_dump(), "modified": True, "input_size": side}
    )
    stage2 = DepthEstimationNetwork(config)
    stage2.trunk.load_state_dict(stage1.trunk.state_dict())
    with torch.no_grad():
        stage2.head.weight[:, _head_columns(stage2)["pooled"]] = stage1.head.weight
        stage2.head.bias.copy_(stage1.head.bias)
    return stage2.train(stage1.training)


def grow(network: DepthNetwork, trunk: TrunkName) -> DepthEstimationNetwork:
    """The same function with a deeper trunk of the same kind of block, such as ResNet-50 -> 152.

    New blocks are identities: their last batch norm has weight AND bias 0, and what enters them is
    not negative, so that relu(x + 0) = x. Old blocks are spread evenly over the new depth (layer3
    of ResNet-50 to 0, 7, 14, 21, 28, 35 of ResNet-152), so that modified blocks stay among the
    modified ones. The head keeps its columns; those of new extra paths are 0.

    Features are the same bit for bit; the head's sums may round differently in their last bits.

    Raises:
        ValueError: ``trunk`` is of another kind of block, or not deeper in any layer; or one of
            the two is no ResNet.
    """
    old = network.config
    if not isinstance(network, DepthEstimationNetwork) or trunk.startswith("vit"):
        raise ValueError(
            f"{old.trunk} cannot grow to {trunk}: only a ResNet grows, to a deeper one"
        )
    grown = DepthEstimationNetwork(
        NetworkConfig.model_validate({**old.model_dump(), "trunk": trunk})
    )
    _check_growth(network, grown)
    places = {name: _places(network, grown, name) for name in _LAYERS}
    state = grown.state_dict()
    for name, tensor in network.state_dict().items():
        if not name.startswith("head."):
            state[_renamed(name, places)] = tensor
    columns, source = _head_columns(grown), _head_columns(network)
    state["head.weight"].zero_()
    state["head.bias"] = network.head.bias.detach()
    for feature, where in source.items():
        target = columns[_renamed_block(feature, places)]
        state["head.weight"][:, target] = network.head.weight.detach()[:, where]
    grown.load_state_dict(state)
    for name in _LAYERS:
        for index, block in enumerate(getattr(grown.trunk, name)):
            if index not in places[name]:
                _make_identity(block)
    return grown.train(network.training)


def with_output_space(network: DepthNetwork, space: DepthSpace) -> DepthNetwork:
    """A start for the other loss: a head that emitted u = g(d) emits about d, and vice versa.

    g is no line, and the head can be scaled and shifted only: by the line of least squares through
    g over 0.3 to 8 m. Training does the rest in its first steps.

    Args:
        network: its head emits what ``space`` says.
        space: the one it comes from; the new head emits the other one's.
    """
    depth = torch.linspace(0.3, 8.0, 500, dtype=torch.float64)
    before, after = balance(depth, space), depth
    if space.output_space == "depth":
        before, after = after, before
    line = torch.stack([before, torch.ones_like(before)], dim=1)
    scale, shift = torch.linalg.lstsq(line, after).solution.tolist()
    other = deepcopy(network)
    assert other.head.bias is not None
    with torch.no_grad():  # a vision transformer's softplus is nearly the identity at such values
        other.head.weight.mul_(scale)
        other.head.bias.mul_(scale).add_(shift)
    return other


def _check_growth(network: DepthEstimationNetwork, grown: DepthEstimationNetwork) -> None:
    old, new = network.config.trunk, grown.config.trunk
    if type(network.trunk.layer1[0]) is not type(grown.trunk.layer1[0]):
        raise ValueError(
            f"{old} cannot grow to {new}: their blocks differ (18 and 34 have basic blocks; 50, "
            f"101 and 152 have bottlenecks)"
        )
    depths = [
        (len(getattr(network.trunk, name)), len(getattr(grown.trunk, name))) for name in _LAYERS
    ]
    if old == new or any(after < before for before, after in depths):
        raise ValueError(f"{old} cannot grow to {new}: that is not deeper")


def _places(network: DepthEstimationNetwork, grown: DepthEstimationNetwork, name: str) -> list[int]:
    """Where each old block of a layer goes: spread evenly, the first to the first."""
    before, after = len(getattr(network.trunk, name)), len(getattr(grown.trunk, name))
    return [round(i * (after - 1) / max(before - 1, 1)) for i in range(before)]


def _renamed(name: str, places: dict[str, list[int]]) -> str:
    """A tensor's name after growth: trunk.layerN.I.* and extra.layerN_I.* move, others stay."""
    part, _, rest = name.partition(".")
    if part == "trunk" and rest.startswith("layer"):
        layer, index, tail = rest.split(".", 2)
        return f"trunk.{layer}.{places[layer][int(index)]}.{tail}"
    if part == "extra":
        block, tail = rest.split(".", 1)
        return f"extra.{_renamed_block(block, places)}.{tail}"
    return name


def _renamed_block(block: str, places: dict[str, list[int]]) -> str:
    layer, _, index = block.partition("_")
    return f"{layer}_{places[layer][int(index)]}" if index else block


def _head_columns(network: DepthEstimationNetwork) -> dict[str, slice]:
    """Which of the head's columns see each extra path ("layer3_20"), and the "pooled" feature."""
    columns, first = {}, 0
    for name, path in network.extra.items():
        stride = 16 if name.startswith("layer3") else 32
        channels: Tensor = path.down.weight  # type: ignore[union-attr, assignment]
        length = len(channels) * (-(-network.config.input_size // stride)) ** 2
        columns[name] = slice(first, first + length)
        first += length
    columns["pooled"] = slice(first, network.head.in_features)
    return columns


def _make_identity(block: nn.Module) -> None:
    last = getattr(block, "bn3", None) or block.bn2
    assert isinstance(last, nn.BatchNorm2d)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
