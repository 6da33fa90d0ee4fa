"""Exact and twin: grids as native tokens, and a decoder that knows only the tokens' names."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from codeit_jax.text.grid_tokens import GridTokens

GRID_TOKENS = GridTokens(first_id=1000)

shapes = st.tuples(st.integers(1, 30), st.integers(1, 30))
sparse_arrays = hnp.arrays(np.int64, shapes, elements=st.integers(0, 9), fill=st.integers(0, 9))
patterned_arrays = st.builds(
    lambda pattern, rows, columns: np.repeat(np.repeat(pattern, rows, 0), columns, 1),
    hnp.arrays(np.int64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.integers(0, 9)),
    st.integers(1, 5),
    st.integers(1, 5),
)
arrays = sparse_arrays | patterned_arrays


def names_of(array, role="input"):
    ids = GRID_TOKENS.encode(tuple(map(tuple, array.tolist())), role)
    assert ids.dtype == np.int32
    return [GRID_TOKENS.names[index - 1000] for index in ids]


def decode(names):
    """Rebuild (role, grid) from token names: the slow twin of `GridTokens.encode`."""
    role, form = names[0].split(":")
    height, width = (int(name.split(":")[1]) for name in names[1:3])
    if form == "cells":
        array = np.full((height, width), int(names[3].removeprefix("background:")))
        for name in names[4:]:
            kind, value = name.split(":")
            if kind == "color":
                color = int(value)
            else:
                array[tuple(map(int, value.split(",")))] = color
        return role, array
    rows = [[]]
    for name in names[3:]:
        if len(rows[-1]) == width:
            rows.append([])
        if name == "same_row":
            rows[-1].extend(rows[-2])
        else:
            color, length = name.removeprefix("run:").split("*")
            rows[-1].extend([int(color)] * int(length))
    return role, np.array(rows)


def naive_lengths(array):
    """Return the number of tokens of the cell form and of the run form, counted cell by cell."""
    counts = np.bincount(array.ravel(), minlength=10)
    num_cells = array.size - counts.max()
    num_runs = 0
    for index, row in enumerate(array.tolist()):
        if index and row == array[index - 1].tolist():
            num_runs += 1
        else:
            num_runs += 1 + sum(left != right for left, right in zip(row, row[1:], strict=False))
    return 4 + (np.count_nonzero(counts) - 1) + num_cells, 3 + num_runs


@settings(deadline=None, max_examples=200)
@given(arrays, st.sampled_from(["input", "output"]))
def test_encoding_reads_back_and_is_the_shorter_form(array, role):
    names = names_of(array, role)
    read_role, read = decode(names)
    assert read_role == role
    np.testing.assert_array_equal(read, array)
    num_cells, num_runs = naive_lengths(array)
    assert len(names) == min(num_cells, num_runs)
    assert names[0] == f"{role}:{'cells' if num_cells <= num_runs else 'runs'}"


def test_cells_exact_colors_ascending_cells_row_major():
    array = np.zeros((4, 5), int)
    array[3, 0] = array[0, 4] = 2
    array[1, 1] = 1
    assert names_of(array) == [
        *("input:cells", "height:4", "width:5", "background:0"),
        *("color:1", "cell:1,1", "color:2", "cell:0,4", "cell:3,0"),
    ]


def test_runs_exact_with_equal_rows():
    array = np.array([[1, 1, 1, 2], [1, 1, 1, 2], [3, 3, 3, 3], [1, 1, 1, 2]])
    assert names_of(array, "output") == [
        *("output:runs", "height:4", "width:4"),
        *("run:1*3", "run:2*1", "same_row", "run:3*4", "run:1*3", "run:2*1"),
    ]


def test_equally_long_forms_take_cells():
    array = np.array([[0, 0], [0, 1]])  # 4 + color + cell = 6 = 3 + 1 + 2
    assert naive_lengths(array) == (6, 6)
    assert names_of(array)[0] == "input:cells"


def test_names_are_unique():
    assert len(set(GRID_TOKENS.names)) == len(GRID_TOKENS.names)


@pytest.mark.parametrize(
    "grid", [(), ((),), ((1, 2), (3,)), ((10,),), ((-1,),), ((0,) * 31,), ((0,),) * 31], ids=lambda grid: str(grid)[:20]
)
def test_what_is_no_grid_is_refused(grid):
    with pytest.raises(ValueError, match="grid"):
        GRID_TOKENS.encode(grid, "input")
