import time

import pytest

from fourier_depth_ros.ros.monitor import Monitor


def test_counts_and_ages_of_the_window(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monitor = Monitor()
    assert monitor.snapshot().seconds_since_image is None
    for step in range(40):  # 2 Hz for 20 s; every second image becomes depth
        now[0] = 100.5 + step / 2
        monitor.received()
        if step % 2:
            monitor.published(age=0.001 * step, stages={"predict": 0.25}, invalid_share=0.5)
    monitor.dropped()
    snapshot = monitor.snapshot()
    # now is 120: the window reaches back to 110 inclusive, step 19
    assert snapshot.received_hz == pytest.approx(2.1)
    assert snapshot.published_hz == pytest.approx(1.1)
    assert snapshot.ages == pytest.approx([0.001 * step for step in range(19, 40, 2)])
    assert snapshot.stages == {"predict": [0.25] * 11}
    assert (snapshot.dropped, snapshot.invalid_share) == (1, 0.5)
    now[0] = 127.0
    assert monitor.snapshot().seconds_since_image == pytest.approx(7.0)


def test_trouble_lasts_until_a_frame_works():
    monitor = Monitor()
    monitor.failed("image dropped: broken")
    assert monitor.snapshot().trouble == "image dropped: broken"
    monitor.published(0.1, {}, 0.0)
    assert monitor.snapshot().trouble == ""
    assert monitor.snapshot().failed == 1
