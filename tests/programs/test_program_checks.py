"""Exact tests of checking programs against tasks: every kind of verdict on made tasks; the builtin programs."""

import json
from pathlib import Path

import pytest

import interpreter
from codeit_jax.arc import Example, Task, TaskSet, load_tasks
from codeit_jax.programs import SeedProgram, check_programs, load_programs

A = ((1, 2), (3, 4))
B = ((5, 6), (7, 8))
A_MIRRORED = ((3, 4), (1, 2))
B_MIRRORED = ((7, 8), (5, 6))

TASKS = TaskSet(
    [
        Task(
            task_id,
            (Example(A, A_MIRRORED), Example(B, B_MIRRORED)),
            (Example(B, B_MIRRORED), Example(A, test_output)),
        )
        for task_id, test_output in [
            ("right", A_MIRRORED),
            ("wrong_test", A),
            ("wrong_demo", A_MIRRORED),
            ("fails", A_MIRRORED),
            ("no_grid", A_MIRRORED),
            ("unused", A),
        ]
    ],
    source="made",
    snapshot="by hand",
)
TEXTS = {
    "fails": "x1 = hmirror(I)\nx2 = divide(ONE, ZERO)\nO = hmirror(I)",
    "right": "O = hmirror(I)",
    "wrong_test": "O = hmirror(I)",
    "wrong_demo": "x1 = hmirror(I)\nO = replace(x1, SEVEN, ZERO)",
    "no_grid": "O = size(I)",
    "elsewhere": "O = hmirror(I)",
}


@pytest.fixture(scope="module")
def pool():
    with interpreter.InterpreterPool(1, interpreter.Limits()) as pool:
        yield pool


@pytest.fixture(scope="module")
def report(pool):
    seeds = [SeedProgram(task_id, interpreter.parse(text)) for task_id, text in TEXTS.items()]
    return check_programs(seeds, TASKS, pool=pool)


def test_each_verdict_has_its_reason(report):
    assert report.programs == 6
    assert report.correct == 1
    assert report.wrong == {
        "fails": "demonstration 1 of 2: ZeroDivisionError at line 2",
        "wrong_test": "test 2 of 2 differs",
        "wrong_demo": "demonstration 2 of 2 differs",
        "no_grid": "demonstration 1 of 2: the result is no valid grid",
        "elsewhere": "no such task in made",
    }


def test_rows_say_what_is_reproduced_in_the_order_of_the_file(report):
    rows = {row.task_id: (row.demonstrations, row.tests) for row in report.checks}
    assert list(rows) == list(TEXTS)
    assert rows["right"] == ((True, True), (True, True))
    assert rows["wrong_test"] == ((True, True), (True, False))
    assert rows["wrong_demo"] == ((True, False), (False, True))
    assert rows["elsewhere"] == ((), ())


def test_json_and_text_carry_the_report(report):
    value = json.loads(json.dumps(report.to_json()))
    assert (value["programs"], value["correct"], value["wrong"]) == (6, 1, report.wrong)
    assert value["rows"][1] == {"task_id": "right", "demonstrations": [True, True], "tests": [True, True]}
    lines = report.to_text().splitlines()
    assert lines[0].startswith("1 of 6 programs")
    assert len(lines) == 6


def test_a_file_in_any_style_is_read_and_disagreements_are_told_by_task(pool):
    seeds = load_programs(Path(__file__).parent / "data" / "solvers.txt")
    builtin = {seed.task_id: seed for seed in load_programs("builtin")}
    report = check_programs(seeds, load_tasks("arc1/training"), pool=pool)
    assert report.wrong == {
        "74dd1130": "demonstration 1 of 4 differs",
        "c59eb873": "demonstration 1 of 3: TypeError at line 1",
        "ffffffff": "no such task in arc1/training",
    }
    assert (report.programs, report.correct) == (7, 4)
    right = [seed for seed in seeds if seed.task_id not in report.wrong]
    assert right == [builtin[seed.task_id] for seed in right]


def test_no_program_is_no_error(pool):
    assert check_programs([], TASKS, pool=pool).to_json()["correct"] == 0


def test_every_builtin_program_is_correct():
    with interpreter.InterpreterPool(2, interpreter.Limits()) as pool:
        report = check_programs(load_programs("builtin"), load_tasks("arc1/training"), pool=pool)
    assert report.wrong == {}
    assert report.programs > 0
