"""What a stage can start from, and what it says of what it cannot."""

import pytest
import torch
import torchvision
from checkpoints import SPACE, VIT, save_constant, small_vits, vit_checkpoint
from dinov2_files import write_dinov2
from safetensors.torch import save_file

from fourier_depth_ros.config import CheckpointConfig, DepthSpace, NetworkConfig
from fourier_depth_ros.core.checkpoint import Checkpoint, save_checkpoint
from fourier_depth_ros.core.network import DepthEstimationNetwork
from fourier_depth_ros.training.start import start_network

STAGE1 = NetworkConfig(trunk="resnet18", input_size=64, modified=False)
STAGE2 = NetworkConfig(trunk="resnet18", input_size=64, modified=True)


@pytest.fixture(scope="module")
def torchvision_weights():
    torch.manual_seed(5)
    return torchvision.models.resnet18(weights=None).state_dict()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_of_torchvision_s_weights_fills_the_trunk(tmp_path, torchvision_weights, suffix):
    path = tmp_path / f"weights{suffix}"
    (torch.save if suffix == ".pth" else save_file)(torchvision_weights, path)
    network, new_head = start_network(str(path), STAGE2, SPACE)
    assert new_head
    assert network.config == STAGE2
    found = network.trunk.state_dict()
    assert found.keys() == {n for n in torchvision_weights if not n.startswith("fc.")}
    assert all(torch.equal(tensor, torchvision_weights[name]) for name, tensor in found.items())


def test_weights_of_another_trunk_are_refused(tmp_path, torchvision_weights):
    torch.save(torchvision_weights, tmp_path / "r18.pth")
    with pytest.raises(ValueError, match=r"r18\.pth does not fit resnet34"):
        start_network(str(tmp_path / "r18.pth"), NetworkConfig(trunk="resnet34"), SPACE)


def test_a_pickle_that_could_run_code_is_refused(tmp_path):
    torch.save({"a": print}, tmp_path / "code.pth")
    with pytest.raises(ValueError, match=r"code\.pth is no file of torch weights"):
        start_network(str(tmp_path / "code.pth"), STAGE1, SPACE)
    torch.save({"epoch": 3}, tmp_path / "nested.pth")
    with pytest.raises(ValueError, match="not one flat dictionary of tensors"):
        start_network(str(tmp_path / "nested.pth"), STAGE1, SPACE)


def test_imagenet_weights_that_cannot_be_fetched_say_what_to_do(tmp_path, monkeypatch):
    """A real attempt, through a proxy that is not there."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(ConnectionError, match=r"fetch https://download\.pytorch\.org/.*its path"):
        start_network("imagenet", STAGE1, SPACE)


def test_a_name_that_is_no_file_is_an_error():
    with pytest.raises(FileNotFoundError, match="'imagnet' is no file; give imagenet, scratch"):
        start_network("imagnet", STAGE1, SPACE)


@pytest.fixture(scope="module")
def stage1_file(tmp_path_factory):
    torch.manual_seed(6)
    config = CheckpointConfig(network=STAGE1, space=SPACE)
    path = tmp_path_factory.mktemp("start") / "stage1.safetensors"
    save_checkpoint(path, Checkpoint(config, DepthEstimationNetwork(STAGE1)), torch.float32)
    return path


def test_stage_two_starts_from_stage_one_at_another_size(stage1_file):
    first, _ = start_network(str(stage1_file), STAGE1, SPACE)
    config = STAGE2.model_copy(update={"input_size": 96})
    second, new_head = start_network(str(stage1_file), config, SPACE)
    assert (second.config, new_head) == (config, False)
    assert torch.equal(second.head.weight[:, -512:], first.head.weight)
    assert torch.equal(second.trunk.conv1.weight, first.trunk.conv1.weight)
    assert all(p.requires_grad for p in second.parameters())


def test_stage_one_goes_on_at_another_size(stage1_file):
    config = STAGE1.model_copy(update={"input_size": 128})
    network, new_head = start_network(str(stage1_file), config, SPACE)
    assert (network.config, new_head) == (config, False)
    assert network(torch.zeros(1, 3, 128, 128)).shape == (1, 25, 32)


def test_a_checkpoint_of_another_space_trunk_or_size_is_refused(tmp_path, stage1_file):
    with pytest.raises(ValueError, match="answers in another space"):
        start_network(str(stage1_file), STAGE2, DepthSpace(canonical_focal=0.5))
    with pytest.raises(ValueError, match=r"fourier-depth grow .* OUT --trunk resnet34"):
        start_network(str(stage1_file), NetworkConfig(trunk="resnet34"), SPACE)
    stage2_file = save_constant(tmp_path / "stage2.safetensors")
    for changes in ({"input_size": 96}, {"modified": False}):
        with pytest.raises(ValueError, match="is of stage 2 at 64 px; its head fits no other"):
            start_network(str(stage2_file), STAGE2.model_copy(update=changes), SPACE)
    (tmp_path / "cut.safetensors").write_bytes(stage2_file.read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"cut\.safetensors: not a whole safetensors file"):
        start_network(str(tmp_path / "cut.safetensors"), STAGE2, SPACE)


def test_a_checkpoint_of_the_other_loss_is_a_start_with_its_head_rescaled(tmp_path, caplog):
    path = str(save_constant(tmp_path / "balanced.safetensors", depth=3.0))
    same, _ = start_network(path, STAGE2, SPACE)
    assert not caplog.text
    euclidean = SPACE.model_copy(update={"output_space": "depth"})
    network, new_head = start_network(path, STAGE2, euclidean)
    assert "emits balanced: its head is rescaled" in caplog.text
    assert not new_head
    crop = torch.zeros(1, 3, 64, 64)
    # g(3) = 4.05; the line of least squares through g over 0.3 to 8 m answers 3.18 m there
    assert same(crop).mean().item() == pytest.approx(4.05, abs=1e-3)
    assert network(crop).mean().item() == pytest.approx(0.91396 * 4.05 - 0.52566, abs=2e-3)


def test_scratch_says_that_it_is_far_worse(caplog):
    network, new_head = start_network("scratch", STAGE1, SPACE)
    assert (network.config, new_head) == (STAGE1, True)
    assert "far worse than from ImageNet weights" in caplog.text


def test_a_vision_transformer_starts_from_dinov2_s_file(tmp_path):
    pytest.importorskip("onnx")
    path = tmp_path / "encoder.onnx"
    weights = write_dinov2(path, layers=12)
    with small_vits():
        network, new_head = start_network(str(path), VIT, SPACE)
    assert (network.config, new_head) == (VIT, True)
    name = "encoder.layer.11.mlp.fc1.weight"
    assert network.trunk.layers[11].expand.weight.tolist() == weights[name].tolist()
    assert network.trunk.positions.shape == (1, 25, 128)
    with pytest.raises(ValueError, match=r"encoder\.onnx does not fit vits14"):
        start_network(str(path), VIT, SPACE)  # of full width


def test_a_vision_transformer_goes_on_from_a_checkpoint_also_at_another_size(tmp_path):
    path, checkpoint = tmp_path / "vit.safetensors", vit_checkpoint()
    save_checkpoint(path, checkpoint, torch.float32)
    larger = NetworkConfig(trunk="vits14", input_size=98)
    with small_vits():
        same, new_head = start_network(str(path), VIT, SPACE)
        other, _ = start_network(str(path), larger, SPACE)
    assert not new_head
    assert all(p.requires_grad for p in (*same.parameters(), *other.parameters()))
    assert torch.equal(same.trunk.positions, checkpoint.network.trunk.positions)
    assert other.config == larger
    assert other(torch.zeros(1, 3, 98, 98)).shape == (1, 28, 28)
    for name, tensor in other.state_dict().items():
        if name != "trunk.positions":
            assert torch.equal(tensor, same.state_dict()[name]), name
    with small_vits(), pytest.raises(ValueError, match="has the trunk vits14, this run resnet18"):
        start_network(str(path), STAGE1, SPACE)


def test_what_a_vision_transformer_cannot_start_from_says_so(tmp_path, caplog):
    with pytest.raises(ValueError, match=r"torchvision has no weights of vits14; give the path"):
        start_network("imagenet", VIT, SPACE)
    with pytest.raises(FileNotFoundError, match=r"is no file; give vit_s_focus\.onnx, scratch"):
        start_network(str(tmp_path / "nothing.onnx"), VIT, SPACE)
    with small_vits():
        network, new_head = start_network("scratch", VIT, SPACE)
    assert (network.config, new_head) == (VIT, True)
    assert "far worse than from DINOv2's weights (start: vit_s_focus.onnx" in caplog.text
