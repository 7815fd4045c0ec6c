"""From the sensor's frame to the camera's: the parameter, equal frames, TF, and no TF.

tf2_ros is not among the wheels: its place is taken by a module with the two classes and calls used.
"""

import sys
from types import ModuleType

import pytest
import torch
from geometry_msgs.msg import TransformStamped

from fourier_depth_ros.ros.transforms import Transforms

POINT = torch.tensor([[3.0, 0.5, 0.0]], dtype=torch.float64)
#: An optical frame 0.2 m before the scanner; what is 3 m ahead of that is 2.8 m ahead of it.
POSE = (0.2, 0.0, 0.0, -0.5, 0.5, -0.5, 0.5)
SEEN = torch.tensor([[-0.5, 0.0, 2.8]], dtype=torch.float64)


@pytest.fixture
def tf(monkeypatch):
    """A stand-in that knows of one transform; the listeners that there are."""
    listeners = []

    class Buffer:
        def lookup_transform(self, target, source, time):
            assert time.nanoseconds == 0  # the latest
            if (target, source) != ("camera", "laser"):
                raise LookupError(f'"{source}" passed to lookupTransform does not exist')
            msg = TransformStamped()
            q = msg.transform.rotation
            q.x, q.y, q.z, q.w = 0.5, -0.5, 0.5, 0.5  # the pose's inverse
            msg.transform.translation.z = -0.2
            return msg

    class TransformListener:
        def __init__(self, buffer, node):
            listeners.append(node)

        def unregister(self):
            listeners.pop()

    module = ModuleType("tf2_ros")
    module.Buffer, module.TransformListener = Buffer, TransformListener
    monkeypatch.setitem(sys.modules, "tf2_ros", module)
    return listeners


def test_tf_is_listened_to_asked_and_left(tf):
    transforms = Transforms("node", "scale_transform")
    transforms.listen()
    assert tf == ["node"]
    found = transforms.between("laser", "camera", ())
    torch.testing.assert_close(found.apply(POINT), SEEN)
    with pytest.raises(ValueError, match="from frame 'imu' to 'camera': \"imu\" passed to look"):
        transforms.between("imu", "camera", ())
    transforms.close()
    assert tf == []


def test_the_parameter_counts_before_all_else(tf):
    transforms = Transforms("node", "scale_transform")
    transforms.listen()
    for sensor in ("laser", "camera", "anything"):
        found = transforms.between(sensor, "camera", POSE)
        torch.testing.assert_close(found.apply(POINT), SEEN)


def test_without_tf_equal_frames_are_one_and_others_are_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "tf2_ros", None)  # cannot be imported
    transforms = Transforms("node", "scale_transform")
    transforms.listen()
    torch.testing.assert_close(transforms.between("camera", "camera", ()).apply(POINT), POINT)
    with pytest.raises(ValueError, match="there is no tf2_ros; set scale_transform"):
        transforms.between("laser", "camera", ())
    transforms.close()
