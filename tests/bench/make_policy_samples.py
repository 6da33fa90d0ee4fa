"""Write codeit_jax/bench/data/policy_samples.json: what a trained policy samples for 50 tasks.

Run it only to change the benchmark on purpose: codeit-jax train --config configs/tiny_cpu.yaml --run-dir RUN seed=0
and then PYTHONPATH=. python tests/bench/make_policy_samples.py RUN
"""

import json
import sys
from pathlib import Path

import numpy as np

from codeit_jax.arc import TaskSet, load_tasks
from codeit_jax.bench.interpreter_work import NUM_SAMPLED_TASKS, SAMPLES_A_TASK, SAMPLES_FILE
from codeit_jax.inference.ranked_programs import draw_programs
from codeit_jax.inference.trained_policy import load_policy

SEED = 0


def choose_tasks(source):
    """Take some tasks at random, always the same."""
    tasks = load_tasks(source)
    chosen = np.random.default_rng(SEED).choice(len(tasks), NUM_SAMPLED_TASKS, replace=False)
    return TaskSet([tasks[int(k)] for k in chosen], source=source, snapshot=tasks.snapshot)


def main(run, source="arc1/evaluation"):
    """Sample as the run did, from its newest checkpoint."""
    policy, tasks = load_policy(Path(run), print), choose_tasks(source)
    drawn = draw_programs(policy, tasks, num_samples=SAMPLES_A_TASK, seed=SEED, advance=lambda *_: None)
    programs = {task.id: [program.text for program in drawn if program.task_id == task.id] for task in tasks}
    settings = policy.config.sampling
    origin = {
        "policy": f"configs/tiny_cpu.yaml, seed {policy.config.seed}, after {policy.iteration} meta-iterations",
        "sampling": f"temperature {settings.temperature}, top-k {settings.top_k}, {settings.grammar}, seed {SEED}",
        "tasks": source,
        "snapshot": tasks.snapshot,
    }
    SAMPLES_FILE.write_text(json.dumps({**origin, "programs": programs}, indent=1) + "\n", encoding="utf-8")
    print(f"{len(drawn)} programs, {SAMPLES_FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
