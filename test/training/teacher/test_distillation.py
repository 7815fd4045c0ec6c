import math

import numpy as np
import pytest
import torch
from checkpoints import constant_checkpoint
from torch import nn
from trainings import CHANNELS

from fourier_depth_ros.training.cache import Pair
from fourier_depth_ros.training.config import TeacherConfig
from fourier_depth_ros.training.teacher.distillation import (
    Student,
    TeacherMaps,
    feature_loss,
    forward_float32_head,
)

CROPS = torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(0))


def network():
    return constant_checkpoint(fitted=False).network


def test_the_student_shows_layer3_and_layer4_to_the_teacher():
    """Against torchvision's own forward pass, layer by layer."""
    student = Student(network(), CHANNELS)
    output, maps = student(CROPS)
    trunk = student.network.trunk
    x = (CROPS - student.network.mean) / student.network.std
    x = trunk.layer2(trunk.layer1(trunk.maxpool(trunk.relu(trunk.bn1(trunk.conv1(x))))))
    layer3 = trunk.layer3(x)
    torch.testing.assert_close(maps["layer3"], student.to_teacher["layer3"](layer3))
    layer4 = trunk.layer4(layer3)
    torch.testing.assert_close(maps["layer4"], student.to_teacher["layer4"](layer4))
    assert (maps["layer3"].shape, maps["layer4"].shape) == ((2, 8, 4, 4), (2, 8, 2, 2))
    torch.testing.assert_close(output, student.network(CROPS))
    assert Student(network(), None)(CROPS)[1] == {}


def test_the_head_stays_in_float32_under_autocast():
    net = network().requires_grad_(False)
    nn.init.normal_(net.head.weight)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = forward_float32_head(net, CROPS)
        features = net.features(CROPS)
    assert output.dtype == torch.float32
    expected = features.float() @ net.head.weight.T + net.head.bias
    torch.testing.assert_close(output.flatten(1), expected)


def test_feature_loss_by_hand():
    """Teacher (3, 4) everywhere; smooth L1 of a distance x >= 1 is x - 1/2.

    A student that is (6, 8) has cosine 1 and distances 3 and 4; one that is (-4, 3) has cosine 0
    and distances 7 and 1.
    """
    target = torch.tensor([3.0, 4.0])[:, None, None].expand(1, 2, 4, 4)
    along = torch.tensor([6.0, 8.0])[:, None, None].expand(1, 2, 4, 4)
    across = torch.tensor([-4.0, 3.0])[:, None, None].expand(1, 2, 2, 2)
    assert feature_loss({"layer3": along}, target).item() == pytest.approx(0.1 * 3.0)
    assert feature_loss({"layer4": across}, target).item() == pytest.approx(1 + 0.1 * 3.5)
    both = feature_loss({"layer3": along, "layer4": across}, target).item()
    assert both == pytest.approx(1.65)


def test_the_teacher_is_averaged_to_a_coarser_map():
    target = torch.tensor([[0.0, 2.0], [4.0, 6.0]]).expand(1, 1, 2, 2)
    student = torch.tensor(3.0).expand(1, 1, 1, 1)  # the mean of the four
    assert feature_loss({"layer4": student}, target).item() == pytest.approx(0.0, abs=1e-6)


def test_the_loss_teaches_trunk_and_convolutions():
    student = Student(network().requires_grad_(True), CHANNELS)
    target = torch.randn(2, CHANNELS, 4, 4)
    feature_loss(student(CROPS)[1], target).backward()
    assert student.network.trunk.conv1.weight.grad.abs().sum() > 0
    assert all(conv.weight.grad.abs().sum() > 0 for conv in student.to_teacher.values())
    assert student.network.head.weight.grad is None


@pytest.fixture
def folders(tmp_path):
    for part, shape in (("features", (CHANNELS, 3, 4)), ("depth", (3, 4))):
        (tmp_path / part).mkdir()
        for i, name in enumerate(("a_0", "a_1")):
            np.save(tmp_path / part / f"{name}.npy", np.full(shape, i + 1.0, np.float32))
    return TeacherConfig(features=tmp_path / "features", depth=tmp_path / "depth")


def pairs(*names):
    empty = np.zeros((3, 4))
    return [Pair(name, "a", empty, empty, 0.8) for name in names]


def test_maps_are_found_by_name(folders):
    maps = TeacherMaps.open(folders, pairs("a_0", "a_1"))
    assert maps.channels == CHANNELS
    np.testing.assert_array_equal(maps.read_features("a_1"), np.full((CHANNELS, 3, 4), 2.0))
    np.testing.assert_array_equal(maps.read_depth("a_0"), np.ones((3, 4)))
    only_depth = TeacherMaps.open(TeacherConfig(depth=folders.depth), pairs("a_0"))
    assert (only_depth.channels, only_depth.features) == (None, None)


def test_wrong_maps_are_named(folders):
    with pytest.raises(ValueError, match=r"1 of 2 pictures have no map, .*features/b_0\.npy"):
        TeacherMaps.open(folders, pairs("a_0", "b_0"))
    with pytest.raises(ValueError, match="two pictures of `data` are named a_0"):
        TeacherMaps.open(folders, pairs("a_0", "a_1", "a_0"))
    maps = TeacherMaps.open(folders, pairs("a_0", "a_1"))
    np.save(folders.features / "a_1.npy", np.zeros((5, 3, 4), np.float32))
    with pytest.raises(ValueError, match=r"a_1\.npy has 5 channels, the first one 8"):
        maps.read_features("a_1")
    np.save(folders.depth / "a_0.npy", np.zeros((1, 3, 4), np.float32))
    with pytest.raises(ValueError, match=r"a_0\.npy has shape \(1, 3, 4\), expected \(h, w\)"):
        TeacherMaps.open(folders, pairs("a_0"))
    (folders.depth / "a_0.npy").write_bytes(b"cut off")
    with pytest.raises(ValueError, match=r"a_0\.npy is broken"):
        maps.read_depth("a_0")


def test_a_teacher_has_something_to_teach():
    with pytest.raises(ValueError, match="give a folder of features or an encoder, a folder of"):
        TeacherConfig(weight=1.0)
    with pytest.raises(ValueError, match="a folder of features or an encoder, not both"):
        TeacherConfig(features="d", encoder="vit_s_focus.onnx")
    assert math.isclose(TeacherConfig(depth="d").depth_weight, 0.5)
