"""A pool of worker processes that run programs: every program gets an answer, whatever becomes of its worker.

The pool alone decides: workers only answer, in the order asked, and a worker that dies, hangs or writes anything else
is killed and replaced. The program that it was at is tried once more alone in a new worker; if that fails too, its
verdict is `Status.DIED` or `Status.TIMEOUT`. The rest is run again. Outcomes do not depend on the number of workers.

The pool has no thread of its own: it acts when it is called. While it is only polled it keeps more work at its workers,
so that they do not wait for the next call.

Not covered: a worker runs as the same user; see `pool.sandbox` for what it cannot do. Verdicts TIMEOUT and DIED
depend on the machine, unlike all others. The pool is not for several threads at once, and if the thread that started a
worker ends, the kernel may end the worker (it is then replaced).
"""

import dataclasses
import json
import os
import selectors
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from interpreter.execution.machine import DEFAULT_LIMITS
from interpreter.language.limits import Limits
from interpreter.language.outcome import Outcome, Status
from interpreter.pool.jobs import Job, Pending, PoolError, Progress, Results
from interpreter.pool.process import InFlight, WorkerDied, WorkerProcess
from interpreter.pool.sandbox import Protections
from interpreter.pool.schedule import Chunk, RetryLevel, Schedule, chunks_to_retry

MAX_DEATHS_AT_START = 10
_WAIT_SECONDS = 0.1  # between looks at the workers' deadlines
# Executions at each worker: few while its answers are waited for, so that the end of the work is shared evenly.
_AT_A_WORKER = 128
_AT_A_WORKER_BETWEEN_POLLS = 1024
_FOLDER = str(Path(__file__).resolve().parents[2])
# The folder goes last, so that nothing in it can stand before the standard library.
_BOOTSTRAP = "import sys; sys.path.append(sys.argv[1]); from interpreter.pool.worker import main; main(sys.argv[2])"


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
    """Worker processes that run programs.

    Args:
        num_workers: processes; None or 0 for as many as this process may use CPUs.
        limits: for every program.
        command: what to start as a worker instead of this package's own, for tests of its failures.

    Attributes:
        num_workers: processes that run at once.
        workers: the processes.
        stats: what happened to them.
        protections: which kernel protections the workers have; None before one was ready.
    """

    def __init__(
        self, num_workers: int | None = None, limits: Limits = DEFAULT_LIMITS, *, command: Sequence[str] | None = None
    ) -> None:
        if num_workers is not None and num_workers < 0:
            raise ValueError(f"num_workers is {num_workers}, expected a positive number, or 0 for one a CPU")
        self.num_workers = num_workers or len(os.sched_getaffinity(0))
        self.stats = PoolStats()
        self.protections: Protections | None = None
        self._limits = limits
        self._command = command or _worker_command(limits)
        self.workers: list[WorkerProcess] = []
        # Pipes are watched in this thread: a thread of its own would hold the GIL that the caller's own work needs.
        self._selector = selectors.DefaultSelector()
        self._schedule = Schedule()
        self._pending: list[Pending] = []
        self._sequence = count()
        self._deaths_at_start = 0
        self._ended_core_seconds = 0.0

    @property
    def core_seconds(self) -> float:
        """Processor time that the workers have used so far, those that ended too; 0 on systems other than Linux."""
        return self._ended_core_seconds + sum(worker.core_seconds for worker in self.workers)

    def __enter__(self) -> Self:
        self._start_workers(self.num_workers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all workers and give up what they have not answered; a later submission starts new ones."""
        while self.workers:
            self._remove(self.workers[0])
        for pending in self._pending:
            pending.give_up()
        self._pending = []
        self._schedule = Schedule()
        self._selector.close()

    def run(self, jobs: Sequence[Job], on_progress: Progress | None = None) -> Results:
        """Run jobs: `submit` them and wait for their `Pending.result`; see there for arguments and errors."""
        return self.submit(jobs).result(on_progress)

    def submit(self, jobs: Sequence[Job]) -> Pending:
        """Queue jobs behind all that were submitted before; workers begin at once.

        Args:
            jobs: each a `Job` or a plain (programs, grids) pair.

        Raises:
            PoolError: workers die before they are ready, ten in a row. All that was submitted is given up.
            ValueError: one is no grid. Nothing was submitted.
        """
        pending = Pending([job if isinstance(job, Job) else Job(*job) for job in jobs], self._wait)
        if not pending.done:
            self._pending.append(pending)
            for job in pending.jobs:
                self._schedule.add(job)
            self.poll()
        return pending

    def poll(self) -> None:
        """Take the answers that are there and hand out more work, without waiting.

        To be called now and then between `submit` and the result: workers rest once they have run what they were given.

        Raises:
            PoolError: workers die before they are ready, ten in a row. All that was submitted is given up.
        """
        with self._closing_on_error():
            self._serve(0.0, _AT_A_WORKER_BETWEEN_POLLS)

    def _wait(self, pending: Pending, on_progress: Progress | None) -> None:
        with self._closing_on_error():
            while not pending.done:
                done = pending.num_done
                self._serve(_WAIT_SECONDS, _AT_A_WORKER)
                if on_progress is not None and pending.num_done != done:
                    on_progress(pending.num_done, pending.num_executions)

    @contextmanager
    def _closing_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()  # after a Ctrl-C too, what was sent and what is noted as sent may differ
            raise

    def _serve(self, seconds: float, at_a_worker: int) -> None:
        """Take answers, waiting for the first of them at most so long; then hand out work."""
        # First, so that nobody is found overdue whose answers waited here, unread, for a caller that did not poll.
        self._collect(seconds)
        self._replace_overdue()
        self._pending = [pending for pending in self._pending if not pending.done]
        if self._pending:
            self._feed(at_a_worker)

    def _start_workers(self, number: int) -> None:
        if self._selector.get_map() is None:  # closed
            self._selector = selectors.DefaultSelector()
        while len(self.workers) < number:
            worker = WorkerProcess(self._command, self._limits.wall_seconds)
            self.stats.started += 1
            self.workers.append(worker)
            self._selector.register(worker.stdout, selectors.EVENT_READ, worker)

    def _remove(self, worker: WorkerProcess) -> str:
        self.workers.remove(worker)
        self._ended_core_seconds += worker.core_seconds
        self._selector.unregister(worker.stdout)
        if worker.stdin in self._selector.get_map():
            self._selector.unregister(worker.stdin)
        return worker.kill()

    def _feed(self, at_a_worker: int) -> None:
        """Give each worker chunks until it has so many executions waiting; the one with the fewest comes first."""
        self._start_workers(self.num_workers)
        fed = self._feed_alone()
        # Nothing else is given out while something waits for a worker of its own, so that one comes to rest.
        while not self._schedule.alone:
            takers = [w for w in self.workers if w.takes_more and w.num_waiting < at_a_worker]
            if not takers:
                break
            # The newest one first: what a worker died of must not go to one that was killed with it.
            worker = min(reversed(takers), key=lambda w: w.num_waiting)
            given = self._schedule.next(worker.unit)
            if given is None:
                break
            chunk, worker.unit = given
            self._give(worker, chunk)
            fed.add(worker)
        for worker in fed:
            self._send(worker)

    def _feed_alone(self) -> set[WorkerProcess]:
        """Give what is to be run alone to workers that were given nothing before, replacing those that are at rest."""
        fed = set()
        # The newest one first: another one that was given nothing may have been killed too.
        at_rest = [worker for worker in reversed(self.workers) if not worker.in_flight]
        for worker in sorted(at_rest, key=lambda worker: not worker.is_new):
            if not self._schedule.alone:
                break
            if not worker.is_new:
                self._remove(worker)
                self._start_workers(self.num_workers)
                worker = self.workers[-1]
            self._give(worker, self._schedule.alone.popleft())
            fed.add(worker)
        return fed

    def _give(self, worker: WorkerProcess, chunk: Chunk) -> None:
        sequence = next(self._sequence)
        request = chunk.job.request(sequence, chunk.retry_level is not RetryLevel.NONE, chunk.programs, chunk.grids)
        worker.give(InFlight(sequence, chunk), request)

    def _send(self, worker: WorkerProcess) -> None:
        worker.send()
        waiting = worker.stdin in self._selector.get_map()
        if worker.has_unsent and not waiting:
            self._selector.register(worker.stdin, selectors.EVENT_WRITE, worker)
        elif waiting and not worker.has_unsent:
            self._selector.unregister(worker.stdin)

    def _collect(self, seconds: float) -> None:
        if not self.workers:
            return  # after `close` there is nothing to look at either
        for key, events in self._selector.select(seconds):
            worker: WorkerProcess = key.data
            if worker not in self.workers:  # reaped for its other pipe in this very round
                continue
            if events & selectors.EVENT_WRITE:
                self._send(worker)
                continue
            try:
                for chunk, programs, outcomes in worker.receive():  # stored one by one: those before a bad one count
                    chunk.job.store(programs, chunk.grids, outcomes)
            except WorkerDied as death:
                self.stats.deaths += 1
                self._reap(worker, Status.DIED, str(death))
            if worker.protections is not None:
                self.protections = worker.protections
                self._deaths_at_start = 0

    def _replace_overdue(self) -> None:
        now = time.monotonic()
        for worker in [worker for worker in self.workers if worker.is_overdue(now)]:
            self.stats.timeouts += 1
            self._reap(worker, Status.TIMEOUT, f"no answer within {self._limits.wall_seconds:g} s")

    def _reap(self, worker: WorkerProcess, verdict: Status, reason: str) -> None:
        """Kill a worker and see to what it had been given."""
        end = self._remove(worker)
        # A worker that never got ready says something about this machine and nothing about a program.
        if worker.protections is None:
            self._deaths_at_start += 1
            if self._deaths_at_start >= MAX_DEATHS_AT_START:  # else it would be replaced forever
                raise PoolError(f"{MAX_DEATHS_AT_START} workers in a row died before they were ready ({end})")
            self._schedule.put_back(worker.unanswered)
        elif worker.in_flight:
            suspect, again = chunks_to_retry(worker.unanswered)
            self._schedule.put_back(again)
            if suspect is None:
                self.stats.retries += 1
            else:
                # On all grids: a program is answered as a whole, so that nobody knows at which it died.
                outcome = Outcome(verdict, None, f"{reason} ({end})")
                suspect.job.store(suspect.programs[:1], suspect.grids, [outcome] * len(suspect.grids))


def _worker_command(limits: Limits) -> list[str]:
    # A program of its own, not a fork: JAX's threads hold locks that a forked child would wait for in vain, and the
    # child would hold all of the parent's memory. -I and -S keep the user's environment and site-packages out.
    return [sys.executable, "-I", "-S", "-c", _BOOTSTRAP, _FOLDER, json.dumps(dataclasses.asdict(limits))]
