"""Contract and fault tests of finding a task by id or file."""

import json

import pytest

from codeit_jax.arc import load_tasks, lookup
from codeit_jax.arc.lookup import UNKNOWN_OUTPUT, find_task, has_outputs
from codeit_jax.config.errors import UserError

PAIR = {"input": [[1, 2]], "output": [[2, 1]]}


def write(path, tests):
    path.write_text(json.dumps({"train": [PAIR], "test": tests}))
    return path


def test_the_first_source_that_has_it(tmp_path):
    (tmp_path / "own").mkdir()
    write(tmp_path / "own" / "00576224.json", [PAIR])
    own = find_task("00576224", [str(tmp_path / "own")])
    assert own.demonstrations[0].input == ((1, 2),)
    published = find_task("00576224", [])
    assert published == load_tasks("arc1/evaluation")["00576224"]
    assert find_task("00576224", ["arc1/training"]) == published


def test_a_file_is_a_task(tmp_path):
    path = write(tmp_path / "new.json", [PAIR, PAIR])
    assert find_task(str(path), []) == load_tasks(str(path))["new"]
    assert has_outputs(find_task(str(path), []))


def test_tests_may_lack_outputs(tmp_path):
    task = find_task(str(write(tmp_path / "new.json", [{"input": [[3]]}, PAIR])), [])
    assert [test.output for test in task.tests] == [UNKNOWN_OUTPUT, ((2, 1),)]
    assert task.test_inputs == (((3,),), ((1, 2),))
    assert not has_outputs(task)


@pytest.mark.parametrize(
    "tests", [[], [{}], [{"output": [[1]]}], [{"input": [[10]]}], [{"input": []}], "x", [3], None, {"input": [[1]]}]
)
def test_a_malformed_file_is_one_line(tmp_path, tests):
    path = write(tmp_path / "new.json", tests)
    with pytest.raises(UserError) as error:
        find_task(str(path), [])
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"train": []}', "\x00"])
def test_a_file_that_is_no_task_is_one_line(tmp_path, text):
    path = tmp_path / "new.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"new\.json"):
        find_task(str(path), [])


@pytest.mark.parametrize("name", ["", "nothing", "../x", "a" * 5000, "\x00"])
def test_an_unknown_name_is_one_line(name, tmp_path, monkeypatch):
    monkeypatch.setattr(lookup, "PUBLISHED_SOURCES", ())
    write(tmp_path / "own.json", [PAIR])
    with pytest.raises(UserError, match="not found") as error:
        find_task(name, [str(tmp_path)])
    assert len(str(error.value)) < 300 + len(str(tmp_path))
