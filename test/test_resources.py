"""Which checkpoint a name means."""

import pytest

from fourier_depth_ros import resources
from fourier_depth_ros.resources import find_checkpoint


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "share_directory", lambda: tmp_path)
    folder = tmp_path / "models"
    folder.mkdir()
    for name in ("resnet152_nyu", "resnet18_rooms", "resnet50_rooms"):
        (folder / f"{name}.safetensors").touch()
    return folder


def test_auto_is_the_papers_network_on_cuda_and_the_small_one_elsewhere(models):
    path, why = find_checkpoint("auto", cuda=True)
    assert (path.stem, why) == ("resnet152_nyu", "")
    path, why = find_checkpoint("auto", cuda=False)
    assert (path.stem, "no CUDA" in why) == ("resnet18_rooms", True)
    (models / "resnet152_nyu.safetensors").unlink()
    path, why = find_checkpoint("auto", cuda=True)
    assert (path.stem, "no ResNet-152" in why) == ("resnet18_rooms", True)


def test_a_device_that_leaves_cuda_alone_is_the_reason_whatever_the_machine_has(models):
    for cuda in (False, True):
        path, why = find_checkpoint("auto", cuda, device="cpu")
        assert path.stem == "resnet18_rooms"
        assert why == "'auto' chose resnet18_rooms, the small network: device is cpu"
    for device in ("auto", "cuda", "cuda:1"):
        assert find_checkpoint("auto", True, device)[0].stem == "resnet152_nyu"


@pytest.mark.parametrize("cuda", [False, True])
def test_of_several_as_deep_auto_is_the_first_by_name(models, cuda):
    for file in models.iterdir():
        file.unlink()
    for name in ("resnet18_rooms", "resnet18_garage"):
        (models / f"{name}.safetensors").touch()
    assert find_checkpoint("auto", cuda)[0].stem == "resnet18_garage"


def test_a_name_and_a_path_mean_that_file(models):
    file = models / "resnet50_rooms.safetensors"
    assert find_checkpoint("resnet50_rooms", cuda=False) == (file, "")
    assert find_checkpoint(str(file), cuda=False) == (file, "")


def test_what_is_not_there_is_named_with_what_is(models):
    with pytest.raises(FileNotFoundError, match=r"'resnet9'.* resnet152_nyu, resnet18_rooms"):
        find_checkpoint("resnet9", cuda=True)
    for file in models.iterdir():
        file.unlink()
    for cuda in (False, True):
        with pytest.raises(FileNotFoundError, match="give a path"):
            find_checkpoint("auto", cuda=cuda)
