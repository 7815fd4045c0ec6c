"""Which checkpoint a name means."""

import subprocess
import sys

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


def put(folder, *names):
    """These files, and no others."""
    for file in folder.iterdir():
        file.unlink()
    for name in names:
        (folder / f"{name}.safetensors").touch()


RESNETS = ("resnet18_rooms", "resnet50_rooms")
SHIPPED = (*RESNETS, "resnet18_indoor", "vits_indoor")


@pytest.mark.parametrize(
    ("names", "chosen", "why"),
    [
        ((*SHIPPED, "resnet152_nyu"), "resnet152_nyu", "there is CUDA"),
        (
            SHIPPED,
            "vits_indoor",
            "there is CUDA, no ResNet-152 is in models/; resnet18_indoor is faster and less "
            "accurate",
        ),
        (
            RESNETS,
            "resnet18_rooms",
            "there is CUDA, no ResNet-152 is in models/, no vision transformer is in models/",
        ),
    ],
)
def test_on_cuda_auto_is_the_largest_there_is(models, names, chosen, why):
    put(models, *names)
    for device in ("auto", "cuda", "cuda:1"):
        path, sentence = find_checkpoint("auto", True, device)
        assert path == models / f"{chosen}.safetensors"
        assert sentence == f"'auto' chose {chosen}: {why}"


def test_on_a_cpu_auto_is_the_vision_transformer_and_names_the_faster_resnet18(models):
    put(models, *SHIPPED, "resnet152_nyu")
    path, why = find_checkpoint("auto", cuda=True, device="cpu")
    assert path == models / "vits_indoor.safetensors"
    assert why == (
        "'auto' chose vits_indoor: device is cpu; resnet18_indoor is faster and less accurate"
    )
    (models / "vits_indoor.safetensors").unlink()
    assert find_checkpoint("auto", cuda=False)[0].stem == "resnet18_indoor"
    (models / "resnet18_indoor.safetensors").unlink()
    assert find_checkpoint("auto", cuda=False)[0].stem == "resnet18_rooms"


def test_with_resnets_alone_a_cpu_has_the_resnet18(models):
    put(models, *RESNETS, "resnet152_nyu")
    path, why = find_checkpoint("auto", cuda=False)
    assert path.stem == "resnet18_rooms"
    assert why == (
        "'auto' chose resnet18_rooms: this machine has no CUDA, no vision transformer is in models/"
    )


def test_a_device_that_leaves_cuda_alone_is_the_reason_whatever_the_machine_has(models):
    for cuda in (False, True):
        path, why = find_checkpoint("auto", cuda, device="cpu")
        assert path.stem == "resnet18_rooms"
        assert why.startswith("'auto' chose resnet18_rooms: device is cpu, ")


@pytest.mark.parametrize("cuda", [False, True])
def test_of_several_alike_auto_is_the_first_by_name(models, cuda):
    put(models, "resnet18_rooms", "resnet18_garage")
    assert find_checkpoint("auto", cuda)[0].stem == "resnet18_garage"
    put(models, "resnet18_rooms", "resnet18_garage", "vits_rooms", "vits_indoor")
    assert find_checkpoint("auto", cuda)[0].stem == "vits_indoor"


def test_a_name_and_a_path_mean_that_file(models):
    file = models / "resnet50_rooms.safetensors"
    assert find_checkpoint("resnet50_rooms", cuda=False) == (file, "")
    assert find_checkpoint(str(file), cuda=False) == (file, "")


def test_what_is_not_there_is_named_with_what_is(models):
    with pytest.raises(FileNotFoundError, match=r"'resnet9'.* resnet152_nyu, resnet18_rooms"):
        find_checkpoint("resnet9", cuda=True)
    put(models, "resnet50_rooms")
    for cuda in (False, True):
        with pytest.raises(FileNotFoundError, match="give a path or a name: resnet50_rooms"):
            find_checkpoint("auto", cuda=cuda)
    put(models)
    for cuda in (False, True):
        with pytest.raises(FileNotFoundError, match=r"give a path$"):
            find_checkpoint("auto", cuda=cuda)


def test_finding_a_checkpoint_imports_no_torch():
    code = (
        "import sys; from fourier_depth_ros.resources import find_checkpoint; "
        "find_checkpoint('auto', cuda=False); print('torch' in sys.modules, end='')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert done.stdout == "False"
