"""Exact tests of grids as text: digits and colors, side by side, wrapped; and that every cell comes back."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeit_jax.reporting.terminal_grids import format_grids

CELL = re.compile(r"\x1b\[48;5;(\d+)m  ")
COLOURS = {"16": 0, "27": 1, "196": 2, "34": 3, "220": 4, "244": 5, "201": 6, "208": 7, "117": 8, "88": 9}


def test_digits_side_by_side():
    text = format_grids([("in", ((1, 2, 3), (4, 5, 6))), ("longer title", ((7,), (8,), (9,))), ("", None)], color=False)
    assert text.split("\n") == ["in   longer title", "123  7             no grid", "456  8", "     9"]


def test_grids_that_are_too_wide_go_below():
    grid = ((1,) * 30,)
    text = format_grids([("a", grid), ("b", grid), ("c", grid)], color=False, width=70)
    assert [line.split() for line in text.split("\n")] == [["a", "b"], ["1" * 30] * 2, [], ["c"], ["1" * 30]]


def test_one_grid_wider_than_the_terminal_stays_whole():
    assert format_grids([("a", ((1,) * 30,))], color=False, width=10) == "a\n" + "1" * 30


@given(st.integers(1, 30).flatmap(lambda w: st.lists(st.lists(st.integers(0, 9), min_size=w, max_size=w), min_size=1)))
def test_every_colored_cell_comes_back(rows):
    text = format_grids([("t", tuple(map(tuple, rows))), ("u", ((0,),))], color=True, width=1)
    lines = text.split("\n")
    found = [[COLOURS[code] for code in CELL.findall(line)] for line in lines[1 : 1 + len(rows)]]
    assert found == rows
    assert all(line.rstrip(" ").endswith("\x1b[0m") for line in lines[1 : 1 + len(rows)])


@pytest.mark.parametrize("color", [True, False])
def test_columns_stand_one_below_the_other(color):
    wide, tall = ((1, 2, 3, 4),), ((5,), (6,))
    lines = format_grids([("x", wide), ("y", tall)], color=color).split("\n")
    visible = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in lines]
    place = visible[0].index("y")
    assert place == (10 if color else 6)
    assert [len(line) for line in visible[1:]] == ([place + 2] * 2 if color else [place + 1] * 2)
