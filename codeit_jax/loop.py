"""CodeIt's meta-iteration (paper, Algorithm 1): sample, execute, relabel, replay, fine-tune, score.

Everything random is a pure function of the seed, the meta-iteration and the place in it, so that a run interrupted
anywhere goes on from its last checkpoint exactly as if nothing had happened.
"""

import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import Any

import jax
import numpy as np

from codeit_jax.errors import UserError
from codeit_jax.evaluation import Candidate, solve_report
from codeit_jax.faults import fault_point
from codeit_jax.hindsight import Execution, Experience, execute, relabel, solved_demonstrations
from codeit_jax.progress import Reporter
from codeit_jax.sampling import SampledProgram
from codeit_jax.solutions import Solution, SolutionTable
from codeit_jax.training.experience_replay import Draw, ExperienceReplay
from codeit_jax.training.learner import Learner, LearningMetrics
from codeit_jax.training.step import StepMetrics, TrainState, init_opt_state
from codeit_jax.workbench import Workbench
from interpreter import Job, Status

PRETRAINING = -1
"""The iteration number of what happens before the first meta-iteration."""


@dataclass(kw_only=True)
class RunState:
    """What a run changes; a checkpoint holds exactly this.

    Attributes:
        iteration: meta-iteration to do next, or that is being learnt from; `PRETRAINING` first.
        steps: steps of this iteration's learning stage that were taken; None before that stage.
        train: parameters and optimizer.
        replay: the experiences.
        solutions: programs that reproduce something.
        sampled: texts' checksums of all programs sampled, to count distinct ones.
        num_sampled: programs sampled.
    """

    iteration: int
    steps: list[StepMetrics] | None
    train: TrainState
    replay: ExperienceReplay
    solutions: SolutionTable
    sampled: set[int]
    num_sampled: int = 0


@dataclass(frozen=True, kw_only=True)
class StageRecord:
    """One line of metrics.jsonl: a stage's numbers and its seconds."""

    iteration: int
    stage: str
    seconds: float
    values: dict[str, Any]

    def to_row(self) -> dict[str, Any]:
        """Return the line; wall-clock fields begin with `t_`."""
        return {"iteration": self.iteration, "stage": self.stage, **self.values, "t_seconds": round(self.seconds, 3)}


class MetaIteration:
    """One meta-iteration on a workbench.

    Args:
        bench: the run's tools.
        learner: for the learning stage.
        reporter: shows progress.
        record: takes each stage's numbers.
        should_stop: asked between batches; a true answer ends the run at the next consistent cut.
    """

    def __init__(
        self,
        bench: Workbench,
        learner: Learner,
        reporter: Reporter,
        record: Callable[[StageRecord], None],
        should_stop: Callable[[], bool],
    ) -> None:
        self._bench = bench
        self._learner = learner
        self._reporter = reporter
        self._record = record
        self._should_stop = should_stop

    def run(self, state: RunState) -> tuple[RunState, list[Solution]]:
        """Do what is left of the state's meta-iteration.

        Returns:
            The state after it, or after as much of it as was done when asked to stop; and the new solutions.
        """
        found: list[Solution] = []
        if state.steps is None:
            programs = self._sample(state)
            if programs is None:
                return state, found
            executions = self._execute(state, programs)
            experiences = self._relabel(state, executions)
            found = self._find_solutions(state, executions)
            self._remember(state, experiences)
            self._score(state, executions, found)
            state.steps = []
        self._learn(state, state.steps)
        return state, found

    def _sample(self, state: RunState) -> list[SampledProgram] | None:
        """Draw programs for every search task; None when asked to stop, for a part of the tasks is no cut."""
        bench, start = self._bench, perf_counter()
        key = stage_key(bench.config.seed, state.iteration, "sample")
        programs: list[SampledProgram] = []
        sampling = bench.config.sampling
        wanted = len(bench.prompts) * sampling.samples_per_task
        sizes = {
            "sampling.prompts_per_batch": sampling.prompts_per_batch,
            "sampling.samples_per_task": sampling.samples_per_task,
        }
        with self._reporter.stage(f"{_name(state)}: sampling") as advance, _memory_explained(sizes):
            for batch in bench.sampler.sample(state.train.params, bench.prompts, key):
                programs.extend(batch)
                advance(len(programs), wanted)
                if self._stops_at("sample"):
                    return None
        checksums = {_checksum(program) for program in programs}
        state.sampled |= checksums
        state.num_sampled += len(programs)
        self._note(
            state,
            "sample",
            start,
            programs=len(programs),
            unique=len(checksums),
            finished_share=_share(p.finished for p in programs),
            mean_log_prob=round(float(np.mean([p.log_prob for p in programs])), 4),
        )
        return programs

    def _execute(self, state: RunState, programs: Sequence[SampledProgram]) -> list[Execution]:
        """Run each task's distinct programs on its demonstrations."""
        start = perf_counter()
        by_task: dict[str, list[str]] = {}
        for program in programs:
            by_task.setdefault(program.task_id, []).append(program.text)
        with self._reporter.stage(f"{_name(state)}: executing") as advance:
            fault_point("execute")
            executions = execute(by_task, self._bench.search_tasks, self._bench.pool, on_progress=advance)
        statuses = [outcome.status for execution in executions for outcome in execution.outcomes]
        shares = {
            f"{status.value}_share": _share(s is status for s in statuses) for status in Status if status in statuses
        }
        self._note(state, "execute", start, programs=len(executions), executions=len(statuses), **shares)
        return executions

    def _relabel(self, state: RunState, executions: Sequence[Execution]) -> list[Experience]:
        """Make experiences of what the programs really produced."""
        start, bench = perf_counter(), self._bench
        relabeled = [
            relabel(
                execution,
                bench.search_tasks[execution.task_id],
                bench.config.hindsight,
                origin="policy",
                iteration=state.iteration,
            )
            for execution in executions
        ]
        experiences = [experience for experience in relabeled if experience is not None]
        solving = sum(experience.demonstration_performance > 0 for experience in experiences)
        self._note(state, "relabel", start, experiences=len(experiences), solving=solving)
        return experiences

    def _find_solutions(self, state: RunState, executions: Sequence[Execution]) -> list[Solution]:
        """Run the programs that solve a demonstration on the tests, to score them, and keep the new ones."""
        start, bench = perf_counter(), self._bench
        solving = [
            (execution, solved)
            for execution in executions
            if any(solved := solved_demonstrations(execution, bench.search_tasks[execution.task_id]))
        ]
        unknown = [row for row in solving if state.solutions.known_tests(row[0].task_id, row[0].program) is None]
        jobs = [Job(programs=[e.program], grids=bench.search_tasks[e.task_id].test_inputs) for e, _ in unknown]
        found = []
        for (execution, solved), [outcomes] in zip(unknown, bench.pool.run(jobs), strict=True):
            wanted = bench.search_tasks[execution.task_id].test_outputs
            tests = tuple(outcome.grid == grid for outcome, grid in zip(outcomes, wanted, strict=True))
            candidate = Candidate(
                task_id=execution.task_id, program=execution.program, demonstrations=solved, tests=tests
            )
            found.append(Solution(candidate=candidate, origin="policy", iteration=state.iteration))
        new = state.solutions.add(found)
        self._note(state, "find", start, solving=len(solving), new=len(new))
        return new

    def _remember(self, state: RunState, experiences: Sequence[Experience]) -> None:
        """Add the experiences to the replay."""
        if not self._bench.config.replay.policy_experiences:
            return
        start = perf_counter()
        too_long = state.replay.add(experiences)
        size = len(state.replay["policy"])
        self._note(state, "replay", start, added=len(experiences) - too_long, too_long=too_long, size=size)

    def _score(self, state: RunState, executions: Sequence[Execution], new: Sequence[Solution]) -> None:
        """Count the solved tasks: so far, and by this meta-iteration's programs alone."""
        start, tasks = perf_counter(), self._bench.search_tasks
        report = state.solutions.report(tasks)
        report["policy_last"] = solve_report(current_candidates(state.solutions, executions), tasks)
        self._note(state, "score", start, **report)
        policy, last, both = report["policy"], report["policy_last"], report["cumulative"]
        self._reporter.say(
            f"{_name(state)}: solved by the policy {policy['demonstrations']} (demonstrations) / {policy['pass@3']} "
            f"(pass@3), in this meta-iteration {last['demonstrations']} / {last['pass@3']}, "
            f"with the mutants {both['demonstrations']} / {both['pass@3']}; {len(new)} new programs"
        )

    def _learn(self, state: RunState, taken: list[StepMetrics]) -> None:
        """Fine-tune on a draw from the replay; going on in the middle redraws the same rows and the same batches."""
        bench, start = self._bench, perf_counter()
        training, pretraining = bench.config.training, state.iteration == PRETRAINING
        draw = state.replay.draw(stage_rng(bench.config.seed, state.iteration, "draw"), train_only=pretraining)
        epochs = training.pretraining_epochs if pretraining else training.epochs
        plan = self._learner.plan(draw, epochs, stage_rng(bench.config.seed, state.iteration, "plan"))
        train = state.train
        if training.reset_optimizer and not taken and not pretraining:
            train = replace(train, opt_state=init_opt_state(bench.optimizer, bench.mesh, train.params))
        sizes = {"training.batch_size": training.batch_size, "text.prompt_buckets": bench.config.text.prompt_buckets}
        with self._reporter.stage(f"{_name(state)}: learning") as advance, _memory_explained(sizes):
            state.train, state.steps = self._learner.train(
                train,
                draw,
                plan,
                stage_key(bench.config.seed, state.iteration, "dropout"),
                taken=taken,
                should_stop=lambda: self._stops_at("learn"),
                on_progress=advance,
            )
        if len(state.steps) == len(plan):
            self._note_learning(state, start, draw, self._learner.summarize(draw, plan, state.steps))
            state.steps = None
            state.iteration += 1

    def _note_learning(self, state: RunState, start: float, draw: Draw, metrics: LearningMetrics) -> None:
        numbers = {k: round(v, 5) if isinstance(v, float) else v for k, v in asdict(metrics).items()}
        rows = {"experiences": len(draw), "policy_experiences": int((draw.origins == 2).sum())}
        self._note(state, "learn", start, **rows, mean_performance=round(draw.mean_performance(), 5), **numbers)
        losses = "" if metrics.loss is None else f", loss {metrics.loss:.3f}, at the end {metrics.final_loss:.3f}"
        self._reporter.say(f"{_name(state)}: learnt from {len(draw)} experiences in {metrics.num_steps} steps{losses}")

    def _stops_at(self, point: str) -> bool:
        fault_point(point)
        return self._should_stop()

    def _note(self, state: RunState, stage: str, start: float, **values: Any) -> None:
        self._record(StageRecord(iteration=state.iteration, stage=stage, seconds=perf_counter() - start, values=values))


@contextmanager
def _memory_explained(sizes: Mapping[str, Any]) -> Iterator[None]:
    """Turn the device's running out of memory into one line with the settings that decide what is needed."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        found = " and ".join(f"{key} {value}" for key, value in sizes.items())
        raise UserError(f"the device's memory doesn't suffice for {found}, expected a smaller one") from error


def current_candidates(solutions: SolutionTable, executions: Sequence[Execution]) -> list[Candidate]:
    """Return the candidates among one meta-iteration's programs, new or found before."""
    ran = {(execution.task_id, execution.program) for execution in executions}
    return [c for c in solutions.candidates("policy") if (c.task_id, c.program) in ran]


def stage_key(seed: int, iteration: int, stage: str) -> jax.Array:
    """Return the JAX key of one stage of one meta-iteration."""
    key = jax.random.fold_in(jax.random.key(seed), iteration - PRETRAINING)
    return jax.random.fold_in(key, zlib.crc32(stage.encode()))


def stage_rng(seed: int, iteration: int, stage: str) -> np.random.Generator:
    """Return the NumPy generator of one stage of one meta-iteration."""
    return np.random.default_rng([seed, iteration - PRETRAINING, zlib.crc32(stage.encode())])


def _checksum(program: SampledProgram) -> int:
    """Return 64 bits that tell (task, text) apart: 32 would collide a hundred times in a million programs."""
    text = f"{program.task_id}\n{program.text}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def _name(state: RunState) -> str:
    return "pretraining" if state.iteration == PRETRAINING else f"meta-iteration {state.iteration}"


def _share(flags: Any) -> float:
    values = list(flags)
    return round(sum(values) / len(values), 4) if values else 0.0
