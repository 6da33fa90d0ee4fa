"""A pool of worker processes that run programs: every program gets an answer, whatever becomes of its worker.

The pool alone decides: workers only answer, in the order asked, and a worker that dies, hangs or writes anything else
is killed and replaced. The program that it was at is tried once more alone in a new worker; if that fails too, its
verdict is `Status.DIED` or `Status.TIMEOUT`. The rest is run again. Outcomes do not depend on the number of workers.

Not covered: a worker runs as the same user; see `interpreter.sandbox` for what it cannot do. Verdicts TIMEOUT and DIED
depend on the machine, unlike all others. The pool is not for several threads at once, and if the thread that started a
worker ends, the kernel may end the worker (it is then replaced).
"""

import dataclasses
import json
import os
import selectors
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from interpreter.limits import Limits
from interpreter.machine import DEFAULT_LIMITS
from interpreter.outcome import SKIPPED, Outcome, Status
from interpreter.process import Flight, WorkerDied, WorkerProcess
from interpreter.protocol import Chunk, encode_chunk
from interpreter.sandbox import Protections
from interpreter.schedule import Care, Job, Portion, Schedule, after_death

MAX_DEATHS_AT_START = 10
_POLL_SECONDS = 0.1
_FOLDER = str(Path(__file__).resolve().parent.parent)
# The folder goes last, so that nothing in it can stand before the standard library.
_BOOTSTRAP = "import sys; sys.path.append(sys.argv[1]); from interpreter.worker import main; main(sys.argv[2])"

Results = list[list[list[Outcome]]]


class PoolError(RuntimeError):
    """Workers do not start."""


@dataclass
class PoolStats:
    """What happened to the workers so far.

    Attributes:
        started: processes started.
        deaths: workers that died or broke the protocol.
        timeouts: workers killed because a program took too long.
        retries: times that what a worker had not answered was run again.
    """

    started: int = 0
    deaths: int = 0
    timeouts: int = 0
    retries: int = 0


class InterpreterPool:
    """Runs programs in worker processes.

    Args:
        num_workers: processes; None or 0 for as many as this process may use CPUs.
        limits: for every program.
        command: what to start as a worker instead of this package's own, for tests of its failures.

    Attributes:
        num_workers: processes that run at once.
        stats: what happened to them.
        protections: which kernel protections the workers have; None before one was ready.
    """

    def __init__(
        self, num_workers: int | None = None, limits: Limits = DEFAULT_LIMITS, *, _command: Sequence[str] | None = None
    ) -> None:
        if num_workers is not None and num_workers < 0:
            raise ValueError(f"num_workers is {num_workers}, expected a positive number, or 0 for one a CPU")
        self.num_workers = num_workers or len(os.sched_getaffinity(0))
        self.stats = PoolStats()
        self.protections: Protections | None = None
        self._limits = limits
        self._command = _command or _worker_command(limits)
        self._workers: list[WorkerProcess] = []
        self._selector = selectors.DefaultSelector()
        self._sequence = count()
        self._deaths_at_start = 0

    def __enter__(self) -> Self:
        self._start_workers(self.num_workers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all workers; a later run starts new ones."""
        while self._workers:
            self._remove(self._workers[0])

    def run(self, jobs: Sequence[Job], on_progress: Callable[[int, int], None] | None = None) -> Results:
        """Run jobs.

        Args:
            jobs: each a `Job` or a plain (programs, grids) pair.
            on_progress: called with the number of executions done and that of all, now and then.

        Returns:
            For each job a list, for each of its programs a list, of an outcome for each of its grids.

        Raises:
            PoolError: workers die before they are ready, ten in a row.
            ValueError: a grid is ragged or has cells that are no small integers.
        """
        run = _Run([job if isinstance(job, Job) else Job(*job) for job in jobs])
        try:
            while run.num_done < run.num_executions:
                done = run.num_done
                self._feed(run)
                self._collect(run)
                self._replace_overdue(run)
                if on_progress is not None and run.num_done != done:
                    on_progress(run.num_done, run.num_executions)
        except BaseException:
            self.close()  # workers may be in the middle of something
            raise
        return run.results

    def _start_workers(self, number: int) -> None:
        while len(self._workers) < number:
            worker = WorkerProcess(self._command, self._limits.wall_seconds)
            self.stats.started += 1
            self._workers.append(worker)
            self._selector.register(worker.stdout, selectors.EVENT_READ, worker)

    def _remove(self, worker: WorkerProcess) -> str:
        self._workers.remove(worker)
        self._selector.unregister(worker.stdout)
        if worker.stdin in self._selector.get_map():
            self._selector.unregister(worker.stdin)
        return worker.kill()

    def _feed(self, run: "_Run") -> None:
        self._start_workers(self.num_workers)
        for worker in self._workers:
            while worker.wants_more and (given := run.schedule.next(worker.unit)) is not None:
                portion, worker.unit = given
                sequence = next(self._sequence)
                worker.give(Flight(sequence, portion), run.chunk(sequence, portion))
            self._send(worker)

    def _send(self, worker: WorkerProcess) -> None:
        worker.send()
        waiting = worker.stdin in self._selector.get_map()
        if worker.has_unsent and not waiting:
            self._selector.register(worker.stdin, selectors.EVENT_WRITE, worker)
        elif waiting and not worker.has_unsent:
            self._selector.unregister(worker.stdin)

    def _collect(self, run: "_Run") -> None:
        for key, events in self._selector.select(_POLL_SECONDS):
            worker: WorkerProcess = key.data
            if worker not in self._workers:
                continue
            if events & selectors.EVENT_WRITE:
                self._send(worker)
                continue
            try:
                for portion, program, outcomes in worker.receive():
                    run.store(portion, program, outcomes)
            except WorkerDied as death:
                self.stats.deaths += 1
                self._bury(worker, run, Status.DIED, str(death))
            if worker.protections is not None:
                self.protections = worker.protections
                self._deaths_at_start = 0

    def _replace_overdue(self, run: "_Run") -> None:
        now = time.monotonic()
        for worker in [worker for worker in self._workers if worker.is_overdue(now)]:
            self.stats.timeouts += 1
            self._bury(worker, run, Status.TIMEOUT, f"no answer within {self._limits.wall_seconds:g} s")

    def _bury(self, worker: WorkerProcess, run: "_Run", verdict: Status, reason: str) -> None:
        """Kill a worker and see to what it had been given."""
        end = self._remove(worker)
        if worker.protections is None:
            self._deaths_at_start += 1
            if self._deaths_at_start >= MAX_DEATHS_AT_START:
                raise PoolError(f"{MAX_DEATHS_AT_START} workers in a row died before they were ready ({end})")
            run.schedule.put_back(worker.unanswered)
        elif worker.flights:
            culprit, again = after_death(worker.unanswered)
            run.schedule.put_back(again)
            if culprit is None:
                self.stats.retries += 1
            else:
                outcome = Outcome(verdict, None, f"{reason} ({end})")
                run.store(culprit, culprit.programs[0], [outcome] * len(culprit.grids))


class _Run:
    """The jobs of one call of `InterpreterPool.run` and what is known of their results."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self.schedule = Schedule(jobs)
        self.results: Results = [[[SKIPPED] * len(job.grids) for _ in job.programs] for job in jobs]
        self.num_executions = sum(len(job.programs) * len(job.grids) for job in jobs)
        self.num_done = 0

    def chunk(self, sequence: int, portion: Portion) -> bytes:
        """Encode what a worker needs for a portion."""
        job = self._jobs[portion.job]
        grids = tuple(job.grids[k] for k in portion.grids)
        expected = tuple(job.expected[k] for k in portion.grids) if job.stop_at_first_miss and job.expected else ()
        texts = tuple(str(job.programs[k]) for k in portion.programs)
        return encode_chunk(Chunk(sequence, portion.care is not Care.NONE, grids, expected, texts))

    def store(self, portion: Portion, program: int, outcomes: Sequence[Outcome]) -> None:
        """Take the outcomes of one program on the portion's grids."""
        grids = portion.grids
        self.results[portion.job][program][grids.start : grids.stop] = outcomes
        self.num_done += len(grids)


def _worker_command(limits: Limits) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", _BOOTSTRAP, _FOLDER, json.dumps(dataclasses.asdict(limits))]
