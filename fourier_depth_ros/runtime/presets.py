"""What is known of public depth networks, for 'fourier-depth adapt --preset-of NAME'.

Read in the projects' own code and documentation; no public file was run here, see docs/networks.md.
Where a file has one size it wins over the size here.
"""

from __future__ import annotations

from typing import Any

_IMAGENET: dict[str, Any] = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
_PATCHES: dict[str, Any] = {**_IMAGENET, "multiple": 14}
#: fx / width of a field of view of 60 degrees, Hypersim's; and of Virtual KITTI's 725 of 1242 px.
_HYPERSIM, _VKITTI = 0.866, 0.584
#: ImageNet's mean for pixels of 0 to 255.
_GREY = [123.675, 116.28, 103.53]


def _depth_anything_v2(**output: Any) -> dict[str, Any]:
    return {"input": {"size": [518, 518], **_PATCHES}, "output": {"name": "depth", **output}}


def _midas(mean: list[float], std: list[float]) -> dict[str, Any]:
    return {
        "input": {"size": [384, 384], "multiple": 32, "mean": mean, "std": std},
        "output": {"kind": "inverse-affine", "direction": "nearer"},
        "licence": "MIT",
        "source": "https://github.com/isl-org/MiDaS",
    }


PRESETS: dict[str, dict[str, Any]] = {
    "depth-anything-v2": {
        **_depth_anything_v2(kind="inverse-affine", direction="nearer"),
        "licence": "Small Apache-2.0; Base and Large CC-BY-NC-4.0",
        "source": "https://github.com/DepthAnything/Depth-Anything-V2",
    },
    "depth-anything-v2-indoor": {
        **_depth_anything_v2(
            kind="metric", direction="farther", max_depth=20.0, canonical_focal=_HYPERSIM
        ),
        "licence": "Small Apache-2.0; Base and Large CC-BY-NC-4.0",
        "source": "https://github.com/DepthAnything/Depth-Anything-V2/tree/main/metric_depth",
    },
    "depth-anything-v2-outdoor": {
        **_depth_anything_v2(
            kind="metric", direction="farther", max_depth=80.0, canonical_focal=_VKITTI
        ),
        "licence": "Small Apache-2.0; Base and Large CC-BY-NC-4.0",
        "source": "https://github.com/DepthAnything/Depth-Anything-V2/tree/main/metric_depth",
    },
    "depth-anything-3-metric": {
        "input": {"size": [504, 504], "resize": "pad", **_PATCHES},
        "output": {
            "name": "depth",
            "kind": "metric-per-focal",
            "focal": 300.0,
            "direction": "farther",
            "sky": "sky",
            "max_depth": 200.0,
        },
        "licence": "Apache-2.0",
        "source": "https://github.com/ByteDance-Seed/Depth-Anything-3",
    },
    "metric3d-v2": {
        "input": {"size": [616, 1064], "resize": "pad", "range": 255, "padding": _GREY},
        "output": {
            "name": "pred_depth",
            "kind": "metric-per-focal",
            "focal": 1000.0,
            "direction": "farther",
            "max_depth": 200.0,
        },
        "licence": "BSD-2-Clause",
        "source": "https://github.com/YvanYin/Metric3D",
    },
    "moge-2": {
        "input": {
            "size": [518, 518],
            "multiple": 14,
            "resize": "pad",
            "constants": {"num_tokens": 1800},
        },
        "output": {
            "name": "points",
            "kind": "point-map",
            "direction": "farther",
            "mask": "mask",
            "scale": "metric_scale",
            "shifted": True,
        },
        "licence": "MIT",
        "source": "https://github.com/microsoft/MoGe",
    },
    "unidepth-v2": {
        "input": {"size": [462, 616], "resize": "pad", "camera": {"rays": "rays"}, **_PATCHES},
        "output": {"name": "pts_3d", "kind": "point-map", "direction": "farther"},
        "licence": "CC-BY-NC-4.0: not for commercial use",
        "source": "https://github.com/lpiccinelli-eth/UniDepth",
    },
    "midas": _midas(_IMAGENET["mean"], _IMAGENET["std"]),
    "midas-dpt": _midas([0.5] * 3, [0.5] * 3),
    "depth-pro": {
        # its answer C is inverse depth as seen with a focal length of the picture's width:
        # 1 / z = C * width / f
        "input": {"size": [1536, 1536], "mean": [0.5] * 3, "std": [0.5] * 3},
        "output": {
            "kind": "metric",
            "direction": "nearer",
            "canonical_focal": 1.0,
            "max_depth": 200.0,
        },
        "licence": "Apple's own, see its LICENSE; the weights for research",
        "source": "https://github.com/apple/ml-depth-pro",
    },
    "zipdepth": {
        "input": {"size": [384, 384], "multiple": 32},
        "output": {"kind": "inverse-affine", "direction": "nearer"},
        "licence": "MIT",
        "source": "its authors' repository",
    },
}
