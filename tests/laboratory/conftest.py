"""Runs of which every number is known, on ten tasks."""

from pathlib import Path

import pytest

from tests.laboratory.made_runs import write_run, write_tasks

LONG = "x1 = rot180(I)\nx2 = vmirror(x1)\nx3 = identity(x2)\nO = identity(x3)"  # right, four lines
SHORT = "x1 = rot180(I)\nO = vmirror(x1)"  # right, two lines
RIGHT = "O = hmirror(I)"
WRONG = "O = identity(I)"


@pytest.fixture(scope="session")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of ten tasks, each solved by hmirror."""
    return write_tasks(tmp_path_factory.mktemp("laboratory") / "tasks")


@pytest.fixture(scope="session")
def runs(tasks: Path) -> Path:
    """A folder as of a sweep: two seeds as configured, two of ablation A3."""
    folder = tasks.parent / "sweep"
    seeds = [("t0", RIGHT, "seed", -1), ("t1", LONG, "mutant", -1)]
    policy = [
        *(("t1", LONG, "policy", 0), ("t2", LONG, "policy", 0)),
        *(("t2", SHORT, "policy", 1), ("t3", SHORT, "policy", 1)),
        *(("t2", RIGHT, "policy", 2), ("t3", SHORT, "policy", 2), ("t4", RIGHT, "policy", 2)),
    ]
    write_run(folder / "full-0", tasks, [*seeds, *policy])
    write_run(folder / "full-1", tasks, [*seeds, *policy[:3]], seed=1)
    for seed in (0, 1):
        write_run(folder / f"a3-{seed}", tasks, [*seeds, policy[1]], "replay.priority=uniform", seed=seed)
    return folder
