"""A policy's programs for tasks: sampled, run, and ranked by the paper's selection rule."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax

from codeit_jax.arc import TaskSet
from codeit_jax.evaluation import Candidate, select_candidates
from codeit_jax.inference.trained_policy import Policy
from codeit_jax.reporting.progress import Advance
from codeit_jax.run.components import encode_prompts, make_sampler
from codeit_jax.sampling import SampledProgram
from interpreter import InterpreterPool, Job, Outcome


@dataclass(frozen=True, kw_only=True)
class RankedProgram:
    """One distinct program for a task, drawn and run.

    Attributes:
        candidate: its text and what it reproduces; the tests are read to score only.
        count: how often it was drawn.
        log_prob: under the policy at temperature 1.
        outcomes: on each input of the task, the demonstrations' first.
    """

    candidate: Candidate
    count: int
    log_prob: float
    outcomes: tuple[Outcome, ...]


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
        programs += batch
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
                outcomes=tuple(row),
            )
            for (text, group), row in zip(draws[task.id].items(), rows, strict=True)
        ]
        for task, rows in zip(tasks, pool.run(jobs, on_progress=advance), strict=True)
    }


def rank(programs: Sequence[RankedProgram], count: int | None) -> list[RankedProgram]:
    """Return the best of one task's programs, by `select_candidates`: none without a demonstration reproduced.

    Args:
        programs: for one task, each text once.
        count: how many to return at most; None for all.
    """
    by_text = {program.candidate.program: program for program in programs}
    chosen = select_candidates([program.candidate for program in programs], count)
    return [by_text[candidate.program] for candidate in chosen]
