"""Exact and twin: the paper's prompt text, and reading it back by a parser that shares nothing with the writer."""

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from codeit_jax.arc import Example
from codeit_jax.text.prompt import format_grid, format_prompt, order_demonstrations

grids = hnp.arrays(
    np.int64, st.tuples(st.integers(1, 30), st.integers(1, 30)), elements=st.integers(0, 9), fill=st.integers(0, 9)
)


def as_grid(array):
    return tuple(map(tuple, array.tolist()))


def test_format_grid_exact():
    grid = ((0, 5, 0), (2, 0, 0), (0, 5, 2))
    assert format_grid(grid) == "3x3 background=0 2=1,0 2,2 5=0,1 2,1"


def test_one_color_has_no_cells():
    assert format_grid(((7, 7),)) == "1x2 background=7"


def test_background_is_the_smallest_of_the_most_common():
    assert format_grid(((9, 4), (4, 9))) == "2x2 background=4 9=0,0 1,1"


def test_format_prompt_exact():
    first = Example(input=((1,),), output=((2, 2),))
    second = Example(input=((3, 3, 0),), output=((0,), (3,)))
    inputs, outputs = format_prompt([first, second])
    assert inputs == "1x1 background=1|1x3 background=3 0=0,2"
    assert outputs == "\n1x2 background=2|2x1 background=0 3=1,0"


@settings(deadline=None, max_examples=100)
@given(grids)
def test_text_reads_back_with_colors_ascending_and_cells_row_major(array):
    header, *groups = re.split(r" (?=\d=)", format_grid(as_grid(array)))
    height, width, background = map(int, re.fullmatch(r"(\d+)x(\d+) background=(\d)", header).groups())
    read = np.full((height, width), background)
    colors = []
    for group in groups:
        color, cells = group.split("=")
        places = [tuple(map(int, cell.split(","))) for cell in cells.split(" ")]
        assert places == sorted(places)
        colors.append(int(color))
        for place in places:
            read[place] = int(color)
    assert (read == array).all()
    assert colors == sorted(set(colors) - {background})


def test_demonstrations_go_by_cells_and_ties_keep_their_order():
    def example(size, color):
        return Example(input=((color,) * size,), output=((color,),))

    given_order = [example(5, 1), example(2, 2), example(5, 3), example(1, 4), example(2, 5)]
    assert [demonstration.input[0][0] for demonstration in order_demonstrations(given_order)] == [4, 2, 5, 1, 3]


def test_demonstrations_go_by_sides_when_told_so():
    one = ((1,),)
    demonstrations = [Example(((1,),) * 3, one), Example(((1,) * 9,), one), Example(((1,) * 2,), one)]
    assert order_demonstrations(demonstrations, "sides") == [demonstrations[k] for k in (2, 1, 0)]
    assert order_demonstrations(demonstrations, "cells") == [demonstrations[k] for k in (2, 0, 1)]


def test_at_most_ten_demonstrations_the_smallest():
    demonstrations = [Example(input=((0,) * size,), output=((0,),)) for size in range(12, 0, -1)]
    assert [len(demonstration.input[0]) for demonstration in order_demonstrations(demonstrations)] == list(range(1, 11))
