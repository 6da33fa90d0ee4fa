"""An interpreter pool over all processes of a run: each runs its share of the programs, and all get all outcomes.

Outcomes travel in the form in which workers write them; nothing is unpickled. Verdicts that depend on the machine (a
program that took too long, a worker that died) are so decided once, by the process that ran the program.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from codeit_jax.parallel.hosts import Hosts
from interpreter import InterpreterPool, Job, Limits, Outcome, Pending
from interpreter.pool.jobs import Progress, Results
from interpreter.pool.wire_outcomes import OutcomeWriter, decode_answers

SMALL_JOB_EXECUTIONS = 512
"""Jobs up to this size aren't split: their programs share calls, and other jobs keep the other processes busy."""


class HostPool(InterpreterPool):
    """Runs programs in the worker processes of all hosts; every process makes the same calls, in the same order.

    Args:
        hosts: the processes.
        num_workers: of this process; None or 0 for as many as it may use CPUs.
        limits: for every program.
    """

    def __init__(self, hosts: Hosts, num_workers: int | None, limits: Limits) -> None:
        # Workers are programs of their own, not forks: a fork after JAX has started can deadlock.
        super().__init__(num_workers, limits)
        self._hosts = hosts
        self._num_jobs = 0

    def submit(self, jobs: Sequence[Job]) -> "Pending | SharedPending":  # type: ignore[override]
        """Run this process's share of the jobs; the result waits for the other processes' shares too."""
        if self._hosts.count == 1:
            return super().submit(jobs)
        jobs = [job if isinstance(job, Job) else Job(*job) for job in jobs]
        shares = [share_programs(number, job, self._hosts.count) for number, job in enumerate(jobs, self._num_jobs)]
        # Numbered over the whole run, so that small jobs go round the processes, by the same numbers in each.
        self._num_jobs += len(jobs)
        own = []
        for job, parts in zip(jobs, shares, strict=True):
            part = parts[self._hosts.index]
            own.append(job._replace(programs=job.programs[part.start : part.stop]))
        return SharedPending(super().submit(own), jobs, shares, self._hosts)


class SharedPending:
    """The outcomes of jobs that several processes run."""

    def __init__(self, own: Pending, jobs: Sequence[Job], shares: Sequence[Sequence[range]], hosts: Hosts) -> None:
        self._own = own
        self._jobs = jobs
        self._shares = shares
        self._hosts = hosts
        self._results: Results | None = None

    @property
    def done(self) -> bool:
        """Return whether this process has run its share; the others' answers differ, so nothing may depend on it."""
        return self._own.done

    def result(self, on_progress: Progress | None = None) -> Results:
        """Wait for the outcomes of all processes, and return them; all have to call it.

        Args:
            on_progress: called with the number of executions done and that of all, of this process's share.

        Raises:
            PoolError: as `Pending.result` does for this process's share.
        """
        if self._results is None:
            rows = self._own.result(on_progress)
            outcomes = (outcome for job in rows for program in job for outcome in program)
            self._results = self._merge(
                [iter(decode_answers(part)[1]) for part in self._hosts.exchange(encode_outcomes(outcomes))]
            )
        return self._results

    def _merge(self, outcomes_by_process: Sequence[Iterator[Outcome]]) -> Results:
        # Each process has sent its outcomes in the order of jobs, so each stream is read in that order.
        return [
            [
                list(islice(outcomes, len(job.grids)))
                for outcomes, programs in zip(outcomes_by_process, parts, strict=True)
                for _ in programs
            ]
            for job, parts in zip(self._jobs, self._shares, strict=True)
        ]


def share_programs(number: int, job: Job, count: int) -> list[range]:
    """Return which programs of the job with this number each process runs: stretches of it, or all if it is small."""
    # Stretches of size * n // count differ by one program at most, whatever the count.
    size = len(job.programs)
    if size * len(job.grids) > SMALL_JOB_EXECUTIONS:
        return [range(size * process // count, size * (process + 1) // count) for process in range(count)]
    return [range(size) if process == number % count else range(0) for process in range(count)]


def encode_outcomes(outcomes: Iterable[Outcome]) -> bytes:
    """Encode outcomes as workers do; `decode_answers` decodes them."""
    writer = OutcomeWriter(sequence=0, first=0, num_grids=1)
    for outcome in outcomes:
        writer.add([outcome])
    return writer.content()
