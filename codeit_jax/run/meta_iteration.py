"""CodeIt's meta-iteration (paper, Algorithm 1): sample, execute, relabel, remember, score, learn.

A run that is interrupted anywhere resumes from its last checkpoint as if nothing had happened, because everything
random is a pure function of the seed, the meta-iteration and the place in it (see `state`).
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace

import numpy as np

from codeit_jax.evaluation import solve_report, solved_tasks
from codeit_jax.evaluation.screening import find_candidates
from codeit_jax.hindsight import (
    Execution,
    Experience,
    PendingExecutions,
    relabel_all,
    solved_demonstrations,
    submit_programs,
)
from codeit_jax.hindsight.executions import NO_GRID_SIZE
from codeit_jax.hindsight.grid_lines import line_experiences
from codeit_jax.run.components import Components
from codeit_jax.run.guided_stage import guided_mutation
from codeit_jax.run.initial_data import fresh_mutants
from codeit_jax.run.monitor import Monitor, StageNotes
from codeit_jax.run.sample_counts import length_histogram, primitive_uses, syntax_faults
from codeit_jax.run.state import PRETRAINING, RunState, Stage, programs_tried, stage_key, stage_rng
from codeit_jax.sampling import SampledProgram, with_canonical_texts
from codeit_jax.storage.faults import fault_point
from codeit_jax.training.batches import PlannedBatch
from codeit_jax.training.experience_replay import ORIGINS, Draw
from codeit_jax.training.learner import LearningMetrics
from codeit_jax.training.throughput import LearningTimes
from codeit_jax.training.train_step import TrainState, init_opt_state
from interpreter import Status


def meta_iteration(state: RunState, parts: Components, monitor: Monitor) -> RunState:
    """Do a meta-iteration, or what is left of one that was stopped while it was learning.

    Args:
        state: consumed: its arrays are donated, and its replay, table and set change in place.
        parts: what the run is built of.
        monitor: watches, and decides when to stop.

    Returns:
        The state before the next meta-iteration; or, when asked to stop, the last one that can be resumed.

    Raises:
        DivergedError: learning produced numbers that aren't finite.
        StorageError: new candidates can't be written.
        UserError: the devices' memory doesn't suffice.
    """
    config, iteration = parts.config, state.iteration
    if state.stage is Stage.SAMPLE:
        programs: list[SampledProgram] = []
        running: list[PendingExecutions] = []
        key = stage_key(config.seed, iteration, "sample")
        with monitor.stage(iteration, "sample", title="sampling") as stage:
            with monitor.devices(parts.sampling_sizes):
                for batch in parts.sampler.sample(parts.whole(state.train.params), parts.prompts, key):
                    batch = with_canonical_texts(batch, config.interpreter.mode)
                    programs += batch
                    running.append(submit(batch, parts))
                    stage.advance(len(programs), len(parts.prompts) * config.sampling.draws_per_task)
                    if monitor.should_stop("sample"):
                        return state  # programs for some of the tasks are nothing to resume from
            state = count_programs(state, programs, stage)
        executions = execute(state, running, parts, monitor)
        experiences = relabel(state, executions, parts, monitor)
        places = find_solutions(state, executions, parts, monitor)
        state, guided = guided_mutation(state, executions, parts, monitor)
        if config.replay.policy_experiences == "mutants":
            experiences = new_mutants(state, parts, monitor)
        remember(state, experiences + guided, parts, monitor)
        score(state, places, parts, monitor)
        state = replace(state, stage=Stage.LEARN)

    with monitor.stage(iteration, "learn", title="learning") as stage:
        draw, plan = plan_learning(state, parts)
        with monitor.devices(parts.learning_sizes):
            train, steps, times = parts.learner.learn(
                train_state(state, parts),
                draw,
                plan,
                stage_key(config.seed, iteration, "dropout"),
                taken=state.steps,
                should_stop=lambda: monitor.should_stop("learn"),
                on_progress=stage.advance,
            )
        # The arrays in `state.train` were donated: from here on only the new ones exist.
        state = replace(state, train=train, steps=tuple(steps))
        if len(steps) < len(plan):
            return state
        report_learning(state, draw, parts.learner.summarize(draw, plan, steps), times, stage, monitor)
        measure_held_out(state, parts, stage, monitor)
    return replace(state, iteration=iteration + 1, stage=Stage.SAMPLE, steps=())


def submit(batch: Sequence[SampledProgram], parts: Components) -> PendingExecutions:
    """Submit each task's programs for its demonstrations.

    The workers run this batch while the device draws the next; without `hardware.overlap`, wait for them.
    """
    by_task: dict[str, list[str]] = {}
    for program in batch:
        by_task.setdefault(program.task_id, []).append(program.text)
    pending = submit_programs(by_task, parts.search_tasks, parts.pool)
    if not parts.config.hardware.overlap:
        pending.result()  # kept by `pending`: `execute` asks for it again
    return pending


def count_programs(state: RunState, programs: Sequence[SampledProgram], stage: StageNotes) -> RunState:
    """Count the programs sampled, and the distinct ones of the whole run.

    Args:
        state: consumed; its set of checksums grows.
        programs: all samples of the meta-iteration.
        stage: notes the counts.
    """
    # Checksums, not texts: a run samples millions, and all that is asked of them is how many differ.
    checksums = {_checksum(program) for program in programs}
    state.sampled.update(checksums)
    stage.note(
        programs=len(programs),
        unique=len(checksums),
        finished_share=_share(p.finished for p in programs),
        mean_log_prob=round(float(np.mean([p.log_prob for p in programs])), 4),
        token_histogram=length_histogram(p.num_tokens for p in programs),
    )
    return replace(state, num_sampled=state.num_sampled + len(programs))


def execute(
    state: RunState, running: Sequence[PendingExecutions], parts: Components, monitor: Monitor
) -> list[Execution]:
    """Wait for the programs that were submitted; a batch has all samples of its tasks, so none ran twice.

    Args:
        state: before the executions; isn't changed.
        running: a batch each, in the order of submission.
        parts: of the run.
        monitor: watches.

    Returns:
        Each distinct program of a task once, by ascending task id and then in the order of sampling.
    """
    executions: list[Execution] = []
    with monitor.stage(state.iteration, "execute", title="executing") as stage:
        fault_point("execute")
        for number, batch in enumerate(running, start=1):
            executions.extend(batch.result())
            stage.advance(number, len(running))
        # Batches come by length of prompt. The order decides where rows are in the replay, and so what a seed draws:
        # it must not change with the buckets or the batch size.
        executions.sort(key=lambda execution: execution.task_id)
        # A number for each demonstration, not for each program: one program may fail on some inputs only.
        statuses = [outcome.status for execution in executions for outcome in execution.outcomes]
        shares = {
            f"{status.value}_share": _share(s is status for s in statuses) for status in Status if status in statuses
        }
        stage.note(programs=len(executions), executions=len(statuses), **shares)
        stage.note(syntax_faults=syntax_faults(executions), primitives=primitive_uses(executions))
        if parts.config.interpreter.mode == "codeit":
            outcomes = [outcome for execution in executions for outcome in execution.outcomes]
            stage.note(no_grid_size=sum(outcome.message == NO_GRID_SIZE for outcome in outcomes))
    return executions


def relabel(state: RunState, executions: Sequence[Execution], parts: Components, monitor: Monitor) -> list[Experience]:
    """Make experiences of what the programs really produced (paper, section 3.2).

    Args:
        state: isn't changed.
        executions: of the meta-iteration.
        parts: of the run.
        monitor: watches.

    Returns:
        An experience for each program that teaches something, in the order of the executions; then, if the setting
        asks for them, those of the programs' parts.
    """
    with monitor.stage(state.iteration, "relabel") as stage:
        experiences = relabel_all(
            executions,
            parts.search_tasks,
            parts.config.hindsight,
            origin="policy",
            iteration=state.iteration,
            order=parts.config.text.demonstration_order,
        )
        solving = sum(experience.demonstration_performance > 0 for experience in experiences)
        stage.note(experiences=len(experiences), solving=solving)
        if parts.config.hindsight.grid_lines:
            lines = line_experiences(
                executions,
                parts.search_tasks,
                parts.config.hindsight,
                pool=parts.pool,
                origin="policy",
                iteration=state.iteration,
                order=parts.config.text.demonstration_order,
            )
            stage.note(prefixes=len(lines.prefixes), suffixes=len(lines.suffixes))
            experiences += [*lines.prefixes, *lines.suffixes]
    return experiences


def find_solutions(state: RunState, executions: Sequence[Execution], parts: Components, monitor: Monitor) -> list[int]:
    """Keep the programs that solve a demonstration; the new ones run on the tests, to score them.

    Args:
        state: its table of solutions grows.
        executions: of the meta-iteration.
        parts: of the run.
        monitor: watches, and writes the new candidates.

    Returns:
        The places in the table of all that this meta-iteration sampled, new or found before.
    """
    tasks, table = parts.search_tasks, state.solutions
    with monitor.stage(state.iteration, "find") as stage:
        # Chosen by the demonstrations alone: the tests' outputs are compared with only now, to score.
        solving: dict[tuple[str, str], Execution] = {}
        for execution in executions:
            if any(solved_demonstrations(execution, tasks[execution.task_id])):
                solving.setdefault((execution.task_id, execution.program), execution)
        # What a program does is a function of its text: the candidate of an earlier meta-iteration still holds.
        found = find_candidates(
            {key: execution for key, execution in solving.items() if table.place("policy", *key) is None},
            tasks,
            state.initial_programs,
            pool=parts.pool,
            iteration=state.iteration,
            work=programs_tried(parts.config, len(state.initial_programs), state.iteration, guided=False),
        )
        new = table.add(map(table.with_guided_copies, found))
        places = [place for key in solving if (place := table.place("policy", *key)) is not None]
        stage.note(solving=len(solving), new=len(new))
    # At once, for whoever watches the file; killed before the next checkpoint, the run truncates it on resume.
    monitor.keep_solutions(new)
    monitor.keep_sampled(state.iteration, places)
    return places


def new_mutants(state: RunState, parts: Components, monitor: Monitor) -> list[Experience]:
    """Make mutants in place of the policy's programs, as many, and experiences of what they do (ablation A1)."""
    with monitor.stage(state.iteration, "mutate") as stage:
        experiences = fresh_mutants(parts, state.iteration)
        stage.note(experiences=len(experiences))
    return experiences


def remember(state: RunState, experiences: Sequence[Experience], parts: Components, monitor: Monitor) -> None:
    """Add the experiences to the replay, unless nothing is to be remembered.

    Args:
        state: its replay grows.
        experiences: of the meta-iteration.
        parts: of the run.
        monitor: watches.
    """
    if parts.config.replay.policy_experiences == "none":
        return
    with monitor.stage(state.iteration, "replay") as stage:
        too_long = state.replay.add(experiences)
        size = len(state.replay["policy"])
        stage.note(added=len(experiences) - too_long, too_long=too_long, size=size)


def score(state: RunState, places: Sequence[int], parts: Components, monitor: Monitor) -> None:
    """Count the solved tasks: so far, and by this meta-iteration's programs alone.

    Args:
        state: isn't changed.
        places: of this meta-iteration's programs in the table of solutions.
        parts: of the run.
        monitor: watches, and prints the counts.
    """
    with monitor.stage(state.iteration, "score") as stage:
        report = state.solutions.report(parts.search_tasks)
        sampled = [state.solutions[place] for place in places]
        report["policy_last"] = solve_report(sampled, parts.search_tasks)
        # The tasks behind the count of pass@3: what a meta-iteration's policy solves can be compared task by task.
        solved = [task.task_id for task in solved_tasks(sampled, parts.search_tasks) if "policy" in task.rows]
        stage.note(**report, policy_last_tasks=solved)
    counts = {row: columns["pass@3"] for row, columns in report.items()}
    monitor.say(
        f"{state.name}: tasks solved (pass@3) by the policy {counts['policy']}, by it alone {counts['policy_new']}, "
        f"in this meta-iteration {counts['policy_last']}, with seeds and mutants {counts['cumulative']}"
    )


def plan_learning(state: RunState, parts: Components) -> tuple[Draw, list[PlannedBatch]]:
    """Draw from the replay and lay out the batches of a learning stage.

    Args:
        state: isn't changed.
        parts: of the run.

    Returns:
        The rows, and the batches of all epochs.
    """
    training, iteration, seed = parts.config.training, state.iteration, parts.config.seed
    pretraining = iteration == PRETRAINING
    # Drawn again when a stage resumes in the middle, not saved: the replay hasn't changed since the stage began and
    # each generator depends on seed and place only, so that rows and batches are the same, bit for bit.
    draw = state.replay.draw(stage_rng(seed, iteration, "draw"), train_only=pretraining)
    epochs = training.pretraining_epochs if pretraining else training.epochs
    return draw, parts.learner.plan(draw, epochs, stage_rng(seed, iteration, "plan"))


def train_state(state: RunState, parts: Components) -> TrainState:
    """Return what a learning stage starts from: the released code begins each one with a fresh optimizer."""
    # Not in the middle of a stage: a resumed one continues with the moments that its first steps left.
    begins = state.iteration != PRETRAINING and not state.steps
    if not (begins and parts.config.training.reset_optimizer):
        return state.train
    return replace(state.train, opt_state=init_opt_state(parts.optimizer, parts.mesh, state.train.params))


def report_learning(
    state: RunState, draw: Draw, metrics: LearningMetrics, times: LearningTimes, stage: StageNotes, monitor: Monitor
) -> None:
    """Note a learning stage's numbers, and print a line of them.

    Args:
        state: after the stage.
        draw: what was learned from.
        metrics: functions of configuration and seed.
        times: of this call.
        stage: notes the numbers.
        monitor: knows how long the devices were idle; ask outside of its `devices`.
    """
    values = asdict(metrics) | asdict(times)
    numbers = {k: round(v, 5) if isinstance(v, float) else v for k, v in values.items()}
    stage.note(
        experiences=len(draw),
        policy_experiences=int((draw.origins == ORIGINS.index("policy")).sum()),
        mean_performance=round(draw.mean_performance(), 5),
        **numbers,
        # While the step compiles or the host makes batches, the devices are counted as busy but wait.
        t_idle_share=monitor.idle_share(times.t_compile_seconds + times.t_feed_seconds),
    )
    losses = "" if metrics.loss is None else f", loss {metrics.loss:.3f}, at the end {metrics.final_loss:.3f}"
    losses += f"; loss spikes: {metrics.num_spikes}" if metrics.num_spikes else ""
    monitor.say(f"{state.name}: learned from {len(draw)} experiences in {metrics.num_steps} steps{losses}")


def measure_held_out(state: RunState, parts: Components, stage: StageNotes, monitor: Monitor) -> None:
    """Note what held-out programs cost the policy, if any are held out, and print a line of it.

    Args:
        state: after the stage.
        parts: of the run.
        stage: notes the numbers.
        monitor: prints.
    """
    if parts.held_out is None:
        return
    metrics = parts.held_out.measure(parts.whole(state.train.params))
    stage.note(**{k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(metrics).items()})
    monitor.say(
        f"{state.name}: {metrics.held_out_programs} held-out programs cost {metrics.held_out_loss:.2f} nats each, "
        f"{metrics.task_information:.2f} less than given another task"
    )


def _checksum(program: SampledProgram) -> int:
    """Return 64 bits of (task, text): 32 would collide a hundred times in a million programs."""
    # blake2b, not hash(): that is salted in each process, and checkpoints hold these numbers.
    text = f"{program.task_id}\n{program.text}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def _share(flags: Iterable[bool]) -> float:
    values = list(flags)
    return round(sum(values) / len(values), 4) if values else 0.0
