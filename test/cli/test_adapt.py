"""fourier-depth adapt, on files whose depth is the picture's red: see foreign, and rgbd for data.

The data's grey level is 40 z, so c = 40 z / 255 and a file that answers 10 c is off by 1.569.
"""

import cv2
import numpy as np
import pytest
import yaml

pytest.importorskip("onnx", reason="the tests' networks are ONNX files")
pytest.importorskip("onnxruntime", reason="adapted networks run in ONNX Runtime")
import foreign
from rgbd import write_rgbd

from fourier_depth_ros.cli.adapt import adapt
from fourier_depth_ros.cli.fit import fit
from fourier_depth_ros.runtime import open_estimator
from fourier_depth_ros.runtime.adapted import read_adapter
from fourier_depth_ros.runtime.presets import PRESETS
from fourier_depth_ros.runtime.proposal import propose


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_rgbd(tmp_path_factory.mktemp("data") / "rgbd", rooms=10, views=2)


def config_of(folder, **output):
    """What the file does not say, as somebody would write it."""
    path = folder / "known.yaml"
    known = {"input": {"mean": list(foreign.MEAN), "std": list(foreign.STD)}, "output": output}
    path.write_text(yaml.safe_dump(known))
    return path


def test_a_right_adapter_is_written_drawn_and_not_doubted(tmp_path, data, capsys):
    foreign.metric(tmp_path)
    known = config_of(tmp_path, kind="metric", direction="farther", unit=0.6375)
    out = tmp_path / "mine.yaml"
    assert adapt(tmp_path / "net.onnx", out=out, config=known, data=data, device="cpu") == 0
    said = capsys.readouterr().out
    assert "inputs image (? x 3 x 56 x 70, float32)" in said
    assert "doubt" not in said
    config = read_adapter(out)
    assert (config.input.name, config.input.size, config.input.fixed) == ("image", (56, 70), True)
    sheet = cv2.imread(str(tmp_path / "mine.png"))
    assert sheet.shape == (300, 3 * 400, 3)  # the picture is 120 x 160


@pytest.mark.parametrize(
    ("wrong", "doubt"),
    [
        ({"direction": "nearer", "unit": 1}, "output.direction: 'nearer' is wrong.*direction: far"),
        (
            {"unit": 637.5},
            "answers are .*set unit|unit or kind is doubtful: depth is 1e\\+03 times",
        ),
        (
            {"canonical_focal": 0.08, "unit": 0.6375},
            "canonical_focal: 0.08 is doubtful: depth is 10",
        ),
    ],
)
def test_wrong_directions_units_and_focal_lengths_are_named(tmp_path, data, capsys, wrong, doubt):
    foreign.metric(tmp_path)
    known = config_of(tmp_path, **{"kind": "metric", "direction": "farther", **wrong})
    out = tmp_path / "mine.yaml"
    assert adapt(tmp_path / "net.onnx", out=out, config=known, data=data, device="cpu") == 1
    assert pytest.approx(1) == len([x for x in capsys.readouterr().out.split("\n") if "doubt" in x])


def test_millimetres_are_named(tmp_path, data, capsys):
    g = foreign.Graph()
    g.output("depth", g("Mul", foreign.red(g, ["n", 3, 56, 70]), 6375.0))
    g.save(tmp_path / "net.onnx")
    known = config_of(tmp_path, kind="metric", direction="farther")
    assert (
        adapt(tmp_path / "net.onnx", out=tmp_path / "a.yaml", config=known, data=data, device="cpu")
        == 1
    )
    assert "the answers are millimetres, set unit: 0.001" in capsys.readouterr().out


def test_a_floor_upside_down_needs_no_truth(tmp_path, capsys):
    foreign.metric(tmp_path)
    rows = np.linspace(20, 200, 120).astype(np.uint8)  # brighter below: as if farther
    cv2.imwrite(str(tmp_path / "p.png"), np.repeat(rows[:, None, None], 160, 1).repeat(3, 2))
    picture = tmp_path / "p.png"
    for direction, doubts in (("farther", 1), ("nearer", 0)):
        known = config_of(tmp_path, kind="metric", direction=direction)
        out = tmp_path / f"{direction}.yaml"
        adapt(tmp_path / "net.onnx", out=out, config=known, picture=picture, device="cpu")
        assert capsys.readouterr().out.count("output.direction is wrong") == doubts


def test_what_the_file_does_not_say_is_asked_for(tmp_path):
    foreign.metric(tmp_path)
    model, out = tmp_path / "net.onnx", tmp_path / "a.yaml"
    with pytest.raises(ValueError, match=r"does not say input\.mean.*--preset-of one of depth-an"):
        adapt(model, out=out)
    with pytest.raises(ValueError, match=r"'mida' is none of depth-anything-v2, "):
        adapt(model, out=out, preset_of="mida")
    with pytest.raises(ValueError, match=r"has to end in \.yaml"):
        adapt(model, out=tmp_path / "a.txt")
    with pytest.raises(FileNotFoundError, match="nothing is downloaded"):
        adapt(tmp_path / "gone.onnx", out=out)
    assert not out.exists()


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_an_adapter(tmp_path, name):
    """Of a file with the preset's own names."""
    from fourier_depth_ros.runtime.adapted import parse_adapter

    known = PRESETS[name]
    g = foreign.Graph()
    x = g.input("image", [1, 3, *known["input"]["size"]])
    for kind, extra in (("INT64", known["input"].get("constants", {})), ("FLOAT", ())):
        for each in extra:
            g.input(each, [], getattr(foreign.TensorProto, kind))
    for each in known["input"].get("camera", {}):
        g.input(each, [1, 3, *known["input"]["size"]])
    output = known["output"]
    roles = [output.get(role) for role in ("name", "mask", "sky", "scale")]
    for each in [role for role in roles if role] or ["depth"]:
        g.output(each, x)
    g.save(tmp_path / "net.onnx")
    content, _ = propose(tmp_path / "net.onnx", known)
    config = parse_adapter(content, name)
    assert config.output.kind == output["kind"]
    assert (config.input.camera, config.output.sky) == (
        known["input"].get("camera", {}),
        output.get("sky"),
    )


def test_fit_gives_a_relative_network_metres(tmp_path, data, capsys):
    """1 / (c + 0.2), upside down and of even scale: fit finds what c is of 1/z, and says so."""
    g = foreign.Graph()
    c = foreign.red(g, ["n", 3, 56, 70])
    g.output("depth", g("Sub", g("Div", 1.0, c), 5.0))  # 255 / (40 z) - 5
    path = foreign.write(
        tmp_path, g, {"name": "depth", "kind": "inverse-affine", "direction": "nearer"}
    )
    with pytest.raises(ValueError, match="leave it out"):
        fit(data=(data,), checkpoint=str(path), out=tmp_path / "x.safetensors", device="cpu")
    fit(data=(data,), checkpoint=str(path), crop_ratios=(1.0, 0.8), device="cpu")
    assert (tmp_path / "net.fit.safetensors").is_file()
    estimator = open_estimator(path, device="cpu")
    found = estimator.config.space.disparity
    # canonical: z / phi with phi = 0.8, so 0.8 / z = 0.8 * 40 / 255 * (answer + 5)
    assert found.scale == pytest.approx(0.12549, rel=0.01)
    assert found.shift == pytest.approx(0.62745, rel=0.01)
    assert estimator.combination.combination == "hierarchical"
    assert {"fast", "balanced", "accurate", "paper"} == set(estimator.presets)
    wrong = path.read_text().replace("nearer", "farther")
    path.write_text(wrong)
    (tmp_path / "net.fit.safetensors").unlink()
    with pytest.raises(ValueError, match=r"'farther' contradicts the true depth.*nearer"):
        fit(data=(data,), checkpoint=str(path), crop_ratios=(1.0, 0.8), device="cpu")
