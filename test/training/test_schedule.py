import math
import time
from pathlib import Path

import pytest
from trainings import run_config

from fourier_depth_ros.signals import Stop
from fourier_depth_ros.training.config import StageConfig
from fourier_depth_ros.training.schedule import Due, Schedule, rate_factor


def a_stage(**changes) -> StageConfig:
    default = {
        "name": "s",
        "modified": False,
        "start": "scratch",
        "steps": 110,
        "warmup_steps": 10,
        "learning_rate": 1.0,
    }
    return StageConfig.model_validate(default | changes)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, 0.1),  # the first of ten steps of warm-up
        (9, 1.0),
        (10, 1.0),
        (60, 0.51),  # half way: 0.02 + 0.98 / 2
        (110, 0.02),
    ],
)
def test_the_rate_warms_up_and_follows_half_a_cosine(step, expected):
    assert rate_factor(step, a_stage()) == pytest.approx(expected)


def test_without_warm_up_the_rate_starts_at_its_peak():
    assert rate_factor(0, a_stage(warmup_steps=0)) == 1.0


class OneProcess:
    """Fabric where there is nobody else."""

    world_size = 1

    def broadcast(self, value):
        return value


def dues(deadline=math.inf, signal=0, **changes) -> list[Due]:
    config = run_config(Path(), Path(), **({"log_steps": 4} | changes))
    stop = Stop()
    stop.set(signal)
    stage = a_stage(steps=6, warmup_steps=0)
    schedule = Schedule(OneProcess(), config, stage, 3, deadline, stop)
    return [schedule.after(step) for step in range(1, 7)]


def steps(found: list[Due], what: str) -> list[int]:
    return [step for step, due in enumerate(found, 1) if getattr(due, what)]


def test_each_thing_has_its_period_and_the_last_step_has_all():
    found = dues()
    assert steps(found, "log") == [4, 6]
    assert steps(found, "validate") == [3, 6]  # an epoch is three steps
    assert steps(found, "save") == steps(found, "stop") == [6]
    assert steps(dues(validate_epochs=2), "validate") == [6]


def test_every_saved_state_has_a_line_in_the_log():
    found = dues(save_steps=5)
    assert steps(found, "save") == [5, 6]
    assert steps(found, "log") == [4, 5, 6]


def test_time_saves_too():
    assert steps(dues(save_minutes=1e-9), "save") == [1, 2, 3, 4, 5, 6]


def test_a_deadline_saves_and_stops_but_validates_nothing_out_of_turn():
    first = dues(deadline=time.monotonic())[0]
    assert first == Due(log=True, validate=False, save=True, stop=True)
    assert dues(signal=2)[0] == first
