"""Which module a configuration means."""

import pytest
import torch
from checkpoints import VIT, small_vits

from fourier_depth_ros.config import NetworkConfig
from fourier_depth_ros.core.network import DepthEstimationNetwork, FoldedNetwork
from fourier_depth_ros.core.networks import build_network, fold
from fourier_depth_ros.core.vit import FoldedVitNetwork, VitDepthNetwork


@pytest.mark.parametrize(
    ("config", "module", "folded"),
    [
        (NetworkConfig(trunk="resnet18", input_size=64), DepthEstimationNetwork, FoldedNetwork),
        (VIT, VitDepthNetwork, FoldedVitNetwork),
    ],
)
def test_each_family_has_its_module(config, module, folded):
    with small_vits():
        network = build_network(config).eval()
    assert type(network) is module
    assert network.config == config
    assert type(fold(network)) is folded
    side = config.input_size
    answer = network(torch.zeros(2, 3, side, side, dtype=torch.uint8))
    assert answer.shape == (2, *config.map_size)
