"""The rooms in test/data, which other tests and the README's examples run on."""

from collections import Counter
from pathlib import Path

import numpy as np

from fourier_depth_ros.data.opening import open_rgbd
from fourier_depth_ros.simulator.dataset import room_record

ROOMS = Path(__file__).parents[1] / "data" / "rooms"


def test_it_is_whole_small_and_readable():
    assert sum(file.stat().st_size for file in ROOMS.rglob("*")) < 4e6
    dataset = open_rgbd(ROOMS)
    samples = list(dataset)
    assert dataset.skipped == 0
    assert Counter(sample.group for sample in samples) == {str(500000 + k): 2 for k in range(12)}
    assert all(room_record(ROOMS, 500000 + k) for k in range(12))
    for sample in samples:
        assert sample.rgb.shape == (240, 320, 3)
        assert sample.rgb.std() > 12
        assert np.isfinite(sample.depth).mean() > 0.7
        assert 0.3 < np.nanmedian(sample.depth) < 6
    medians = np.array([np.nanmedian(sample.depth) for sample in samples])
    assert (medians < 1).any()
    assert (medians > 3).any()


def test_it_owes_nothing_to_works_under_the_gpl():
    text = (ROOMS / "ATTRIBUTION.md").read_text(encoding="utf-8")
    assert "GPL" not in text
    licences = [line for line in text.splitlines() if line.startswith("Licence:")]
    assert len(licences) == 5
    assert all("Creative Commons" in line or "Public domain" in line for line in licences)
