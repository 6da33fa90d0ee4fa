"""Guided mutation of seed programs as a baseline: for each task, mutants that start near it.

Passes go over all tasks, so that a long job has a result at any time. All that decides where it stands is in the line
files of its directory:

    guided.jsonl     a task and a range of its mutants: those that reproduce something, and the parents that are left
    times.jsonl      seconds for each of these lines, of this call and those before it

Only times depend on where a job was interrupted, on the machine and on the number of workers; by time, so does how far
a job comes.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import interpreter
from codeit_jax.arc import Task, TaskSet
from codeit_jax.baselines.mutation_baseline import curve_counts
from codeit_jax.config.errors import UserError
from codeit_jax.evaluation import Candidate, solve_report, solved_rows
from codeit_jax.evaluation.screening import score_executions, screen_tasks
from codeit_jax.hindsight import Origin
from codeit_jax.mutation.guided import guided_pass
from codeit_jax.mutation.parents import Parents
from codeit_jax.programs import SeedProgram, canonical_program, format_programs
from codeit_jax.reporting.progress import Reporter, format_seconds
from codeit_jax.storage.job_directory import JobDirectory

PASS_PROGRAMS = 512
"""Mutants of a task before it is the next one's turn."""

# A tenth of a run's by default: one call in a hundred takes most of the time, and few programs need it. What runs
# within them gives the same within larger ones.
LIMITS = interpreter.Limits(work_per_line=40_000, work_per_program=200_000)

LINES_FILE, TIMES_FILE = "guided.jsonl", "times.jsonl"
_SEEDS = -1  # where the line of a task's seed programs starts


@dataclass(frozen=True, kw_only=True)
class GuidedJob:
    """What is asked for; one of the two bounds at least.

    Attributes:
        seeds: the programs to start from.
        tasks: the tasks to solve.
        num_programs: mutants for each task; None for no bound. It may grow from call to call.
        seconds: wall-clock time for all tasks and calls together; None for no bound. It may grow, too.
        seed: decides the mutants.
    """

    seeds: Sequence[SeedProgram]
    tasks: TaskSet
    num_programs: int | None
    seconds: float | None
    seed: int

    def settings(self) -> dict[str, Any]:
        """Return what a resumed job must have kept."""
        programs = format_programs(self.seeds).encode()
        return {
            "seeds": hashlib.sha256(programs).hexdigest()[:16],
            "tasks": self.tasks.digest,
            "method": "guided",
            "seed": self.seed,
        }


def run_guided_baseline(
    job: GuidedJob,
    directory: JobDirectory,
    pool: interpreter.InterpreterPool,
    reporter: Reporter,
    interrupt_if_asked: Callable[[], None] = lambda: None,
) -> dict[str, Any]:
    """Do a job, or resume it where its directory stands.

    Args:
        job: what to do.
        directory: opened with the job's settings; gets `solutions.jsonl` and `summary.json`, too.
        pool: runs the programs, under `LIMITS`.
        reporter: shows progress.
        interrupt_if_asked: called after each task; may raise.

    Returns:
        The summary: numbers of programs, tasks solved, curves, work.

    Raises:
        UserError: the directory has more programs than are wanted.
        StorageError: the directory can't be read or written.
    """
    baseline = _Baseline(job, directory, pool, reporter, interrupt_if_asked)
    baseline.run()
    return baseline.summarize()


class _Baseline:
    """The state of a job: for each task its lines, and the population that they leave."""

    def __init__(
        self,
        job: GuidedJob,
        directory: JobDirectory,
        pool: interpreter.InterpreterPool,
        reporter: Reporter,
        interrupt_if_asked: Callable[[], None],
    ) -> None:
        self._job = job
        self._directory = directory
        self._pool = pool
        self._reporter = reporter
        self._interrupt_if_asked = interrupt_if_asked
        # Each text once; sorted, so that programs that begin alike share calls.
        programs = {canonical_program(seed.program.lines).lines: None for seed in job.seeds}
        self._programs = [canonical_program(lines) for lines in sorted(programs)]
        # By task and then by where they start. A shorter line, of a job that has grown since, is replaced.
        self._lines: dict[str, dict[int, Mapping[str, Any]]] = {task.id: {} for task in job.tasks}
        self._times: list[Mapping[str, Any]] = []
        for row in directory.rows(LINES_FILE):
            self._lines[row["task_id"]][row["start"]] = row
        self._times.extend(directory.rows(TIMES_FILE))
        reached = max((row["stop"] for lines in self._lines.values() for row in lines.values()), default=0)
        if job.num_programs is not None and reached > job.num_programs:
            found = f"{reached} programs for each task that are in {directory.path}"
            raise UserError(f"num_programs is {job.num_programs}, expected at least the {found}")
        self._populations = {task.id: self._restored(task) for task in job.tasks if self._lines[task.id]}
        self._deadline = None if job.seconds is None else time.monotonic() + job.seconds - self._sum("t_seconds")
        self._clock = time.perf_counter(), self._core_clock()

    def run(self) -> None:
        """Run the seed programs on all tasks, then passes of mutants, until the job is done or time is up."""
        self._run_seeds()
        wanted = self._job.num_programs
        while not self._is_late:
            # Counted in mutants that were asked for; for a few tasks there aren't as many.
            starts = {
                task_id: self._start(task_id)
                for task_id, lines in self._lines.items()
                if wanted is None or max(row["stop"] for row in lines.values()) < wanted
            }
            if not starts:
                break
            start = min(starts.values())
            count = PASS_PROGRAMS if wanted is None else min(PASS_PROGRAMS, wanted - start)
            self._run_pass([self._populations[id_] for id_, at in starts.items() if at == start], start, count)
            solved = solve_report(self._candidates(), self._job.tasks)
            so_far = f"{start + count} programs a task in {format_seconds(self._sum('t_seconds'))}"
            self._reporter.say(f"{so_far}: solved {solved['pass@3']} (pass@3), {solved['vote@2']} (vote@2)")

    def summarize(self) -> dict[str, Any]:
        """Score what was found, write it, and return it."""
        found, tasks = self._candidates(), self._job.tasks
        rows = solved_rows(found, tasks)
        lines = [row for of_task in self._lines.values() for row in of_task.values()]
        total = max((row["stop"] for row in lines), default=0)
        summary = {
            "programs": total,
            "unique": total,  # for one task no text is tried twice
            "solved": rows["cumulative"] | {row: rows[row] for row in ("seeds", "guided", "cumulative") if row in rows},
            "curve": [[count, self._solved_by(found, count)] for count in curve_counts(total)],
            "curve_of_core_seconds": self._curve_of_core_seconds(),
            "work": {
                "programs": {
                    "seed": sum(row["programs"] for row in lines if row["start"] == _SEEDS),
                    "guided": sum(row["programs"] for row in lines if row["start"] != _SEEDS),
                },
                "core_seconds": round(self._sum("t_core_seconds"), 2),
            },
            "tasks": tasks.source,
            "snapshot": f"{tasks.snapshot}, digest {tasks.digest}",
            "method": "guided",
            "seed": self._job.seed,
            "screen": "all",
            "seconds": round(self._sum("t_seconds"), 2),
        }
        self._directory.write("solutions.jsonl", "".join(json.dumps(one.to_row()) + "\n" for one in found))
        self._directory.write("summary.json", json.dumps(summary, indent=2) + "\n")
        return summary

    @property
    def _is_late(self) -> bool:
        return self._deadline is not None and time.monotonic() >= self._deadline

    def _run_seeds(self) -> None:
        """Run the seed programs on the tasks that have no population yet."""
        tasks = [task for task in self._job.tasks if task.id not in self._populations]
        populations = {task.id: Parents(task, LIMITS) for task in tasks}
        origins: list[Origin] = ["seed"] * len(self._programs)

        def observe(task: Task, texts: Sequence[str], outputs: Iterable[Sequence[interpreter.Grid | None]]) -> None:
            populations[task.id].observe(texts, outputs)

        screened = screen_tasks(self._programs, tasks, origins, pool=self._pool, observe=observe)
        with self._reporter.stage(f"{len(self._programs)} seed programs on {len(tasks)} tasks") as advance:
            for number, (task, found) in enumerate(screened, start=1):
                self._populations[task.id] = populations[task.id]
                self._keep(task.id, _SEEDS, 0, found.values(), num_known=0)
                advance(number, len(tasks))
                if self._is_late:
                    break

    def _run_pass(self, populations: Sequence[Parents], start: int, count: int) -> None:
        """Make so many mutants of each of the populations."""
        known = {parents.task.id: parents.num_tried for parents in populations}
        # The pass is part of the seed, not drawn from: a resumed job has its draws without those before.
        seed = (self._job.seed, start // PASS_PROGRAMS)
        passed = guided_pass(populations, count, seed=seed, pool=self._pool)
        scored = score_executions(
            ((parents.task, executions) for parents, executions in passed),
            "guided",
            lambda task, place: known[task.id] + place + 1,
            pool=self._pool,
        )
        with self._reporter.stage(f"programs {start + 1} to {start + count} of each task") as advance:
            for number, (task, found) in enumerate(scored, start=1):
                self._keep(task.id, start, start + count, found, num_known=known[task.id])
                advance(number, len(populations))
                if self._is_late:
                    break

    def _keep(self, task_id: str, start: int, stop: int, found: Iterable[Candidate], *, num_known: int) -> None:
        """Write the line of a task, and how long it took since the last one."""
        parents = self._populations[task_id]
        row = {
            "task_id": task_id,
            "start": start,
            "stop": stop,
            # Fewer than were asked for where nearly all children have been tried.
            "programs": parents.num_tried - num_known,
            "found": [candidate.to_row() for candidate in found],
            **parents.to_row(num_known),
        }
        self._directory.append(LINES_FILE, [row])
        self._lines[task_id][start] = row
        (wall, core), now = self._clock, (time.perf_counter(), self._core_clock())
        self._clock = now
        times = {"start": start, "t_seconds": round(now[0] - wall, 6), "t_core_seconds": round(now[1] - core, 6)}
        self._directory.append(TIMES_FILE, [times])
        self._times.append(times)
        self._interrupt_if_asked()

    def _core_clock(self) -> float:
        return time.process_time() + self._pool.core_seconds

    def _start(self, task_id: str) -> int:
        """Return where a task's next line starts: behind its last whole one, since a shorter one is made again."""
        stops: list[int] = [row["stop"] for row in self._lines[task_id].values()]
        return max(stops) // PASS_PROGRAMS * PASS_PROGRAMS

    def _restored(self, task: Task) -> Parents:
        """Return the population that a task's whole lines leave."""
        rows = [row for _, row in sorted(self._lines[task.id].items()) if row["stop"] <= self._start(task.id)]
        return Parents.from_rows(task, LIMITS, rows)

    def _candidates(self, until: int | None = None) -> list[Candidate]:
        """Return what was found, by task and then in the order of trying; only what lines up to a start have."""
        return [
            Candidate.from_row(found)
            for lines in self._lines.values()
            for start, row in sorted(lines.items())
            if until is None or start <= until
            for found in row["found"]
        ]

    def _sum(self, clock: str) -> float:
        return float(sum(row[clock] for row in self._times))

    def _solved_by(self, found: Iterable[Candidate], count: int) -> int:
        """Return the tasks solved by the seeds and so many mutants of each task."""
        work = count + len(self._programs)
        return solve_report([c for c in found if c.work is not None and c.work <= work], self._job.tasks)["pass@3"]

    def _curve_of_core_seconds(self) -> list[list[float]]:
        """Return [core-seconds, pass@3, vote@2] after the seeds and after each pass, an unfinished one included."""
        curve = []
        for start in sorted({row["start"] for row in self._times}):
            seconds = sum(row["t_core_seconds"] for row in self._times if row["start"] <= start)
            solved = solve_report(self._candidates(until=start), self._job.tasks)
            curve.append([round(seconds, 2), solved["pass@3"], solved["vote@2"]])
        return curve
