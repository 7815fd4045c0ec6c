"""A tiny Depth Anything with random weights, as transformers saves it, through the whole."""

import pytest
import torch

from fourier_depth_ros.config import CombinationSettings
from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.runtime import open_estimator
from fourier_depth_ros.runtime.adapted import parse_adapter, write_adapter
from fourier_depth_ros.runtime.proposal import propose

transformers = pytest.importorskip(
    "transformers", reason="networks of transformers need that package"
)

CAMERA = Intrinsics(fx=128.0, fy=128.0, cx=79.5, cy=59.5, width=160, height=120)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Metric, up to 20 m, on patches of 14 px."""
    path = tmp_path_factory.mktemp("hf") / "tiny"
    backbone = transformers.Dinov2Config(
        hidden_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=70,
        patch_size=14,
        out_indices=[1, 2, 3, 4],
        reshape_hidden_states=False,
        apply_layernorm=True,
    )
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=32,
        neck_hidden_sizes=[8, 16, 32, 32],
        fusion_hidden_size=16,
        head_hidden_size=8,
        depth_estimation_type="metric",
        max_depth=20,
    )
    torch.manual_seed(0)
    transformers.DepthAnythingForDepthEstimation(config).save_pretrained(path)
    (path / "preprocessor_config.json").write_text(
        '{"do_normalize": true, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, '
        '0.225], "size": {"height": 70, "width": 70}, "ensure_multiple_of": 14, '
        '"keep_aspect_ratio": true}'
    )
    return path


@pytest.fixture(scope="module")
def adapter(folder):
    content, _ = propose(folder, {"output": {"canonical_focal": 0.8}})
    path = folder.parent / "tiny.yaml"
    write_adapter(path, parse_adapter(content, "tiny"))
    return path


def test_the_folder_says_what_it_is(folder):
    content, notes = propose(folder, {})
    config = parse_adapter(content, "tiny")
    assert (config.output.kind, config.output.direction, config.output.max_depth) == (
        "metric",
        "farther",
        20.0,
    )
    assert (config.input.size, config.input.multiple, config.input.resize) == ((70, 70), 14, "pad")
    assert "transformers' depth_anything." in notes


def test_its_own_answer_comes_through(folder, adapter):
    """The whole picture, padded by hand, through transformers alone: the same on the grid."""
    image = torch.randint(
        0, 256, (3, 120, 160), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )
    estimator = open_estimator(adapter, device="cpu")
    assert (estimator.backend.name, estimator.precision) == ("eager", "float32")
    settings = CombinationSettings(crop_ratios=(1.0,), use_flips=False, combination="mean")
    estimator.set_combination(settings)
    found = estimator.predict(image, CAMERA).candidates[0]
    interpolate = torch.nn.functional.interpolate
    # 120 x 160 in 70 x 70: 52 x 70, and two rows of the mean above and below to 56
    small = interpolate(image[None], (52, 70), mode="bilinear", antialias=True) / 255.0
    mean, std = (
        torch.tensor(values)[:, None, None]
        for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    x = torch.nn.functional.pad((small - mean) / std, (0, 0, 2, 2))
    model = transformers.AutoModelForDepthEstimation.from_pretrained(folder).eval()
    with torch.inference_mode():
        answer = model(pixel_values=x).predicted_depth
    inner = answer[:, None, 2:54]
    expected = interpolate(inner, (72, 96), mode="bilinear", antialias=True)[0, 0]
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)  # phi is canonical
    assert expected.std() > 0


def test_backends_that_do_not_run_folders_are_refused(adapter):
    for name in ("openvino", "onnxruntime", "graph"):
        with pytest.raises(
            ValueError, match=rf"'{name}' does not run a transformers folder on cpu"
        ):
            open_estimator(adapter, name, "cpu")
