"""The network's numbers (algorithm.md section 1), on the meta device: no 400 MB in a test."""

import pytest
import torch

from fourier_depth_ros.config import NetworkConfig
from fourier_depth_ros.core.network import DepthEstimationNetwork, FoldedNetwork


def on_meta(**config):
    with torch.device("meta"):
        return DepthEstimationNetwork(NetworkConfig(**config)).eval()


@pytest.mark.parametrize(("side", "features"), [(224, 36_544), (228, 43_136)])
def test_resnet152_feature_length(side, features):
    network = on_meta(input_size=side)
    crops = torch.zeros(2, 3, side, side, device="meta")
    assert network.features(crops).shape == (2, features)
    assert network.head.in_features == features
    assert network(crops).shape == (2, 25, 32)


def test_resnet152_parameters():
    network = on_meta()
    assert sum(p.numel() for p in network.head.parameters()) == 29_236_000
    assert sum(p.numel() for p in network.extra.parameters()) == 1_612_800


def test_the_last_19_blocks_are_modified():
    expected = [f"layer3_{i}" for i in range(20, 36)] + [f"layer4_{i}" for i in range(3)]
    assert list(on_meta().extra) == expected


@pytest.mark.parametrize(
    ("trunk", "layer3"), [("resnet18", 1), ("resnet34", 3), ("resnet50", 3), ("resnet101", 11)]
)
def test_smaller_trunks_keep_the_share(trunk, layer3):
    network = on_meta(trunk=trunk, input_size=160)
    assert sum(name.startswith("layer3") for name in network.extra) == layer3
    crops = torch.zeros(1, 3, 160, 160, device="meta")
    assert network.features(crops).shape[1] == network.head.in_features


def test_stage_one_has_no_extra_paths():
    network = on_meta(modified=False)
    assert len(network.extra) == 0
    assert network.head.in_features == 2048


def test_an_extra_path_is_two_convolutions():
    """conv 1x3 along a row, then 3x1 along a column, 'same' padding, by hand on one channel."""
    network = DepthEstimationNetwork(NetworkConfig(trunk="resnet18", input_size=64))
    path = network.extra["layer4_1"]
    x = torch.zeros(1, 512, 2, 2)
    x[0, 7] = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    with torch.no_grad():
        path.across.weight.zero_()
        path.down.weight.zero_()
        path.across.weight[5, 7, 0] = torch.tensor([1.0, 0.0, 1.0])  # left + right neighbour
        path.down.weight[9, 5, :, 0] = torch.tensor([1.0, 1.0, 0.0])  # the row above + this row
        flat = path(x)[0]
    torch.testing.assert_close(flat[9], torch.tensor([[2.0, 1.0], [6.0, 4.0]]))
    assert flat.sum() == flat[9].sum()


def lively(**config):
    """Random weights that answer differently to different pictures."""
    torch.manual_seed(0)
    network = DepthEstimationNetwork(NetworkConfig(**config)).eval().requires_grad_(False)
    network.head.weight.normal_(0, 0.02)
    for path in network.extra.values():
        for weight in path.parameters():
            weight.normal_(0, 0.1)
    return network


@pytest.mark.parametrize(("side", "zoomed"), [(64, 96), (80, 176)])
def test_a_zoomed_picture_is_answered_for_its_corners_window_by_window(side, zoomed):
    """One module after another by hand; each corner's windows of the maps; the head alone."""
    network = lively(trunk="resnet18", input_size=side)
    pictures = torch.randint(0, 256, (2, 3, zoomed, zoomed), dtype=torch.uint8)
    trunk = network.trunk
    x = (pictures - network.mean) / network.std
    for stage in (trunk.conv1, trunk.bn1, trunk.relu, trunk.maxpool, trunk.layer1, trunk.layer2):
        x = stage(x)
    third = trunk.layer3[1](trunk.layer3[0](x))
    fourth = trunk.layer4[0](third)
    fifth = trunk.layer4[1](fourth)

    def seen_through(path, block):
        return path.down(path.across(block).relu()).relu()

    fine = seen_through(network.extra["layer3_1"], third)
    coarse = [
        seen_through(network.extra["layer4_0"], fourth),
        seen_through(network.extra["layer4_1"], fifth),
    ]
    large, small = -(-side // 16), -(-side // 32)  # cells of a crop's maps
    step = (zoomed - side) // 32
    expected = []
    for i in range(2):
        for top, left in ((0, 0), (0, step), (step, 0), (step, step)):
            window = fine[i, :, 2 * top : 2 * top + large, 2 * left : 2 * left + large]
            features = [window.flatten()]
            rows, columns = slice(top, top + small), slice(left, left + small)
            features += [each[i, :, rows, columns].flatten() for each in coarse]
            features.append(fifth[i, :, rows, columns].mean(dim=(1, 2)))
            expected.append(network.head(torch.cat(features)).reshape(25, 32))
    expected = torch.stack(expected)
    assert expected.std(dim=0).mean() > 0.01  # the corners differ
    torch.testing.assert_close(network(pictures), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(FoldedNetwork(network)(pictures), expected, rtol=1e-4, atol=1e-4)


def test_pictures_are_normalised_as_torchvision_does():
    network = DepthEstimationNetwork(NetworkConfig(trunk="resnet18", input_size=64)).eval()
    seen = []
    network.trunk.conv1.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    network(torch.full((1, 3, 64, 64), 127.5))
    expected = [(0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225]
    torch.testing.assert_close(seen[0][0, :, 3, 3], torch.tensor(expected), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("trunk", ["resnet18", "resnet50"])
def test_folding_changes_the_operations_and_not_the_function(trunk):
    torch.manual_seed(0)
    network = DepthEstimationNetwork(NetworkConfig(trunk=trunk, input_size=64)).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # as after a training
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.1)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.5, 2.0)
    network.head.weight.data.normal_(0, 0.02)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    folded = FoldedNetwork(network)
    crops = torch.randint(0, 256, (3, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        expected, actual = network(crops), folded(crops)
    torch.testing.assert_close(actual, expected, rtol=1e-4, atol=1e-4 * float(expected.std()))
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in folded.modules())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
