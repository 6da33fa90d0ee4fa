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


def solution(task_id="a", program="O = dneg(I)", origin="policy", iteration=0, solved=(True, True), tests=(True,)):
    return Candidate(
        task_id=task_id,
        program=program,
        demonstrations=solved,
        tests=tests,
        origin=origin,
        iteration=iteration,
        guess="right" if all(tests) else "wrong",
    )


def counts(*numbers):
    return dict(zip(COLUMNS, numbers, strict=True))


@pytest.mark.parametrize("origin", ["seed", "mutant", "policy"])
def test_a_row_written_as_json_reads_back_equal(origin):
    one = solution(origin=origin, iteration=-1, solved=(True, False), tests=(False, True))
    row = json.loads(json.dumps(one.to_row()))
    assert list(row) == ["task_id", "program", "iteration", "origin", "demonstrations", "tests", "guess"]
    assert Candidate.from_row(row) == one
    del row["guess"]  # as before there were votes
    assert Candidate.from_row(row).guess is None


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


def test_candidates_are_those_of_the_origins_asked_for():
    rows = [solution(origin=origin, program=f"O = {origin}(I)") for origin in ("seed", "mutant", "policy")]
    seed, mutant, policy = rows
    table = SolutionTable(rows)
    assert table.candidates("policy") == [policy]
    assert table.candidates("seed", "mutant") == [seed, mutant]
    assert table.candidates() == [seed, mutant, policy]


def test_known_are_the_policys_programs_only():
    table = SolutionTable([solution(origin="mutant", tests=(True,)), solution(task_id="b", tests=(False,))])
    assert not table.is_known("a", "O = dneg(I)")
    assert table.is_known("b", "O = dneg(I)")
    assert not table.is_known("b", "O = rot90(I)")


def test_the_report_counts_tasks_by_origin():
    table = SolutionTable(
        [
            solution(task_id="a", origin="seed", tests=(False,)),
            solution(task_id="a", origin="mutant", solved=(True, False), program="O = rot90(I)"),
            solution(task_id="b", origin="policy", solved=(False, True)),
            solution(task_id="elsewhere", origin="policy"),
        ]
    )
    assert table.report(TASKS) == {
        "policy": counts(0, 1, 1, 1, 1, 1, 1),
        "mutants": counts(1, 0, 1, 0, 1, 1, 1),
        "cumulative": counts(1, 1, 2, 1, 2, 2, 2),
    }
    nothing = dict.fromkeys(COLUMNS, 0)
    assert SolutionTable().report(TASKS) == {"policy": nothing, "mutants": nothing, "cumulative": nothing}
