"""The vision transformer against torch's own layers, and its copy for inference."""

import pytest
import torch
from checkpoints import VIT, small_vits, vit_checkpoint
from torch import nn

from fourier_depth_ros.config import NetworkConfig
from fourier_depth_ros.core.vit import FoldedVitNetwork, Layer, VitDepthNetwork

CROPS = torch.randint(
    0, 256, (3, 3, 70, 70), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)


@pytest.fixture(scope="module")
def network():
    return vit_checkpoint().network


@torch.inference_mode()
def test_a_layer_is_torch_s_pre_norm_layer():
    torch.manual_seed(0)
    ours = Layer(128)
    for norm in (ours.attention_norm, ours.mlp_norm):
        nn.init.normal_(norm.weight, 1.0, 0.2)
        nn.init.normal_(norm.bias, 0.0, 0.2)
    theirs = nn.TransformerEncoderLayer(
        *(128, 2, 512), activation="gelu", layer_norm_eps=1e-6, batch_first=True, norm_first=True
    ).eval()
    pairs = {
        "attention_norm": theirs.norm1,
        "project": theirs.self_attn.out_proj,
        "mlp_norm": theirs.norm2,
        "expand": theirs.linear1,
        "contract": theirs.linear2,
    }
    for name, module in pairs.items():
        module.load_state_dict(getattr(ours, name).state_dict())
    theirs.self_attn.in_proj_weight.copy_(ours.qkv.weight)
    theirs.self_attn.in_proj_bias.copy_(ours.qkv.bias)
    tokens = torch.randn(2, 26, 128)
    torch.testing.assert_close(ours(tokens), theirs(tokens), rtol=1e-4, atol=1e-5)


def test_the_real_one_has_dinov2_s_width_and_a_map_of_four_cells_a_patch():
    with torch.device("meta"):
        network = VitDepthNetwork(NetworkConfig(trunk="vits14")).eval()
    # ViT-S/14: 12 layers of 12 * 384^2 weights and 13 * 384 others; norm, first token, positions
    layer = 12 * 384**2 + 13 * 384
    patches = 384 * (3 * 14**2 + 1)
    expected = 12 * layer + patches + 2 * 384 + 384 * (16**2 + 1)
    assert sum(p.numel() for p in network.trunk.parameters()) == expected
    taps = network.trunk(torch.zeros(2, 3, 224, 224, device="meta"))
    assert [tap.shape for tap in taps] == [(2, 257, 384)] * 4
    assert network(torch.zeros(2, 3, 224, 224, device="meta")).shape == (2, 64, 64)


@torch.inference_mode()
def test_its_answers_are_those_of_one_crop_at_a_time_and_never_negative(network):
    answers = network(CROPS)
    assert answers.shape == (3, 20, 20)
    assert (answers >= 0).all()
    assert answers.std() > 0.3
    torch.testing.assert_close(answers[1:2], network(CROPS[1:2]), rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_the_copy_for_inference_is_the_same_function(network):
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    folded = FoldedVitNetwork(network)
    torch.testing.assert_close(folded(CROPS), network(CROPS), rtol=1e-4, atol=1e-4)
    assert not any(p.requires_grad for p in folded.parameters())
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    folded.set_precision(torch.bfloat16)
    answers = folded(CROPS)
    assert answers.dtype == torch.float32
    assert (answers - network(CROPS)).abs().mean() < 0.1


def test_zoomed_pictures_are_refused_by_the_head(network):
    with pytest.raises(ValueError, match="takes crops of its own side, not zoomed ones"):
        network.head.answer(network.maps(CROPS), 32)


def test_every_weight_but_the_trunk_s_last_norm_learns():
    with small_vits():
        network = VitDepthNetwork(VIT)
    network(CROPS).sum().backward()
    without = {name for name, p in network.named_parameters() if p.grad is None}
    assert without == {"trunk.norm.weight", "trunk.norm.bias"}
