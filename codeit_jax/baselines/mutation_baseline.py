"""The mutation baselines of the paper (Table 1): mutants of seed programs, run on every task.

A block of programs is generated, then run on all tasks, so that a long job has a result at any time. All that decides
where it stands is in the line files of its directory:

    mutants.jsonl    the mutants, in the order of their attempts
    screened.jsonl   a task and a range of mutants that ran on it, with those that reproduce something
    times.jsonl      seconds by stage, of this call and those before it

Only times depend on where a job was interrupted, on the machine and on the number of workers.
"""

import hashlib
import json
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, Literal

import interpreter
from codeit_jax.arc import TaskSet
from codeit_jax.config.errors import UserError
from codeit_jax.config.interpreter_limits import limits_from_config
from codeit_jax.config.schema import InterpreterConfig, Screen
from codeit_jax.evaluation import Candidate, solve_report
from codeit_jax.evaluation.screening import screen_tasks
from codeit_jax.hindsight import Origin
from codeit_jax.mutation import ATTEMPTS_PER_PROGRAM, Method, Mutant, MutantGenerator
from codeit_jax.programs import SeedProgram, format_programs
from codeit_jax.reporting.progress import Reporter, format_seconds
from codeit_jax.storage.job_directory import JobDirectory

BLOCK_PROGRAMS = 20_000
"""Programs that run on all tasks before more are generated: the more, the more calls they share."""

LIMITS = limits_from_config(InterpreterConfig())
"""Those of a run by default, so that a baseline and a policy are scored alike."""

PUBLISHED_COUNTS = (9_600, 19_200, 48_000, 144_000, 288_000, 1_010_000)
"""Where the paper's curves are compared. Those count attempts, of which about half gave a valid, new program."""

_FIRST_COUNT = 100  # of the curve; its points double from here on


@dataclass(frozen=True, kw_only=True)
class MutationJob:
    """What is asked for.

    Attributes:
        seeds: the programs to mutate.
        training_tasks: their tasks.
        tasks: the tasks to solve.
        num_programs: how many mutants.
        method: d1, dinf or random.
        recipe: branch probabilities of the paper or of the released code.
        seed: decides the mutants.
        screen: which of them are candidates; see `screen_tasks`.
    """

    seeds: Sequence[SeedProgram]
    training_tasks: TaskSet
    tasks: TaskSet
    num_programs: int
    method: Method
    recipe: Literal["paper", "released"]
    seed: int
    screen: Screen = "all"

    def settings(self) -> dict[str, Any]:
        """Return what a resumed job must have kept; the number of programs may grow."""
        # A digest of the seeds' texts, not the path: the same programs may be elsewhere, and a file may have changed.
        programs = format_programs(self.seeds).encode()
        return {
            "seeds": hashlib.sha256(programs).hexdigest()[:16],
            "training_tasks": self.training_tasks.digest,
            "tasks": self.tasks.digest,
            "method": self.method,
            "recipe": self.recipe,
            "seed": self.seed,
            "screen": self.screen,
        }

    def description(self) -> dict[str, Any]:
        """Return what a summary reports of the job."""
        return {
            "tasks": self.tasks.source,
            "snapshot": f"{self.tasks.snapshot}, digest {self.tasks.digest}",
            "method": self.method,
            "recipe": self.recipe,
            "seed": self.seed,
            "screen": self.screen,
        }


def run_mutation_baseline(
    job: MutationJob,
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
        interrupt_if_asked: called when a line is written; raises to stop there.

    Returns:
        The summary: numbers of programs, tasks solved, the curve, seconds by stage.

    Raises:
        UserError: a seed's task is unknown, or the directory has more programs than are wanted.
        StorageError: the directory can't be read or written.
    """
    baseline = _Baseline(job, directory, pool, reporter, interrupt_if_asked)
    baseline.run()
    return baseline.summarize()


class _Baseline:
    """The state of a job: mutants, what they reproduce, and for each task how many of them have run on it."""

    def __init__(
        self,
        job: MutationJob,
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
        # Texts, because parsed programs take ten times the memory, and there may be a million.
        self._texts: list[str] = []
        self._attempts: list[int] = []  # that each of them took, with those before it
        self._first_positions: dict[str, int] = {}
        self._generator = MutantGenerator(
            job.seeds,
            job.training_tasks,
            seed=job.seed,
            pool=pool,
            method=job.method,
            recipe=job.recipe,
            limits=LIMITS,
            known=self._read_mutants(),
        )
        if len(self._texts) > job.num_programs:
            found = f"{len(self._texts)} programs that are in {directory.path}"
            raise UserError(f"num_programs is {job.num_programs}, expected at least the {found}")
        # For each task and not one number: a kill in the middle of a block leaves some tasks ahead.
        self._num_run = dict.fromkeys((task.id for task in job.tasks), 0)
        self._found: list[tuple[int, Candidate]] = []  # with the program's position
        for row in directory.rows("screened.jsonl"):
            self._note_screened(row)
        self._seconds: defaultdict[str, float] = defaultdict(float)
        for row in directory.rows("times.jsonl"):
            self._seconds[row["stage"]] += row["t_seconds"]

    def run(self) -> None:
        """Generate and run blocks until all programs have run on all tasks."""
        wanted = self._job.num_programs
        # What a job resumes from are its files: nothing here is a checkpoint, each line is done work.
        # After a power failure the file of mutants may have lost more lines than the others.
        self._generate(max(self._num_run.values()))
        while (start := min(self._num_run.values())) < wanted:
            # At multiples of the block size, wherever a call was stopped: blocks share calls, and so decide how long a
            # program takes, but never what it gives.
            end = (start // BLOCK_PROGRAMS + 1) * BLOCK_PROGRAMS
            self._generate(min(end, wanted))
            stop = min(end, len(self._texts))
            if stop <= start:
                self._reporter.say(f"only {stop} of {wanted} mutants found in {self._generator.attempts} attempts")
                break
            self._screen(start, stop)
            if stop < wanted:
                left = format_seconds(sum(self._seconds.values()) / stop * (wanted - stop))
                solved = self._score(stop)["pass@3"]
                self._reporter.say(f"{stop} of {wanted} programs, {solved} tasks solved (pass@3); about {left} left")

    def summarize(self) -> dict[str, Any]:
        """Score all programs and, for the curve, the first of them; write the results."""
        start = perf_counter()
        # By task and position: in a resumed job they were noted in another order.
        self._found.sort(key=lambda entry: (entry[1].task_id, entry[0]))
        total = len(self._texts)
        solved = self._score(total)
        summary = {
            "programs": total,
            "unique": len(self._first_positions),
            # The counts, and the same as the row that a run's summary has.
            "solved": {**solved, "mutants": solved},
            "curve": [[count, self._score(count)["pass@3"]] for count in curve_counts(total)],
            "attempts": self._attempts[-1] if self._attempts else 0,
            "curve_of_attempts": self._curve_of_attempts(),
            "work": {"programs": {"mutant": len(self._first_positions) * len(self._job.tasks)}},
            **self._job.description(),
        }
        self._directory.write("solutions.jsonl", "".join(json.dumps(found.to_row()) + "\n" for _, found in self._found))
        self._seconds["score"] += perf_counter() - start
        stages = {name: round(self._seconds[name], 2) for name in ("generate", "run", "score")}
        summary |= {"stages": stages, "seconds": round(sum(self._seconds.values()), 2)}
        self._directory.write("summary.json", json.dumps(summary, indent=2) + "\n")
        return summary

    def _generate(self, stop: int) -> None:
        """Generate mutants up to a position, or as many as the attempts give."""
        # Bounded by the whole job, not by the call: a resumed job gives up at the same attempt.
        first, last_attempt = len(self._texts), ATTEMPTS_PER_PROGRAM * self._job.num_programs
        if first >= stop:
            return
        start = perf_counter()
        with self._reporter.stage(f"mutants {first + 1} to {stop}") as advance:
            for batch in self._generator.batches(stop - first, last_attempt):
                rows = [mutant._asdict() | {"program": str(mutant.program)} for mutant, _ in batch]
                # The file before the memory: what the job counts on is what a resumed one would read.
                self._directory.append("mutants.jsonl", rows)
                start = self._note_time("generate", start)
                self._note_mutants(rows)
                advance(len(self._texts) - first, stop - first)

    def _screen(self, start: int, stop: int) -> None:
        """Run the programs from `start` to `stop` on all tasks that have come as far as `start`."""
        tasks = [task for task in self._job.tasks if self._num_run[task.id] == start]
        # A text made for two parents runs once, as the first.
        positions = [p for p in range(start, stop) if self._first_positions[self._texts[p]] == p]
        programs = [interpreter.parse(self._texts[position]) for position in positions]
        clock = perf_counter()
        origins: list[Origin] = ["mutant"] * len(programs)
        screened = screen_tasks(programs, tasks, origins, pool=self._pool, screen=self._job.screen)
        with self._reporter.stage(f"programs {start + 1} to {stop} on {len(tasks)} tasks") as advance:
            for number, (task, found) in enumerate(screened, start=1):
                # The mutants before a program have been tried before it, whatever block it ran in.
                rows = [
                    replace(candidate, work=positions[place] + 1).to_row() | {"position": positions[place]}
                    for place, candidate in found.items()
                ]
                row = {"task_id": task.id, "start": start, "stop": stop, "found": rows}
                self._directory.append("screened.jsonl", [row])
                clock = self._note_time("run", clock)
                self._note_screened(row)
                advance(number, len(tasks))

    def _read_mutants(self) -> Iterator[Mutant]:
        """Yield the mutants of earlier calls, noting their texts."""
        for row in self._directory.rows("mutants.jsonl"):
            self._note_mutants([row])
            yield Mutant(row["task_id"], interpreter.parse(row["program"]), row["depth"], row["attempt"])

    def _note_mutants(self, rows: Iterable[Mapping[str, Any]]) -> None:
        for row in rows:
            self._first_positions.setdefault(row["program"], len(self._texts))
            self._texts.append(row["program"])
            self._attempts.append(row["attempt"] + 1)

    def _note_screened(self, row: dict[str, Any]) -> None:
        self._num_run[row["task_id"]] = row["stop"]
        # From the row as JSON has it, whether it was read or just written: both ways give the same candidates.
        for found in row["found"]:
            self._found.append((found["position"], Candidate.from_row(found)))

    def _note_time(self, stage: str, start: float) -> float:
        """Add what has passed since `start` to a stage's seconds; return the time now."""
        now = perf_counter()
        self._seconds[stage] += now - start
        self._directory.append("times.jsonl", [{"stage": stage, "t_seconds": round(now - start, 6)}])
        self._interrupt_if_asked()
        return now

    def _curve_of_attempts(self) -> list[list[int]]:
        """Return [attempts, tasks solved by the mutants that they gave], as the published curves count."""
        reached = self._attempts[-1] if self._attempts else 0
        counts = [*(count for count in PUBLISHED_COUNTS if count < reached), reached]
        return [[count, self._score(bisect_right(self._attempts, count))["pass@3"]] for count in counts]

    def _score(self, count: int) -> dict[str, int]:
        return solve_report([found for position, found in self._found if position < count], self._job.tasks)


def curve_counts(num_programs: int) -> list[int]:
    """Return doubling numbers of programs, the published ones, and all of them."""
    counts = {count for count in PUBLISHED_COUNTS if count < num_programs}
    count = _FIRST_COUNT
    while count < num_programs:
        counts.add(count)
        count *= 2
    return [*sorted(counts), num_programs]
