import json
from dataclasses import replace

import pytest
import torch
from checkpoints import (
    SHARED_RATIOS,
    constant_checkpoint,
    save_constant,
    small_vits,
    vit_checkpoint,
)
from safetensors import safe_open
from safetensors.torch import save_file

from fourier_depth_ros.config import CombinationSettings
from fourier_depth_ros.core.checkpoint import CheckpointError, load_checkpoint, save_checkpoint


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return save_constant(tmp_path_factory.mktemp("checkpoint") / "constant.safetensors")


def rewritten(saved, path, change):
    """The checkpoint with its tensors and header changed by hand."""
    with safe_open(saved, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        header = json.loads(file.metadata()["fourier_depth"])
    change(tensors, header)
    save_file(tensors, path, metadata={"fourier_depth": json.dumps(header)})
    return path


def test_round_trip(saved):
    original, loaded = constant_checkpoint(), load_checkpoint(saved)
    assert loaded.config == original.config
    for name, tensor in original.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], tensor), name
    settings = CombinationSettings(crop_ratios=(1.0, 0.6), use_flips=False)
    torch.testing.assert_close(
        loaded.fit_of("corners").solve(settings).weights,
        original.fit_of("corners").solve(settings).weights,
    )
    assert loaded.fit_of("corners").held_out is None
    assert not loaded.network.training


def test_round_trip_with_a_fit_of_shared_crops(tmp_path):
    path = save_constant(tmp_path / "both.safetensors", shared=True)
    original, loaded = constant_checkpoint(shared=True), load_checkpoint(path)
    assert loaded.config == original.config
    assert loaded.config.ratios_of("shared") == SHARED_RATIOS
    for crops in ("corners", "shared"):
        expected = original.fit_of(crops).statistics.factor.triu()
        assert torch.equal(loaded.fit_of(crops).statistics.factor, expected)
    assert loaded.fit_of("shared").held_out is None
    settings = CombinationSettings(crops="shared", crop_ratios=SHARED_RATIOS, use_flips=False)
    weights = loaded.fit_of("shared").solve(settings).weights
    torch.testing.assert_close(weights, original.fit_of("shared").solve(settings).weights)
    assert "shared" not in load_checkpoint(save_constant(tmp_path / "one.safetensors")).config.fits


def test_round_trip_of_a_vision_transformer(tmp_path):
    path, original = tmp_path / "vit.safetensors", vit_checkpoint()
    save_checkpoint(path, original)
    with small_vits():
        loaded = load_checkpoint(path)
    assert loaded.config == original.config
    assert loaded.config.network.family == "vit"
    for name, tensor in original.network.state_dict().items():
        assert torch.equal(loaded.network.state_dict()[name], tensor.half().float()), name
    assert not loaded.network.training
    with pytest.raises(
        CheckpointError, match=r"vit\.safetensors: network\..* has shape .*, expected"
    ):
        load_checkpoint(path)  # as the trunk of full width
    short = rewritten(path, tmp_path / "short.safetensors", lambda t, _: t.pop("network.head.bias"))
    with (
        small_vits(),
        pytest.raises(CheckpointError, match=r"tensors of a vits14: missing head\.bias"),
    ):
        load_checkpoint(short)


def as_version_1(tensors, header):
    """The corners' fit at the top of the configuration, its tensors without a way's name."""
    config = header["config"]
    fits = config.pop("fits")
    fast = {"fast": {"crop_ratios": [1.0], "use_flips": False, "crops": 1}}
    config |= {**fits["corners"], "presets": fast, "shared": fits.get("shared")}
    header["format_version"] = 1
    for name in list(tensors):
        old = name.replace("corners.", "").replace("shared.", "shared_")
        tensors[old] = tensors.pop(name)


def test_a_file_of_version_1_is_the_same_checkpoint(tmp_path):
    now = save_constant(tmp_path / "now.safetensors", shared=True)
    old = load_checkpoint(rewritten(now, tmp_path / "old.safetensors", as_version_1))
    expected = load_checkpoint(now)
    assert old.config.presets_of("corners")["fast"].cost == 1
    assert old.config.fits["shared"] == expected.config.fits["shared"]
    for crops in ("corners", "shared"):
        factor = expected.fit_of(crops).statistics.factor
        assert torch.equal(old.fit_of(crops).statistics.factor, factor)
    save_checkpoint(tmp_path / "again.safetensors", old)
    assert load_checkpoint(tmp_path / "again.safetensors").config == old.config


def test_a_file_from_before_shared_crops_loads(saved, tmp_path):
    def older(tensors, header):
        as_version_1(tensors, header)
        del header["config"]["shared"]

    loaded = load_checkpoint(rewritten(saved, tmp_path / "older.safetensors", older))
    fit = loaded.fit_of("shared")
    assert (fit.statistics, fit.held_out, fit.ratios) == (None, None, SHARED_RATIOS)
    with pytest.raises(ValueError, match="fit it with 'fourier-depth fit --crops shared'"):
        fit.solve(CombinationSettings(crops="shared", crop_ratios=(1.0,)))


def test_a_fit_takes_the_place_of_its_own_way_only():
    both = constant_checkpoint(shared=True)
    new = both.fit_of("shared")
    changed = replace(new, ratios=(1.0,), statistics=None)
    result = both.with_fit(changed)
    assert result.config.ratios_of("shared") == (1.0,)
    assert result.config.fits["corners"] == both.config.fits["corners"]
    assert result.fit_of("shared").statistics is None
    assert result.statistics["corners"] is both.statistics["corners"]
    fitted = both.fit_of("corners").statistics
    corners = both.with_fit(replace(both.fit_of("corners"), held_out=fitted))
    assert corners.fit_of("corners").held_out is fitted
    assert corners.config.fits["shared"] == both.config.fits["shared"]
    assert corners.statistics["shared"] is both.statistics["shared"]


def test_held_out_statistics_take_half_the_room_and_say_the_same_error(tmp_path):
    checkpoint = constant_checkpoint()
    fit = checkpoint.fit_of("corners")
    whole = checkpoint.with_fit(replace(fit, held_out=fit.statistics))
    save_checkpoint(tmp_path / "held.safetensors", whole)
    loaded = load_checkpoint(tmp_path / "held.safetensors").fit_of("corners")
    assert not torch.equal(loaded.held_out.factor, loaded.statistics.factor)
    weights = fit.solve(CombinationSettings(crop_ratios=(1.0,), use_flips=False))
    assert loaded.held_out.expected_rmse(weights) == pytest.approx(
        fit.statistics.expected_rmse(weights), abs=1e-5
    )


def test_half_precision_is_only_for_the_weights(tmp_path):
    save_checkpoint(tmp_path / "half.safetensors", constant_checkpoint())
    loaded = load_checkpoint(tmp_path / "half.safetensors")
    assert loaded.network.trunk.conv1.weight.dtype == torch.float32
    torch.testing.assert_close(
        loaded.network.trunk.conv1.weight,
        constant_checkpoint().network.trunk.conv1.weight.half().float(),
    )
    expected = constant_checkpoint().fit_of("corners").statistics.factor.triu()
    assert torch.equal(loaded.fit_of("corners").statistics.factor, expected)


def test_a_checkpoint_is_as_readable_as_any_new_file(saved, tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    assert saved.stat().st_mode == plain.stat().st_mode


def test_missing_file(tmp_path):
    with pytest.raises(CheckpointError, match="no such checkpoint file"):
        load_checkpoint(tmp_path / "none.safetensors")


@pytest.mark.parametrize("size", [0, 7, 1000, -10])
def test_truncated_file(saved, tmp_path, size):
    broken = tmp_path / "broken.safetensors"
    broken.write_bytes(saved.read_bytes()[:size])
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        load_checkpoint(broken)


def test_somebody_elses_safetensors(tmp_path):
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="not a fourier_depth checkpoint"):
        load_checkpoint(tmp_path / "other.safetensors")


def set_version(_, header):
    header["format_version"] = 7


def drop_key(tensors, _):
    del tensors["network.head.bias"]


def add_key(tensors, _):
    tensors["network.tail"] = torch.zeros(1)


def add_part(tensors, _):
    tensors["optimizer.step"] = torch.zeros(1)


def reshape(tensors, _):
    tensors["network.head.bias"] = torch.zeros(5)


def misspell(_, header):
    header["config"]["licens"] = "x"


def reach_vertex(_, header):
    header["config"]["space"]["max_depth"] = 20.0


def refit(_, header):
    header["config"]["fits"]["corners"]["fitted_ratios"] = [1.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_version, "format version 7, this program reads versions 1 to 2; update"),
        (drop_key, "missing head.bias; extra none"),
        (add_key, "missing none; extra tail"),
        (add_part, "unexpected tensors optimizer.step"),
        (reshape, r"network.head.bias has shape \(5,\), expected \(800,\)"),
        (misspell, "its configuration is broken"),
        (reach_vertex, "vertex of g at 15 m"),
        (refit, "for 1 ratios"),
    ],
)
def test_one_clear_error_each(saved, tmp_path, change, message):
    broken = rewritten(saved, tmp_path / "broken.safetensors", change)
    with pytest.raises(CheckpointError, match=message) as caught:
        load_checkpoint(broken)
    assert "broken.safetensors" in str(caught.value)


def test_a_failed_save_leaves_the_old_file(saved, tmp_path, monkeypatch):
    target = save_constant(tmp_path / "kept.safetensors")
    before = target.read_bytes()
    checkpoint = constant_checkpoint()
    checkpoint.network.register_buffer("broken", torch.zeros(1).to_sparse())
    with pytest.raises((ValueError, RuntimeError, NotImplementedError)):
        save_checkpoint(target, checkpoint)
    assert target.read_bytes() == before
