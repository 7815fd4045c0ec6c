"""Rooms in several processes, of which any may die: native libraries draw them.

A process has one seed at a time, over a pipe of its own: so it is known which room it died of, and
no lock, queue or thread is shared that it could leave broken.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait

logger = logging.getLogger(__name__)

MOST_DEATHS = 5  # in a row, with no room between: it is not the rooms

#: Makes the room of a seed; why it could not be made, or "".
Attempt = Callable[[int], str]


def attempts(
    prepare: Callable[[], Attempt], seeds: list[int], workers: int
) -> Iterator[tuple[int, str]]:
    """Make the rooms of ``seeds`` in ``workers`` processes; yields each, with why it failed or "".

    Where a process dies, another takes its place. Its room is tried once more when all others are
    made, with no other process beside it; if that dies too, the room failed.

    Args:
        prepare: called once in each process, before its first room; it and what it takes can be
            pickled.

    Raises:
        RuntimeError: ``prepare`` or an attempt raised an exception: every room would; or
            MOST_DEATHS processes died with no room made between.
    """
    died: dict[int, int] = {}
    in_a_row = 0
    for seed, came in _answers(prepare, seeds, workers):
        if isinstance(came, str):
            in_a_row = 0
            yield seed, came
            continue
        died[seed] = came
        in_a_row += 1
        if in_a_row == MOST_DEATHS:
            raise RuntimeError(
                f"{in_a_row} worker processes died in a row, the last of room {seed} with exit "
                f"code {came} (-9: out of memory?); complete rooms are kept, the same command goes "
                f"on"
            )
        logger.warning(
            "room %d: its process died with exit code %d; it is tried once more at the end, alone",
            seed,
            came,
        )
    for seed, came in _answers(prepare, list(died), 1):
        twice = f"its process died twice, with exit codes {died[seed]} and {came}"
        yield seed, came if isinstance(came, str) else twice


def _answers(
    prepare: Callable[[], Attempt], seeds: list[int], workers: int
) -> Iterator[tuple[int, str | int]]:
    """Each seed with what its attempt said, or with the exit code of the process that died of it.

    Raises:
        RuntimeError: an exception in a process.
    """
    waiting = deque(seeds)
    crew: list[_Worker] = []  # each with a seed
    try:
        while waiting or crew:
            while waiting and len(crew) < workers:
                crew.append(_Worker(prepare))
                crew[-1].give(waiting.popleft())
            ready = wait([worker.pipe for worker in crew])
            for worker in [each for each in crew if each.pipe in ready]:
                seed, came = worker.seed, worker.answer()
                if isinstance(came, str) and waiting:
                    worker.give(waiting.popleft())
                else:
                    crew.remove(worker)
                    worker.end()
                yield seed, came
    finally:
        for worker in crew:
            worker.process.terminate()


class _Worker:
    """A process, the seed that it has, and this end of its pipe."""

    def __init__(self, prepare: Callable[[], Attempt]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, prepare), daemon=True)
        self.process.start()
        theirs.close()  # with its own end the pipe ends
        self.seed = -1

    def give(self, seed: int) -> None:
        """The next seed; whether it is still alive shows at its answer."""
        self.seed = seed
        with contextlib.suppress(OSError):
            self.pipe.send(seed)

    def answer(self) -> str | int:
        """What its attempt said, or its exit code if it died."""
        try:
            error, fatal = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            return self.process.exitcode or 0
        if fatal:
            raise RuntimeError(f"room {self.seed}: {error}")
        return str(error)

    def end(self) -> None:
        """Let it go."""
        self.pipe.close()
        self.process.join()


def _work(pipe: Connection, prepare: Callable[[], Attempt]) -> None:
    """A worker process: makes the rooms that it is given, until nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the parent, which ends this
    attempt: Attempt | None = None
    with contextlib.suppress(EOFError, OSError):
        while True:
            seed = pipe.recv()
            try:
                attempt = attempt or prepare()
                answer = attempt(seed), False
            except Exception as error:
                answer = f"{type(error).__name__}: {error}", True
            pipe.send(answer)
    os._exit(0)  # Python's own end would take OpenGL, Embree or Blender apart, for nothing
