"""Make the tuning split of the ARC-1 training tasks; prints the ids of `codeit_jax/arc/tuning_split.py`.

python -m tests.arc.make_tuning_split
"""

import textwrap

from codeit_jax.arc import load_tasks
from codeit_jax.programs import load_programs

NUM_TEST = 89


def tuning_test_ids() -> list[str]:
    """Return every 400/89th task, by the length of its built-in program and then by id; those without one come last."""
    lengths = {seed.task_id: len(seed.program) for seed in load_programs("builtin")}
    ids = sorted(
        (task.id for task in load_tasks("arc1/training")), key=lambda task_id: (lengths.get(task_id, 999), task_id)
    )
    return sorted(task_id for place, task_id in enumerate(ids) if place * NUM_TEST % len(ids) < NUM_TEST)


if __name__ == "__main__":
    print(textwrap.fill(" ".join(tuning_test_ids()), 110))
