"""Exact and property tests of the rows: who solves what, and the lists of tasks behind the counts."""

from hypothesis import given, settings
from hypothesis import strategies as st

import interpreter
from codeit_jax.arc import Example, Task
from codeit_jax.evaluation import COLUMNS, ROWS, Candidate, solve_report, solved_rows, solved_tasks
from codeit_jax.reporting.credits import ROW_NAMES, found_by
from codeit_jax.reporting.score_table import score_table

CELL = ((0,),)
TASKS = [Task(name, (Example(CELL, CELL),) * 2, (Example(CELL, CELL),)) for name in ("a", "b")]


def found(task_id, origin, program, solved=(True, True), tests=(True,), **more):
    return Candidate(task_id, program, solved, tests, origin=origin, **more)


def by_column(rows, column="pass@3"):
    return {row: counts[column] for row, counts in rows.items()}


def test_each_row_chooses_from_its_own_programs():
    candidates = [
        found("a", "seed", "wrong", tests=(False,)),
        found("a", "mutant", "right", solved=(True, False)),
        found("a", "policy", "another", solved=(True, False)),
        found("b", "policy", "own", solved=(False, True)),
        found("elsewhere", "policy", "own"),
    ]
    rows = solved_rows(candidates, TASKS)
    assert by_column(rows) == {"seeds": 0, "mutants": 1, "policy": 2, "policy_new": 1, "cumulative": 2}
    # By this column the policy is the only one to solve `a`: it is counted, whoever solves it by another.
    assert by_column(rows, "pass@1") == {"seeds": 0, "mutants": 1, "policy": 2, "policy_new": 2, "cumulative": 1}
    solved = {task.task_id: task for task in solved_tasks(candidates, TASKS)}
    assert solved["a"].rows == ("mutants", "policy", "cumulative")
    assert (solved["a"].candidate.program, solved["a"].num_programs) == ("right", 3)
    assert solved["b"].rows == ("policy", "policy_new", "cumulative")


def test_a_copy_is_the_policys_but_nothing_new():
    copy = found("a", "policy", "text", copy_of="seed", iteration=3)
    assert by_column(solved_rows([copy], TASKS)) == {
        **{"seeds": 0, "mutants": 0, "policy": 1, "policy_new": 0, "cumulative": 1}
    }
    assert found_by(copy) == "policy, meta-iteration 3, copy of a seed program"
    assert found_by(found("a", "mutant", "text", constant=True)) == "mutant, constant output"
    # With a program of its own besides the copy, the task is the policy's, if neither seeds nor mutants solve it.
    own = found("a", "policy", "another text")
    assert by_column(solved_rows([copy, own], TASKS))["policy_new"] == 1
    assert by_column(solved_rows([copy, own, found("a", "seed", "text")], TASKS))["policy_new"] == 0


def test_a_task_that_cumulative_lost_is_listed_with_the_rows_that_count_it():
    wrong = [found("a", "seed", text, tests=(False,)) for text in "xyz"]
    right = found("a", "policy", "a longer one")
    [task] = solved_tasks([*wrong, right], TASKS)
    assert (task.rows, task.candidate) == (("policy", "policy_new"), right)


candidate_lists = st.lists(
    st.builds(
        found,
        st.sampled_from(["a", "b", "c"]),
        st.sampled_from(["seed", "mutant", "guided", "policy"]),
        st.text("xy", min_size=1, max_size=3),
        st.tuples(st.booleans(), st.booleans()),
        st.tuples(st.booleans()),
        copy_of=st.sampled_from([None, "seed", "guided"]),
    ),
    max_size=20,
    unique_by=lambda candidate: (candidate.task_id, candidate.program),
)


@settings(deadline=None, max_examples=60)
@given(candidate_lists)
def test_counts_and_lists_agree_and_rows_are_what_they_say(candidates):
    rows, listed = solved_rows(candidates, TASKS), solved_tasks(candidates, TASKS)
    is_guided = any(candidate.origin == "guided" for candidate in candidates)
    assert list(rows) == [row for row in ROWS if row != "guided" or is_guided]
    assert by_column(rows) == {row: sum(row in task.rows for task in listed) for row in rows}
    assert all(task.rows and task.candidate.solves_tests for task in listed)
    origins = {
        "seeds": ["seed"],
        "mutants": ["mutant"],
        **({"guided": ["guided"]} if is_guided else {}),
        "policy": ["policy"],
        "cumulative": ["seed", "mutant", "guided", "policy"],
    }
    for row, counted in origins.items():
        assert rows[row] == solve_report([c for c in candidates if c.origin in counted], TASKS)
    for task in TASKS:
        own = solve_report([c for c in candidates if c.origin == "policy" and c.copy_of is None], [task])
        others = solve_report([c for c in candidates if c.origin != "policy"], [task])
        new = solved_rows(candidates, [task])["policy_new"]
        assert new == {column: int(own[column] > others[column]) for column in own}


def test_a_constant_gives_one_grid_for_different_inputs():
    def candidate(text, *inputs):
        task = Task("t", (Example(inputs[0], CELL),), tuple(Example(grid, CELL) for grid in inputs[1:]))
        program = interpreter.parse(text)
        outcomes = [interpreter.run(program, grid) for grid in task.inputs]
        return Candidate.from_outcomes(task, text, outcomes, origin="policy")

    one, two = ((1, 2),), ((2, 1),)
    assert candidate("O = canvas(ONE, UNITY)", one, two).constant
    assert not candidate("O = canvas(ONE, UNITY)", one, one).constant  # nothing tells
    assert not candidate("O = identity(I)", one, two).constant
    assert not candidate("O = first(ZERO)", one, two).constant


def test_the_table_fits_into_80_columns():
    lines = score_table("tasks solved of 400", {row: dict.fromkeys(COLUMNS, 400) for row in ROW_NAMES}).splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split()[0] for line in lines[1:]] == list(ROW_NAMES)
