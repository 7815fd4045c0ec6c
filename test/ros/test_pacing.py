"""target_rate: a pacer on made-up machines, and an estimator that it leads."""

import pytest
from checkpoints import constant_checkpoint

from fourier_depth_ros.core.estimator import DepthEstimator
from fourier_depth_ros.ros.pacing import FORGET, FRAMES, LATE, SETTLE, PacedEstimator, Pacer
from fourier_depth_ros.ros.settings import NodeParameters

COSTS = [1, 2, 5, 9, 10, 18]


def drive(pacer, machine, frames=120):
    """The number of late frames among so many on a machine: cost -> seconds."""
    late = 0
    for _ in range(frames):
        seconds = machine(COSTS[pacer.rung])
        late += seconds > pacer.period
        pacer.frame(seconds)
    return late


@pytest.mark.parametrize(
    ("hertz", "fixed", "each", "cost"),
    [
        (10, 0.003, 0.0075, 10),  # one crop after the other: 10 take 78 ms, 18 would take 138
        (10, 0.0, 0.011, 5),  # 9 would take 99 ms: nothing would be left for the unforeseen
        (10, 0.0, 0.2, 1),  # never
        (60, 0.0069, 0.0004, 18),  # a GPU: 18 take 14.1 ms of 16.7, just what may be taken
        (60, 0.009, 0.0005, 10),  # 14 ms; 18 would take 18
    ],
)
def test_it_ends_on_the_dearest_rung_that_fits_and_no_frame_is_late_on_the_way(
    hertz, fixed, each, cost
):
    pacer = Pacer(COSTS, 1 / hertz)
    late = drive(pacer, lambda c: fixed + each * c)
    assert COSTS[pacer.rung] == cost
    assert late == 0 or cost == 1


def test_a_trial_ends_at_its_second_late_frame_and_is_not_repeated_before_it_is_forgotten():
    """2 crops take 100 times one: nobody could know, and one takes half the period."""

    def machine(cost):
        return 0.05 if cost == 1 else 5.0

    pacer = Pacer(COSTS, 0.1)
    assert drive(pacer, machine, FORGET) == SETTLE + LATE
    assert pacer.rung == 0
    assert drive(pacer, machine, FORGET) <= SETTLE + LATE


def test_frames_just_after_a_step_tell_nothing():
    pacer = Pacer(COSTS, 0.1)
    assert not any(pacer.frame(5.0) for _ in range(SETTLE))  # a graph is captured
    steps = [pacer.frame(0.01) for _ in range(FRAMES)]
    assert steps == [False] * (FRAMES - 1) + [True]
    assert not any(pacer.frame(5.0) for _ in range(SETTLE))
    assert COSTS[pacer.rung] == 5  # 50 ms at most; 9 crops may take 90, and 85 are allowed
    assert pacer.seconds is None


#: The corners' ladder of the shipped ResNet-18.
LADDER = [1, 2, 5, 9, 10, 13, 17, 18, 26, 34, 42, 50]


@pytest.mark.parametrize(
    ("hertz", "each", "cost"),
    [
        (2, 0.030, 13),  # 17 would take 510 ms
        (2, 0.005, 50),
        (1, 0.020, 42),  # 850 of 1000 ms are 42.5 crops; 50 take them all
        (0.5, 0.5, 2),  # 5 would take 2.5 s
    ],
)
def test_a_slow_rate_has_its_rung_after_few_frames(hertz, each, cost):
    """A camera may be as slow as the rate: 7 frames a step would be seconds, over many steps."""
    pacer = Pacer(LADDER, 1 / hertz)
    seconds = 0.0
    while LADDER[pacer.rung] != cost:
        took = each * LADDER[pacer.rung]
        pacer.frame(took)
        seconds += max(took, 1 / hertz)
        assert seconds < 20 / hertz
    assert not any(pacer.frame(each * cost) for _ in range(100))


def test_a_slow_rate_that_is_not_kept_is_left_in_few_frames():
    pacer = Pacer(LADDER, 0.5)
    while LADDER[pacer.rung] != 13:
        pacer.frame(0.03 * LADDER[pacer.rung])
    # other work: 1.3 s a frame, and of 5 crops still 500 ms
    assert [pacer.frame(0.1 * 13) for _ in range(3)] == [False, False, True]
    assert LADDER[pacer.rung] == 2


def test_of_a_slow_rate_too_one_odd_frame_is_no_reason_to_step():
    pacer = Pacer(LADDER, 0.5)
    for _ in range(30):
        pacer.frame(0.03 * LADDER[pacer.rung])
    assert LADDER[pacer.rung] == 13
    assert not pacer.frame(5.0)
    assert not any(pacer.frame(0.39) for _ in range(10))
    slow = Pacer(LADDER, 0.5)
    assert not any(slow.frame(seconds) for seconds in (0.4, 0.1, 0.4, 0.4))  # nor is a quick one


def test_one_late_frame_is_no_reason_to_step_and_a_slower_machine_is():
    pacer = Pacer(COSTS, 0.1)
    drive(pacer, lambda cost: 0.008 * cost)
    assert COSTS[pacer.rung] == 10
    assert not pacer.frame(0.3)
    assert COSTS[pacer.rung] == 10
    # other work takes half of the machine: 160 ms, of 5 crops 80
    assert drive(pacer, lambda cost: 0.016 * cost) <= FRAMES
    assert COSTS[pacer.rung] == 5
    drive(pacer, lambda cost: 0.008 * cost)
    assert COSTS[pacer.rung] == 10


def test_a_rung_without_memory_is_left_and_not_tried_again_soon():
    pacer = Pacer(COSTS, 0.1)
    drive(pacer, lambda cost: 0.001 * cost)
    assert pacer.step_back()
    drive(pacer, lambda cost: 0.001 * cost)
    assert COSTS[pacer.rung] == 10
    assert not Pacer(COSTS, 0.1).step_back()  # there is nothing below the first


@pytest.fixture
def paced():
    """An estimator with ratios fitted for corners and for shared crops."""
    return PacedEstimator(DepthEstimator(constant_checkpoint(shared=True), device="cpu"))


def settings(**values):
    return NodeParameters(preset="", **{"crop_ratios": (1.0, 0.8), **values})


def frames(paced, seconds=0.001, count=100):
    return sum(paced.frame(seconds) for _ in range(count))


def test_without_a_target_the_parameters_ratios_are_used(paced):
    paced.apply(settings())
    assert paced.estimator.combination.crop_ratios == (1.0, 0.8)
    assert frames(paced) == 0
    assert (paced.pace, paced.trouble) == ("", "")


def test_with_a_target_the_estimator_climbs_from_one_crop_and_returns_when_it_is_off(paced):
    paced.apply(settings(target_rate=10.0))
    assert paced.estimator.combination.cost == 1
    assert frames(paced) == 1  # a leap
    best = paced.estimator.ladder(paced.estimator.combination)[-1]
    assert paced.estimator.combination == best
    assert best.cost > 2
    assert paced.pace == f"{best.cost:g} of at most {best.cost:g} crops, 1 of 100 ms a frame"
    paced.apply(settings(target_rate=0.0))  # of a node that was told other ratios meanwhile
    assert paced.estimator.combination.crop_ratios == (1.0, 0.8)


def test_another_rate_keeps_the_place_and_other_crops_start_anew(paced):
    paced.apply(settings(target_rate=10.0))
    frames(paced)
    reached = paced.estimator.combination
    paced.apply(settings(target_rate=20.0, max_depth=5.0))
    assert paced.estimator.combination == reached
    assert "1 of 50 ms a frame" in paced.pace
    paced.apply(settings(target_rate=20.0, crops="shared", crop_ratios=(1.0,)))
    assert (paced.estimator.combination.crops, paced.estimator.combination.cost) == ("shared", 1)
    frames(paced)
    assert paced.estimator.combination.cost > 1


def test_a_rate_that_cannot_be_kept_is_said(paced):
    paced.apply(settings(target_rate=100.0))
    assert frames(paced, seconds=0.02) == 0
    assert "target_rate: 100 Hz cannot be kept, a frame of one crop takes 20 ms" in paced.trouble
    assert frames(paced, seconds=0.009) == 0
    assert paced.trouble == ""


def test_a_refused_combination_changes_nothing(paced):
    paced.apply(settings(target_rate=10.0))
    frames(paced)
    reached = paced.estimator.combination
    with pytest.raises(ValueError, match="was not fitted"):
        paced.apply(settings(crop_ratios=(0.77,)))
    assert paced.estimator.combination == reached
    assert frames(paced) == 0  # it is still led, and has arrived


def test_a_frame_that_failed_takes_a_step_back(paced):
    paced.apply(settings(target_rate=10.0))
    assert not paced.step_back()
    frames(paced)
    reached = paced.estimator.combination.cost
    assert paced.step_back()
    assert paced.estimator.combination.cost < reached
