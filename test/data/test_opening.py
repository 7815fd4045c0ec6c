import pytest
from rgbd import write_rgbd

from fourier_depth_ros.data import opening
from fourier_depth_ros.data.folder import FolderDepth
from fourier_depth_ros.data.opening import open_rgbd
from fourier_depth_ros.data.options import RgbdOptions


def test_a_folder_of_pairs(tmp_path):
    dataset = open_rgbd(write_rgbd(tmp_path / "a", 1, 1), RgbdOptions(depth_unit=0.01))
    assert isinstance(dataset, FolderDepth)
    assert dataset.depth_unit == 0.01


@pytest.mark.parametrize("name", ["bag", "file.mcap", "file.db3"])
def test_bags_get_their_options(tmp_path, monkeypatch, name):
    path = tmp_path / name
    if name == "bag":
        path.mkdir()
        (path / "metadata.yaml").touch()
    else:
        path.touch()
    monkeypatch.setattr(opening, "BagDepth", lambda *args: args)
    options = RgbdOptions(topic="/c", depth_topic="/d", tolerance=0.1)
    assert open_rgbd(path, options) == (path, "/c", "/d", 0.1)


@pytest.mark.parametrize("given", ["nyu_depth_v2_labeled.mat", "."])
def test_nyu_by_its_file_or_folder(tmp_path, monkeypatch, given):
    (tmp_path / "nyu_depth_v2_labeled.mat").touch()
    monkeypatch.setattr(opening, "NyuDepth", lambda *args: args)
    splits = tmp_path / "s.mat"
    opened = open_rgbd(tmp_path / given, RgbdOptions(split="test", splits=splits))
    assert opened == (tmp_path / "nyu_depth_v2_labeled.mat", "test", splits)


def test_what_is_none_of_them(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist; expected a folder with rgb"):
        open_rgbd(tmp_path / "nothing")
    with pytest.raises(ValueError, match="no RGB-D data; expected a folder with rgb/"):
        open_rgbd(tmp_path)
    (tmp_path / "depth").mkdir()
    with pytest.raises(FileNotFoundError, match="rgb does not exist"):
        open_rgbd(tmp_path)
