"""A tiny configuration: six tasks of four cells, a network of 31,000 weights, a second a run once it is compiled."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.run.tiny_run import Ended, Tiny, one_device

TRANSFORMS = {
    "hmirror": np.flipud,
    "vmirror": np.fliplr,
    "dmirror": np.transpose,
    "rot180": lambda grid: np.rot90(grid, 2),
    "rot90": lambda grid: np.rot90(grid, -1),
    "rot270": np.rot90,
}
CONFIG = """\
num_meta_iterations: 2
data: {{search_tasks: {tasks}, training_tasks: {tasks}, seeds: {programs}}}
mutation: {{num_programs: 10}}
text: {{prompt_buckets: [64], program_buckets: [16]}}
model: {{d_model: 16, d_ff: 32, d_kv: 8, num_heads: 2, num_encoder_layers: 1, num_decoder_layers: 1, dropout: 0.0}}
sampling: {{samples_per_task: 8, top_k: 50, prompts_per_batch: 2, grammar: typed}}
replay: {{draw: without_replacement, num_policy_experiences: 16, num_train_experiences: 16, capacity: 4096}}
training: {{learning_rate: 1.0e-2, batch_size: 8, pretraining_epochs: 10, clip_norm: 1.0}}
interpreter: {{num_workers: 1}}
hardware: {{platform: cpu, compilation_cache: {cache}}}
"""


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Six tasks, a seed program for each, and a compilation cache that all runs share."""
    folder = tmp_path_factory.mktemp("tiny")
    rng = np.random.default_rng(0)
    tasks = folder / "tasks"
    tasks.mkdir()
    for number, transform in enumerate(TRANSFORMS.values()):
        grids = [rng.integers(1, 10, size=(2, 2)) for _ in range(3)]
        pairs = [{"input": grid.tolist(), "output": transform(grid).tolist()} for grid in grids]
        (tasks / f"task{number}.json").write_text(json.dumps({"train": pairs[:2], "test": pairs[2:]}))
    programs = folder / "programs.py"
    texts = [f"def solve_task{n}(I):\n    O = {name}(I)\n    return O\n" for n, name in enumerate(TRANSFORMS)]
    programs.write_text("\n\n".join(texts))
    config = folder / "tiny.yaml"
    config.write_text(CONFIG.format(tasks=tasks, programs=programs, cache=folder / "cache"))
    return Tiny(config)


@pytest.fixture(autouse=True)
def _one_device() -> Iterator[None]:
    with one_device():
        yield


@pytest.fixture(scope="session")
def whole_process(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """The directory of an uninterrupted run in a process of its own, and how that ended."""
    directory = tmp_path_factory.mktemp("whole") / "process"
    return directory, tiny.process(directory, PYTHONHASHSEED="0")


@pytest.fixture(scope="session")
def whole(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a run that nothing interrupted."""
    directory = tmp_path_factory.mktemp("whole") / "run"
    with one_device():
        assert tiny(directory).code == 0
    return directory
