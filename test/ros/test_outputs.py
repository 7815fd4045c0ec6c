"""Every output at once, with rclpy's own checks of each field of each message switched on."""

from checkpoints import save_calibrated
from diagnostic_msgs.msg import DiagnosticArray
from harness import set_parameters
from sensor_msgs.msg import CameraInfo, CompressedImage, Image, LaserScan, PointCloud2
from std_msgs.msg import Float64MultiArray

from fourier_depth_ros.config import Uncertainty

OUTPUTS = {
    "depth/image": Image,
    "depth/image/compressedDepth": CompressedImage,
    "depth/camera_info": CameraInfo,
    "depth/std": Image,
    "depth/color": Image,
    "depth/points": PointCloud2,
    "depth/laserscan": LaserScan,
}


def test_every_field_of_every_output_passes_rclpys_checks(graph, start, tmp_path, monkeypatch):
    """Off by default: a wrong type then fails in C, or is sent as another value."""
    monkeypatch.setenv("ROS_PYTHON_CHECK_FIELDS", "1")
    sigma = Uncertainty(floor=0.3, per_depth=0.2, per_spread=1.2)
    checkpoint = save_calibrated(tmp_path / "calibrated.safetensors", sigma)
    node = start(
        *set_parameters(checkpoint=checkpoint, combination="mean", output_size="80x60"),
        *set_parameters(diagnostics_period=0.2, scan_frame="camera"),
    )
    received = {topic: graph.listen(kind, topic) for topic, kind in OUTPUTS.items()}
    once = [
        graph.listen(DiagnosticArray, "/diagnostics"),
        graph.listen(Float64MultiArray, "depth/active_ratios"),
    ]
    graph.send_info()
    for encoding in ("32FC1", "16UC1"):
        assert graph.set(depth_encoding=encoding, crop_ratios="[1, 0.8]").successful
        for topic, messages in received.items():
            if topic == "depth/laserscan":  # in another frame, so with another header
                messages.clear()
                graph.answer(received["depth/image"])
                graph.spin(lambda found=messages: bool(found))
            else:
                graph.answer(messages)
        assert received["depth/image"][-1].encoding == encoding
    graph.spin(lambda: all(once))
    assert "dropped" not in node.output()
    assert "AssertionError" not in node.output()
    for messages in (*received.values(), *once):
        graph.unlisten(messages)
