"""Spellings, validation and presets: pure functions."""

import array

import pytest
from layout import ROOT
from node_settings import CONFIG, FAST, PRESETS, change
from rclpy.parameter import (
    parameter_dict_from_yaml_file,
    parameter_value_to_python,
)

from fourier_depth_ros.config import (
    PAPER_RATIOS,
    CombinationSettings,
    FitConfig,
    NetworkConfig,
    Uncertainty,
    shared_ratios,
)
from fourier_depth_ros.ros import parameters
from fourier_depth_ros.ros.settings import NodeParameters
from fourier_depth_ros.ros.spellings import ParameterError

YAML = ROOT / "config" / "depth.yaml"


@pytest.mark.parametrize(
    "value",
    [
        [1.0, 0.8],
        array.array("d", [1.0, 0.8]),
        (0.8, 1.0),
        "[1, 0.8]",
        "[1.0,0.8]",
        "(1 .8)",
        "1 .8",
        "  0.8 1e0 ",
        [1, 0.8],
    ],
)
def test_every_spelling_of_ratios(value):
    assert change(crop_ratios=value).crop_ratios == (1.0, 0.8)


@pytest.mark.parametrize("value", [[1], array.array("q", [1]), "1", "[1]", 1, 1.0])
def test_integers_and_single_numbers_are_ratios(value):
    assert change(crop_ratios=value).crop_ratios == (1.0,)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("[1.3]", r"1\.3 is not in \(0\.5, 1\]"),
        ([0.5], r"0\.5 is not in \(0\.5, 1\]"),
        ([float("nan")], "is not in|finite"),
        ([1, 1], "1 is named twice"),
        ("1, 0.8, 1", "1 is named twice"),
        ([1.0, 0.8, 0.8000001], r"0\.8 is named twice; give each ratio once"),
        ("1; 0.8", "no list of numbers"),
        ("fastest", "no list of numbers.*or one of fast, balanced"),
        (True, "no list of numbers"),
        (["1"], "no list of numbers"),
        (None, "cannot be deleted"),
        (b"12", "no list of numbers"),
    ],
)
def test_bad_ratios_are_refused_with_what_is_accepted(value, reason):
    with pytest.raises(ParameterError, match=rf"crop_ratios: .*({reason})"):
        change(crop_ratios=value)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"max_depth": -1.0}, r"max_depth: -1\.0: .*greater than 0"),
        ({"max_depth": "far"}, "max_depth: 'far' is not a number"),
        ({"points_stride": 0}, "points_stride: 0: .*greater than or equal to 1"),
        ({"points_stride": 2.0}, "points_stride: 2.0 is not an integer"),
        ({"use_flips": 1}, "use_flips: 1 is not true or false"),
        ({"far_policy": "zero"}, "far_policy: 'zero': Input should be 'nan' or 'inf'"),
        ({"output_size": "320"}, "output_size: '320'"),
        ({"output_size": "0x240"}, "output_size: '0x240'"),
        ({"preset": "slow"}, "preset: 'slow' is none of fast"),
        ({"ridge": -0.5}, "ridge: -0.5 is negative"),
        ({"min_height": 101.0}, "min_height"),
        ({"min_height": 2.0, "max_height": 1.0}, "min_height 2 m is not below max_height 1 m"),
        ({"height_transform": "1 2 3"}, "height_transform: '1 2 3' is no pose"),
        ({"outlier_neighbours": 25}, "outlier_neighbours: 25: .*less than or equal to 24"),
        ({"compressed_depth_format": "jpeg"}, "compressed_depth_format"),
        ({"min_depth": 20.0}, "min_depth 20 m is not below max_depth 10 m"),
        (
            {"checkpoint": "other"},
            "checkpoint: is 'auto' and can be changed only while the node is",
        ),
        ({"device": "gpu"}, "device: 'gpu' is none of auto, cpu, cuda or cuda:N"),
        ({"depth_scale": float("inf")}, "depth_scale"),
    ],
)
def test_bad_values_are_refused_with_a_reason(values, reason):
    with pytest.raises(ParameterError, match=reason):
        change(**values)


@pytest.mark.parametrize(("value", "meant"), [(float("nan"), "nan"), (float("inf"), "inf")])
def test_unquoted_nan_and_inf_of_a_dump_are_words(value, meant):
    assert change(far_policy=value).far_policy == meant


def test_an_integer_is_taken_for_a_double():
    assert change(max_depth=8).max_depth == 8.0


@pytest.mark.parametrize("text", ["1e-05", "1E-5", "0.00001"])
def test_a_number_that_yaml_takes_for_a_word_is_a_number(text):
    assert change(ridge=text).ridge == 1e-5


def test_a_startup_parameter_may_be_set_to_what_it_is():
    assert change(checkpoint="auto") == FAST  # as `ros2 param load` of a dump does


def test_a_startup_parameter_may_change_before_a_checkpoint_is_loaded():
    new = change(NodeParameters(), None, checkpoint="other", device="cpu", max_batch=8)
    assert (new.checkpoint, new.device, new.max_batch) == ("other", "cpu", 8)


@pytest.mark.parametrize("empty", ["", "[]", [], array.array("b")])
def test_auto_and_empty_ratios_mean_what_they_mean_at_start(empty):
    accurate, by_hand = change(preset="accurate"), change(crop_ratios=[1.0, 0.7], use_flips=True)
    for settings in (FAST, accurate, by_hand):
        assert change(settings, preset="auto") == FAST
        assert change(settings, preset="auto", crop_ratios=empty) == FAST
    assert change(accurate, crop_ratios=empty) == accurate
    assert change(by_hand, crop_ratios=empty) == FAST
    assert change(FAST, preset="accurate", crop_ratios=empty) == accurate
    # false is the default, which follows the preset; true is a wish
    assert change(by_hand, preset="accurate", crop_ratios=empty, use_flips=False) == accurate
    flipped = change(accurate, preset="auto", use_flips=True)
    assert (flipped.preset, flipped.crop_ratios, flipped.use_flips) == ("", (1.0,), True)
    given = change(accurate, preset="auto", crop_ratios="1 0.8")
    assert (given.preset, given.crop_ratios, given.use_flips) == ("", (1.0, 0.8), False)


@pytest.mark.parametrize("automatic", ["fast", "accurate"])
def test_the_shipped_file_sets_the_defaults_whatever_ran(automatic):
    """As `ros2 param load` reads it, one by one in its order, and as a whole."""
    shipped = {
        name: parameter_value_to_python(parameter.value)
        for name, parameter in parameter_dict_from_yaml_file(str(YAML), use_wildcard=True).items()
    }
    assert list(shipped) == list(NodeParameters.model_fields)
    started = parameters.resolve(NodeParameters(), CONFIG, automatic)
    by_hand = change(crop_ratios=[1.0, 0.7], use_flips=True, max_depth=5.0)
    for ran in (FAST, change(preset="paper"), by_hand, change(target_rate=10)):
        assert parameters.change(ran, shipped, CONFIG, automatic) == started
        settings = ran
        for name, value in shipped.items():
            settings = parameters.change(settings, {name: value}, CONFIG, automatic)
        assert settings == started
    settings = NodeParameters(checkpoint="other", crop_ratios=(1.0, 0.7))
    for name, value in shipped.items():
        settings = change(settings, None, **{name: value})
    assert settings == NodeParameters()


def test_a_preset_brings_its_ratios_and_flips():
    new = change(preset="accurate")
    assert (new.preset, new.crop_ratios, new.use_flips) == ("accurate", (1.0, 0.8), True)
    assert change(crop_ratios="accurate") == new


def test_ratios_or_flips_by_hand_clear_the_preset():
    assert change(crop_ratios=[1.0, 0.7]).preset == ""
    assert change(use_flips=True).preset == ""
    accurate = change(preset="accurate")
    assert change(accurate, use_flips=False).preset == ""


def test_ratios_that_are_the_presets_keep_its_name():
    assert change(crop_ratios=[1.0]).preset == "fast"


def test_a_preset_keeps_its_name_and_brings_its_ratios_of_the_other_crops():
    balanced = change(change(preset="balanced"), crops="shared")
    assert (balanced.preset, balanced.crop_ratios) == ("balanced", (1.0, 0.857143))
    assert balanced.combination_settings.crops == "shared"
    paper = change(balanced, preset="paper")
    assert (paper.crop_ratios, paper.use_flips) == (shared_ratios(192), True)
    back = change(paper, crops="corners")
    assert (back.preset, back.crop_ratios, back.use_flips) == ("paper", PAPER_RATIOS, True)
    assert change(crops="shared", preset="accurate").crop_ratios == (1.0, 0.857143, 0.75, 0.666667)
    again = change(balanced, crops="shared")  # nothing new
    assert again == balanced


@pytest.mark.parametrize(
    "wanted",
    [
        {"crops": "shared"},
        {"crops": "shared", "preset": "paper"},
        {"crops": "shared", "crop_ratios": [1.0]},
        {"crops": "shared", "target_rate": 5.0},
    ],
)
def test_shared_crops_of_a_vision_transformer_are_refused(wanted):
    config = CONFIG.model_copy(update={"network": NetworkConfig(trunk="vits14")})
    with pytest.raises(ParameterError, match=r"crops: 'shared' .* vits14 is a vision transformer"):
        change(config=config, **wanted)
    with pytest.raises(ParameterError, match=r"crops: 'shared' .* vits14 is a vision transformer"):
        parameters.resolve(NodeParameters(crops="shared"), config, "fast")
    assert change(config=config, preset="balanced").crop_ratios == (1.0, 0.8)


def test_ratios_by_hand_become_those_that_shared_crops_can_have():
    shared = change(crops="shared", crop_ratios="[1, 0.86, 0.6]")
    assert (shared.preset, shared.crop_ratios) == ("", (1.0, 0.857143, 0.6))
    assert change(shared, crop_ratios="1 .667").crop_ratios == (1.0, 0.666667)
    # those of a preset, however they are spelt, are that preset's
    assert change(shared, crop_ratios=[0.86, 1], preset="balanced").preset == "balanced"
    by_hand = change(change(crop_ratios=[1.0, 0.6]), crops="shared")
    assert (by_hand.preset, by_hand.crop_ratios) == ("", (1.0, 0.6))


@pytest.mark.parametrize(
    ("before", "values"),
    [
        ({"crops": "shared"}, {"crop_ratios": "[1, 0.8]"}),
        ({"crop_ratios": [1.0, 0.8]}, {"crops": "shared"}),
        ({"preset": "balanced"}, {"crops": "shared", "use_flips": True}),
    ],
)
def test_ratios_that_shared_crops_cannot_have_are_refused_with_those_they_can(before, values):
    reason = (
        r"0\.8 is not possible with crops 'shared', which takes 1, 0\.857, 0\.75, 0\.667, 0\.6;"
    )
    with pytest.raises(
        ParameterError, match=f"crop_ratios: {reason} set crops and crop_ratios tog"
    ):
        change(change(**before), **values)


def test_the_gate_asks_the_calibration_of_the_crops_it_will_have():
    sigma = Uncertainty(floor=0.1, per_depth=0.1, per_spread=0.1)
    fast = PRESETS["fast"].model_copy(update={"uncertainty": sigma})
    fits = {"corners": FitConfig(presets={**PRESETS, "fast": fast})}
    config = CONFIG.model_copy(update={"fits": fits})
    gated = change(config=config, max_relative_std=0.3)
    with pytest.raises(ParameterError, match="no calibrated standard deviation"):
        change(gated, config=config, crops="shared")


def test_a_contradiction_is_refused():
    with pytest.raises(ParameterError, match=r"'fast' means crop_ratios \[1\.0\].*not both"):
        change(preset="fast", crop_ratios=[1.0, 0.8])
    assert change(preset="balanced", crop_ratios=[1.0, 0.8], use_flips=False).preset == "balanced"


def test_a_set_is_all_or_nothing():
    with pytest.raises(ParameterError):
        change(min_depth=0.5, max_depth=-1.0)
    both = change(min_depth=11.0, max_depth=12.0)  # either alone: 11 against 10 would be refused
    assert (both.min_depth, both.max_depth) == (11.0, 12.0)


def test_setting_one_by_one_what_was_dumped_gives_the_same():
    """`ros2 param load` sets each parameter of a dump on its own, in the order of the names."""
    shared = change(crops="shared")
    for dumped in (
        change(preset="accurate"),
        change(crop_ratios=[1.0, 0.7]),
        FAST,
        shared,
        change(shared, preset="paper"),
        change(shared, crop_ratios="1 .86 .6"),
        change(target_rate=10),
        change(change(crop_ratios=[1.0, 0.7], use_flips=True), target_rate=7.5),
    ):
        settings = NodeParameters(preset="paper", crop_ratios=PAPER_RATIOS, use_flips=True)
        for name in sorted(NodeParameters.model_fields):
            value = parameters.to_ros(getattr(dumped, name))
            settings = change(settings, **{name: value})
        assert settings == dumped


def test_with_a_target_rate_the_settings_are_what_it_chose():
    paced = change(preset="paper", target_rate=10)
    for chosen, shown in (
        ({"crop_ratios": (1.0,), "use_flips": False}, ("fast", (1.0,), False)),
        ({"crop_ratios": (1.0, 0.8), "use_flips": True}, ("accurate", (1.0, 0.8), True)),
        ({"crop_ratios": (1.0, 0.7), "use_flips": True}, ("", (1.0, 0.7), True)),
    ):
        ran = parameters.running(paced, CombinationSettings(**chosen), CONFIG)
        assert (ran.preset, ran.crop_ratios, ran.use_flips) == shown
        assert (ran.target_rate, ran.crops, ran.max_depth) == (10.0, "corners", 10.0)
        off = change(ran, target_rate=0)
        assert (off.preset, off.crop_ratios, off.use_flips) == shown
        # its flips are its own; what runs is not changed by a wish
        assert change(ran, use_flips=not ran.use_flips) == ran
        assert "target_rate chooses it" in parameters.overruled(ran, {"use_flips": not shown[2]})
        assert parameters.overruled(ran, {"use_flips": shown[2], "ridge": 1.0}) == ""
        assert change(ran, crops="shared").target_rate == 10.0  # where its ratios are not possible
        assert parameters.running(off, CombinationSettings(crop_ratios=(0.6,)), CONFIG) == off


def test_another_fit_is_asked_for_a_preset_by_its_name_and_for_ratios_by_hand():
    paper = change(crops="shared", preset="paper", max_depth=5.0)
    assert (paper.crop_ratios, paper.use_flips) == (shared_ratios(192), True)
    asked = parameters.unresolved(paper)
    assert asked == NodeParameters(crops="shared", preset="paper", max_depth=5.0)
    network = NetworkConfig(trunk="resnet18", input_size=224)
    new = parameters.resolve(asked, CONFIG.model_copy(update={"network": network}), "fast")
    assert (new.preset, new.crop_ratios, new.use_flips) == ("paper", shared_ratios(224), True)
    by_hand = change(crop_ratios=[1.0, 0.7], use_flips=True)
    assert parameters.unresolved(by_hand) == by_hand


def test_what_a_change_did():
    assert parameters.difference(FAST, change(max_depth=8)) == "max_depth: 8.0"
    assert parameters.difference(FAST, change(preset="accurate")) == (
        "use_flips: True, preset: 'accurate', crop_ratios: [1.0, 0.8]"
    )
    assert parameters.difference(FAST, change(max_depth=10)) == ""


@pytest.mark.parametrize("values", [{"preset": "fast"}, {"crop_ratios": "1 .8"}])
def test_a_preset_or_ratios_take_the_choice_back_from_the_target_rate(values):
    paced = change(target_rate=10)
    assert (paced.target_rate, paced.preset, paced.crop_ratios) == (10.0, "fast", (1.0,))
    assert change(paced, **values).target_rate == 0.0
    assert change(paced, **values, target_rate=5).target_rate == 5.0  # both at once: for later
    assert change(paced, None, **values).target_rate == 0.0
    for other in ({"use_flips": True}, {"crops": "shared"}, {"max_depth": 5}, {"ridge": 1.0}):
        assert change(paced, **other).target_rate == 10.0


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (FAST, "preset fast: 1 crop a frame (ratios 1), hierarchical"),
        (
            change(crops="shared", crop_ratios="1 .6", use_flips=True, combination="mean"),
            "7.56 crops a frame (ratios 1, 0.6 and flips, shared crops), mean",
        ),
        (
            change(target_rate=7.5),
            "target_rate 7.5 Hz, now preset fast: 1 crop a frame (ratios 1), hierarchical",
        ),
    ],
)
def test_describing_in_the_log(settings, text):
    assert parameters.describe(settings) == text


def test_resolving_at_start():
    def resolve(**given):
        settings = parameters.resolve(NodeParameters(**given), CONFIG, "fast")
        return settings.preset, settings.crop_ratios, settings.use_flips

    assert resolve() == ("fast", (1.0,), False)
    assert resolve(preset="accurate") == ("accurate", (1.0, 0.8), True)
    assert resolve(preset="") == ("fast", (1.0,), False)
    assert resolve(use_flips=True) == ("", (1.0,), True)
    assert resolve(crop_ratios=(1.0, 0.7)) == ("", (1.0, 0.7), False)
    assert resolve(preset="", crop_ratios=(1.0, 0.8), use_flips=True) == ("", (1.0, 0.8), True)
    assert resolve(preset="balanced", crop_ratios=(1.0, 0.8)) == ("balanced", (1.0, 0.8), False)
    with pytest.raises(ParameterError, match="not both"):
        resolve(preset="fast", crop_ratios=(1.0, 0.8))
    shared = {"crops": "shared"}
    assert resolve(**shared) == ("fast", (1.0,), False)
    assert resolve(**shared, preset="paper") == ("paper", shared_ratios(192), True)
    assert resolve(**shared, preset="balanced", crop_ratios=(1.0, 0.86)) == (
        *("balanced", (1.0, 0.857143), False),
    )
    assert resolve(**shared, crop_ratios=(0.6,)) == ("", (0.6,), False)
    with pytest.raises(ParameterError, match="is not possible with crops 'shared'"):
        resolve(**shared, crop_ratios=(1.0, 0.8))


def test_before_a_checkpoint_is_loaded_the_later_wins():
    start = NodeParameters()
    assert change(start, None, crop_ratios="1 0.8").preset == ""
    assert change(start, None, crop_ratios="") == start  # from a dump taken then
    # from a dump of ratios set by hand, in the order of the names
    by_hand = change(change(start, None, crop_ratios="1 0.8"), None, preset="")
    assert (by_hand.preset, by_hand.crop_ratios) == ("", (1.0, 0.8))
    by_name = change(change(start, None, crop_ratios="1 0.8"), None, preset="paper")
    assert (by_name.preset, by_name.crop_ratios) == ("paper", ())


@pytest.mark.parametrize(
    ("text", "pose"),
    [
        ("", ()),
        ("0.2 0 -0.1 -1.5708 0 -1.5708", (0.2, 0.0, -0.1, -1.5708, 0.0, -1.5708)),
        ("1, 2, 3, 0, 0, 0, 1", (1.0, 2.0, 3.0, 0.0, 0.0, 0.0, 1.0)),
        ("0 0 0 0 0 0", (0.0,) * 6),
    ],
)
def test_scale_transform_is_six_or_seven_numbers_or_none(text, pose):
    assert change(scale_transform=text).scale_pose == pose


@pytest.mark.parametrize("text", ["0", "1 2 3", "0 0 0 0 0 0 0", "a b c d e f", "nan 0 0 0 0 0"])
def test_any_other_scale_transform_is_refused(text):
    with pytest.raises(ParameterError, match=r"scale_transform: .* is no pose; give x y z roll"):
        change(scale_transform=text)
