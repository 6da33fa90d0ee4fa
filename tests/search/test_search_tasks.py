"""Exact tests of budgets and shares; property tests: results don't depend on workers or on the tests' outputs."""

import dataclasses

import pytest

from codeit_jax.arc import Example, load_tasks
from codeit_jax.errors import UserError
from codeit_jax.evaluation import solve_report
from codeit_jax.search import Budget, parse_budget, search_tasks, tasks
from codeit_jax.search.budget import BudgetSpent

TRAINING = load_tasks("arc1/training")
# Solved with one line, with two, and not at all.
TASKS = [TRAINING[task_id] for task_id in ("007bbfb7", "1cf80156", "3c9b0459", "6d0aefbc", "9172f3a0", "00d62c1b")]
CALLS = Budget(calls=3000)


@pytest.fixture(scope="module")
def found():
    return search_tasks(TASKS, CALLS, 2, num_workers=1)


def test_results_depend_neither_on_the_number_of_workers_nor_on_the_run(found):
    assert search_tasks(TASKS, CALLS, 2, num_workers=3) == found
    assert {candidate.task_id for candidate in found} >= {"1cf80156", "3c9b0459", "6d0aefbc", "9172f3a0"}


def test_every_candidate_reproduces_all_demonstrations_and_is_scored_on_the_tests(found):
    for candidate in found:
        task = TRAINING[candidate.task_id]
        assert candidate.demonstrations == (True,) * len(task.demonstrations)
        assert len(candidate.tests) == len(task.tests)
    assert solve_report(found, TASKS)["pass@1"] >= 4


def test_the_outputs_of_tests_score_and_nothing_else(found):
    spoilt = [
        dataclasses.replace(task, tests=tuple(Example(test.input, ((9,),)) for test in task.tests)) for task in TASKS
    ]
    programs = [(candidate.task_id, candidate.program) for candidate in found]
    again = search_tasks(spoilt, CALLS, 2, num_workers=2)
    assert [(candidate.task_id, candidate.program) for candidate in again] == programs
    assert not any(any(candidate.tests) for candidate in again)


def test_progress_counts_every_task_once():
    calls = []
    search_tasks(TASKS[:3], Budget(calls=10), 1, num_workers=2, on_progress=lambda *call: calls.append(call))
    assert calls == [(1, 3), (2, 3), (3, 3)]


def test_time_is_shared_and_what_a_task_leaves_goes_to_the_others(monkeypatch):
    now = 100.0
    monkeypatch.setattr(tasks.time, "monotonic", lambda: now)
    shares = tasks._shares(Budget(seconds=80.0), 8, workers=2)
    assert next(shares).seconds == 80.0 * 2 / 8
    # The first task has ended after a second: seven share what is left on two workers.
    now = 101.0
    assert next(shares).seconds == pytest.approx(79.0 * 2 / 7)
    now = 500.0
    assert next(shares).seconds == 0.0


def test_a_single_task_may_take_all_the_time_and_no_more():
    assert next(tasks._shares(Budget(seconds=10.0), 1, workers=4)).seconds == pytest.approx(10.0, abs=1.0)


def test_exactly_the_calls_of_the_budget_can_be_spent():
    spending = Budget(calls=3).start()
    for _ in range(3):
        spending.spend_call()
    with pytest.raises(BudgetSpent):
        spending.spend_call()
    assert spending.calls == 3


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("60s", Budget(seconds=60.0)),
        ("5m", Budget(seconds=300.0)),
        ("0.5h", Budget(seconds=1800.0)),
        ("100000calls", Budget(calls=100_000)),
    ],
)
def test_a_budget_is_a_time_or_a_number_of_calls(text, budget):
    assert parse_budget(text) == budget


@pytest.mark.parametrize("text", ["", "60", "s", "-1s", "0s", "0calls", "1.5calls", "1e3s", "60 s", "60seconds", "٣s"])
def test_any_other_budget_is_a_user_error(text):
    with pytest.raises(UserError, match="100000calls"):
        parse_budget(text)


def test_a_budget_has_one_unit():
    with pytest.raises(ValueError, match="either"):
        Budget(seconds=1.0, calls=1)
    with pytest.raises(ValueError, match="either"):
        Budget()
