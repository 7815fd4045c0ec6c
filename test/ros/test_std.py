"""depth/std and the gate max_relative_std: by hand, then of a real node.

The calibration is sigma^2 = 0.3^2 + (0.2 d)^2 + (1.2 s)^2. Ratio 1 alone answers 2 m and has no
spread: sigma = sqrt(0.09 + 0.16) = 0.5 m. With 0.8 the mean is 2.25 m and the spread 0.25 m:
sigma = sqrt(0.09 + 0.2025 + 0.09) = 0.618 m.
"""

import math

import numpy as np
import pytest
import torch
from checkpoints import save_calibrated
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from harness import set_parameters
from sensor_msgs.msg import Image

from fourier_depth_ros.config import Uncertainty
from fourier_depth_ros.core.estimator import DepthPrediction
from fourier_depth_ros.ros.conversions import depth_from_msg
from fourier_depth_ros.ros.frames import finish
from fourier_depth_ros.ros.settings import NodeParameters

NAN, INF = math.nan, math.inf
SIGMA = Uncertainty(floor=0.3, per_depth=0.2, per_spread=1.2)


@pytest.mark.parametrize(
    ("settings", "depth", "std"),
    [
        ({}, [0.5, 2.0, 8.0, NAN], [0.1, 0.8, 1.6, NAN]),
        ({"depth_scale": 2.0}, [1.0, 4.0, NAN, NAN], [0.2, 1.6, NAN, NAN]),  # 16 m is beyond 10 m
        ({"max_relative_std": 0.3}, [0.5, NAN, 8.0, NAN], [0.1, NAN, 1.6, NAN]),  # 0.2, 0.4, 0.2
        ({"max_depth": 1.0, "far_policy": "inf"}, [0.5, INF, INF, NAN], [0.1, NAN, NAN, NAN]),
        (
            {"max_depth": 1.0, "far_policy": "inf", "max_relative_std": 0.3},
            [0.5, NAN, INF, NAN],
            [0.1, NAN, NAN, NAN],
        ),
    ],
)
def test_std_is_scaled_gated_and_nan_where_depth_is(settings, depth, std):
    prediction = DepthPrediction(
        depth=torch.tensor([[0.5, 2.0, 8.0, NAN]]),
        candidates=torch.zeros(1, 72, 96),
        std=torch.tensor([[0.1, 0.8, 1.6, NAN]]),
    )
    got = finish(prediction, NodeParameters(**settings), with_std=True)
    np.testing.assert_array_equal(got[0], np.float32([depth]))
    np.testing.assert_array_equal(got[1], np.float32([std]))
    by_hand = settings.pop("depth_scale", 1.0)  # a live scale stands for it, in both
    live = finish(prediction, NodeParameters(depth_scale=7, **settings), True, live_scale=by_hand)
    np.testing.assert_array_equal(live, got)
    settings["depth_scale"] = by_hand
    gated, nothing = finish(prediction, NodeParameters(**settings), with_std=False)
    np.testing.assert_array_equal(gated, got[0])
    assert nothing is None


def values(msg):
    content = depth_from_msg(msg)
    assert np.nanmax(content) - np.nanmin(content) < 1e-3
    return float(content.mean())


def test_std_of_a_node_is_calibrated_follows_the_candidates_and_gates_live(graph, start, tmp_path):
    checkpoint = save_calibrated(tmp_path / "calibrated.safetensors", SIGMA)
    start(*set_parameters(checkpoint=checkpoint, combination="mean", max_relative_std=0.5))
    stds = graph.listen(Image, "depth/std")
    graph.send_info()
    msg = graph.answer(stds)  # nobody listens to depth/image: std alone keeps the network awake
    assert (msg.encoding, msg.width, msg.height) == ("32FC1", 160, 120)
    assert values(msg) == pytest.approx(0.5, abs=2e-3)
    # std stays metres in float where depth is millimetres
    assert graph.set(crop_ratios="[1, 0.8]", depth_scale=2, depth_encoding="16UC1").successful
    assert values(graph.answer(stds)) == pytest.approx(2 * math.sqrt(0.3825), abs=4e-3)
    assert graph.set(preset="fast", depth_scale=1, depth_encoding="32FC1").successful
    depths = graph.listen(Image, "depth/image")
    for gate, kept in ((0.26, True), (0.24, False), (0, True)):  # 0.5 m of 2 m
        assert graph.set(max_relative_std=gate).successful
        assert np.isfinite(depth_from_msg(graph.answer(depths))).all() == kept
    graph.unlisten(depths)
    graph.unlisten(stds)


def test_a_checkpoint_without_calibration_says_so_and_depth_flows(graph, start, constant, tmp_path):
    """And a gate that it could not keep is refused, live and at the start."""
    node = start(*set_parameters(checkpoint=constant, combination="mean", diagnostics_period=0.2))
    arrays = graph.listen(DiagnosticArray, "/diagnostics")
    stds, depths = (graph.listen(Image, f"depth/{name}") for name in ("std", "image"))
    graph.send_info()
    for _ in range(3):
        assert values(graph.answer(depths)) == pytest.approx(2.0, abs=1e-3)
    reason = "depth/std waits: the checkpoint has no calibrated standard deviation"
    graph.spin(lambda: reason in node.output())
    assert node.output().count(reason) == 1

    def diagnosed():
        graph.send_info()  # best effort: the first may be lost
        graph.send()
        found = [s for a in arrays for s in a.status if s.message.startswith(reason)]
        return found and all(status.level == DiagnosticStatus.WARN for status in found)

    graph.spin(diagnosed)
    assert stds == []
    refused = graph.set(max_relative_std=0.2, depth_scale=3)
    assert not refused.successful
    assert "max_relative_std: 0.2 cannot be kept, the checkpoint has no" in refused.reason
    assert graph.get("max_relative_std", "depth_scale") == [0.0, 1.0]
    assert values(graph.answer(depths)) == pytest.approx(2.0, abs=1e-3)
    for messages in (stds, depths, arrays):
        graph.unlisten(messages)

    gated = start(
        *set_parameters(checkpoint=constant, combination="mean", max_relative_std=0.2),
        *("-r", "__ns:=/gated"),
    )
    graph.spin(lambda: "cannot configure: max_relative_std: 0.2 cannot be kept" in gated.output())
    assert graph.set("/gated/depth", max_relative_std=0).successful
