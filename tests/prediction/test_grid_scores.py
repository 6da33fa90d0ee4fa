"""A slow, obvious twin and exact values: counts of predicted grids by task and test, guesses, a submission."""

import itertools
import random

from codeit_jax.arc import UNKNOWN_OUTPUT, Example, Task
from codeit_jax.evaluation import COLUMNS
from codeit_jax.prediction.grid_scores import (
    Guess,
    concept_rows,
    count_tasks,
    count_tests,
    grid_submission,
    guesses,
    task_row,
)

A, B, C, D = (((color,),) for color in range(4))


def task(task_id, *outputs, concept=None):
    return Task(task_id, (Example(A, B),), tuple(Example(A, output) for output in outputs), concept=concept)


def test_guesses_are_ordered_by_votes_and_then_by_their_first_sample():
    assert guesses([B, None, A, C, A, C]) == [Guess(A, 2), Guess(C, 2), Guess(B, 1)]
    assert guesses([None]) == []


def obvious(predictions, tasks):
    """Count by going through every column of every test."""
    tasks_solved, tests_solved = dict.fromkeys(COLUMNS[1:], 0), dict.fromkeys(COLUMNS[1:], 0)
    for each in tasks:
        for column in COLUMNS[1:]:
            right = []
            for place, test in enumerate(each.tests):
                grids = predictions[each.id, place]
                votes = sorted({g for g in grids if g}, key=lambda g, s=grids: (-s.count(g), s.index(g)))
                kind, _, count = column.partition("@")
                chosen = grids if kind == "oracle" else (grids if kind == "pass" else votes)[: int(count)]
                right.append(test.output in chosen)
            tasks_solved[column] += all(right)
            tests_solved[column] += sum(right)
    return tasks_solved, tests_solved


def test_counts_equal_the_obvious_ones():
    rng = random.Random(0)
    for _ in range(200):
        tasks = [task(f"t{n}", *rng.choices([A, B, C], k=rng.randint(1, 3))) for n in range(4)]
        predictions = {
            (each.id, place): rng.choices([A, B, C, D, None], k=rng.randint(1, 6))
            for each in tasks
            for place in range(len(each.tests))
        }
        by_task, by_test = obvious(predictions, tasks)
        assert count_tasks(predictions, tasks) == {"demonstrations": None, **by_task}
        expected = {"solved": by_test.pop("pass@1"), **by_test, "count": sum(len(each.tests) for each in tasks)}
        assert count_tests(predictions, tasks) == expected


def test_guesses_of_a_test_are_its_own():
    # Right on one test by the first guess, on the other by the second: solved by two guesses, not by one.
    predictions = {("t", 0): [A, A, B], ("t", 1): [C, C, B]}
    counts = count_tasks(predictions, [task("t", A, B)])
    assert [counts[name] for name in ("pass@1", "vote@1", "vote@2", "oracle")] == [0, 0, 1, 1]


def test_a_missing_answer_is_no_guess_and_its_place_stays():
    predictions = {("t", 0): [None, A]}
    assert count_tasks(predictions, [task("t", A)])["pass@1"] == 0
    assert count_tasks(predictions, [task("t", A)])["pass@3"] == 1


def test_what_needs_unknown_outputs_is_null():
    unknown = task("t", UNKNOWN_OUTPUT)
    row = task_row({("t", 0): [A, None]}, unknown)
    assert set(row["solved"].values()) == {None}
    assert row["tests"] == dict.fromkeys(("solved", "pass@3", "vote@1", "vote@2", "vote@3", "oracle")) | {"count": 1}
    assert row["guesses"] == [[{"grid": A, "count": 1, "right": None}]]


def test_a_row_has_the_guesses_and_whether_they_are_right():
    row = task_row({("t", 0): [B, A, B]}, task("t", A))
    guess = [{"grid": B, "count": 2, "right": False}, {"grid": A, "count": 1, "right": True}]
    assert row["guesses"] == [guess]


def test_concepts_are_counted_by_themselves():
    tasks = [task("a", A, concept="Center"), task("b", A, concept="Center"), task("c", A)]
    predictions = {(each.id, 0): [A if each.id == "a" else B] for each in tasks}
    [(name, row)] = concept_rows(predictions, tasks).items()
    assert (name, row["num_tasks"], row["solved"]["pass@1"], row["tests"]["count"]) == ("Center", 2, 1, 2)


def test_a_submission_has_two_guesses_and_the_input_where_there_are_fewer():
    predictions = {("t", 0): [B, C, C], ("t", 1): [None]}
    attempts = grid_submission(predictions, [task("t", D, D)])
    assert attempts == {"t": [{"attempt_1": C, "attempt_2": B}, {"attempt_1": A, "attempt_2": A}]}


def test_order_of_samples_matters_only_where_it_says():
    for grids in itertools.permutations([A, A, B, C]):
        counts = count_tasks({("t", 0): grids}, [task("t", A)])
        assert counts["vote@1"] == counts["pass@3"] == counts["oracle"] == 1
        assert counts["pass@1"] == int(grids[0] == A)
