"""Every convention of networks.md by an ONNX file whose depth is the picture's red: see foreign.

The picture is 120 x 160 and evenly red 51, so c = 0.2; the camera has fx = 128, phi = 0.8.
"""

from dataclasses import replace

import pytest
import torch
import yaml

pytest.importorskip("onnx", reason="the tests' networks are ONNX files")
pytest.importorskip("onnxruntime", reason="adapted networks run in ONNX Runtime")
import foreign

from fourier_depth_ros.config import CombinationSettings, Disparity
from fourier_depth_ros.core.adapted import AnswerError
from fourier_depth_ros.core.checkpoint import CheckpointError, save_checkpoint
from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.resources import fit_path
from fourier_depth_ros.runtime import open_estimator, read_checkpoint
from fourier_depth_ros.runtime.adapted import read_adapter, write_adapter

CAMERA = Intrinsics(fx=128.0, fy=128.0, cx=79.5, cy=59.5, width=160, height=120)
RATIOS = CombinationSettings(crop_ratios=(1.0, 0.8), use_flips=True, combination="mean")
#: Of ratios 1, 0.8, and the same mirrored, where 1/r comes in.
ZOOMED = (1.0, 1.25, 1.0, 1.25)


def picture(level=51):
    return torch.full((3, 120, 160), level, dtype=torch.uint8)


def candidates_of(path, image=None, backend="onnxruntime", settings=RATIOS):
    estimator = open_estimator(path, backend, "cpu")
    estimator.set_combination(settings)
    prediction = estimator.predict(picture() if image is None else image, CAMERA)
    return prediction.candidates, prediction.depth


def assert_depths(path, expected, backend="onnxruntime"):
    """Each candidate, and their mean as depth, to a tenth of a millimetre."""
    candidates, depth = candidates_of(path, backend=backend)
    for candidate, metres in zip(candidates, expected, strict=True):
        torch.testing.assert_close(candidate, torch.full((72, 96), metres), rtol=0, atol=1e-4)
    mean = sum(expected) / len(expected)
    torch.testing.assert_close(depth, torch.full((120, 160), mean), rtol=0, atol=1e-4)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_metric_for_one_focal_length_gets_1_over_r_and_the_cameras(tmp_path, backend):
    pytest.importorskip(backend, reason=f"the backend '{backend}'")
    path = foreign.metric(tmp_path, canonical_focal=1.6)
    # 10 c = 2 m as seen with phi = 1.6; this camera's is half of that
    assert_depths(path, [1.0 * zoom for zoom in ZOOMED], backend)


def test_metric_for_any_camera_gets_neither(tmp_path):
    assert_depths(foreign.metric(tmp_path), [2.0] * 4)


def test_per_focal_gets_the_focal_length_at_the_networks_resolution(tmp_path):
    # stretched to 70 x 56: fx becomes 128 * 70/160 = 56, fy 128 * 56/120 = 59.733
    # z = (56 + 59.733) / 2 * 3 * 0.2 / 300, and 1/r times that in a crop
    z = 57.866667 * 0.6 / 300
    assert_depths(foreign.per_focal(tmp_path), [z * zoom for zoom in ZOOMED])


def test_inverse_metres_and_millimetres(tmp_path):
    # 10 c = 2 is read as 1/z: 0.5 m; as mm: 0.002 m
    assert_depths(foreign.metric(tmp_path, direction="nearer"), [0.5] * 4)
    assert_depths(foreign.metric(tmp_path, unit=0.001), [0.002] * 4)


@pytest.mark.parametrize("fixed", [True, False])
def test_padding_is_left_out_again(tmp_path, fixed):
    # 120 x 160 in 56 x 140 is 56 x 75; of a free file no more than the next multiple of 14: 84
    path = foreign.padded(tmp_path, fixed)
    assert read_adapter(path).input.content_size((120, 160)) == (56, 75)
    assert read_adapter(path).input.padded_size((56, 75)) == ((56, 140) if fixed else (56, 84))
    assert_depths(path, [2.0] * 4)


def test_files_of_one_crop_at_a_time_and_of_float16(tmp_path):
    assert_depths(foreign.metric(tmp_path, batch=1), [2.0] * 4)
    assert_depths(foreign.metric(tmp_path, batch=3), [2.0] * 4)  # 10 crops: the last call filled up
    path = foreign.metric(tmp_path, half=True)
    candidates, _ = candidates_of(path)
    torch.testing.assert_close(candidates, torch.full((4, 72, 96), 2.0), rtol=0, atol=4e-3)
    assert open_estimator(path, "onnxruntime", "cpu").precision == "float16"


def test_point_map_recovers_its_shift_and_takes_its_scale(tmp_path):
    # z = 2 m was given as half of 2 - 3; the true shift is 3 m, halved, and the scale is 2.
    # A plane in front has one z: any shift explains its x and y. So the picture has two.
    image = picture()
    image[:, :, 80:] = 153  # c = 0.6: 6 m
    candidates, _ = candidates_of(foreign.points(tmp_path), image)
    for columns, metres in ((slice(0, 40), 2.0), (slice(56, 96), 6.0)):
        part = candidates[:, :, columns]
        torch.testing.assert_close(part, torch.full_like(part, metres), rtol=0, atol=1e-3)


def test_masked_and_sky_are_the_farthest(tmp_path):
    image = picture()
    image[:, :, 80:] = 255
    for make in (foreign.points, foreign.skied):
        candidates, _ = candidates_of(make(tmp_path), image)
        far = candidates[:, :, 56:]
        torch.testing.assert_close(far, torch.full_like(far, 50.0), rtol=0, atol=1e-3)
    near = candidates[:, :, :40]
    torch.testing.assert_close(near, torch.full_like(near, 2.0), rtol=0, atol=1e-3)


def test_a_network_that_is_told_the_camera(tmp_path):
    # crops of ratio r have fx = 128 * 70 / (160 r) = 56 / r at the network's resolution
    path = foreign.told(tmp_path)
    assert_depths(path, [0.2 * 56 / 10 * zoom for zoom in ZOOMED])
    estimator = open_estimator(path, "onnxruntime", "cpu")
    with pytest.raises(ValueError, match="has to be told the camera's focal length"):
        estimator.predict(picture())


def test_rays_of_the_whole_picture_and_of_a_corner(tmp_path):
    candidates, _ = candidates_of(foreign.rays(tmp_path))
    # z of the unit ray through cell (row, column) of the 72 x 96 grid: its point of the picture is
    # (x, y) from the centre [px], the ray (x / 128, y / 128, 1); crops see the same rays
    v, u = torch.meshgrid(torch.arange(72.0), torch.arange(96.0), indexing="ij")
    x, y = (u + 0.5) * 160 / 96 - 80, (v + 0.5) * 120 / 72 - 60
    expected = 2.0 / (1 + (x / 128) ** 2 + (y / 128) ** 2).sqrt()
    for candidate in candidates:
        inner = (slice(3, -3), slice(3, -3))  # the outermost pixels have no neighbours to go on to
        torch.testing.assert_close(candidate[inner], expected[inner], rtol=0, atol=2e-3)


def ramp():
    """A picture whose red grows from 80 to 200 between bands 20 px wide."""
    across = torch.arange(160.0).sub(20).div(120).clamp(0, 1)
    return (80 + 120 * across).round().to(torch.uint8).expand(3, 120, 160)


@pytest.mark.parametrize(
    ("kind", "sign", "scale", "shift"),
    [
        ("inverse-affine", 1, 120 / 255, 80 / 255),
        ("inverse-affine", -1, 120 / 255, 200 / 255),  # upside down: it answers -c, 0 nearest
        ("inverse-scaled", 1, 200 / 255, 0.0),
    ],
)
def test_relative_crops_are_aligned_in_disparity(tmp_path, kind, sign, scale, shift):
    """1/z = c [1/m]; each crop's answer has its own scale and shift."""
    path = foreign.inverse(tmp_path, kind, sign)
    checkpoint = read_checkpoint(path)
    if sign < 0:
        # the answer is minus c of the crop in [0, 1]; minus that is 1/z again
        shift = 80 / 255
    found = Disparity(scale=scale, shift=shift)
    space = checkpoint.config.space.model_copy(update={"disparity": found})
    checkpoint = replace(checkpoint, config=checkpoint.config.model_copy(update={"space": space}))
    save_checkpoint(fit_path(path), checkpoint)
    # 1 among the ratios or not: the whole picture is what crops are aligned to
    for ratios in ((1.0, 0.8, 0.6), (0.7,)):
        settings = CombinationSettings(crop_ratios=ratios, use_flips=True, combination="mean")
        candidates, _ = candidates_of(path, ramp(), settings=settings)
        candidates = candidates * 0.8**-1  # of a camera with phi = 1
        c = torch.nn.functional.interpolate(ramp()[None, :1] / 255.0, (72, 96), mode="area")[0, 0]
        error = (candidates - 1 / c).abs()[:, 2:-2, 2:-2]
        assert error[..., :8].max() < 2e-3  # the dark band, where z = 3.19 m
        assert error[..., -8:].max() < 1e-3  # the bright one, z = 1.275 m
        assert error.median() < 2e-3  # levels are rounded: half of one is 6 mm at 2 m


def test_relative_without_a_fit_has_no_metres_and_says_what_to_do(tmp_path):
    path = foreign.inverse(tmp_path, "inverse-affine")
    with pytest.raises(ValueError, match=r"has no metres.*fourier-depth fit --checkpoint .*net\.y"):
        open_estimator(path, device="cpu")


def test_yaml_comes_back_as_it_was(tmp_path):
    for make in (foreign.metric, foreign.per_focal, foreign.points, foreign.told, foreign.padded):
        config = read_adapter(make(tmp_path))
        write_adapter(tmp_path / "again.yaml", config, "some words\nand more")
        assert read_adapter(tmp_path / "again.yaml") == config


def test_a_fit_of_other_settings_is_refused(tmp_path):
    path = foreign.metric(tmp_path)
    save_checkpoint(fit_path(path), read_checkpoint(path))
    assert read_checkpoint(path).config.network == read_adapter(path)
    foreign.metric(tmp_path, unit=0.001)
    with pytest.raises(CheckpointError, match=r"net\.fit\.safetensors was fitted for other setti"):
        read_checkpoint(path)
    with pytest.raises(CheckpointError, match=r"fit of an adapted network; give its YAML"):
        read_checkpoint(fit_path(path))


def test_wrong_files_are_refused(tmp_path):
    path = foreign.metric(tmp_path)
    text = path.read_text()

    def refused(old, new, match, error=AnswerError):
        assert old in text
        path.write_text(text.replace(old, new))
        with pytest.raises(error, match=match):
            open_estimator(path, "onnxruntime", "cpu")

    refused("name: image", "name: pixels", "has no input 'pixels', it has image")
    refused("name: depth", "name: deepness", "has no output 'deepness', it has depth")
    refused("- 70", "- 84", r"takes \[56, 70\] pixels alone.*set size: \[56, 70\]")
    refused("multiple: 14", "layout: NHWC", r"shape .*expected NHWC with 3 channels.*NCHW")
    refused("net.onnx", "gone.onnx", r"gone\.onnx is not there", CheckpointError)
    path.write_text("just words")
    with pytest.raises(CheckpointError, match="no mapping of keys; expected model, input and outp"):
        read_checkpoint(path)
    path.write_text(text)
    (tmp_path / "net.onnx").write_bytes(b"no model")
    for backend in ("onnxruntime", "openvino"):
        with pytest.raises(ValueError, match=r"net\.onnx: .* cannot open it"):
            open_estimator(path, backend, "cpu")
    with pytest.raises(ValueError, match=r"'graph' runs torch's networks, net\.onnx is an ONNX"):
        open_estimator(path, "graph", "cpu")


def test_an_input_without_a_role_is_named(tmp_path):
    path = foreign.points(tmp_path)
    content = yaml.safe_load(path.read_text())
    del content["input"]["constants"]
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(
        AnswerError, match=r"also takes num_tokens; say what they are in input\.con"
    ):
        open_estimator(path, "onnxruntime", "cpu")


def test_the_estimator_of_a_checkpoint_alone_runs_it(tmp_path):
    """As fit and evaluate do, without choosing a backend."""
    checkpoint = read_checkpoint(foreign.metric(tmp_path))
    estimator = DepthEstimator(checkpoint, "cpu", "float32")
    assert float(estimator.predict(picture()).depth.mean()) == pytest.approx(2.0, abs=1e-4)
    with pytest.raises(ValueError, match=r"crops: 'shared'.*adapted network"):
        estimator.use("fast", "shared")
    with pytest.raises(ValueError, match="net is an adapted network"):
        _ = checkpoint.own_network
