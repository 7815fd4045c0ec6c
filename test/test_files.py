"""What is written appears whole or not at all."""

import pytest

from fourier_depth_ros.files import whole_file, whole_folder


def test_a_file_takes_its_name_when_it_is_whole(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with whole_file(path, durable=True) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_failed_leaves_the_old_one(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def fail():
        with whole_file(path) as partial:
            partial.write_text("half")
            raise KeyError("cut off")

    with pytest.raises(KeyError, match="cut off"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_takes_its_name_when_it_is_whole(tmp_path):
    path = tmp_path / "above" / "folder"
    with whole_folder(path) as partial:
        (partial / "a.txt").write_text("a")
        assert not path.exists()
    assert (path / "a.txt").read_text() == "a"
    assert list(path.parent.iterdir()) == [path]


def test_of_two_that_fill_a_folder_the_first_wins(tmp_path):
    path = tmp_path / "folder"
    with whole_folder(path) as slow:
        (slow / "a.txt").write_text("slow")
        path.mkdir()
        (path / "a.txt").write_text("fast")
    assert (path / "a.txt").read_text() == "fast"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_failed_leaves_nothing(tmp_path):
    def fail():
        with whole_folder(tmp_path / "folder") as partial:
            (partial / "a.txt").write_text("half")
            raise KeyError("cut off")

    with pytest.raises(KeyError, match="cut off"):
        fail()
    assert list(tmp_path.iterdir()) == []
