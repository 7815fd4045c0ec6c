"""Sets random parameters of a live node: ``python parameter_fuzzer.py DOMAIN SEED SETS``.

Prints how many sets were accepted and refused. min_depth and max_depth are only ever set together,
1 m apart, also in sets that are invalid for another reason.
"""

from __future__ import annotations

import random
import sys

from harness import Graph
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.parameter import Parameter

from fourier_depth_ros.ros.parameters import is_live
from fourier_depth_ros.ros.settings import NodeParameters

SERVICE = "depth/set_parameters_atomically"
SENSIBLE = {
    "preset": ["fast", "balanced", ""],
    "crops": ["corners", "shared"],
    "crop_ratios": ["[1, 0.8]", [1.0, 0.6], "1 .8", [1], "fast", 0.8],
    "use_flips": [True, False],
    "combination": ["mean", "hierarchical", "paper"],
    "ridge": [-1.0, 0, 0.3, 1e6],
    "far_policy": ["nan", "inf"],
    "max_relative_std": [0, 0.0],
    "depth_scale": [1, 0.5, 1e-3, 1e3],
    "focal_correction": [True, False],
    "camera_height": [0, 1.2],
    "scale_from": ["none", "scan", "points", "height", "depth"],
    "scale_transform": ["", "0 0 0.1 0 0 0", "0 0 0 0 0 0 1"],
    "scale_tolerance": [0.15, 1],
    "scale_max_jump": [0.3],
    "scale_patience": [0, 2.0],
    "output_size": ["", "1x1", "40x30", "333x7"],
    "depth_encoding": ["32FC1", "16UC1"],
    "publish_points": [True, False],
    "points_stride": [1, 2, 64],
    "diagnostics_period": [0, 0.05, 3600],
}
SENSELESS = [
    *(None, True, 0, -1, 2**62, -(2**62), 0.3, -0.0, 1e308, float("nan"), float("inf"), "", "nan"),
    *("[", "1,,2", "[1, 0.8", "\N{GREEK SMALL LETTER PI}", "x" * 10_000, "0x10", "99999x99999"),
    *([], [0.0], [float("nan")], [2], [True], ["1"], [b"\xff"], [1.0] * 1000),
]
STRANGERS = ["", "crop_ratio", "no_such", "use_sim_time", "qos_overrides./image.x", "a.b.c"]
STARTUP = [name for name in NodeParameters.model_fields if not is_live(name)]


def some_set(chance: random.Random) -> dict[str, object]:
    values: dict[str, object] = {}
    for name in chance.sample(sorted(SENSIBLE), chance.randint(1, 4)):
        odd = chance.random() < 0.3
        values[name] = chance.choice(SENSELESS if odd else SENSIBLE[name])
    if chance.random() < 0.5:
        near = chance.randint(0, 4)
        values.update(min_depth=near, max_depth=near + 1)
    if chance.random() < 0.1:
        values[chance.choice(STRANGERS)] = chance.choice([v for v in SENSELESS if v is not True])
    if chance.random() < 0.1:
        values[chance.choice(STARTUP)] = chance.choice(SENSELESS)
    return values


def main(domain: int, seed: int, sets: int) -> None:
    chance = random.Random(seed)
    graph = Graph(domain)
    accepted = 0
    for _ in range(sets):
        parameters = [
            Parameter(name, value=value).to_parameter_msg()
            for name, value in some_set(chance).items()
        ]
        request = SetParametersAtomically.Request(parameters=parameters)
        try:
            result = graph.call_again(SetParametersAtomically, SERVICE, request).result
        except AssertionError:
            # On a machine without a core to spare Fast DDS may lose a process for good. Another
            # `ros2 param set` would be another process; so is this. A node that hangs fails again.
            graph.close()
            graph = Graph(domain)
            result = graph.call_again(SetParametersAtomically, SERVICE, request).result
        assert result.successful or result.reason
        accepted += result.successful
    graph.close()
    print(f"{accepted} accepted, {sets - accepted} refused")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
