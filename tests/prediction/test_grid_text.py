"""Exact values, round trips and properties: grids as text, and read back from whatever a model makes of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeit_jax.arc import load_tasks
from codeit_jax.prediction.grid_prompts import grid_prompt
from codeit_jax.prediction.grid_text import grid_text, read_grid

GRID = ((0, 0, 3), (0, 3, 0))
ROWS, SPARSE = "0 0 3\n0 3 0", "2x3 background=0 3=0,2 1,1"

grids = st.integers(1, 30).flatmap(
    lambda width: st.lists(st.lists(st.integers(0, 9), min_size=width, max_size=width), min_size=1, max_size=30)
)


def test_the_two_forms():
    assert grid_text(GRID, "rows") == ROWS
    assert grid_text(GRID, "sparse") == SPARSE


@pytest.mark.parametrize("form", ["rows", "sparse"])
@pytest.mark.parametrize("first", [True, False])
@settings(deadline=None)
@given(rows=grids)
def test_what_a_prompt_shows_is_read_back(rows, form, first):
    grid = tuple(map(tuple, rows))
    assert read_grid(grid_text(grid, form), form, first=first) == grid


@pytest.mark.parametrize("form", ["rows", "sparse"])
def test_all_grids_of_the_training_tasks_are_read_back(form):
    for task in load_tasks("arc1/training"):
        for grid in task.inputs:
            assert read_grid(grid_text(grid, form), form, first=False) == grid


@pytest.mark.parametrize(
    "text",
    [
        "The rule mirrors the grid, so the answer is:\n\n0 0 3\n0 3 0\n\nI hope this helps!",
        "```\n003\n030\n```",
        "```json\n[[0, 0, 3], [0, 3, 0]]\n```\nEach 3 moves.",
        "[[0,0,3],[0,3,0]]",
        '{"output": [[0, 0, 3], [0, 3, 0]]}',
        "[\n  [0, 0, 3],\n  [0, 3, 0]\n]",
        "| 0 | 0 | 3 |\n| 0 | 3 | 0 |",
        "0, 0, 3\n0, 3, 0",
        "output:\n0 0 3\r\n0 3 0\r\n",
        "<think>\n9 9\n9 9\n</think>\n\n0 0 3\n0 3 0",
        "First I tried\n1 1 1\n1 1 1\nbut it is\n0 0 3\n0 3 0",
        "```\n0 0 3\n0 3 0\n```\nIt has 2 rows. Colors:\n3\n",
        "The answer: 2x3 background=0 3=0,2 1,1",
        "2 x 3, background: 0; 3: (0,2), (1,1).",
        "```\n0 0 3\n0 3 0",
    ],
)
def test_a_grid_is_found_in_what_models_write_around_it(text):
    assert read_grid(text, "rows", first=False) == GRID
    assert read_grid(text, "sparse", first=False) == GRID


def test_a_completion_goes_on_with_pairs_of_its_own():
    text = "\n0 0 3\n0 3 0\n\ninput:\n1 1\noutput:\n2 2\n"
    assert read_grid(text, "rows", first=True) == GRID
    assert read_grid(text, "rows", first=False) == ((2, 2),)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I can't see a pattern.",
        "0 0 3\n0 3",
        "0 0 3\n0 3 0 0",
        "10 12\n13 14",
        "\n".join(["0 1"] * 31),
        " ".join("1" * 31),
        "٣ ٣\n٣ ٣",
        "2x3 background=0 3=2,0",
        "31x3 background=0",
        "0x3 background=0",
        "2x3 background=0 0,1",
    ],
)
def test_what_is_no_grid_is_none(text):
    assert read_grid(text, "rows", first=False) is None
    assert read_grid(text, "sparse", first=False) is None


@settings(deadline=None)
@given(st.text(alphabet=" \n0123456789[](),;:|x=`background<think/>é", max_size=400))
def test_any_text_gives_a_valid_grid_or_none(text):
    for form in ("rows", "sparse"):
        grid = read_grid(text, form, first=False)
        if grid is not None:
            assert 1 <= len(grid) <= 30
            assert {len(row) for row in grid} <= {len(grid[0])}
            assert 1 <= len(grid[0]) <= 30
            assert all(0 <= cell <= 9 for row in grid for cell in row)


def test_a_prompt_has_the_demonstrations_and_the_test_input_and_no_output_of_a_test():
    task = load_tasks("arc1/training")["3c9b0459"]
    bare = grid_prompt(task, 0, "completions", "rows")
    pairs = [
        f"input:\n{grid_text(p.input, 'rows')}\noutput:\n{grid_text(p.output, 'rows')}" for p in task.demonstrations
    ]
    assert bare == "\n\n".join([*pairs, f"input:\n{grid_text(task.test_inputs[0], 'rows')}\noutput:"])
    described = grid_prompt(task, 0, "chat", "rows")
    assert described.endswith("\n\n" + bare)
    assert "digit from 0 to 9" in described
    assert grid_text(task.tests[0].output, "rows") not in described
    assert "background=" in grid_prompt(task, 0, "chat", "sparse")
