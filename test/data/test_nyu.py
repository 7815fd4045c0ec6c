"""NYU Depth v2's layout, in a small file that the test writes."""

from pathlib import Path

import numpy as np
import pytest

from fourier_depth_ros.core.geometry import Intrinsics
from fourier_depth_ros.data.nyu import NyuDepth

h5py = pytest.importorskip("h5py")
scipy_io = pytest.importorskip("scipy.io")

SCENES = ["kitchen_0004", "kitchen_0004", "office_0012", "bath_1"]


def write_nyu(folder: Path, **changes) -> Path:
    """A .mat as MATLAB 7.3 stores it, transposed: images[n, channel, column, row]."""
    n, column, row = np.ogrid[:4, :640, :480]
    arrays = {
        "images": np.stack(np.broadcast_arrays(column % 256, row % 256, n), 1).astype(np.uint8),
        "depths": (n + column / 1000 + row / 10000).astype(np.float32),
    } | changes
    path = folder / "nyu_depth_v2_labeled.mat"
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file.create_dataset(name, data=array, chunks=(1, *array.shape[1:]), fletcher32=True)
        references = file.create_dataset("scenes", (1, 4), h5py.ref_dtype)
        for i, scene in enumerate(SCENES):
            text = np.array([[ord(c)] for c in scene], np.uint16)
            references[0, i] = file.create_dataset(f"#refs#/{i}", data=text).ref
    scipy_io.savemat(
        folder / "splits.mat", {"trainNdxs": [[4], [1]], "testNdxs": np.array([[2], [3]])}
    )
    return path


def test_pictures_are_upright_cropped_and_of_the_split(tmp_path):
    path = write_nyu(tmp_path)
    samples = list(NyuDepth(path, "train"))
    assert [s.name for s in samples] == ["nyu_0001", "nyu_0004"]  # MATLAB counts from 1
    assert [s.group for s in samples] == ["kitchen_0004", "bath_1"]
    assert [s.name for s in NyuDepth(path, "test")] == ["nyu_0002", "nyu_0003"]
    first = samples[0]
    assert first.rgb.shape == (427, 561, 3)
    # row 44 and column 40 of the whole picture: red is the column, green the row, blue the number
    assert first.rgb[0, 0].tolist() == [40, 44, 0]
    assert first.rgb[426, 560].tolist() == [600 % 256, 470 % 256, 0]
    assert first.depth[0, 0] == pytest.approx(0.040 + 0.0044)
    assert samples[1].depth[426, 560] == pytest.approx(3 + 0.600 + 0.0470)
    expected = Intrinsics(518.8579, 519.4696, 285.5824, 209.7362, 561, 427)
    assert vars(first.intrinsics) == pytest.approx(vars(expected))


def test_the_whole_picture_and_all_of_them(tmp_path):
    samples = list(NyuDepth(write_nyu(tmp_path), "all", crop=False))
    assert len(samples) == 4
    assert samples[2].rgb[3, 5].tolist() == [5, 3, 2]
    assert np.isnan(samples[0].depth[0, 0])  # 0 is invalid
    assert samples[2].intrinsics.cx == 325.5824


def test_all_needs_no_splits_and_a_split_can_lie_elsewhere(tmp_path):
    path = write_nyu(tmp_path)
    elsewhere = (tmp_path / "splits.mat").rename(tmp_path / "other.mat")
    assert len(NyuDepth(path, "all")) == 4
    assert len(NyuDepth(path, "test", splits=elsewhere)) == 2
    with pytest.raises(FileNotFoundError, match=r"splits.mat does not exist; get .*indoor_seg_sup"):
        NyuDepth(path, "train")


def test_a_missing_file_says_where_to_get_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"does not exist; get .* http://horatio"):
        NyuDepth(tmp_path / "nyu_depth_v2_labeled.mat")


def test_other_files_and_shapes_are_named(tmp_path):
    path = tmp_path / "nyu_depth_v2_labeled.mat"
    path.write_bytes(b"MATLAB 5.0 MAT-file" + bytes(600))
    with pytest.raises(ValueError, match=r"not a MATLAB 7\.3"):
        NyuDepth(path)
    write_nyu(tmp_path, depths=np.zeros((4, 480, 640), np.float32))
    with pytest.raises(ValueError, match=r"\(4, 480, 640\).*expected images \(1449, 3, 640, 480\)"):
        NyuDepth(path)
    write_nyu(tmp_path)
    (tmp_path / "splits.mat").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="holds no trainNdxs"):
        NyuDepth(path)
    scipy_io.savemat(tmp_path / "splits.mat", {"trainNdxs": [[1000]]})
    with pytest.raises(ValueError, match="names number 1000"):
        NyuDepth(path)


def test_a_damaged_picture_is_skipped_and_counted(tmp_path, caplog):
    path = write_nyu(tmp_path)
    with h5py.File(path) as file:
        offset = file["depths"].id.get_chunk_info(1).byte_offset
    with path.open("r+b") as file:
        file.seek(offset + 1000)
        file.write(b"damage")
    dataset = NyuDepth(path, "all")
    assert [s.name for s in dataset] == ["nyu_0001", "nyu_0003", "nyu_0004"]
    assert dataset.skipped == 1
    assert "skipped number 2" in caplog.text
