"""Networks made from smaller ones compute what the smaller ones did."""

import numpy as np
import pytest
import torch

from fourier_depth_ros.config import DepthSpace, NetworkConfig
from fourier_depth_ros.core.network import DepthEstimationNetwork
from fourier_depth_ros.core.networks import build_network
from fourier_depth_ros.training.growth import grow, with_modified_blocks, with_output_space

SIDE = 64
CROPS = torch.randint(0, 256, (2, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(0))


def random_network(**config) -> DepthEstimationNetwork:
    """Random weights, and batch norms that have seen something."""
    torch.manual_seed(1)
    network = DepthEstimationNetwork(NetworkConfig(input_size=SIDE, **config))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.0)
            module.bias.data.normal_(std=0.1)
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(1.0, 2.0)
    return network.eval()


@torch.no_grad()
def test_stage_two_carries_stage_one_over_and_starts_the_rest_small():
    stage1 = random_network(trunk="resnet18", modified=False)
    stage2 = with_modified_blocks(stage1, input_size=96)
    assert stage2.config == NetworkConfig(trunk="resnet18", input_size=96, modified=True)
    pooled = stage1.head.in_features
    torch.testing.assert_close(stage2.head.weight[:, -pooled:], stage1.head.weight, rtol=0, atol=0)
    torch.testing.assert_close(stage2.head.bias, stage1.head.bias, rtol=0, atol=0)
    for name, tensor in stage1.trunk.state_dict().items():
        torch.testing.assert_close(stage2.trunk.state_dict()[name], tensor, rtol=0, atol=0)
    new = [stage2.head.weight[:, :-pooled], *stage2.extra.parameters()]
    for parameter in new:  # Gaussian, std 0.01: the standard deviation's own error is 1 in sqrt(2n)
        tolerance = 5 / (2 * parameter.numel()) ** 0.5
        assert parameter.std().item() == pytest.approx(0.01, rel=tolerance)
    # without the new columns it is stage 1's function
    stage2.head.weight[:, :-pooled] = 0
    crops = torch.cat((CROPS, CROPS), dim=-1)[..., :96].repeat(1, 1, 2, 1)[..., :96, :]
    stage1.config = stage1.config.model_copy(update={"input_size": 96})  # its head knows no size
    torch.testing.assert_close(stage2(crops), stage1(crops), rtol=1e-5, atol=1e-5)


def test_stage_two_is_not_made_twice():
    with pytest.raises(ValueError, match="past stage 1"):
        with_modified_blocks(random_network(trunk="resnet18"))


def old_features(old, grown):
    """The grown network's features that the old head's columns saw, in their order."""
    places = {"layer3": [0, 7, 14, 21, 28, 35], "layer4": [0, 1, 2]}
    lengths = {"layer3": 8 * (SIDE // 16) ** 2, "layer4": 64 * (SIDE // 32) ** 2}
    parts = dict(
        zip(
            [*grown.extra, "pooled"],
            grown.features(CROPS).split(
                [
                    *(lengths[name[:6]] for name in grown.extra),
                    grown.trunk.layer4[0].conv3.out_channels,
                ],
                dim=1,
            ),
            strict=True,
        )
    )
    names = [f"{n[:6]}_{places[n[:6]][int(n[7:])]}" for n in old.extra]
    return torch.cat([parts[name] for name in (*names, "pooled")], dim=1)


@torch.no_grad()
def test_resnet50_grows_to_152_with_the_same_features_bit_for_bit():
    old = random_network(trunk="resnet50")
    grown = grow(old, "resnet152")
    assert grown.config.trunk == "resnet152"
    assert torch.equal(old.features(CROPS), old_features(old, grown))
    torch.testing.assert_close(grown(CROPS), old(CROPS), rtol=1e-5, atol=1e-6)


@torch.no_grad()
@pytest.mark.parametrize(
    ("old", "new", "modified"),
    [
        ("resnet18", "resnet34", True),
        ("resnet18", "resnet34", False),
        ("resnet50", "resnet101", True),
    ],
)
def test_other_growths_keep_the_function(old, new, modified):
    network = random_network(trunk=old, modified=modified)
    torch.testing.assert_close(grow(network, new)(CROPS), network(CROPS), rtol=1e-5, atol=1e-6)


@torch.no_grad()
def test_growth_keeps_the_function_in_training_mode_too():
    network = random_network(trunk="resnet18", modified=False).train()
    grown = grow(network, "resnet34")
    assert grown.training
    torch.testing.assert_close(grown(CROPS), network(CROPS), rtol=1e-5, atol=1e-6)


def test_new_blocks_can_learn():
    grown = grow(random_network(trunk="resnet18", modified=False), "resnet34").train()
    grown(CROPS).square().sum().backward()
    assert grown.trunk.layer1[1].bn2.weight.grad.abs().sum() > 0  # 2 -> 3 blocks: 0 and 2 are old


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("resnet18", "resnet50", "blocks differ"),
        ("resnet34", "resnet18", "not deeper"),
        ("resnet18", "resnet18", "not deeper"),
        ("resnet18", "vits14", "only a ResNet grows"),
        ("vits14", "resnet152", "only a ResNet grows"),
    ],
)
def test_impossible_growths_say_why(old, new, reason):
    with torch.device("meta"):
        network = build_network(NetworkConfig(trunk=old, input_size=70))
    with pytest.raises(ValueError, match=reason):
        grow(network, new)


@torch.no_grad()
@pytest.mark.parametrize("emitted", ["balanced", "depth"])
def test_a_head_for_the_other_loss_is_the_best_line_through_g(emitted):
    network = random_network(trunk="resnet18")
    other = with_output_space(network, DepthSpace(output_space=emitted))
    depth = np.linspace(0.3, 8.0, 1000)
    balanced = 1.5 * depth - 0.05 * depth**2
    before, after = (balanced, depth) if emitted == "balanced" else (depth, balanced)
    scale, shift = np.polyfit(before, after, 1)
    torch.testing.assert_close(other(CROPS), scale * network(CROPS) + shift, rtol=1e-3, atol=1e-3)
