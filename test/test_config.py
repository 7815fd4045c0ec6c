"""What a network's configuration holds for each family."""

import pytest
from pydantic import ValidationError

from fourier_depth_ros.config import (
    CheckpointConfig,
    CombinationSettings,
    DepthSpace,
    NetworkConfig,
    explain,
)


def test_a_vision_transformer_has_four_cells_a_patch_and_nothing_to_modify():
    config = NetworkConfig(trunk="vits14")
    assert (config.family, config.input_size, config.modified) == ("vit", 224, False)
    assert config.map_size == (64, 64)  # 16 patches of 14 px
    assert NetworkConfig(trunk="vits14", input_size=70).map_size == (20, 20)
    assert NetworkConfig.model_validate_json(config.model_dump_json()) == config


def test_a_resnet_is_what_it_was():
    config = NetworkConfig()
    assert (config.family, config.map_size, config.modified) == ("resnet", (25, 32), True)
    assert NetworkConfig(trunk="resnet18", input_size=192, modified=False).family == "resnet"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"input_size": 192}, "192 is no multiple of 14, the patches' side.*nearest is 196"),
        ({"input_size": 64}, "no multiple of 14.*the nearest is 70"),
        ({"map_size": (25, 32)}, r"map_size \(25, 32\) is not \(64, 64\), 4 cells a patch"),
        ({"modified": True}, "vits14 has no blocks to modify; set false"),
        ({"input_size": "wide"}, "input_size is 'wide'; it should be a valid integer"),
    ],
)
def test_what_a_vision_transformer_cannot_be_says_why(changes, reason):
    with pytest.raises(ValidationError) as error:
        NetworkConfig(trunk="vits14", **changes)
    with pytest.raises(ValueError, match=reason):
        raise ValueError(explain(error.value))


def test_shared_crops_are_refused_where_there_are_no_windows():
    network = NetworkConfig(trunk="vits14")
    config = CheckpointConfig(network=network, space=DepthSpace())
    shared = CombinationSettings(crops="shared", crop_ratios=(1.0,))
    for refused in (
        lambda: network.check_crops("shared"),
        lambda: shared.possible(network),
        lambda: config.preset("fast", "shared"),
        lambda: config.with_preset(shared, "fast"),
    ):
        with pytest.raises(ValueError, match=r"crops: 'shared' cuts windows.*vits14 is a vision"):
            refused()
    assert CombinationSettings().possible(network) == CombinationSettings()
    # asked about, not for: no error
    assert set(config.presets_of("shared")) == set(config.presets_of("corners"))
    assert config.ratios_of("shared")[0] == 1.0
