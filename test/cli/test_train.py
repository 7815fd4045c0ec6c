"""fourier-depth train and grow, as a user calls them."""

import sys

import pytest
import torch
import yaml
from checkpoints import save_constant
from trainings import run_config, stage, write_data

from fourier_depth_ros.cli.main import main
from fourier_depth_ros.core.checkpoint import load_checkpoint


def fourier_depth(monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, "argv", ["fourier-depth", *map(str, arguments)])
    return main()


def test_train_stops_in_time_is_resumed_and_leaves_a_checkpoint(tmp_path, monkeypatch, capsys):
    data = write_data(tmp_path / "data")
    config = run_config(data, tmp_path / "run", stages=[stage(steps=2)], validate_epochs=2)
    file = tmp_path / "run.yaml"
    file.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    command = ("train", "--config", file)
    assert fourier_depth(monkeypatch, *command, "--minutes", 0) == 0
    assert "stage1: step 1 of 2, not validated yet" in capsys.readouterr().out
    assert fourier_depth(monkeypatch, *command) == 1
    assert "holds a run already; go on with --resume" in capsys.readouterr().err
    assert fourier_depth(monkeypatch, *command, "--resume") == 0
    assert "stage1: step 2 of 2, AbsRel 0." in capsys.readouterr().out
    checkpoint = load_checkpoint(tmp_path / "run" / "stage1" / "best.safetensors")
    assert checkpoint.config.network.modified is False
    assert checkpoint.config.metrics["held_out_abs_rel"] > 0
    # a finished run is left as it is
    assert fourier_depth(monkeypatch, *command, "--resume") == 0
    assert "stage1: step 2 of 2" in capsys.readouterr().out


def test_a_mistake_is_one_line(tmp_path, monkeypatch, capsys):
    assert fourier_depth(monkeypatch, "train", "--config", tmp_path / "no.yaml") == 1
    assert "no.yaml" in capsys.readouterr().err
    (tmp_path / "half.yaml").write_text("trunk: resnet18")
    assert fourier_depth(monkeypatch, "train", "--config", tmp_path / "half.yaml") == 1
    assert (
        "half.yaml: out is missing; data is missing; stages is missing" in capsys.readouterr().err
    )


def test_grow_keeps_the_answer(tmp_path, monkeypatch, capsys):
    source = save_constant(tmp_path / "r18.safetensors", 3.0)
    out = tmp_path / "r34.safetensors"
    assert fourier_depth(monkeypatch, "grow", source, out, "--trunk", "resnet34") == 0
    assert f"{out}: resnet18 grown to resnet34" in capsys.readouterr().out
    small, deep = load_checkpoint(source), load_checkpoint(out)
    assert deep.config == small.config.model_copy(update={"network": deep.config.network})
    assert (deep.config.network.trunk, len(deep.network.trunk.layer3)) == ("resnet34", 6)
    crops = torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(deep.network(crops), small.network(crops))
    pooled = deep.network.features(crops)[:, -512:]
    torch.testing.assert_close(pooled, small.network.features(crops)[:, -512:], rtol=0, atol=0)
    assert fourier_depth(monkeypatch, "grow", source, out, "--trunk", "resnet50") == 1
    assert "resnet18 cannot grow to resnet50" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["train", "grow"])
def test_help_tells_what_it_takes(command, monkeypatch, capsys):
    with pytest.raises(SystemExit) as stopped:
        fourier_depth(monkeypatch, command, "--help")
    assert stopped.value.code == 0
    assert {"train": "--resume", "grow": "--trunk"}[command] in capsys.readouterr().out
