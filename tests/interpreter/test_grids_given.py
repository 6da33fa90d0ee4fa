"""Grids as callers give them, exact: every way to run a program takes the same forms, and refuses the same others."""

import gc
import os

import numpy as np
import pytest

import interpreter

ROWS = [[1, 1, 0], [0, 3, 1]]
GRID = ((1, 1, 0), (0, 3, 1))
# Of arithmetic, sets and searches, which lists, arrays and foreign integers would each mislead in their own way.
TEXTS = [
    "O = hmirror(I)",
    "x1 = mostcolor(I)\nx2 = increment(x1)\nO = canvas(x2, UNITY)",
    "x1 = asobject(I)\nO = paint(I, x1)",
    "x1 = objects(I, T, F, T)\nx2 = argmax(x1, size)\nO = subgrid(x2, I)",
]
PROGRAMS = [interpreter.parse(text) for text in TEXTS]


@pytest.fixture(scope="module")
def ways():
    """Return the ways to run a program on a grid, by name."""
    with interpreter.InterpreterPool(1) as pool:
        yield {
            "run": lambda grid: [interpreter.run(program, grid) for program in PROGRAMS],
            "run_batch": lambda grid: [row[0] for row in interpreter.run_batch(PROGRAMS, [grid])],
            "pool": lambda grid: [row[0] for row in pool.run([(TEXTS, [grid])])[0]],
        }


class Tensor:
    """What arrays of other libraries have in common."""

    def tolist(self):
        return [list(row) for row in GRID]


TAKEN = {
    "lists": ROWS,
    "a tuple of lists": tuple(ROWS),
    "a list of tuples": list(map(tuple, ROWS)),
    "booleans among integers": [[True, True, False], [0, 3, 1]],
    **{name: np.array(ROWS, name) for name in ("int64", "int32", "int8", "uint8", "uint64")},
    "an array of objects": np.array(ROWS, object),
    "an array in Fortran's order": np.asfortranarray(ROWS),
    "every second cell of an array": np.repeat(ROWS, 2, axis=1)[:, ::2],
    "a list of arrays": [np.array(row, np.uint8) for row in ROWS],
    "a tuple of tuples of NumPy's integers": tuple(map(tuple, np.array(ROWS))),
    "another library's array": Tensor(),
}


@pytest.mark.parametrize("given", TAKEN.values(), ids=TAKEN)
@pytest.mark.parametrize("way", ["run", "run_batch", "pool"])
def test_a_grid_is_a_grid_in_every_form(ways, way, given):
    outcomes = ways[way](given)
    assert outcomes == ways["run"](GRID)
    assert {type(cell) for outcome in outcomes for row in outcome.grid for cell in row} == {int}


REFUSED = {
    "ragged": ([[1, 2], [3]], "a grid is ragged: row 1 has 1 cells, expected 2 as in row 0"),
    "a fraction": ([[1.5, 2]], "row 0 of a grid has the cell 1.5, expected an integer from 0 to 255"),
    "an array of floats": (
        np.array(ROWS, float),
        "row 0 of a grid has the cell 1.0, expected an integer from 0 to 255",
    ),
    "negative": ([[0], [-1]], "row 1 of a grid has the cell -1, expected an integer from 0 to 255"),
    "too large": (np.array([[256]]), "row 0 of a grid has the cell 256, expected an integer from 0 to 255"),
    "text": ([["1", "2"]], "row 0 of a grid has the cell '1', expected an integer from 0 to 255"),
    "rows of text": (["12", "34"], "row 0 of a grid is of type str, expected integers"),
    "rows of bytes": ([b"12", b"34"], "row 0 of a grid is of type bytes, expected integers"),
    "a single row": ([1, 2, 3], "row 0 of a grid is of type int, expected integers"),
    "three dimensions": (np.zeros((2, 2, 2), int), "row 0 of a grid has the cell [0, 0], expected an integer"),
    "no dimension": (np.int64(3), "a grid is of type int64, expected rows of integers"),
    "nothing": (None, "a grid is of type NoneType, expected rows of integers"),
    "an object of JSON": ({"input": ROWS}, "a grid is of type dict, expected rows of integers"),
    "a file's text": ("[[1]]", "a grid is of type str, expected rows of integers"),
}


@pytest.mark.parametrize(("given", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("way", ["run", "run_batch", "pool"])
def test_what_is_no_grid_is_refused_in_one_line(ways, way, given, message):
    with pytest.raises(ValueError, match=r"^[^\n]{1,120}$") as refusal:
        ways[way](given)
    assert str(refusal.value).startswith(message)


def test_a_list_that_changes_between_two_runs_is_read_again():
    rows = [[1, 2]]
    mixed = ([1, 2],)
    for grid in (rows, mixed):
        assert interpreter.run(PROGRAMS[0], grid).grid == ((1, 2),)
        grid[0][0] = 5
        assert interpreter.run(PROGRAMS[0], grid).grid == ((5, 2),)


def test_grids_that_come_and_go_are_told_apart():
    # A freed grid's address is the next one's: whoever remembers by address alone mistakes one for the other.
    for number in range(3000):
        grid = ((number % 256, number // 256),)
        assert interpreter.run(PROGRAMS[0], grid).grid == (None if max(grid[0]) > 9 else grid)


def test_wanted_outputs_are_taken_in_every_form_too(ways):
    for expected in (ROWS[::-1], np.array(ROWS[::-1]), GRID[::-1]):
        [row] = interpreter.run_batch(PROGRAMS[:1], [GRID, ROWS], expected=[expected] * 2, stop_at_first_miss=True)
        assert [outcome.status for outcome in row] == [interpreter.Status.OK] * 2


def test_a_closed_pool_keeps_no_descriptor():
    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    gc.collect()
    gc.disable()  # what is left for it to find would be closed by chance
    try:
        before = descriptors()
        pools = [interpreter.InterpreterPool(1) for _ in range(5)]
        for pool in pools:
            assert pool.run([(TEXTS, [GRID])])[0][0][0].grid == GRID[::-1]
            pool.close()
            pool.poll()
        assert descriptors() == before
        assert pools[0].run([(TEXTS, [GRID])])[0][0][0].grid == GRID[::-1]
        pools[0].close()
        assert descriptors() == before
    finally:
        gc.enable()
