"""Contract and fault tests of finding a task by id or file."""

import json

import pytest

from codeit_jax.arc import UNKNOWN_OUTPUT, load_tasks, lookup
from codeit_jax.arc.lookup import find_task
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
    assert find_task(str(path), []).has_outputs


def test_tests_may_lack_outputs(tmp_path):
    task = find_task(str(write(tmp_path / "new.json", [{"input": [[3]]}, PAIR])), [])
    assert [test.output for test in task.tests] == [UNKNOWN_OUTPUT, ((2, 1),)]
    assert task.test_inputs == (((3,),), ((1, 2),))
    assert not task.has_outputs


@pytest.mark.parametrize(
    "tests", [[], [{}], [{"output": [[1]]}], [{"input": [[10]]}], [{"input": []}], "x", [3], None, {"input": [[1]]}]
)
def test_a_malformed_file_is_one_line(tmp_path, tests):
    path = write(tmp_path / "new.json", tests)
    with pytest.raises(UserError) as error:
        find_task(str(path), [])
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_any_source_of_one_task_is_a_name(tmp_path):
    assert find_task("arc2/evaluation/0934a4d8", ["arc1/training"]) == load_tasks("arc2/evaluation")["0934a4d8"]
    path = tmp_path / "many.json"
    path.write_text(
        json.dumps({"a": {"train": [PAIR], "test": [PAIR]}, "b": {"train": [PAIR], "test": [{"input": [[1]]}]}})
    )
    assert find_task(f"{path}/b", []).id == "b"
    assert find_task("a", [str(path)]).id == "a"
    with pytest.raises(UserError) as error:
        find_task(str(path), [])
    assert str(error.value) == f"{path}: 2 tasks, expected one; add its id, as in {path}/a"


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
