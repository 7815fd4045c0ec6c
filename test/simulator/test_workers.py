"""Processes that really die, in place of those that draw."""

from functools import partial

import pytest
from mortal import prepare

from fourier_depth_ros.simulator.workers import MOST_DEATHS, attempts


@pytest.fixture
def run(tmp_path):
    """What two processes answer, and the log as (what, seed, process)."""

    def run(mortal, seeds):
        answers = list(attempts(partial(prepare, tmp_path, mortal), seeds, 2))
        lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
        return answers, [(what, int(seed), process) for what, seed, process in lines]

    return run


def test_each_answers_and_a_process_serves_for_many(run):
    answers, log = run({}, list(range(8)))
    assert sorted(answers) == [(seed, "odd" if seed % 2 else "") for seed in range(8)]
    assert len({process for _, _, process in log}) <= 2


def test_what_a_process_dies_of_is_tried_once_more_alone_after_all_others(run, caplog):
    answers, log = run({2: 1, 5: 2}, list(range(8)))
    others = {(seed, "odd" if seed % 2 else "") for seed in (0, 1, 3, 4, 6, 7)}
    assert set(answers[:6]) == others
    assert sorted(answers[6:]) == [
        (2, ""),
        (5, "its process died twice, with exit codes -9 and -9"),
    ]
    retried = [("begin", 2), ("end", 2)], [("begin", 5)]  # in the order in which they died
    last = [(what, seed) for what, seed, _ in log[-3:]]
    assert last in (retried[0] + retried[1], retried[1] + retried[0])
    assert not {process for *_, process in log[-3:]} & {process for *_, process in log[:-3]}
    assert caplog.text.count("died with exit code -9; it is tried once more at the end, alone") == 2


def test_processes_that_all_die_end_the_run(run):
    seeds = list(range(MOST_DEATHS + 3))
    with pytest.raises(RuntimeError, match=rf"{MOST_DEATHS} worker processes died in a row.* -9"):
        run(dict.fromkeys(seeds, 2), seeds)


def test_an_exception_of_every_room_is_not_tried_again(tmp_path):
    folder = tmp_path / "nowhere"
    with pytest.raises(RuntimeError, match=r"room \d: FileNotFoundError: .*nowhere"):
        list(attempts(partial(prepare, folder, {}), [0, 1, 2], 2))
