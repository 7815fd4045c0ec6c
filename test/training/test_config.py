"""config/train/: every file is valid, and stage 2 begins where stage 1 ends."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError
from trainings import run_config, stage

from fourier_depth_ros.training.config import TrainConfig, load_train_config

FOLDER = Path(__file__).parents[2] / "config" / "train"
#: places.yaml is data, not a training (test/data/test_places.py)
FILES = sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "places.yaml")


def test_there_are_the_files_that_the_documentation_names():
    assert {
        "indoor_resnet18.yaml",
        "nyu_resnet152_stage1.yaml",
        "nyu_resnet152_stage2.yaml",
        "rooms_resnet18.yaml",
        "rooms_resnet18_again.yaml",
        "vits_indoor.yaml",
    } <= set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_every_file_is_valid_and_says_how_to_run_it(name):
    config = load_train_config(FOLDER / name)
    assert f"fourier-depth train --config config/train/{name}" in (FOLDER / name).read_text()
    # the paper's order: original blocks first, then modified ones (sec. 3.1)
    modified = [stage.modified for stage in config.stages]
    assert modified == sorted(modified)
    # down to the smallest ratio, 0.6; ours sees farther in than that
    assert config.augment.zoom >= 1.67


def test_stage_two_of_nyu_starts_from_what_stage_one_leaves():
    one, two = (load_train_config(FOLDER / f"nyu_resnet152_stage{i}.yaml") for i in (1, 2))
    assert Path(two.stages[0].start) == one.out / one.stages[0].name / "best.safetensors"
    assert (one.stages[0].modified, two.stages[0].modified) == (False, True)
    assert one.stages[0].start == "imagenet"
    assert two.stages[0].trunk_rate == 0.1
    different = {"stages", "description"}
    assert one.model_dump(exclude=different) == two.model_dump(exclude=different)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stages": [stage(start="previous")]}, "the first stage has no previous one"),
        ({"stages": [stage(), stage()]}, "two stages have the same name"),
        ({"batch": 5, "micro_batch": 2}, "batch 5 is no multiple of micro_batch 2"),
        ({"data": [{"path": "photos", "truth": False}]}, "photos has truth: false, so stage"),
        (
            {
                "data": [{"path": "photos", "truth": False}],
                "stages": [stage(teacher={"depth": "taught", "depth_weight": 0})],
            },
            "scale_invariant_weight or gradient_weight above 0",
        ),
        ({"held_out": [{"path": "rooms", "weight": 2.0}]}, "every picture is measured once"),
        ({"data": [{"path": "rooms", "weight": 0.0}]}, "greater than 0"),
        ({"held_out": [{"path": "photos", "truth": False}]}, "measures nothing"),
        ({"space": {"max_depth": 15.0}}, "reaches the vertex of g at 15 m"),
        ({"stages": [stage(trunk_layers=3)]}, "stage1: trunk_layers is for vision transformers"),
        ({"trunk": "vits14"}, "stage stage1: input_size 64 is no multiple of 14"),
        ({"stages": [stage(views=2)]}, "stage1: views is for a vision transformer of which at"),
        (
            {"trunk": "vits14", "stages": [stage(input_size=70, views=2)]},
            "stage1: views is for a vision transformer of which at most the last 9 layers learn",
        ),
        (
            {"trunk": "vits14", "stages": [stage(input_size=70, trunk_layers=10, views=2)]},
            "stage1: views is for a vision transformer of which at most the last 9 layers learn",
        ),
        (
            {"trunk": "vits14", "stages": [stage(input_size=70, modified=True)]},
            "stage stage1: modified: vits14 has no blocks to modify",
        ),
        (
            {"trunk": "vits14", "stages": [stage(input_size=70, teacher={"encoder": "a.onnx"})]},
            "stage1: a teacher's features are for a ResNet's layers; vits14 starts from DINOv2",
        ),
    ],
)
def test_what_cannot_be_is_refused(changes, message, tmp_path):
    with pytest.raises(ValidationError, match=message):
        run_config(tmp_path, tmp_path, **changes)


def test_a_vision_transformer_s_stage_has_a_map_of_its_own(tmp_path):
    first = {"name": "a", "start": "scratch", "input_size": 70, "steps": 1, "learning_rate": 1}
    taught = {**first, "trunk_layers": 0, "teacher": {"depth": "folder"}}
    config = run_config(tmp_path, tmp_path, trunk="vits14", stages=[taught])
    network = config.network(config.stages[0])
    assert (network.family, network.map_size, network.modified) == ("vit", (20, 20), False)


def test_a_file_s_mistakes_are_all_named(tmp_path):
    path = tmp_path / "run.yaml"
    given = run_config(tmp_path, tmp_path).model_dump(mode="json")
    path.write_text(yaml.safe_dump(given))
    assert load_train_config(path) == TrainConfig.model_validate(given)
    path.write_text(yaml.safe_dump({**given, "epochs": 3, "trunk": "vgg16"}))
    reason = r"run\.yaml: (?=.*epochs is no key)(?=.*trunk is 'vgg16'; it should be 'resnet18', )"
    with pytest.raises(ValueError, match=reason):
        load_train_config(path)
    path.write_text("out: [")
    with pytest.raises(ValueError, match=r"run\.yaml is not YAML"):
        load_train_config(path)


def test_pictures_are_cached_with_the_detail_of_the_largest_zoom(tmp_path):
    stages = [stage(), stage("stage2", input_size=100)]
    assert run_config(tmp_path, tmp_path, stages=stages).cached_side == 167
