"""Attacks from outside, seeded: whatever files and words a command is given, it does what is right or says one line.

`pytest -m attack -s` makes all of them and prints figures; a few of each kind are in the default run.
"""

import json
import shutil
from random import Random

import pytest

from codeit_jax.config.loading import to_yaml
from codeit_jax.config.presets import find_config_file
from codeit_jax.config.schema import Config
from tests.attack.damage import HOSTILE_TEXTS, LINE_ENDS, PLACES, change_json, damage, hostile_value, place, remove
from tests.attack.outcomes import Tally, drive, spawn

SEED = 20_240_721
GRIDS = ([[1, 2], [3, 0]], [[5, 5, 0]])
PAIRS = [{"input": grid, "output": grid[::-1]} for grid in GRIDS]
TASK = {"train": PAIRS, "test": PAIRS[:1]}
PROGRAMS = "def solve_task(I):\n    x1 = identity(I)\n    O = hmirror(x1)\n    return O\n"
CONFIG = """\
# what a run has
base: smoke.yaml
seed: 3
data: {search_tasks: arc1/evaluation, num_search_tasks: 5}
training:
  learning_rate: 1.0e-4
  batch_size: 8
sampling: {temperature: 0.8, grammar: off}
text: {prompt_buckets: [64, 128]}
"""
FULL = pytest.mark.attack
SIZES = [pytest.param(0.08, id="some"), pytest.param(1.0, id="all", marks=FULL)]


@pytest.fixture
def files(tmp_path):
    """Write what the commands are given when nothing is wrong."""
    (tmp_path / "task.json").write_text(json.dumps(TASK))
    (tmp_path / "programs.py").write_text(PROGRAMS)
    (tmp_path / "config.yaml").write_text(CONFIG)
    shutil.copy(find_config_file("smoke"), tmp_path / "smoke.yaml")
    return tmp_path


def check(files, *, programs="programs.py", tasks="task.json"):
    return ["programs", "check", str(files / programs), "--tasks", str(files / tasks), "--workers", "1", "--json"]


def is_task(content):
    """Return by the plainest means whether a file holds one task, the oracle of what must be read."""

    def is_grid(grid):
        rows = isinstance(grid, list) and 0 < len(grid) <= 30 and all(isinstance(row, list) for row in grid)
        return rows and all(
            0 < len(row) <= 30 and len(row) == len(grid[0]) and all(type(c) is int and 0 <= c <= 9 for c in row)
            for row in grid
        )

    def unique(pairs):
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    try:
        task = json.loads(content, object_pairs_hook=unique)
        return all(
            task[part] and isinstance(task[part], list) and all(is_grid(pair[side]) for side in ("input", "output"))
            for part in ("train", "test")
            for pair in task[part]
        ) and bool(task["train"] and task["test"])
    except (ValueError, AssertionError, LookupError, TypeError, RecursionError):
        return False


@pytest.mark.parametrize("share", SIZES)
def test_task_files(files, share):
    tally, rng, path = Tally("task files"), Random(SEED), files / "task.json"
    whole = path.read_bytes()
    for number in range(round(93 * share)):
        content = (change_json if number % 2 else damage)(whole, rng)
        path.write_bytes(content)
        # A file can also be another set of tasks, by ids: then none of its tasks is this program's.
        tally.add(f"{number} {content[:80]!r}", drive(check(files)), (0,) if is_task(content) else (0, 2))
    for kind in PLACES if share == 1 else PLACES[:2]:
        place(kind, path)
        tally.add(kind, drive(check(files)), (2,))
        remove(path)
    tally.finish()


@pytest.mark.parametrize("share", SIZES)
def test_configurations(files, share):
    tally, rng, path = Tally("configurations"), Random(SEED + 1), files / "config.yaml"
    keys = [line.split(":")[0].strip() for line in to_yaml(Config()).splitlines()]
    for number in range(round(93 * share)):
        if number % 3 == 0:
            content = damage(CONFIG.encode(), rng)
        elif number % 3 == 1:
            content = f"{rng.choice(keys)}: {json.dumps(hostile_value(rng))}\n".encode("utf-8", "surrogatepass")
        else:
            section = rng.choice(["training", "data", "sampling", "hardware", "model", "interpreter"])
            key = rng.choice(keys)
            content = f"{section}:\n  {key}: {json.dumps(hostile_value(rng))}\n".encode("utf-8", "surrogatepass")
        path.write_bytes(content)
        tally.add(f"{number} {content[:80]!r}", drive(["config", "show", "--config", str(path)]), (0, 2))
    for kind in PLACES if share == 1 else PLACES[:2]:
        place(kind, path)
        tally.add(kind, drive(["config", "show", "--config", str(path)]), (2,))
        remove(path)
    tally.finish()


@pytest.mark.parametrize("share", SIZES)
def test_programs_files(files, share):
    tally, rng, path = Tally("programs files"), Random(SEED + 2), files / "programs.py"
    words = ["(", ")", ",", " = ", "I", "O", "x1", "hmirror", "lambda", "import os", "return O", "#", "'", '"""', "\\"]
    words += [*LINE_ENDS, *HOSTILE_TEXTS, "x" * 9000, "(0, 0)", "9" * 5000, "__import__('os')", "def solve_task(I):"]
    for number in range(round(53 * share)):
        content = damage(PROGRAMS.encode(), rng)
        if number % 2:
            text, spot = PROGRAMS, rng.randrange(len(PROGRAMS))
            content = (text[:spot] + rng.choice(words) + text[spot:]).encode("utf-8", "surrogatepass")
        path.write_bytes(content)
        ended = drive(check(files))
        tally.add(f"{number} {content[:80]!r}", ended, (0, 2))
        if ended.code == 0:  # nothing was dropped: each definition is counted, as right or as wrong
            assert json.loads(ended.out.splitlines()[-1])["programs"] >= 1
    for kind in PLACES if share == 1 else PLACES[:2]:
        place(kind, path)
        tally.add(kind, drive(check(files)), (2,))
        remove(path)
    tally.finish()


COMMANDS = {
    "no verb": [],
    "an unknown verb": ["trian"],
    "a verb with a control character": ["tra\x1b[31min"],
    "a long verb": ["x" * 100_000],
    "an unknown option": ["train", "--confg", "smoke"],
    "an option without its value": ["train", "--config"],
    "an empty run directory": ["train", "--config", "smoke", "--run-dir", ""],
    "a run directory with a NUL": ["train", "--config", "smoke", "--run-dir", "a\0b"],
    "an empty folder of a sweep": ["sweep", "--config", "smoke", "--runs", "", "seed=0,1"],
    "a negative seed": ["config", "show", "--seed", "-1"],
    "a seed of 5,000 digits": ["config", "show", "--seed", "9" * 5000],
    "a seed in base 60": ["config", "show", "seed=1:30"],
    "negative workers": ["programs", "check", "builtin", "--tasks", "arc1/training", "--workers", "-1"],
    "a billion workers": ["programs", "check", "builtin", "--tasks", "arc1/training", "--workers", "1000000000"],
    "workers of 5,000 digits": ["programs", "check", "builtin", "--tasks", "arc1/training", "--workers", "9" * 5000],
    "workers in words": ["programs", "check", "builtin", "--tasks", "arc1/training", "--workers", "two\nthree"],
    "a budget of 5,000 digits": ["search", "arc1/evaluation", "--budget", "9" * 5000 + "s"],
    "a budget that is no number": ["search", "arc1/evaluation", "--budget", "nans"],
    "a setting that isn't there": ["train", "--config", "smoke", "sampling.temprature=1"],
    "a setting with a bomb": ["config", "show", "data.seeds=[" + "&a [x,x]," * 3 + "*a, *a]" + "]" * 900],
    "a setting nested deep": ["config", "show", "seed=" + "[" * 50_000],
    "a hostile task source": ["search", "\x1b]0;x\x07" * 300, "--budget", "1s"],
    "a task source that is a folder above": ["search", "ids:../../../etc/passwd@arc1/training", "--budget", "1s"],
    "a run that isn't one": ["show", "/", "007bbfb7"],
    "a sweep of a billion runs": ["sweep", "--print", *[f"seed={','.join(map(str, range(10)))}"] * 9],
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_command_lines(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tally = Tally("command lines")
    tally.add(" ".join(words)[:80], drive(words), (2,))
    tally.finish()
    assert list(tmp_path.iterdir()) == []


@FULL
def test_processes_end_as_calls_do(files):
    """The same as above for some, in processes of their own, as a user starts them."""
    tally, rng, whole = Tally("processes"), Random(SEED + 6), (files / "task.json").read_bytes()
    for number in range(5):
        (files / "task.json").write_bytes(change_json(whole, rng))
        tally.add(f"task {number}", spawn(check(files), files), (0, 2))
    (files / "task.json").write_bytes(whole)
    for number in range(5):
        (files / "programs.py").write_bytes(damage(PROGRAMS.encode(), rng))
        tally.add(f"programs {number}", spawn(check(files), files), (0, 2))
    for name in ("an unknown option", "a hostile task source", "a seed of 5,000 digits", "a long verb"):
        words = [word for word in COMMANDS[name] if "\0" not in word]
        tally.add(name, spawn(words, files), (2,))
    tally.finish()
