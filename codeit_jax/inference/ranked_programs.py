"""A policy's programs for tasks: sampled and run, to be ranked."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import jax

from codeit_jax.arc import TaskSet
from codeit_jax.evaluation import Candidate
from codeit_jax.evaluation.program_ranking import RankedProgram
from codeit_jax.hindsight.executions import arc_outcome
from codeit_jax.inference.trained_policy import Policy
from codeit_jax.reporting.progress import Advance
from codeit_jax.run.components import encode_prompts, make_sampler
from codeit_jax.sampling import SampledProgram, with_canonical_texts
from interpreter import InterpreterPool, Job


def draw_programs(
    policy: Policy, tasks: TaskSet, *, num_samples: int, temperature: float, seed: int, advance: Advance
) -> list[SampledProgram]:
    """Sample programs for every task; a task's don't depend on the other tasks.

    Args:
        policy: whose programs.
        tasks: only their demonstrations are read.
        num_samples: for each task; at temperature 0 one is drawn, as all would be the same.
        temperature: of the draws.
        seed: decides the draws.
        advance: called with programs drawn and programs in all.

    Returns:
        All draws, equal ones too.
    """
    sampling = replace(policy.config.sampling, samples_per_task=num_samples, temperature=temperature)
    # A batch compiles for as many prompts as there are: one task needs no sixteen.
    sampling = replace(sampling, prompts_per_batch=min(sampling.prompts_per_batch, len(tasks)))
    config = replace(policy.config, sampling=sampling)
    sampler = make_sampler(config, policy.model, policy.tokenizer, policy.mesh)
    programs: list[SampledProgram] = []
    # Prompts as in training: of as many demonstrations as the policy was shown.
    prompts = encode_prompts(tasks, policy.tokenizer, config)
    for batch in sampler.sample(policy.params, prompts, jax.random.key(seed)):
        programs += with_canonical_texts(batch, config.interpreter.mode)
        advance(len(programs), len(tasks) * sampling.draws_per_task)
    return programs


def run_programs(
    programs: Sequence[SampledProgram], tasks: TaskSet, pool: InterpreterPool, *, iteration: int, advance: Advance
) -> dict[str, list[RankedProgram]]:
    """Run each task's distinct programs on its demonstrations and tests.

    Args:
        programs: drawn for any of the tasks.
        tasks: theirs.
        pool: runs the programs.
        iteration: meta-iterations that the policy learned from.
        advance: called with executions done and in all.

    Returns:
        Task id -> its programs in the order of drawing; every task is there.
    """
    # Grouped in the order of drawing, which dicts keep: equal draws run once and are counted.
    draws: dict[str, defaultdict[str, list[SampledProgram]]] = {task.id: defaultdict(list) for task in tasks}
    for program in programs:
        draws[program.task_id][program.text].append(program)
    # On the tests too, whose outputs `Candidate` alone compares with; `rank` reads the demonstrations.
    jobs = [Job(list(draws[task.id]), task.inputs) for task in tasks]
    return {
        task.id: [
            RankedProgram(
                candidate=Candidate.from_outcomes(task, text, row, origin="policy", iteration=iteration),
                count=len(group),
                log_prob=group[0].log_prob,  # of equal texts; other tokens may spell the same, with another value
                outcomes=tuple(map(arc_outcome, row)),
            )
            for (text, group), row in zip(draws[task.id].items(), rows, strict=True)
        ]
        for task, rows in zip(tasks, pool.run(jobs, on_progress=advance), strict=True)
    }
