"""Where the time goes."""

from fourier_depth_ros import clock


def test_time_is_put_down_to_the_stage_that_ended(monkeypatch):
    times = iter([10.0, 10.5, 12.0, 12.25])
    monkeypatch.setattr(clock.time, "perf_counter", lambda: next(times))
    stages = clock.StageClock()
    stages.mark("decode")
    stages.mark("predict")
    stages.mark("decode")  # a stage may come again
    assert stages.seconds == {"decode": 0.75, "predict": 1.5}
