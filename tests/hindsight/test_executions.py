"""Exact tests of running sampled programs: order, duplicates, and that tests are never run."""

from types import SimpleNamespace

import pytest

from codeit_jax.arc import Example, Task, TaskSet
from codeit_jax.hindsight import Execution, execute
from interpreter import InterpreterPool, Outcome, Status, parse, run

SECRET = ((6, 6, 6), (6, 0, 6))


def make_task(task_id, grids):
    demonstrations = tuple(Example(input=grid, output=grid[::-1]) for grid in grids)
    return Task(id=task_id, demonstrations=demonstrations, tests=(Example(input=SECRET, output=SECRET),))


GRIDS = (((1, 2), (3, 4)), ((5, 0, 6), (7, 7, 8)), ((9,),))
TASKS = TaskSet([make_task("wide", GRIDS), make_task("narrow", GRIDS[:1])], source="here", snapshot="none")
FLIP, TURN, BAD, WORSE = "O = hmirror(I)", "x1 = vmirror(I)\nO = hmirror(x1)", "O = crop(I)", "not a program"


class RecordingPool:
    """Answers every program with the grid itself, and remembers what it was asked."""

    def __init__(self):
        self.jobs = []

    def submit(self, jobs):
        self.jobs.extend(jobs)
        results = [[[Outcome(Status.OK, grid) for grid in job.grids] for _ in job.programs] for job in jobs]
        return SimpleNamespace(result=lambda on_progress: results)


@pytest.fixture(scope="module")
def pool():
    with InterpreterPool(2) as workers:
        yield workers


def test_outcomes_are_those_of_each_program_on_each_demonstration(pool):
    found = execute({"wide": [FLIP, BAD, TURN], "narrow": [TURN, WORSE]}, TASKS, pool)
    assert [(e.task_id, e.program) for e in found] == [
        ("narrow", TURN),
        ("narrow", WORSE),
        ("wide", FLIP),
        ("wide", BAD),
        ("wide", TURN),
    ]
    for execution in found:
        inputs = TASKS[execution.task_id].demonstration_inputs
        assert len(execution.outcomes) == len(inputs)
        if execution.program in (FLIP, TURN):
            program = parse(execution.program)
            assert [o.grid for o in execution.outcomes] == [run(program, grid).grid for grid in inputs]
        else:
            assert {o.grid for o in execution.outcomes} == {None}
    assert {o.status for o in found[1].outcomes} == {Status.SYNTAX}


def test_a_text_given_twice_runs_once_where_it_came_first(pool):
    found = execute({"narrow": [TURN, FLIP, TURN, FLIP, FLIP]}, TASKS, pool)
    assert [e.program for e in found] == [TURN, FLIP]


def test_the_order_of_tasks_given_does_not_matter(pool):
    programs = {"wide": [FLIP], "narrow": [TURN, FLIP]}
    backwards = dict(reversed(programs.items()))
    assert execute(programs, TASKS, pool) == execute(backwards, TASKS, pool)


def test_nothing_to_run_is_nothing_found(pool):
    assert execute({}, TASKS, pool) == []
    assert execute({"wide": []}, TASKS, pool) == []


def test_progress_ends_with_every_program_on_every_demonstration(pool):
    calls = []
    execute({"wide": [FLIP], "narrow": [FLIP]}, TASKS, pool, on_progress=lambda *call: calls.append(call))
    assert calls[-1] == (4, 4)


def test_only_demonstration_inputs_are_ever_asked_for():
    recording = RecordingPool()
    found = execute({"wide": [FLIP, FLIP, TURN], "narrow": [BAD]}, TASKS, recording)
    assert [job.grids for job in recording.jobs] == [GRIDS[:1], GRIDS]
    assert [list(job.programs) for job in recording.jobs] == [[BAD], [FLIP, TURN]]
    assert SECRET not in [grid for job in recording.jobs for grid in job.grids]
    assert found[0] == Execution(task_id="narrow", program=BAD, outcomes=(Outcome(Status.OK, GRIDS[0]),))


def test_a_task_that_is_not_there_is_an_error(pool):
    with pytest.raises(KeyError, match="unknown"):
        execute({"unknown": [FLIP]}, TASKS, pool)
