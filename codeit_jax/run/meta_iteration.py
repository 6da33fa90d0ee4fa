"""CodeIt's meta-iteration (paper, Algorithm 1): sample, execute, relabel, replay, fine-tune, score.

A run interrupted anywhere goes on from its last checkpoint exactly as if nothing had happened, because everything
random is a pure function of the seed, the meta-iteration and the place in it (see `run_state`).
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from time import perf_counter
from typing import Any

import numpy as np

from codeit_jax.evaluation import Candidate, solve_report
from codeit_jax.evaluation.solutions import Solution, SolutionTable
from codeit_jax.hindsight import (
    Execution,
    Experience,
    PendingExecutions,
    relabel,
    solved_demonstrations,
    submit_programs,
)
from codeit_jax.reporting.progress import Reporter
from codeit_jax.run.components import Workbench
from codeit_jax.run.devices import DeviceClock, memory_explained
from codeit_jax.run.state import PRETRAINING, RunState, StageRecord, stage_key, stage_rng
from codeit_jax.sampling import SampledProgram
from codeit_jax.storage.faults import fault_point
from codeit_jax.training.experience_replay import Draw
from codeit_jax.training.learner import Learner, LearningMetrics
from codeit_jax.training.throughput import LearningTimes
from codeit_jax.training.train_step import StepMetrics, init_opt_state
from interpreter import Job, Status


class MetaIteration:
    """One meta-iteration on a workbench.

    Args:
        bench: the run's tools.
        learner: for the learning stage.
        reporter: shows progress.
        record: takes each stage's numbers.
        should_stop: asked between batches, `sample` or `learn`; if it says so, the run ends at the next consistent cut.
    """

    def __init__(
        self,
        bench: Workbench,
        learner: Learner,
        reporter: Reporter,
        record: Callable[[StageRecord], None],
        should_stop: Callable[[str], bool],
    ) -> None:
        self._bench = bench
        self._learner = learner
        self._reporter = reporter
        self._record = record
        self._should_stop = should_stop
        self._clock = DeviceClock()

    def run(self, state: RunState) -> tuple[RunState, list[Solution]]:
        """Do what is left of the state's meta-iteration.

        Returns:
            The state after it, or after as much of it as was done when asked to stop; and the new solutions.
        """
        found: list[Solution] = []
        if state.steps is None:
            pending = self._sample(state)
            if pending is None:
                return state, found
            executions = self._execute(state, pending)
            experiences = self._relabel(state, executions)
            found = self._find_solutions(state, executions)
            self._remember(state, experiences)
            self._score(state, executions, found)
            state.steps = []
        self._learn(state, state.steps)
        return state, found

    def _sample(self, state: RunState) -> list[PendingExecutions] | None:
        """Draw programs for every search task, and have each batch run while the device samples the next.

        Returns:
            The executions to come; None when asked to stop, for a part of the tasks is no cut.
        """
        bench, start = self._bench, perf_counter()
        key = stage_key(bench.config.seed, state.iteration, "sample")
        programs: list[SampledProgram] = []
        pending: list[PendingExecutions] = []
        sampling = bench.config.sampling
        wanted = len(bench.prompts) * sampling.samples_per_task
        sizes = {
            "sampling.prompts_per_batch": sampling.prompts_per_batch,
            "sampling.samples_per_task": sampling.samples_per_task,
        }
        with self._reporter.stage(f"{state.name}: sampling") as advance, memory_explained(sizes), self._clock.busy():
            for batch in bench.sampler.sample(state.train.params, bench.prompts, key):
                programs.extend(batch)
                if bench.config.hardware.overlap:
                    pending.append(self._submit(batch))
                advance(len(programs), wanted)
                if self._stops_at("sample"):
                    return None
        if not bench.config.hardware.overlap:
            pending.append(self._submit(programs))
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
        return pending

    def _submit(self, programs: Sequence[SampledProgram]) -> PendingExecutions:
        """Have each task's programs run on its demonstrations."""
        by_task: dict[str, list[str]] = {}
        for program in programs:
            by_task.setdefault(program.task_id, []).append(program.text)
        return submit_programs(by_task, self._bench.search_tasks, self._bench.pool)

    def _execute(self, state: RunState, pending: Sequence[PendingExecutions]) -> list[Execution]:
        """Wait for the programs that were submitted; a batch has all samples of its tasks, so none ran twice."""
        start = perf_counter()
        executions: list[Execution] = []
        with self._reporter.stage(f"{state.name}: executing") as advance:
            fault_point("execute")
            for number, batch in enumerate(pending, start=1):
                executions.extend(batch.result())
                advance(number, len(pending))
        executions.sort(key=lambda execution: execution.task_id)
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
            f"{state.name}: solved by the policy {policy['demonstrations']} (demonstrations) / {policy['pass@3']} "
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
        sizes = {
            "training.tokens_per_device": training.tokens_per_device,
            "text.prompt_buckets": bench.config.text.prompt_buckets,
        }
        with self._reporter.stage(f"{state.name}: learning") as advance, memory_explained(sizes), self._clock.busy():
            state.train, state.steps, times = self._learner.train(
                train,
                draw,
                plan,
                stage_key(bench.config.seed, state.iteration, "dropout"),
                taken=taken,
                should_stop=lambda: self._stops_at("learn"),
                on_progress=advance,
            )
        if len(state.steps) == len(plan):
            metrics = self._learner.summarize(draw, plan, state.steps)
            self._note_learning(state, start, draw, metrics, times)
            state.steps = None
            state.iteration += 1

    def _note_learning(
        self, state: RunState, start: float, draw: Draw, metrics: LearningMetrics, times: LearningTimes
    ) -> None:
        values = asdict(metrics) | asdict(times)
        numbers = {k: round(v, 5) if isinstance(v, float) else v for k, v in values.items()}
        rows = {"experiences": len(draw), "policy_experiences": int((draw.origins == 2).sum())}
        numbers["t_idle_share"] = self._clock.idle_share(times.t_compile_seconds + times.t_feed_seconds)
        self._note(state, "learn", start, **rows, mean_performance=round(draw.mean_performance(), 5), **numbers)
        losses = "" if metrics.loss is None else f", loss {metrics.loss:.3f}, at the end {metrics.final_loss:.3f}"
        losses += f"; {metrics.num_spikes} losses leapt" if metrics.num_spikes else ""
        self._reporter.say(f"{state.name}: learnt from {len(draw)} experiences in {metrics.num_steps} steps{losses}")

    def _stops_at(self, point: str) -> bool:
        fault_point(point)
        return self._should_stop(point)

    def _note(self, state: RunState, stage: str, start: float, **values: Any) -> None:
        self._record(StageRecord(iteration=state.iteration, stage=stage, seconds=perf_counter() - start, values=values))


def current_candidates(solutions: SolutionTable, executions: Sequence[Execution]) -> list[Candidate]:
    """Return the candidates among one meta-iteration's programs, new or found before."""
    ran = {(execution.task_id, execution.program) for execution in executions}
    return [c for c in solutions.candidates("policy") if (c.task_id, c.program) in ran]


def _checksum(program: SampledProgram) -> int:
    """Return 64 bits that tell (task, text) apart: 32 would collide a hundred times in a million programs."""
    text = f"{program.task_id}\n{program.text}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def _share(flags: Any) -> float:
    values = list(flags)
    return round(sum(values) / len(values), 4) if values else 0.0
