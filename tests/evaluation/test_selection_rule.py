"""Twin and exact tests of scoring: selection rule and vote against slow obvious versions, and their ties by hand."""

import dataclasses
import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from codeit_jax.arc import Example, Task, TaskSet
from codeit_jax.evaluation import COLUMNS, Candidate, report_by_test, select_candidates, solve_report, vote
from interpreter import Limits, parse, run

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
    known = {}
    for key in dict.fromkeys(keys):
        # What it predicts decides which tests it reproduces; some fail on a test, and reproduce no more than the other.
        guess = draw(st.sampled_from((None, "11", "10", "01", "00", "00'")))
        tests = (
            draw(st.sampled_from(((True, False), (False, False))))
            if guess is None
            else (guess[0] == "1", guess[1] == "1")
        )
        known[key] = Candidate(*key, draw(pair), tests, "policy", guess=guess)
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


def slow_vote_at(candidates: list[Candidate], task_id: str, count: int) -> bool:
    """A guess counts when fewer than `count` others beat it, criterion by criterion."""
    group = {c for c in candidates if c.task_id == task_id and True in c.demonstrations}
    voters = {guess: {c for c in group if c.guess == guess} for guess in {c.guess for c in group} - {None}}
    best = {guess: next(c for c in some if not any(beats(d, c) for d in some)) for guess, some in voters.items()}

    def ahead(one: str, other: str) -> bool:
        shown = [best[guess].demonstrations.count(True) for guess in (one, other)]
        if shown[0] != shown[1]:
            return shown[0] > shown[1]
        if len(voters[one]) != len(voters[other]):
            return len(voters[one]) > len(voters[other])
        return beats(best[one], best[other])

    return "11" in voters and sum(ahead(other, "11") for other in voters if other != "11") < count


@settings(deadline=None, max_examples=300)
@given(candidate_lists())
def test_report_equals_the_slow_obvious_one(candidates):
    report = solve_report(candidates, TASKS)
    assert report["pass@1"] == sum(slow_pass_at(candidates, task_id, 1) for task_id in IDS)
    assert report["pass@3"] == sum(slow_pass_at(candidates, task_id, 3) for task_id in IDS)
    for count in (1, 2, 3):
        assert report[f"vote@{count}"] == sum(slow_vote_at(candidates, task_id, count) for task_id in IDS)
    assert list(report) == list(COLUMNS)
    assert report["oracle"] == sum(slow_pass_at(candidates, task_id, 10**9) for task_id in IDS)
    assert report["demonstrations"] == len(
        {c.task_id for c in candidates if c.demonstrations == (True, True)} & set(IDS)
    )
    assert report["pass@1"] <= report["pass@3"] <= report["oracle"] <= len(IDS)
    assert report["vote@1"] <= report["vote@2"] <= report["vote@3"] <= report["oracle"]


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
    # Without a guess none votes.
    nothing = dict.fromkeys(COLUMNS, 0)
    assert solve_report(right, TASKS) == nothing | {"pass@1": 1, "pass@3": 1, "oracle": 1}
    assert solve_report(right + wrong, TASKS) == nothing | {"oracle": 1}


def test_solving_the_tests_without_a_demonstration_counts_nowhere():
    blind = Candidate("a", "x", (False, False), (True, True), "policy")
    assert set(solve_report([blind], TASKS).values()) == {0}
    assert set(solve_report([], TASKS).values()) == {0}


def candidate(program: str, held: int, guess: str | None, tests: tuple[bool, ...] = (False, False)) -> Candidate:
    return Candidate("a", program, tuple(place < held for place in range(2)), tests, "policy", guess=guess)


def test_vote_by_demonstrations_then_agreement_then_length_then_text():
    alone = candidate("x1 = a very long one", 2, "p")
    several = [candidate(text, 1, "q") for text in ("bbb", "bbbb", "bbbbb")]
    short, twin = candidate("a", 1, "r"), candidate("b", 1, "s")
    blind, failed = candidate("a blind one", 0, "t"), candidate("c", 2, None)
    group = [*several, blind, twin, failed, short, alone, several[0]]
    for start in range(len(group)):
        order = group[start:] + group[:start]
        assert vote(order, 9) == [alone, several[0], short, twin]
    assert vote(group, 2) == [alone, several[0]]


def test_one_text_of_two_origins_votes_once():
    mutant = dataclasses.replace(candidate("bbb", 1, "q"), origin="mutant")
    assert vote([candidate("bbb", 1, "q"), mutant, candidate("aa", 1, "p")], 1) == [candidate("aa", 1, "p")]


def test_the_vote_never_sees_what_the_tests_want():
    group = [candidate("aa", 1, "p"), candidate("bb", 1, "q"), candidate("ccc", 1, "q")]
    for tests in itertools.product((True, False), repeat=3):
        judged = [dataclasses.replace(c, tests=(flag,)) for c, flag in zip(group, tests, strict=True)]
        assert [c.guess for c in vote(judged, 3)] == ["q", "p"]


def test_equal_guesses_are_one_so_that_a_vote_looks_further():
    wrong = [candidate(text, 2, "wrong") for text in ("a", "b", "c")]
    right = candidate("a longer one", 1, "right", (True, True))
    assert solve_report([*wrong, right], TASKS) == {
        "demonstrations": 1,
        **{"pass@1": 0, "pass@3": 0, "vote@1": 0, "vote@2": 1, "vote@3": 1, "oracle": 1},
    }


def test_a_guess_is_what_a_program_gives_for_the_tests_whatever_they_want():
    turned = ((0, 1), (2, 0)), ((0, 2), (1, 0))

    def judged(text: str, wanted: int) -> Candidate:
        grids = [Example(turned[0], turned[wanted]), Example(turned[1], turned[wanted])]
        task = Task("a", (Example(CELL, CELL),), tuple(grids))
        outcomes = [run(parse(text), grid, limits=Limits()) for grid in task.inputs]
        return Candidate.from_outcomes(task, text, outcomes, origin="policy")

    same = {
        judged(text, wanted).guess
        for text in ("O = rot180(I)", "x1 = hmirror(I)\nO = vmirror(x1)")
        for wanted in (0, 1)
    }
    [guess] = same
    assert len(bytes.fromhex(guess)) == 8
    assert judged("O = rot180(I)", 0).tests != judged("O = rot180(I)", 1).tests
    assert judged("O = hmirror(I)", 0).guess != guess
    # A number for a test, or nothing, is no prediction.
    assert judged("O = size(I)", 0).guess is None


def test_each_test_output_counts_by_itself():
    best = candidate("a", 2, "p", (True, False))
    second = candidate("b", 1, "q", (False, True))
    fourth = [candidate(text, 1, "r", (False, False)) for text in ("c", "d")]
    other = dataclasses.replace(best, task_id="b", tests=(False, False))
    assert report_by_test([best, second, *fourth, other], list(TASKS)) == {"solved": 1, "pass@3": 2, "count": 6}
    assert report_by_test([], list(TASKS)) == {"solved": 0, "pass@3": 0, "count": 6}
