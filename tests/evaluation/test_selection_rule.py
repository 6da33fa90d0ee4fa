"""Twin and exact tests of scoring: the selection rule against a slow obvious version, and its tie-breaks by hand."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from codeit_jax.arc import Example, Task, TaskSet
from codeit_jax.evaluation import Candidate, select_candidates, solve_report

CELL = ((0,),)
IDS = ("a", "b", "c")
TASKS = TaskSet(
    [Task(task_id, (Example(CELL, CELL),) * 2, (Example(CELL, CELL),) * 2) for task_id in IDS], source="s", snapshot="n"
)


@st.composite
def candidate_lists(draw: st.DrawFn) -> list[Candidate]:
    """Candidates as a run finds them: a task and a text decide what the program reproduces."""
    keys = draw(
        st.lists(st.tuples(st.sampled_from((*IDS, "other")), st.text("xy", min_size=1, max_size=3)), max_size=30)
    )
    pair = st.tuples(st.booleans(), st.booleans())
    known = {key: Candidate(*key, draw(pair), draw(pair), "policy") for key in dict.fromkeys(keys)}
    return [known[key] for key in keys]


def beats(first: Candidate, second: Candidate) -> bool:
    """Compare by the written rule, one criterion after the other."""
    if first.demonstrations.count(True) != second.demonstrations.count(True):
        return first.demonstrations.count(True) > second.demonstrations.count(True)
    if len(first.program) != len(second.program):
        return len(first.program) < len(second.program)
    return first.program < second.program


def slow_pass_at(candidates: list[Candidate], task_id: str, count: int) -> bool:
    """A candidate counts when fewer than `count` distinct others beat it."""
    group = {c for c in candidates if c.task_id == task_id and True in c.demonstrations}
    return any(c.tests.count(False) == 0 and sum(beats(d, c) for d in group) < count for c in group)


@settings(deadline=None, max_examples=300)
@given(candidate_lists())
def test_report_equals_the_slow_obvious_one(candidates):
    report = solve_report(candidates, TASKS)
    assert report["pass@1"] == sum(slow_pass_at(candidates, task_id, 1) for task_id in IDS)
    assert report["pass@3"] == sum(slow_pass_at(candidates, task_id, 3) for task_id in IDS)
    assert report["oracle"] == sum(slow_pass_at(candidates, task_id, 10**9) for task_id in IDS)
    assert report["demonstrations"] == len(
        {c.task_id for c in candidates if c.demonstrations == (True, True)} & set(IDS)
    )
    assert report["pass@1"] <= report["pass@3"] <= report["oracle"] <= len(IDS)


@settings(deadline=None, max_examples=50)
@given(candidate_lists(), st.randoms(use_true_random=False))
def test_report_does_not_depend_on_order_or_repetition(candidates, random):
    shuffled = candidates + candidates[:5]
    random.shuffle(shuffled)
    assert solve_report(shuffled, TASKS) == solve_report(candidates, TASKS)


def test_selection_by_demonstrations_then_characters_then_text():
    best = Candidate("a", "O = rot180(I)", (True, True), (False,), "policy")
    short = Candidate("a", "O = f(I)", (True, False), (True,), "policy")
    twin = Candidate("a", "O = g(I)", (False, True), (True,), "policy")
    long = Candidate("a", "x1 = f(I)\nO = f(x1)", (True, False), (True,), "policy")
    none = Candidate("a", "O = I", (False, False), (True,), "policy")
    for order in itertools.permutations([best, short, twin, long, none, best]):
        assert select_candidates(order, 9) == [best, short, twin, long]


def test_a_shorter_wrong_program_displaces_a_right_one_but_not_from_the_oracle():
    right = [Candidate("a", "x" * 9, (True, False), (True, True), "policy")]
    wrong = [Candidate("a", text, (True, False), (False, True), "policy") for text in ("x", "y", "z")]
    assert solve_report(right, TASKS) == {"demonstrations": 0, "pass@1": 1, "pass@3": 1, "oracle": 1}
    assert solve_report(right + wrong, TASKS) == {"demonstrations": 0, "pass@1": 0, "pass@3": 0, "oracle": 1}


def test_solving_the_tests_without_a_demonstration_counts_nowhere():
    blind = Candidate("a", "x", (False, False), (True, True), "policy")
    assert set(solve_report([blind], TASKS).values()) == {0}
    assert set(solve_report([], TASKS).values()) == {0}
