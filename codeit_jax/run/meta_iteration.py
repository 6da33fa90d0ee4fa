"""CodeIt's meta-iteration (paper, Algorithm 1): sample, execute, relabel, remember, score, learn.

A run that is interrupted anywhere resumes from its last checkpoint as if nothing had happened, because everything
random is a pure function of the seed, the meta-iteration and the place in it (see `state`).
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace

import numpy as np

from codeit_jax.evaluation import solve_report
from codeit_jax.evaluation.screening import find_candidates
from codeit_jax.hindsight import (
    Execution,
    Experience,
    PendingExecutions,
    relabel_all,
    solved_demonstrations,
    submit_programs,
)
from codeit_jax.programs import canonical_text
from codeit_jax.run.components import Components
from codeit_jax.run.monitor import Monitor, StageNotes
from codeit_jax.run.state import PRETRAINING, RunState, Stage, stage_key, stage_rng
from codeit_jax.sampling import SampledProgram
from codeit_jax.storage.faults import fault_point
from codeit_jax.training.experience_replay import ORIGINS, Draw
from codeit_jax.training.learner import LearningMetrics
from codeit_jax.training.throughput import LearningTimes
from codeit_jax.training.train_step import TrainState, init_opt_state
from interpreter import Status


def meta_iteration(state: RunState, parts: Components, monitor: Monitor) -> RunState:
    """Do a meta-iteration, or what is left of one that was stopped while it was learning.

    Args:
        state: used up.
        parts: what the run is built of.
        monitor: watches, and says when to stop.

    Returns:
        The state before the next meta-iteration; or, when asked to stop, the last one that can be resumed.

    Raises:
        DivergedError: learning produced numbers that aren't finite.
        UserError: the devices' memory doesn't suffice.
    """
    config, iteration = parts.config, state.iteration
    if state.stage is Stage.SAMPLE:
        programs: list[SampledProgram] = []
        running: list[PendingExecutions] = []
        with monitor.stage(iteration, "sample", title="sampling", device=parts.sampling_sizes) as stage:
            key = stage_key(config.seed, iteration, "sample")
            for batch in parts.sampler.sample(state.train.params, parts.prompts, key):
                programs += batch
                # The workers run this batch while the device draws the next.
                running.append(submit(batch, parts))
                stage.advance(len(programs), len(parts.prompts) * config.sampling.samples_per_task)
                if monitor.should_stop("sample"):
                    return state  # programs for some of the tasks are nothing to resume from
            state = count_programs(state, programs, stage)
        executions = execute(state, running, monitor)
        experiences = relabel(state, executions, parts, monitor)
        places = find_solutions(state, executions, parts, monitor)
        if config.replay.policy_experiences:
            remember(state, experiences, monitor)
        score(state, places, parts, monitor)
        state = replace(state, stage=Stage.LEARN)

    pretraining = iteration == PRETRAINING
    with monitor.stage(iteration, "learn", title="learning", device=parts.learning_sizes) as stage:
        # A stage that resumes in the middle draws the same rows, plans the same batches, and takes the steps left.
        draw = state.replay.draw(stage_rng(config.seed, iteration, "draw"), train_only=pretraining)
        epochs = config.training.pretraining_epochs if pretraining else config.training.epochs
        plan = parts.learner.plan(draw, epochs, stage_rng(config.seed, iteration, "plan"))
        train, steps, times = parts.learner.learn(
            train_state(state, parts),
            draw,
            plan,
            stage_key(config.seed, iteration, "dropout"),
            taken=state.steps,
            should_stop=lambda: monitor.should_stop("learn"),
            on_progress=stage.advance,
        )
        state = replace(state, train=train, steps=tuple(steps))
        if len(steps) < len(plan):
            return state
        report_learning(state, draw, parts.learner.summarize(draw, plan, steps), times, stage, monitor)
    return replace(state, iteration=iteration + 1, stage=Stage.SAMPLE, steps=())


def submit(batch: Sequence[SampledProgram], parts: Components) -> PendingExecutions:
    """Have each task's programs run on its demonstrations; without `overlap`, wait for them."""
    by_task: dict[str, list[str]] = {}
    for program in batch:
        by_task.setdefault(program.task_id, []).append(program.text)
    pending = submit_programs(by_task, parts.search_tasks, parts.pool)
    if not parts.config.hardware.overlap:
        pending.result()
    return pending


def count_programs(state: RunState, programs: Sequence[SampledProgram], stage: StageNotes) -> RunState:
    """Count the programs sampled, and the distinct ones of the whole run."""
    checksums = {_checksum(program) for program in programs}
    state.sampled.update(checksums)
    stage.note(
        programs=len(programs),
        unique=len(checksums),
        finished_share=_share(p.finished for p in programs),
        mean_log_prob=round(float(np.mean([p.log_prob for p in programs])), 4),
    )
    return replace(state, num_sampled=state.num_sampled + len(programs))


def execute(state: RunState, running: Sequence[PendingExecutions], monitor: Monitor) -> list[Execution]:
    """Wait for the programs that were submitted; a batch has all samples of its tasks, so none ran twice."""
    executions: list[Execution] = []
    with monitor.stage(state.iteration, "execute", title="executing") as stage:
        fault_point("execute")
        for number, batch in enumerate(running, start=1):
            executions.extend(batch.result())
            stage.advance(number, len(running))
        # Batches come by length of prompt; what follows must not depend on that.
        executions.sort(key=lambda execution: execution.task_id)
        statuses = [outcome.status for execution in executions for outcome in execution.outcomes]
        shares = {
            f"{status.value}_share": _share(s is status for s in statuses) for status in Status if status in statuses
        }
        stage.note(programs=len(executions), executions=len(statuses), **shares)
    return executions


def relabel(state: RunState, executions: Sequence[Execution], parts: Components, monitor: Monitor) -> list[Experience]:
    """Make experiences of what the programs really produced (paper, section 3.2)."""
    with monitor.stage(state.iteration, "relabel") as stage:
        experiences = relabel_all(
            executions, parts.search_tasks, parts.config.hindsight, origin="policy", iteration=state.iteration
        )
        solving = sum(experience.demonstration_performance > 0 for experience in experiences)
        stage.note(experiences=len(experiences), solving=solving)
    return experiences


def find_solutions(state: RunState, executions: Sequence[Execution], parts: Components, monitor: Monitor) -> list[int]:
    """Keep the programs that solve a demonstration; the new ones run on the tests, to score them.

    Returns:
        The places in the table of all that this meta-iteration sampled, new or found before.
    """
    tasks, table, mode = parts.search_tasks, state.solutions, parts.config.interpreter.mode
    with monitor.stage(state.iteration, "find") as stage:
        # By canonical text: programs that differ in their variables' names only are one.
        solving: dict[tuple[str, str], Execution] = {}
        for execution in executions:
            if any(solved_demonstrations(execution, tasks[execution.task_id])):
                solving.setdefault((execution.task_id, canonical_text(execution.program, mode)), execution)
        found = find_candidates(
            {key: execution for key, execution in solving.items() if table.place("policy", *key) is None},
            tasks,
            state.initial_programs,
            pool=parts.pool,
            iteration=state.iteration,
            work=programs_tried(state, parts),
        )
        new = table.add(found)
        places = [place for key in solving if (place := table.place("policy", *key)) is not None]
        stage.note(solving=len(solving), new=len(new))
    monitor.keep_solutions(new)
    monitor.keep_sampled(state.iteration, places)
    return places


def programs_tried(state: RunState, parts: Components) -> int:
    """Return how many programs have been tried for each task, this meta-iteration's samples included."""
    screened = len(state.initial_programs) if parts.config.mutation.score_tasks else 0
    return screened + (state.iteration + 1) * parts.config.sampling.samples_per_task


def remember(state: RunState, experiences: Sequence[Experience], monitor: Monitor) -> None:
    """Add the experiences to the replay."""
    with monitor.stage(state.iteration, "replay") as stage:
        too_long = state.replay.add(experiences)
        size = len(state.replay["policy"])
        stage.note(added=len(experiences) - too_long, too_long=too_long, size=size)


def score(state: RunState, places: Sequence[int], parts: Components, monitor: Monitor) -> None:
    """Count the solved tasks: so far, and by this meta-iteration's programs alone."""
    with monitor.stage(state.iteration, "score") as stage:
        report = state.solutions.report(parts.search_tasks)
        report["policy_last"] = solve_report([state.solutions[place] for place in places], parts.search_tasks)
        stage.note(**report)
    solved = {row: counts["pass@3"] for row, counts in report.items()}
    monitor.say(
        f"{state.name}: tasks solved (pass@3) by the policy {solved['policy']}, by it alone {solved['policy_new']}, "
        f"in this meta-iteration {solved['policy_last']}, with seeds and mutants {solved['cumulative']}"
    )


def train_state(state: RunState, parts: Components) -> TrainState:
    """Return what a learning stage starts from: the released code begins each one with a fresh optimizer."""
    begins = state.iteration != PRETRAINING and not state.steps
    if not (begins and parts.config.training.reset_optimizer):
        return state.train
    return replace(state.train, opt_state=init_opt_state(parts.optimizer, parts.mesh, state.train.params))


def report_learning(
    state: RunState, draw: Draw, metrics: LearningMetrics, times: LearningTimes, stage: StageNotes, monitor: Monitor
) -> None:
    """Note a learning stage's numbers, and say them in a line."""
    values = asdict(metrics) | asdict(times)
    numbers = {k: round(v, 5) if isinstance(v, float) else v for k, v in values.items()}
    stage.note(
        experiences=len(draw),
        policy_experiences=int((draw.origins == ORIGINS.index("policy")).sum()),
        mean_performance=round(draw.mean_performance(), 5),
        **numbers,
        t_idle_share=monitor.idle_share(times.t_compile_seconds + times.t_feed_seconds),
    )
    losses = "" if metrics.loss is None else f", loss {metrics.loss:.3f}, at the end {metrics.final_loss:.3f}"
    losses += f"; loss spikes: {metrics.num_spikes}" if metrics.num_spikes else ""
    monitor.say(f"{state.name}: learnt from {len(draw)} experiences in {metrics.num_steps} steps{losses}")


def _checksum(program: SampledProgram) -> int:
    """Return 64 bits that tell (task, text) apart: 32 would collide a hundred times in a million programs."""
    text = f"{program.task_id}\n{program.text}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def _share(flags: Iterable[bool]) -> float:
    values = list(flags)
    return round(sum(values) / len(values), 4) if values else 0.0
