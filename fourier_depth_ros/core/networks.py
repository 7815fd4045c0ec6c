"""The two families of networks, behind one type: which module a configuration means.

Both answer crops with maps in the checkpoint's output space: `maps` is all below `head`, `head`
answers for those maps in float32, and `set_precision` is of all but the head.
"""

from __future__ import annotations

from fourier_depth_ros.config import NetworkConfig
from fourier_depth_ros.core.network import DepthEstimationNetwork, FoldedNetwork
from fourier_depth_ros.core.vit import FoldedVitNetwork, VitDepthNetwork

DepthNetwork = DepthEstimationNetwork | VitDepthNetwork


def build_network(config: NetworkConfig) -> DepthNetwork:
    """The network of a configuration, with initial weights."""
    if config.family == "vit":
        return VitDepthNetwork(config)
    return DepthEstimationNetwork(config)


def fold(network: DepthNetwork) -> DepthNetwork:
    """A copy for inference: the same function with fewer operations, without gradients."""
    if isinstance(network, VitDepthNetwork):
        return FoldedVitNetwork(network)
    return FoldedNetwork(network)
