"""The training partition: seed programs and their mutants, as experiences and as candidate solutions."""

from collections.abc import Sequence
from dataclasses import replace

from codeit_jax.arc import Grid
from codeit_jax.config.errors import UserError
from codeit_jax.config.interpreter_limits import limits_from_config
from codeit_jax.config.schema import HindsightConfig
from codeit_jax.evaluation import Candidate, solved_rows
from codeit_jax.hindsight import Execution, Experience, Origin, execute, relabel, relabel_all
from codeit_jax.hindsight.augmentation import augment
from codeit_jax.mutation import Accepted, Mutant, generate_mutants
from codeit_jax.programs import canonical_program
from codeit_jax.run.components import Components
from codeit_jax.run.first_stage import FirstStage
from codeit_jax.run.monitor import Monitor
from codeit_jax.run.state import PRETRAINING, stage_rng
from interpreter import Outcome, Program, Status

InitialProgram = tuple[Origin, Program]


def seed_experiences(parts: Components) -> list[Experience]:
    """Run the seed programs on their tasks.

    Raises:
        UserError: none gives a valid grid on any demonstration of its task.
    """
    by_task: dict[str, list[str]] = {}
    for seed in parts.seeds:
        by_task.setdefault(seed.task_id, []).append(str(seed.program))
    experiences = _relabeled(execute(by_task, parts.training_tasks, parts.pool), parts, origin="seed")
    if not experiences:
        raise UserError(
            f"{parts.config.data.seeds}: no program runs on its task's demonstrations, expected at least one"
        )
    return experiences


def initial_experiences(
    parts: Components, of_seeds: Sequence[Experience], mutants: Sequence[Accepted]
) -> tuple[list[Experience], list[InitialProgram]]:
    """Make the training partition of the seed programs and their mutants.

    Args:
        parts: of the run.
        of_seeds: the experiences of the seed programs.
        mutants: of the seed programs, with their outputs.

    Returns:
        An experience for each program, on its own task's demonstrations; and the programs, each canonical text once,
        the seeds first: for screening, and to tell what the policy only copies.
    """
    experiences = list(of_seeds)
    # Each text once, seeds first: a mutant that came out as a seed program counts as that.
    programs: dict[str, InitialProgram] = {}
    for seed in parts.seeds:
        canonical = canonical_program(seed.program.lines)
        programs.setdefault(str(canonical), ("seed", canonical))
    for mutant, outputs in mutants:
        canonical = canonical_program(mutant.program.lines)
        programs.setdefault(str(canonical), ("mutant", canonical))
        experiences.append(_mutant_experience(mutant, outputs, parts))
    # Of the programs' own tasks: so neither setting changes what the other gives.
    augmented = augment(experiences, parts.config.data.augment, seed=parts.config.seed, pool=parts.pool)
    experiences.extend(augmented)
    experiences.extend(_fresh_experiences(parts, list(programs.values())))
    return experiences, list(programs.values())


def fresh_mutants(parts: Components, iteration: int) -> list[Experience]:
    """Make `samples_per_task` mutants for each search task, and experiences of what they do there."""
    config, tasks = parts.config, parts.search_tasks
    each = config.sampling.samples_per_task
    seed = int(stage_rng(config.seed, iteration, "mutate").integers(1 << 32))
    mutants = generate_mutants(
        parts.seeds,
        parts.training_tasks,
        num_programs=each * len(tasks),
        seed=seed,
        pool=parts.pool,
        method=config.mutation.method,
        recipe=config.mutation.branch_probabilities,
        limits=limits_from_config(config.interpreter),
    ).mutants
    texts: dict[str, list[str]] = {}
    for number, mutant in enumerate(mutants):
        texts.setdefault(tasks[number // each].id, []).append(str(mutant.program))
    return relabel_all(
        execute(texts, tasks, parts.pool),
        tasks,
        config.hindsight,
        origin="mutant",
        iteration=iteration,
        order=config.text.demonstration_order,
    )


def screen_initial_programs(
    programs: Sequence[InitialProgram], first_stage: FirstStage, parts: Components, monitor: Monitor
) -> list[Candidate]:
    """Run seeds and mutants on the search tasks: what no policy is needed for (rows `seeds`, `mutants`).

    Args:
        programs: each text once.
        first_stage: runs them, and keeps what it finds.
        parts: of the run.
        monitor: watches.

    Returns:
        The programs that reproduce a demonstration; none unless `mutation.score_tasks` asks for them.
    """
    if not parts.config.mutation.score_tasks:
        return []
    title = f"{len(programs)} seeds and mutants on the search tasks"
    with monitor.stage(PRETRAINING, "screen", title=title) as stage:
        found = first_stage.candidates(programs, stage.advance)
        report = solved_rows(found, parts.search_tasks)
        stage.note(
            programs=len(programs),
            screen=parts.config.mutation.candidates,
            candidates=len(found),
            seeds=report["seeds"],
            mutants=report["mutants"],
        )
    seeds, mutants = report["seeds"], report["mutants"]
    monitor.say(
        f"solved by the seeds {seeds['demonstrations']} (demonstrations) / {seeds['pass@3']} (pass@3), "
        f"by their mutants {mutants['demonstrations']} / {mutants['pass@3']}"
    )
    return found


def _relabeled(executions: Sequence[Execution], parts: Components, *, origin: Origin) -> list[Experience]:
    """Make experiences of what programs do on training tasks."""
    return relabel_all(
        executions,
        parts.training_tasks,
        _relabeling(parts),
        origin=origin,
        iteration=PRETRAINING,
        order=parts.config.text.demonstration_order,
    )


def _relabeling(parts: Components) -> HindsightConfig:
    """Return the settings with relabeling."""
    # Training programs are always examples of what they do; ablation A2 is about what the policy samples.
    return replace(parts.config.hindsight, relabel=True, keep="some")


def _fresh_experiences(parts: Components, programs: list[InitialProgram]) -> list[Experience]:
    """Run programs on the demonstration inputs of random other tasks (`data.fresh_inputs` times each, on average).

    A program teaches something there if it gives a valid grid for every input and isn't the identity on all of them.
    """
    config = parts.config
    # A generator of its own: other draws of the pretraining stay what they are when this setting changes.
    rng = stage_rng(config.seed, PRETRAINING, "fresh")
    experiences = []
    for tasks in (parts.search_tasks, parts.training_tasks):
        # Half of the pairs on each set of tasks; of the search tasks only demonstrations.
        count = round(config.data.fresh_inputs * len(programs) / 2)
        drawn: dict[str, list[InitialProgram]] = {}
        for task, program in zip(
            rng.integers(len(tasks), size=count), rng.integers(len(programs), size=count), strict=True
        ):
            drawn.setdefault(tasks[int(task)].id, []).append(programs[program])
        # Executions come sorted by task, a text drawn twice only once: the origin has to be looked up.
        origins = {(task_id, str(program)): origin for task_id, rows in drawn.items() for origin, program in rows}
        texts = {task_id: [str(program) for _, program in rows] for task_id, rows in drawn.items()}
        for execution in execute(texts, tasks, parts.pool):
            task = tasks[execution.task_id]
            outputs = tuple(outcome.grid for outcome in execution.outcomes)
            if None in outputs or outputs == task.demonstration_inputs:
                continue
            origin = origins[execution.task_id, execution.program]
            order = config.text.demonstration_order
            experience = relabel(execution, task, _relabeling(parts), origin=origin, iteration=PRETRAINING, order=order)
            if experience is not None:
                experiences.append(experience)
    return experiences


def _mutant_experience(mutant: Mutant, outputs: Sequence[Grid], parts: Components) -> Experience:
    """Make an experience of what a mutant does on its parent's demonstrations."""
    # Nothing runs here: the generator ran the mutant on all demonstrations to accept it, and kept the outputs.
    outcomes = tuple(Outcome(Status.OK, output) for output in outputs)
    execution = Execution(task_id=mutant.task_id, program=str(mutant.program), outcomes=outcomes)
    [experience] = _relabeled([execution], parts, origin="mutant")
    return experience
