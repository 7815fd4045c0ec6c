"""Compiles the paper's frame as one graph, and the network by Inductor; run by test_compiled.py."""

import json

import torch
from torch._dynamo.testing import CompileCounter

from fourier_depth_ros.config import (
    CombinationSettings,
    DepthSpace,
    NetworkConfig,
    Uncertainty,
    shared_ratios,
)
from fourier_depth_ros.core.crops import CropMerger
from fourier_depth_ros.core.fourier import FourierCombiner
from fourier_depth_ros.core.frame import Frame
from fourier_depth_ros.core.network import DepthEstimationNetwork, FoldedNetwork
from fourier_depth_ros.runtime.compiled import BATCH, compiled_backend

torch.manual_seed(0)
network = DepthEstimationNetwork(NetworkConfig(trunk="resnet18", input_size=64)).eval()
network.head.bias.data.fill_(3.0)
image = torch.randint(0, 256, (3, 120, 160), dtype=torch.uint8)
graphs = {}
for settings in (
    CombinationSettings(),
    CombinationSettings(crops="shared", crop_ratios=shared_ratios(64)),
):
    frame = Frame(
        network=FoldedNetwork(network),
        side=64,
        space=DepthSpace(),
        settings=settings,
        merger=CropMerger.build((120, 160), settings.crop_ratios, (25, 32)),
        combiner=FourierCombiner.mean(settings.candidates),
        output_size=(120, 160),
        uncertainty=Uncertainty(floor=0.1, per_depth=0.1, per_spread=0.1),
        max_batch=40,  # two passes of the corners
    )
    counter = CompileCounter()
    compiled = torch.compile(frame, fullgraph=True, backend=counter)
    with torch.inference_mode():
        for factor in (1.0, 2.0):  # another camera, the same graph
            scale = torch.tensor(factor)
            for one, other in zip(compiled(image, scale), frame(image, scale), strict=True):
                torch.testing.assert_close(one, other, equal_nan=True)
    graphs[settings.crops] = counter.frame_count

backend = compiled_backend(network, torch.device("cpu"), "float32")
differences = []
for count, side in ((BATCH, 64), (2, 96)):  # crops, and zoomed pictures
    pictures = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8)
    with torch.inference_mode():
        expected = network(pictures)
        difference = (backend.network(pictures) - expected).abs().max() / expected.abs().max()
    differences.append(float(difference))
print(json.dumps({"graphs": graphs, "differences": differences}))
