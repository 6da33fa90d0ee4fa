"""The training partition: seed programs and their mutants, as experiences and as candidate solutions."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter

from codeit_jax.arc import Example, Grid
from codeit_jax.config.errors import UserError
from codeit_jax.config.interpreter_limits import limits_from_config
from codeit_jax.config.schema import HindsightConfig
from codeit_jax.evaluation import solve_report
from codeit_jax.evaluation.screening import screen_programs
from codeit_jax.evaluation.solutions import Solution
from codeit_jax.hindsight import Experience, Origin, execute, relabel
from codeit_jax.hindsight.augmentation import augment
from codeit_jax.mutation import Mutant, generate_mutants
from codeit_jax.reporting.progress import Reporter
from codeit_jax.run.components import Workbench
from codeit_jax.run.state import PRETRAINING, StageRecord, stage_rng
from interpreter import Program

InitialProgram = tuple[Origin, Program]


def initial_experiences(bench: Workbench, reporter: Reporter) -> tuple[list[Experience], list[InitialProgram]]:
    """Run the seed programs on their tasks and make mutants of them.

    Returns:
        An experience for each program, on its own task's demonstrations; and the programs, each text once, for
        screening.

    Raises:
        UserError: no seed program gives a valid grid on any demonstration of its task.
    """
    experiences = _seed_experiences(bench)
    if not experiences:
        raise UserError(
            f"{bench.config.data.seeds}: no program runs on its task's demonstrations, expected at least one"
        )
    programs: dict[str, InitialProgram] = {str(seed.program): ("seed", seed.program) for seed in bench.seeds}
    mutation = bench.config.mutation
    kind = f"{mutation.method}, branch probabilities: {mutation.branch_probabilities}"
    reporter.say(f"making {mutation.num_programs} mutants ({kind})")
    accepted = generate_mutants(
        bench.seeds,
        bench.training_tasks,
        num_programs=mutation.num_programs,
        seed=bench.config.seed,
        pool=bench.pool,
        method=mutation.method,
        recipe=mutation.branch_probabilities,
        limits=limits_from_config(bench.config.interpreter),
    ).accepted
    for mutant, outputs in accepted:
        programs.setdefault(str(mutant.program), ("mutant", mutant.program))
        experiences.append(_mutant_experience(mutant, outputs, bench))
    # Of the programs' own tasks: so neither setting changes what the other gives.
    augmented = augment(experiences, bench.config.data.augment, seed=bench.config.seed, pool=bench.pool)
    experiences.extend(augmented)
    experiences.extend(_fresh_experiences(bench, list(programs.values())))
    return experiences, list(programs.values())


def screen_initial_programs(
    bench: Workbench, programs: list[InitialProgram], reporter: Reporter, record: Callable[[StageRecord], None]
) -> list[Solution]:
    """Run seeds and mutants on the search tasks: what mutation alone solves (rows `mutants` and `cumulative`)."""
    if not bench.config.mutation.score_tasks:
        return []
    start = perf_counter()
    with reporter.stage(f"{len(programs)} seeds and mutants on the search tasks") as advance:
        screened = screen_programs(
            [program for _, program in programs], bench.search_tasks, pool=bench.pool, on_progress=advance
        )
    solutions = [
        Solution(candidate=entry.candidate, origin=programs[entry.position][0], iteration=PRETRAINING)
        for entry in screened
    ]
    report = solve_report([entry.candidate for entry in screened], bench.search_tasks)
    record(
        StageRecord(
            iteration=PRETRAINING,
            stage="screen",
            seconds=perf_counter() - start,
            values={"programs": len(programs), "mutants": report},
        )
    )
    reporter.say(f"seeds and mutants solve {report['demonstrations']} (demonstrations) / {report['pass@3']} (pass@3)")
    return solutions


def _relabeling(bench: Workbench) -> HindsightConfig:
    """Training programs are always examples of what they do; the ablation is about what the policy samples."""
    return replace(bench.config.hindsight, relabel=True)


def _seed_experiences(bench: Workbench) -> list[Experience]:
    by_task: dict[str, list[str]] = {}
    for seed in bench.seeds:
        by_task.setdefault(seed.task_id, []).append(str(seed.program))
    relabeled = [
        relabel(
            execution,
            bench.training_tasks[execution.task_id],
            _relabeling(bench),
            origin="seed",
            iteration=PRETRAINING,
        )
        for execution in execute(by_task, bench.training_tasks, bench.pool)
    ]
    return [experience for experience in relabeled if experience is not None]


def _fresh_experiences(bench: Workbench, programs: list[InitialProgram]) -> list[Experience]:
    """Run programs on the demonstration inputs of random other tasks (`data.fresh_inputs` times each, on average).

    A program teaches something there if it gives a valid grid for every input and isn't the identity on all of them.
    """
    config = bench.config
    rng = stage_rng(config.seed, PRETRAINING, "fresh")
    experiences = []
    for tasks in (bench.search_tasks, bench.training_tasks):
        count = round(config.data.fresh_inputs * len(programs) / 2)
        drawn: dict[str, list[InitialProgram]] = {}
        for task, program in zip(
            rng.integers(len(tasks), size=count), rng.integers(len(programs), size=count), strict=True
        ):
            drawn.setdefault(tasks[int(task)].id, []).append(programs[program])
        origins = {(task_id, str(program)): origin for task_id, rows in drawn.items() for origin, program in rows}
        texts = {task_id: [str(program) for _, program in rows] for task_id, rows in drawn.items()}
        for execution in execute(texts, tasks, bench.pool):
            task = tasks[execution.task_id]
            outputs = tuple(outcome.grid for outcome in execution.outcomes)
            if None in outputs or outputs == task.demonstration_inputs:
                continue
            origin = origins[execution.task_id, execution.program]
            experience = relabel(execution, task, _relabeling(bench), origin=origin, iteration=PRETRAINING)
            if experience is not None:
                experiences.append(experience)
    return experiences


def _mutant_experience(mutant: Mutant, outputs: Sequence[Grid], bench: Workbench) -> Experience:
    """Make an experience of what a mutant does on its parent's demonstrations."""
    shown = slice(bench.config.hindsight.num_demonstrations)
    task = bench.training_tasks[mutant.task_id]
    pairs = list(zip(task.demonstration_inputs, outputs, strict=True))[shown]
    solved = [output == wanted.output for (_, output), wanted in zip(pairs, task.demonstrations[shown], strict=True)]
    return Experience(
        task_id=mutant.task_id,
        program=str(mutant.program),
        examples=tuple(Example(input=grid, output=output) for grid, output in pairs),
        demonstration_performance=sum(solved) / len(solved),
        origin="mutant",
        iteration=PRETRAINING,
    )
