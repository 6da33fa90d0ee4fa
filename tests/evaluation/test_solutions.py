"""Exact tests of the table of solutions: what is new, what is kept, what is counted for whom."""

import json

import pytest

from codeit_jax.arc import Example, Task, TaskSet
from codeit_jax.evaluation import COLUMNS, Candidate
from codeit_jax.evaluation.solutions import SolutionTable

PAIR = Example(input=((1,),), output=((2,),))
TASKS = TaskSet(
    [Task(id=name, demonstrations=(PAIR, PAIR), tests=(PAIR,)) for name in ("a", "b")], source="s", snapshot="x"
)


def solution(
    task_id="a", program="O = dneg(I)", origin="policy", iteration=0, solved=(True, True), tests=(True,), **more
):
    return Candidate(
        task_id=task_id,
        program=program,
        demonstrations=solved,
        tests=tests,
        origin=origin,
        iteration=iteration,
        guess="right" if all(tests) else "wrong",
        **more,
    )


def counts(*numbers):
    return dict(zip(COLUMNS, numbers, strict=True))


@pytest.mark.parametrize("origin", ["seed", "mutant", "policy"])
def test_a_row_written_as_json_reads_back_equal(origin):
    more = {"work": 7, "copy_of": "seed", "constant": True}
    one = solution(origin=origin, iteration=-1, solved=(True, False), tests=(False, True), **more)
    row = json.loads(json.dumps(one.to_row()))
    assert list(row)[:6] == ["task_id", "program", "iteration", "origin", "demonstrations", "tests"]
    assert {"work": 7, "copy_of": "seed", "constant": True}.items() <= row.items()
    assert Candidate.from_row(row) == one
    # Lines of earlier versions end here.
    assert Candidate.from_row(dict(list(row.items())[:6])).guess is None


def test_adding_returns_what_was_not_there_and_keeps_the_first():
    table = SolutionTable([solution(iteration=0)])
    again, other = solution(iteration=5, tests=(False,)), solution(program="O = rot90(I)", iteration=5)
    assert table.add([again, other, other]) == [other]
    assert table.add([again, other]) == []
    assert list(table) == [solution(iteration=0), other]
    assert len(table) == 2


def test_the_same_text_counts_once_for_each_origin_and_task():
    rows = [solution(), solution(origin="mutant"), solution(task_id="b")]
    table = SolutionTable()
    assert table.add(rows) == rows
    assert len(table) == 3


def test_a_place_is_that_of_the_line_and_known_by_origin_task_and_text():
    table = SolutionTable([solution(origin="mutant"), solution(task_id="b", tests=(False,))])
    assert table.place("policy", "a", "O = dneg(I)") is None
    assert table.place("mutant", "a", "O = dneg(I)") == 0
    assert table.place("policy", "b", "O = dneg(I)") == 1
    assert table[1] == list(table)[1]
