"""Exact and fault tests of what a run is made of: another configuration, other data or a hole is told, by name."""

import json
import shutil

import pytest
import yaml

from codeit_jax.run import provenance
from codeit_jax.storage.files import sha256_of_file
from tests.run.tiny_run import newest, result_of


@pytest.fixture
def copy(whole, tmp_path):
    """A copy of the whole run's directory."""
    return shutil.copytree(whole, tmp_path / "copy")


def contents(directory):
    """Return the files of a run but those that every start writes."""
    diaries = ("LOCK", "log.txt", "run.json")
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file() and path.name not in diaries}


def refused(tiny, directory, code, *settings):
    """Start a run that is refused; return its line. Nothing of the run may change."""
    before = contents(directory)
    ended = tiny(directory, *settings)
    assert ended.code == code, ended
    [line] = ended.err.splitlines()
    assert contents(directory) == before
    return line


def log_of(directory):
    return (directory / "log.txt").read_text()


def rewrite_meta(directory, change):
    """Change `meta.json` of the newest checkpoint as another version might have written it, with right digests."""
    number = newest(directory)
    file, manifest = directory / "checkpoints" / str(number) / "meta.json", directory / f"checkpoints/{number}.sha256"
    meta = json.loads(file.read_text())
    change(meta)
    file.write_text(json.dumps(meta))
    marks = json.loads(manifest.read_text())
    marks[f"checkpoints/{number}/meta.json"] = [file.stat().st_size, sha256_of_file(file)]
    manifest.write_text(json.dumps(marks))


@pytest.mark.parametrize("config", ["missing", "edited", "damaged", "a list"])
def test_the_checkpoint_knows_the_seed_whatever_the_file_says(tiny, copy, whole, config):
    file = copy / "config.yaml"
    if config == "missing":
        file.unlink()
    elif config == "edited":
        file.write_text(file.read_text().replace("\nseed: 0\n", "\nseed: 5\n"))
    else:
        file.write_text("[1" if config == "damaged" else "[1]")
    line = refused(tiny, copy, 2, "seed=5")
    assert line == f"error: seed is 5, expected 0 as in checkpoint 4 of {copy}; another value needs a new --run-dir"
    assert tiny(copy).code == 0
    assert "isn't what the last checkpoint was made with" in log_of(copy)
    assert yaml.safe_load(file.read_text())["seed"] == 0
    assert result_of(copy) == result_of(whole)


def test_other_tasks_or_programs_under_the_same_name_are_refused(tiny, copy, tmp_path):
    config = yaml.safe_load(tiny.config.read_text())
    for setting, path, old, new in [
        ("data.search_tasks", f"{config['data']['search_tasks']}/task0.json", None, None),
        ("data.seeds", config["data"]["seeds"], "hmirror", "vmirror"),
    ]:
        with open(path) as file:
            before = file.read()
        if old is None:
            pairs = json.loads(before)
            pairs["train"][0]["input"][0][0] = (pairs["train"][0]["input"][0][0] + 1) % 10
            after = json.dumps(pairs)
        else:
            after = before.replace(old, new, 1)
        try:
            with open(path, "w") as file:
                file.write(after)
            line = refused(tiny, copy, 2)
        finally:
            with open(path, "w") as file:
                file.write(before)
        assert line.startswith(f"error: {setting} has digest ")
        assert "as in checkpoint 4: its content changed since" in line


HOLES = {
    "no stage": lambda meta: meta.pop("stage"),
    "another stage": lambda meta: meta.update(stage="dream"),
    "no inputs": lambda meta: meta.pop("inputs"),
    "no machine": lambda meta: meta.pop("machine"),
    "no configuration": lambda meta: meta.pop("config"),
    "a configuration with an unknown setting": lambda meta: meta.update(config=meta["config"] + "later: 1\n"),
    "steps of another kind": lambda meta: meta.update(steps=[{"loss": 1.0}]),
    "steps that are none": lambda meta: meta.update(steps=7),
}


@pytest.mark.parametrize("hole", HOLES)
def test_a_whole_checkpoint_of_another_version_is_one_line(tiny, copy, hole):
    rewrite_meta(copy, HOLES[hole])
    line = refused(tiny, copy, 4)
    assert "codeit_jax" in line
    assert len(line) < 600


def test_another_machine_is_told_and_the_run_goes_on(tiny, copy, monkeypatch):
    here = provenance.machine()
    monkeypatch.setattr(provenance, "machine", lambda: here | {"processor cores": "96", "jax": "0.1"})
    assert tiny(copy).code == 0
    [line] = [line for line in log_of(copy).splitlines() if "goes on with other bits" in line]
    assert f"jax 0.1 (was {here['jax']}), processor cores 96 (was {here['processor cores']})" in line


def test_a_checkpoint_says_what_it_was_made_with(whole):
    meta = json.loads((whole / "checkpoints" / str(newest(whole)) / "meta.json").read_text())
    assert set(meta["inputs"]) == {"data.search_tasks", "data.training_tasks", "data.seeds", "text.tokenizer"}
    assert meta["machine"] == provenance.machine()
    assert yaml.safe_load(meta["config"]) == yaml.safe_load((whole / "config.yaml").read_text())


def test_a_solutions_row_without_a_field_is_one_line(tiny, copy):
    # Under a right digest, as another version would have written it.
    file, manifest = copy / "solutions.jsonl", copy / f"checkpoints/{newest(copy)}.sha256"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    del rows[1]["origin"]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    marks = json.loads(manifest.read_text())
    marks["solutions.jsonl"] = [file.stat().st_size, sha256_of_file(file)]
    manifest.write_text(json.dumps(marks))
    assert "solutions.jsonl:2: not a found program" in refused(tiny, copy, 4)


def test_every_bit_of_the_line_files_counts(tiny, copy):
    for name in ("solutions.jsonl", "metrics.jsonl"):
        file = copy / name
        content = file.read_bytes()
        file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        line = refused(tiny, copy, 4)
        assert line.endswith("no checkpoint is whole; start again with another --run-dir")
        file.write_bytes(content)
    assert "checkpoint 4 is damaged: metrics.jsonl isn't as it was written" in log_of(copy)
