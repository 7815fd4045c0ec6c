"""The settings of a node whose checkpoint has small presets, for the tests of its parameters."""

from __future__ import annotations

from typing import Any

from fourier_depth_ros.config import (
    PAPER_RATIOS,
    CheckpointConfig,
    DepthSpace,
    FitConfig,
    NetworkConfig,
    Preset,
)
from fourier_depth_ros.ros import parameters
from fourier_depth_ros.ros.settings import NodeParameters

PRESETS = {
    "fast": Preset(crop_ratios=(1.0,), use_flips=False, cost=1),
    "balanced": Preset(crop_ratios=(1.0, 0.8), use_flips=False, cost=5),
    "accurate": Preset(crop_ratios=(1.0, 0.8), use_flips=True, cost=10),
    "paper": Preset(crop_ratios=PAPER_RATIOS, use_flips=True, cost=66),
}
FAST = NodeParameters(preset="fast", crop_ratios=(1.0,))
#: Of shared crops nothing is fitted: they have the rough presets for 192 pixels.
CONFIG = CheckpointConfig(
    network=NetworkConfig(trunk="resnet18", input_size=192),
    space=DepthSpace(),
    fits={"corners": FitConfig(presets=PRESETS)},
)


def change(
    settings: NodeParameters = FAST, config: CheckpointConfig = CONFIG, **values: Any
) -> NodeParameters:
    """As the node changes them on a CPU, where 'auto' is fast."""
    return parameters.change(settings, values, config, "fast")
