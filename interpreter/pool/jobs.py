"""What is asked of a pool, and what is known of the answers."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from interpreter.language.grids import plain_grid
from interpreter.language.outcome import SKIPPED, Grid, Outcome
from interpreter.language.program import Program
from interpreter.pool.protocol import encode_grid, encode_request

Results = list[list[list[Outcome]]]
Progress = Callable[[int, int], None]


class PoolError(RuntimeError):
    """Workers do not start, or the pool was closed before it had all answers."""


class Job(NamedTuple):
    """Programs to run on grids.

    Attributes:
        programs: texts or parsed programs.
        grids: inputs, see `plain_grid`.
        expected: wanted outputs, one a grid; needed and used only to stop at a miss.
        stop_at_first_miss: skip a program's remaining grids after the first whose output isn't the expected one.
    """

    programs: Sequence[str | Program]
    grids: Sequence[Grid]
    expected: Sequence[Grid] | None = None
    stop_at_first_miss: bool = False


class Pending:
    """The results of jobs that were submitted together, as they come in.

    Attributes:
        jobs: the jobs, in the order asked.
        num_executions: programs times grids, of all jobs.
        num_done: how many of these have their outcome.
    """

    def __init__(self, jobs: Sequence[Job], wait: Callable[["Pending", Progress | None], None]) -> None:
        self.jobs = [PendingJob(job, self) for job in jobs]
        self.num_executions = sum(len(job.programs) * len(job.grids) for job in jobs)
        self.num_done = 0
        self._wait = wait
        self._given_up = False

    @property
    def done(self) -> bool:
        """Whether all outcomes are known."""
        return self.num_done == self.num_executions

    def give_up(self) -> None:
        """Mark that no more outcomes will come."""
        self._given_up = True

    def result(self, on_progress: Progress | None = None) -> Results:
        """Wait until all outcomes are known, and return them.

        Args:
            on_progress: called with the number of executions done and that of all, now and then.

        Returns:
            For each job a list, for each of its programs a list, of an outcome for each of its grids.

        Raises:
            PoolError: workers die before they are ready, ten in a row; or the pool was closed before all was done.
        """
        if not self.done:
            if self._given_up:
                raise PoolError("the pool was closed before all programs had been run")
            self._wait(self, on_progress)
        return [job.rows for job in self.jobs]


class PendingJob:
    """One job and the outcomes of its programs.

    Attributes:
        job: what was asked.
        rows: for each program a list of an outcome for each grid.

    Raises:
        ValueError: one is no grid, or grids are expected for some only.
    """

    def __init__(self, job: Job, pending: Pending) -> None:
        self.job = job
        # Places only: each is overwritten, those that a miss leaves out by the worker's own SKIPPED.
        self.rows = [[SKIPPED] * len(job.grids) for _ in job.programs]
        self._pending = pending
        # Before anything is queued: a bad grid must be the caller's error, and not end a worker.
        self._grids = [encode_grid(plain_grid(grid)) for grid in job.grids]
        self._expected = (
            [encode_grid(plain_grid(grid)) for grid in job.expected or ()] if job.stop_at_first_miss else []
        )
        if job.stop_at_first_miss and len(self._expected) != len(self._grids):
            raise ValueError("stop_at_first_miss needs one expected grid for each grid")

    def request(self, sequence: int, prompt: bool, programs: range, grids: range) -> bytes:
        """Encode what a worker needs for some of the programs on some of the grids."""
        chosen = slice(grids.start, grids.stop)
        texts = [str(self.job.programs[k]) for k in programs]  # nothing but text crosses: the worker parses it again
        return encode_request(sequence, prompt, self._grids[chosen], self._expected[chosen], texts)

    def store(self, programs: range, grids: range, outcomes: Sequence[Outcome]) -> None:
        """Take the outcomes of some of the programs on some of the grids, one program after the other."""
        starts = range(0, len(outcomes), len(grids))
        for program, start in zip(programs, starts, strict=True):
            self.rows[program][grids.start : grids.stop] = outcomes[start : start + len(grids)]
        self._pending.num_done += len(outcomes)
