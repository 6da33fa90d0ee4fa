"""Exact tests of hindsight relabeling: which outputs become examples, and the priority that comes with them."""

import dataclasses

import pytest

from codeit_jax.arc import Example, Task
from codeit_jax.config.schema import HindsightConfig
from codeit_jax.hindsight import Execution, demonstration_performance, relabel, solved_demonstrations
from interpreter import Outcome, Status

INPUTS = tuple(((color,),) for color in range(4))
WANTED = tuple(((color, color),) for color in range(4))
WRONG = ((9,),)
TASK = Task(
    id="t",
    demonstrations=tuple(Example(input=i, output=o) for i, o in zip(INPUTS, WANTED, strict=True)),
    tests=(Example(input=((7,),), output=((7, 7),)),),
)


def execution(*results):
    """Make an execution from grids, and statuses for what gave none."""
    outcomes = [Outcome(Status.OK, r) if isinstance(r, tuple) else Outcome(r, None, "failed") for r in results]
    return Execution(task_id="t", program="O = dneg(I)", outcomes=tuple(outcomes))


def relabeled(*results, origin="policy", iteration=3, **settings):
    return relabel(execution(*results), TASK, HindsightConfig(**settings), origin=origin, iteration=iteration)


def test_realized_outputs_replace_the_wanted_ones():
    found = relabeled(WANTED[0], WRONG, WANTED[2], WRONG)
    assert found.examples == tuple(
        Example(input=i, output=o) for i, o in zip(INPUTS, (WANTED[0], WRONG, WANTED[2], WRONG), strict=True)
    )
    assert found.demonstration_performance == 0.5
    assert (found.task_id, found.program, found.origin, found.iteration) == ("t", "O = dneg(I)", "policy", 3)


def test_origin_and_iteration_are_as_given():
    found = relabeled(*WANTED, origin="mutant", iteration=-1)
    assert (found.origin, found.iteration) == ("mutant", -1)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
def test_a_demonstration_without_a_valid_grid_is_dropped(status):
    found = relabeled(WRONG, status, WANTED[2], status)
    assert [example.input for example in found.examples] == [INPUTS[0], INPUTS[2]]
    assert found.demonstration_performance == 0.25
    assert relabeled(status, status, status, status) is None


def test_a_program_that_solves_nothing_is_an_experience_of_performance_zero():
    found = relabeled(WRONG, WRONG, WRONG, WRONG)
    assert len(found.examples) == 4
    assert found.demonstration_performance == 0.0


def test_without_relabeling_only_solved_demonstrations_count():
    found = relabeled(WRONG, WANTED[1], Status.ERROR, WANTED[3], relabel=False)
    assert found.examples == (TASK.demonstrations[1], TASK.demonstrations[3])
    assert found.demonstration_performance == 0.5
    assert relabeled(WRONG, WRONG, Status.ERROR, WRONG, relabel=False) is None


def test_without_relabeling_examples_are_a_subset_of_the_task():
    for results in ((*WANTED,), (WANTED[1], WANTED[0], WANTED[2], WRONG)):
        found = relabeled(*results, relabel=False)
        assert set(found.examples) <= set(TASK.demonstrations)


@pytest.mark.parametrize("num_demonstrations", [1, 2, 4, 99])
@pytest.mark.parametrize("on", [True, False])
def test_only_the_smallest_demonstrations_are_learned_when_told_so(num_demonstrations, on):
    results = (WRONG, WANTED[1], WANTED[2], WANTED[3])
    found = relabeled(*results, relabel=on, num_demonstrations=num_demonstrations)
    kept = results[:num_demonstrations]  # all are of one size
    solved = sum(result == wanted for result, wanted in zip(kept, WANTED, strict=False))
    if not on and not solved:
        assert found is None
        return
    assert len(found.examples) == (len(kept) if on else solved)
    assert found.demonstration_performance == 0.75


def test_the_smallest_demonstration_decides_alone_by_cells_or_by_sides():
    wide, tall = ((0,) * 6,), ((1,),) * 3
    task = Task(id="t", demonstrations=(Example(wide, ((0,),)), Example(tall, ((1,),))), tests=TASK.tests)
    assert [len(wide[0]) + 1, len(tall) + 1] == [7, 4]  # cells; rows are 2 and 4
    for order, kept in (("cells", tall), ("sides", wide)):
        config = HindsightConfig(num_demonstrations=1)
        found = relabel(execution(WRONG, ((1,),)), task, config, origin="policy", iteration=0, order=order)
        assert [example.input for example in found.examples] == [kept]
        assert found.demonstration_performance == 0.5
        gone = execution(*(Status.ERROR if grid is kept else WRONG for grid in (wide, tall)))
        assert relabel(gone, task, config, origin="policy", iteration=0, order=order) is None


def test_a_program_can_be_kept_only_if_every_demonstration_counts():
    assert relabeled(WRONG, WRONG, WRONG, Status.ERROR, keep="all") is None
    assert len(relabeled(WRONG, WRONG, WRONG, WRONG, keep="all").examples) == 4
    assert relabeled(*WANTED[:3], WRONG, keep="all", relabel=False) is None
    assert relabeled(*WANTED, keep="all", relabel=False).examples == TASK.demonstrations


def test_a_solved_demonstration_equals_the_wanted_grid_whole():
    taller = (WANTED[0][0], WANTED[0][0])
    assert solved_demonstrations(execution(WANTED[0], taller, WANTED[3], Status.WORK), TASK) == (
        (True, False, False, False)
    )
    with pytest.raises(ValueError, match="zip"):
        solved_demonstrations(execution(WANTED[0]), TASK)


@pytest.mark.parametrize(
    ("solved", "share"), [((True,), 1.0), ((False,), 0.0), ((True, False, False), 1 / 3), ((True, True), 1.0)]
)
def test_performance_is_the_share_of_solved_demonstrations(solved, share):
    assert demonstration_performance(solved) == share


def test_tests_of_the_task_never_matter():
    other = dataclasses.replace(TASK, tests=(Example(input=INPUTS[0], output=WRONG),))
    for results in ((*WANTED,), (WRONG, Status.ERROR, WRONG, WANTED[3])):
        made = execution(*results)
        for on in (True, False):
            config = HindsightConfig(relabel=on)
            assert relabel(made, TASK, config, origin="seed", iteration=0) == (
                relabel(made, other, config, origin="seed", iteration=0)
            )
