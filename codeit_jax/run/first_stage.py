"""The stage before the first checkpoint, hours at full size: it resumes from what it has done, mutant by mutant."""

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

import interpreter
from codeit_jax.arc import Grid, Task
from codeit_jax.config.errors import PreemptedError, StorageError, UserError
from codeit_jax.config.interpreter_limits import limits_from_config
from codeit_jax.evaluation import Candidate
from codeit_jax.evaluation.screening import screen_tasks
from codeit_jax.hindsight import Origin
from codeit_jax.mutation import ATTEMPTS_PER_PROGRAM, Accepted, Mutant, MutantGenerator
from codeit_jax.mutation.parents import Parents
from codeit_jax.mutation.validity import valid_outputs
from codeit_jax.run.components import Components
from codeit_jax.run.guided_stage import new_populations
from codeit_jax.run.monitor import Monitor
from codeit_jax.run.provenance import input_digests
from codeit_jax.storage.job_directory import JobDirectory
from codeit_jax.storage.run_directory import RunDirectory

FOLDER = "first_stage"
"""In the run directory, until the first checkpoint is there."""

_MUTANTS = "mutants.jsonl"
_SCREENED = "screened.jsonl"


class FirstStage:
    """The mutants that a run starts from, and what seeds and mutants solve, kept as they are found.

    Args:
        parts: of the run.
        directory: the run's.
        monitor: watches, and decides when to stop.

    Attributes:
        populations: of guided mutation, by task; empty if that is off.

    Raises:
        StorageError: the files can't be written.
    """

    def __init__(self, parts: Components, directory: RunDirectory, monitor: Monitor) -> None:
        self._parts = parts
        self._monitor = monitor
        self._path = directory.path / FOLDER
        self._known: list[Mutant] = []
        self._screened: dict[str, dict[int, Candidate]] = {}
        # One process after the other: the first one mends the files that all then read, before anything is added.
        if parts.hosts.is_first:
            self._open_or_begin()
        parts.hosts.wait()
        if not parts.hosts.is_first:
            self._open()
        parts.hosts.wait()

    def __enter__(self) -> "FirstStage":
        return self

    def __exit__(self, *error: object) -> None:
        self._directory.close()

    def mutants(self) -> list[Accepted]:
        """Return the mutants of the seed programs, those of earlier starts first.

        Raises:
            PreemptedError: asked to stop; what was made is kept.
            StorageError: the disk is full or can't be written, or a mutant of an earlier start fails now.
        """
        mutation = self._parts.config.mutation
        accepted = self._run_again()
        generator = mutant_generator(self._parts, known=self._known)
        attempts = mutation.num_programs * (1 if mutation.count == "attempts" else ATTEMPTS_PER_PROGRAM)
        with self._monitor.progress(f"{mutation.num_programs} mutants") as advance:
            for batch in generator.batches(mutation.num_programs - len(accepted), attempts):
                rows = [mutant._asdict() | {"program": str(mutant.program)} for mutant, _ in batch]
                self._directory.append(_MUTANTS, rows)
                accepted.extend(batch)
                advance(len(accepted), mutation.num_programs)
                self._stop_if_asked("mutate")
        return accepted

    def candidates(
        self,
        programs: Sequence[tuple[Origin, interpreter.Program]],
        on_progress: Callable[[int, int], None],
    ) -> list[Candidate]:
        """Run programs on the search tasks; return those that reproduce a demonstration, by task.

        Args:
            programs: each text once, with who wrote it.
            on_progress: called with tasks done and tasks in all.

        Raises:
            PreemptedError: asked to stop; the tasks that are done are kept.
            StorageError: the disk is full or can't be written.
        """
        tasks = self._parts.search_tasks
        screened = screen_tasks(
            [program for _, program in programs],
            [task for task in tasks if task.id not in self._screened],
            [origin for origin, _ in programs],
            pool=self._parts.pool,
            screen=self._parts.config.mutation.candidates,
            observe=self._observe,
        )
        for task, found in screened:
            rows = {str(position): candidate.to_row() for position, candidate in found.items()}
            parents = self.populations.get(task.id)
            population = {} if parents is None else {"population": parents.to_row()}
            self._directory.append(_SCREENED, [{"task_id": task.id, "found": rows, **population}])
            self._screened[task.id] = found
            on_progress(len(self._screened), len(tasks))
            self._stop_if_asked("screen")
        return [candidate for task in tasks for candidate in self._screened[task.id].values()]

    def _observe(self, task: Task, texts: Sequence[str], outputs: Iterable[Sequence[Grid | None]]) -> None:
        if task.id in self.populations:
            self.populations[task.id].observe(texts, outputs)

    def _stop_if_asked(self, point: str) -> None:
        if self._monitor.should_stop(point):
            raise PreemptedError(
                f"stopped as asked, what was made is in {self._path}; the same command resumes from there"
            )

    def _open_or_begin(self) -> None:
        try:
            self._open()
        except (UserError, StorageError) as error:
            # Only work that can be done again: a mistake in the settings may be corrected before the first checkpoint.
            self._monitor.say(f"the first stage begins again: {error}")
            try:
                shutil.rmtree(self._path)
            except OSError as problem:
                raise StorageError(f"{self._path}: can't be removed ({problem.strerror})") from None
            self._open()

    def _open(self) -> None:
        hosts = self._parts.hosts
        self._directory = JobDirectory(self._path, FOLDER, _settings(self._parts), writes=hosts.is_first)
        self._known, self._screened = [], {}
        config, tasks = self._parts.config, self._parts.search_tasks
        self.populations = new_populations(config, tasks)
        try:
            for row in self._directory.rows(_MUTANTS):
                program = interpreter.parse(row["program"])
                self._known.append(Mutant(row["task_id"], program, row["depth"], row["attempt"]))
            for row in self._directory.rows(_SCREENED):
                found = {int(position): Candidate.from_row(found) for position, found in row["found"].items()}
                self._screened[row["task_id"]] = found
                if self.populations:
                    task, limits = tasks[row["task_id"]], limits_from_config(config.interpreter)
                    self.populations[task.id] = Parents.from_rows(task, limits, [row["population"]])
        except BaseException:
            self._directory.close()
            raise
        if self._known:
            done = f"{len(self._known)} mutants, {len(self._screened)} tasks screened"
            self._monitor.say(f"resuming the first stage: {done}")

    def _run_again(self) -> list[Accepted]:
        """Return the known mutants with their outputs, which aren't kept: they are many, and soon made again."""
        tasks = self._parts.training_tasks
        rows = valid_outputs([(mutant.task_id, mutant.program) for mutant in self._known], tasks, self._parts.pool)
        accepted = []
        for mutant, outputs in zip(self._known, rows, strict=True):
            if outputs is None:
                problem = f"attempt {mutant.attempt} gives no grids any more, expected those that made it a mutant"
                raise StorageError(f"{self._path / _MUTANTS}: {problem}; remove {self._path} to begin again")
            accepted.append(Accepted(mutant, outputs[: len(tasks[mutant.task_id].demonstrations)]))
        return accepted


def mutant_generator(parts: Components, known: Sequence[Mutant] = ()) -> MutantGenerator:
    """Return what makes the mutants that a run starts from, to continue after those that are known."""
    config = parts.config
    return MutantGenerator(
        parts.seeds,
        parts.training_tasks,
        seed=config.seed,
        pool=parts.pool,
        method=config.mutation.method,
        recipe=config.mutation.branch_probabilities,
        limits=limits_from_config(config.interpreter),
        retries=config.mutation.retries,
        known=known,
    )


def remove_first_stage(directory: RunDirectory) -> None:
    """Remove what was kept of the stage: from the first checkpoint on that has it all."""
    shutil.rmtree(directory.path / FOLDER, ignore_errors=True)


def _settings(parts: Components) -> dict[str, Any]:
    """Return what decides the mutants and what they solve."""
    config = parts.config
    settings = {
        **{name: digest for name, digest in input_digests(parts).items() if name != "text.tokenizer"},
        "seed": config.seed,
        "mutation": asdict(config.mutation),
        "interpreter": {**asdict(config.interpreter), "num_workers": None},
        "guided": config.search.guided_programs > 0,
    }
    # As they come back from the file.
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain
