"""A policy's programs for tasks: sampled, run, and ranked by the paper's selection rule."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import jax

from codeit_jax.arc import Example, TaskSet
from codeit_jax.evaluation import Candidate, select_candidates
from codeit_jax.inference.trained_policy import Policy
from codeit_jax.reporting.progress import Advance
from codeit_jax.run.components import encode_prompts, make_sampler
from codeit_jax.sampling import SampledProgram
from interpreter import InterpreterPool, Job, Outcome


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One distinct program for a task.

    Attributes:
        candidate: its text and what it reproduces; the tests are read to score only.
        count: how often it was drawn.
        log_prob: under the policy at temperature 1.
        demonstrations: outcome on each demonstration input.
        tests: outcome on each test input.
    """

    candidate: Candidate
    count: int
    log_prob: float
    demonstrations: tuple[Outcome, ...]
    tests: tuple[Outcome, ...]


def draw_programs(
    policy: Policy, tasks: TaskSet, *, num_samples: int, seed: int, advance: Advance
) -> list[SampledProgram]:
    """Sample programs for every task; a task's don't depend on the other tasks.

    Args:
        policy: whose programs.
        tasks: only their demonstrations are read.
        num_samples: for each task.
        seed: decides the draws.
        advance: told of programs drawn and programs in all.
    """
    sampling = replace(policy.config.sampling, samples_per_task=num_samples)
    # A batch compiles for as many prompts as there are: one task needs no sixteen.
    sampling = replace(sampling, prompts_per_batch=min(sampling.prompts_per_batch, len(tasks)))
    config = replace(policy.config, sampling=sampling)
    sampler = make_sampler(config, policy.model, policy.tokenizer, policy.mesh)
    programs: list[SampledProgram] = []
    prompts = encode_prompts(tasks, policy.tokenizer, config)
    for batch in sampler.sample(policy.params, prompts, jax.random.key(seed)):
        programs += batch
        advance(len(programs), len(tasks) * num_samples)
    return programs


def run_programs(
    programs: Sequence[SampledProgram], tasks: TaskSet, pool: InterpreterPool, *, advance: Advance
) -> dict[str, list[Attempt]]:
    """Run each task's distinct programs on its demonstrations and tests.

    Returns:
        Task id -> its programs in the order of drawing; every task is there.
    """
    draws: dict[str, defaultdict[str, list[SampledProgram]]] = {task.id: defaultdict(list) for task in tasks}
    for program in programs:
        draws[program.task_id][program.text].append(program)
    jobs = [Job(list(draws[task.id]), task.inputs) for task in tasks]
    attempts: dict[str, list[Attempt]] = {}
    for task, rows in zip(tasks, pool.run(jobs, on_progress=advance), strict=True):
        num_shown = len(task.demonstrations)
        attempts[task.id] = [
            Attempt(
                candidate=Candidate(
                    task_id=task.id,
                    program=text,
                    demonstrations=_reproduced(task.demonstrations, row[:num_shown]),
                    tests=_reproduced(task.tests, row[num_shown:]),
                ),
                count=len(group),
                log_prob=group[0].log_prob,
                demonstrations=tuple(row[:num_shown]),
                tests=tuple(row[num_shown:]),
            )
            for (text, group), row in zip(draws[task.id].items(), rows, strict=True)
        ]
    return attempts


def select_attempts(attempts: Sequence[Attempt], count: int) -> list[Attempt]:
    """Return the best of one task's programs, by `select_candidates`: none without a demonstration reproduced."""
    by_text = {attempt.candidate.program: attempt for attempt in attempts}
    chosen = select_candidates([attempt.candidate for attempt in attempts], count)
    return [by_text[candidate.program] for candidate in chosen]


def _reproduced(examples: Sequence[Example], outcomes: Sequence[Outcome]) -> tuple[bool, ...]:
    return tuple(outcome.grid == example.output for example, outcome in zip(examples, outcomes, strict=True))
