"""Exact tests of budgets and rounds; property tests: results don't depend on workers or on the tests' outputs."""

import dataclasses

import pytest

from codeit_jax.arc import Example, load_tasks
from codeit_jax.config.errors import UserError
from codeit_jax.evaluation import solve_report
from codeit_jax.search import Budget, TaskSearch, parse_budget, search_rounds, task_search
from codeit_jax.search.budget import BudgetSpent

TRAINING = load_tasks("arc1/training")
# Solved with one line, with two, and not at all.
TASKS = [TRAINING[task_id] for task_id in ("007bbfb7", "1cf80156", "3c9b0459", "6d0aefbc", "9172f3a0", "00d62c1b")]
PROGRAMS = Budget(programs=3000)


@pytest.fixture(autouse=True)
def small_rounds(monkeypatch):
    monkeypatch.setattr(task_search, "FIRST_ROUND_PROGRAMS", 500)


def rounds_of(chosen, budget, max_lines=2, **options):
    """Return the limit and the searches, by task, of each round."""
    return [
        (limit, sorted(searches, key=lambda search: search.task_id))
        for limit, _, searches in search_rounds(chosen, budget, max_lines, **options)
    ]


def candidates_of(rounds):
    last = {search.task_id: search for _, searches in rounds for search in searches}
    return [candidate for task_id in sorted(last) for candidate in last[task_id].candidates]


@pytest.fixture(scope="module")
def found():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task_search, "FIRST_ROUND_PROGRAMS", 500)
        return rounds_of(TASKS, PROGRAMS, num_workers=1)


def test_results_depend_neither_on_the_number_of_workers_nor_on_the_run(found):
    assert rounds_of(TASKS, PROGRAMS, num_workers=3) == found
    assert {candidate.task_id for candidate in candidates_of(found)} >= {"1cf80156", "3c9b0459", "6d0aefbc", "9172f3a0"}


def test_rounds_grow_until_the_budget_and_only_what_is_open_goes_on(found):
    assert [limit for limit, _ in found] == [500, 2000, 3000]
    open_tasks = sorted(task.id for task in TASKS)
    for limit, searches in found:
        assert [search.task_id for search in searches] == open_tasks
        for search in searches:
            assert search.limit == limit
            assert search.tried <= limit
            assert (search.tried < limit) <= (search.end == "complete")
        open_tasks = [search.task_id for search in searches if search.end == "limit"]
    assert "007bbfb7" in open_tasks


def test_a_search_goes_on_where_another_ended(found):
    first = rounds_of(TASKS, Budget(programs=500), num_workers=1)
    assert first == found[:1]
    known = {search.task_id: search for search in first[0][1]}
    assert rounds_of(TASKS, PROGRAMS, num_workers=1, known=known) == found[1:]
    assert rounds_of(TASKS, Budget(programs=100), num_workers=1, known=known) == []


def test_what_time_cut_off_is_tried_again(monkeypatch):
    cut = TaskSearch(task_id="007bbfb7", limit=2000, tried=7, end="time", candidates=())
    [(limit, _)] = rounds_of(TASKS[:1], Budget(programs=2000), num_workers=1, known={"007bbfb7": cut})
    assert limit == 2000


def test_every_candidate_reproduces_all_demonstrations_and_is_scored_on_the_tests(found):
    for candidate in candidates_of(found):
        task = TRAINING[candidate.task_id]
        assert candidate.demonstrations == (True,) * len(task.demonstrations)
        assert len(candidate.tests) == len(task.tests)
    assert solve_report(candidates_of(found), TASKS)["pass@1"] >= 4


def test_the_outputs_of_tests_score_and_nothing_else(found):
    spoilt = [
        dataclasses.replace(task, tests=tuple(Example(test.input, ((9,),)) for test in task.tests)) for task in TASKS
    ]
    programs = [(candidate.task_id, candidate.program) for candidate in candidates_of(found)]
    again = candidates_of(rounds_of(spoilt, PROGRAMS, num_workers=2))
    assert [(candidate.task_id, candidate.program) for candidate in again] == programs
    assert not any(any(candidate.tests) for candidate in again)


def test_time_ends_a_search_of_any_size():
    rounds = rounds_of(TASKS[:2], Budget(seconds=1.0), 10, num_workers=2)
    assert {search.end for _, searches in rounds for search in searches} <= {"complete", "limit", "time"}
    assert rounds_of(TASKS, Budget(seconds=1e-9), 10, num_workers=2) == []


def test_exactly_the_programs_of_the_budget_can_be_spent():
    spending = Budget(programs=3).start()
    for _ in range(3):
        spending.spend_program()
    with pytest.raises(BudgetSpent):
        spending.spend_program()
    assert spending.programs == 3


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("60s", Budget(seconds=60.0)),
        ("5m", Budget(seconds=300.0)),
        ("0.5h", Budget(seconds=1800.0)),
        ("100000programs", Budget(programs=100_000)),
        ("5m,1000programs", Budget(seconds=300.0, programs=1000)),
        ("7programs,1s", Budget(seconds=1.0, programs=7)),
    ],
)
def test_a_budget_is_a_time_or_a_number_of_programs_or_both(text, budget):
    assert parse_budget(text) == budget


@pytest.mark.parametrize(
    "text",
    [
        "",
        "60",
        "s",
        "-1s",
        "0s",
        "0programs",
        "1.5programs",
        "1e3s",
        "60 s",
        "60seconds",
        "٣s",
        "1s,2m",
        "1s,",
        "5m,0s",
    ],
)
def test_any_other_budget_is_a_user_error(text):
    with pytest.raises(UserError, match="100000programs"):
        parse_budget(text)


def test_a_budget_bounds_something():
    with pytest.raises(ValueError, match="seconds or programs"):
        Budget()
