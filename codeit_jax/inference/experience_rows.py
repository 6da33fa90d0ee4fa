"""A run's relabeled examples as rows of a data set: what the policy's programs do on the tasks they were drawn for."""

import zlib
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from codeit_jax.arc import TaskSet, has_grid_size, load_tasks
from codeit_jax.config.errors import UserError
from codeit_jax.config.interpreter_limits import limits_from_config
from codeit_jax.reporting.run_reader import read_run_config
from codeit_jax.run.components import load_tokenizer
from codeit_jax.storage import checkpoint
from codeit_jax.storage.run_directory import RunDirectory
from codeit_jax.training.experience_replay import ORIGINS, ExperienceReplay
from interpreter import InterpreterPool, Job

_BLOCK = 1000


def experience_rows(run: Path, model: str, num_workers: int, say: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Yield a row for each experience of the policy in the replay of the newest whole checkpoint.

    Args:
        run: the run directory.
        model: what the rows say of the policy.
        num_workers: processes that run the programs again, for their grids.
        say: prints a line about damaged checkpoints, and about experiences that are left out.

    Yields:
        `task_id`, `code`, `train_input` (the demonstrations' inputs for which the program gives a grid), `train_output`
        (those grids, whatever the task wants), `priority` (share of the task's demonstrations that the program solves),
        `model`, `step` (meta-iteration), `origin`.

    Raises:
        UserError: no such run, none with a checkpoint, or its tokenizer's files or its tasks aren't there any more.
        StorageError: no checkpoint is whole.
    """
    config = read_run_config(run)
    saved = checkpoint.newest_whole(RunDirectory(run, "train", writes=False), say)
    if saved is None:
        raise UserError(f"{run}: found no checkpoint, expected a run that has saved one")
    tokenizer = load_tokenizer(config.text)
    replay = ExperienceReplay(config.replay, config.text, tokenizer)
    replay.load(saved.replay)
    tasks = load_tasks(config.data.search_tasks)[: config.data.num_search_tasks]
    items = replay["policy"].items()
    columns = zip(*(items.data[name] for name in ("home", "origin", "iteration", "performance")), strict=True)
    found = iter(
        _row(tokenizer.decode_program(program.tolist()), tasks, *map(float, column))
        for program, column in zip(items.data["program"], columns, strict=True)
    )
    left_out = 0
    with InterpreterPool(num_workers, limits_from_config(config.interpreter)) as pool:
        while block := list(islice(found, _BLOCK)):
            known = [row for row in block if row is not None]
            left_out += len(block) - len(known)
            jobs = [Job([row["code"]], tasks[row["task_id"]].demonstration_inputs) for row in known]
            for row, [outcomes] in zip(known, pool.run(jobs), strict=True):
                pairs = zip(tasks[row["task_id"]].demonstration_inputs, outcomes, strict=True)
                # As in the replay: in mode "codeit" a program may give what no prompt can show.
                valid = [(grid, out.grid) for grid, out in pairs if out.grid is not None and has_grid_size(out.grid)]
                grids = {"train_input": [grid for grid, _ in valid], "train_output": [grid for _, grid in valid]}
                yield {"task_id": row["task_id"], "code": row["code"], **grids, **row["about"], "model": model}
    if left_out:
        say(f"left out: {left_out} experiences whose program the decoder's window has truncated")


def _row(
    program: str, tasks: TaskSet, home: float, origin: float, iteration: float, performance: float
) -> dict[str, Any] | None:
    """Return an experience without its grids; None if its program isn't whole, so that no task has its checksum."""
    task_id = _task_of(program, tasks, int(home))
    if task_id is None:
        return None
    about = {"priority": performance, "step": int(iteration), "origin": ORIGINS[int(origin)]}
    return {"task_id": task_id, "code": program, "about": about}


def _task_of(program: str, tasks: TaskSet, checksum: int) -> str | None:
    """Return the task that a program was remembered for, by the checksum of both that its row in the replay has."""
    # The replay keeps no ids: 32 bits tell four hundred tasks apart but for one program in ten million.
    text = program.encode()
    return next((task.id for task in tasks if zlib.crc32(text, zlib.crc32(f"{task.id}\n".encode())) == checksum), None)
