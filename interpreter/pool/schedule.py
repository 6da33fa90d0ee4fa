"""How jobs are cut into chunks, and which worker gets which.

The cut depends on the jobs alone. A big job is cut by grids, since programs share work on one grid and not between
grids, and then into stretches of programs; a job that stops at misses is cut by programs only. A worker keeps taking
chunks of one unit (the same job and grids), so that its tables serve on; when no whole unit is left, it helps with
the one that has most chunks left.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from interpreter.pool.jobs import PendingJob

SMALL_JOB_EXECUTIONS = 512  # a job up to this size is one chunk, mostly of some milliseconds
CHUNK_PROGRAMS = 256


class RetryLevel(IntEnum):
    """How a chunk is run; a chunk whose worker dies is run again with more care."""

    NONE = 0
    """Answers are sent in bunches."""
    PROMPT = 1
    """Each answer is sent before the next program is run: the first unanswered program is the suspect."""
    ALONE = 2
    """One program, with nothing else in its worker: if that dies too, it is the verdict."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some programs of a job on some of its grids, given as ranges."""

    job: PendingJob
    programs: range
    grids: range
    retry_level: RetryLevel = RetryLevel.NONE

    @property
    def num_executions(self) -> int:
        """Programs times grids."""
        return len(self.programs) * len(self.grids)


def chunks_to_retry(given: Sequence[Chunk]) -> tuple[Chunk | None, list[Chunk]]:
    """Decide what becomes of the programs that a dead worker had not answered.

    Args:
        given: what was left of its chunks, in order; not empty.

    Returns:
        The chunk whose one program is to get its verdict, if any, and the chunks to run again, in order.
    """
    first, *others = given
    if first.retry_level is RetryLevel.ALONE:  # it was at this one program, and not for the first time
        return first, others
    if first.retry_level is RetryLevel.NONE and (others or len(first.programs) > 1):
        # Answers may have been lost with the worker, so that it can have been at any of these programs.
        return None, [replace(chunk, retry_level=max(chunk.retry_level, RetryLevel.PROMPT)) for chunk in given]
    # Its answers came one by one, so that it died at the first missing. Others may have filled its memory before: alone
    # the program shows whether it was its own fault.
    suspect = replace(first, programs=first.programs[:1], retry_level=RetryLevel.ALONE)
    rest = [replace(first, programs=first.programs[1:])] if len(first.programs) > 1 else []
    return None, [suspect, *rest, *others]


Unit = deque[Chunk]


class Schedule:
    """The chunks that wait for a worker.

    Attributes:
        alone: those of them that are for a worker that was given nothing before.
    """

    def __init__(self) -> None:
        self._untouched: deque[Unit] = deque()
        self._begun: list[Unit] = []
        self._again: deque[Chunk] = deque()
        self.alone: deque[Chunk] = deque()

    def add(self, job: PendingJob) -> None:
        """Queue a job behind those that wait."""
        self._untouched.extend(_cut(job))

    def put_back(self, chunks: list[Chunk]) -> None:
        """Queue chunks again, before everything else."""
        self.alone.extend(chunk for chunk in chunks if chunk.retry_level is RetryLevel.ALONE)
        others = [chunk for chunk in chunks if chunk.retry_level is not RetryLevel.ALONE]
        self._again.extendleft(reversed(others))  # which turns the order around once more

    def next(self, unit: Unit | None) -> tuple[Chunk, Unit | None] | None:
        """Return the next chunk for a worker that is at `unit`, and where it is then; None if all are given out."""
        if self._again:
            return self._again.popleft(), unit
        if not unit:
            unit = self._next_unit()
        return (unit.popleft(), unit) if unit else None

    def _next_unit(self) -> Unit | None:
        if self._untouched:
            unit = self._untouched.popleft()
            self._begun.append(unit)
            return unit
        self._begun = [unit for unit in self._begun if unit]
        return max(self._begun, key=len, default=None)


def _cut(pending: PendingJob) -> list[Unit]:
    job = pending.job
    programs, grids = range(len(job.programs)), range(len(job.grids))
    if not programs or not grids:
        return []
    if len(programs) * len(grids) <= SMALL_JOB_EXECUTIONS:
        return [deque([Chunk(pending, programs, grids)])]
    # A miss on one grid decides about the next ones, so that they stay together.
    groups = [grids] if job.stop_at_first_miss else [grids[k : k + 1] for k in grids]
    stretches = [programs[k : k + CHUNK_PROGRAMS] for k in range(0, len(programs), CHUNK_PROGRAMS)]
    return [deque(Chunk(pending, stretch, group) for stretch in stretches) for group in groups]
