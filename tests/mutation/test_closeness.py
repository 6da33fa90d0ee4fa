"""Exact and property tests of closeness: what is nearer to the wanted output, and that only the exact one is 1."""

import numpy as np
import pytest

from codeit_jax.arc import Example
from codeit_jax.mutation.closeness import ALMOST, CONTAINING, MERGED_COLORS, RECOLORED, SHAPE, TURNED, Closeness

INPUT = ((1, 0, 0), (0, 0, 0), (0, 0, 2))
WANTED = ((1, 3, 0), (3, 0, 0), (0, 0, 2))
CLOSENESS = Closeness(Example(INPUT, WANTED))


def changed(**cells):
    """Return the input with other cells, named as in `r0c1=3`."""
    grid = [list(row) for row in INPUT]
    for name, color in cells.items():
        grid[int(name[1])][int(name[3])] = color
    return tuple(map(tuple, grid))


def test_what_gives_no_grid_has_none_and_the_wanted_output_all():
    assert (CLOSENESS(None), CLOSENESS(WANTED), CLOSENESS(((5,) * 9,) * 2)) == (0.0, 1.0, 0.0)


def test_right_changes_bring_closer_and_wrong_ones_away():
    untouched, wrong = CLOSENESS(INPUT), CLOSENESS(changed(r2c0=7, r1c1=7))
    half, half_and_wrong = CLOSENESS(changed(r0c1=3)), CLOSENESS(changed(r0c1=3, r2c0=7))
    wrong_color = CLOSENESS(changed(r0c1=4, r1c0=5))
    assert SHAPE < wrong < untouched < half_and_wrong < half < ALMOST
    assert wrong_color < half
    # Cells that were right before count little: the input agrees with the output in seven of nine.
    assert untouched < 0.3 < half


def test_one_call_away_is_close():
    assert CLOSENESS(tuple(zip(*WANTED[::-1], strict=True))) == TURNED
    assert CLOSENESS(((2, 1, 4), (1, 4, 4), (4, 4, 5))) == RECOLORED
    assert CLOSENESS(((2, 1, 4), (3, 4, 4), (4, 4, 5))) == MERGED_COLORS
    assert CLOSENESS(((9, *WANTED[0]), (9, *WANTED[1]), (9, *WANTED[2]))) == CONTAINING
    small, large = CLOSENESS(((1, 3), (3, 0))), CLOSENESS(WANTED[:2])
    assert 0 < small < large < CONTAINING
    # Of one color only, anything would be a part, and any grid would be recolored to it.
    assert CLOSENESS(((0, 0),)) == 0.0
    flat = Closeness(Example(INPUT, ((4,) * 3,) * 3))
    assert flat(((5,) * 3,) * 3) < MERGED_COLORS


def test_without_a_wanted_shape_like_the_inputs_the_most_common_color_counts_as_untouched():
    closeness = Closeness(Example(INPUT, ((0, 0, 0, 5), (0, 6, 0, 0))))
    blank, one = closeness(((0,) * 4,) * 2), closeness(((0, 0, 0, 5), (0,) * 4))
    both = closeness(((0, 0, 0, 5), (0, 6, 0, 1)))
    assert blank < both
    assert blank < one


@pytest.mark.parametrize("seed", range(3))
def test_only_the_wanted_output_is_exact(seed):
    rng = np.random.default_rng(seed)

    def grid():
        rows = rng.integers(0, 3, size=rng.integers(1, 4, size=2)).tolist()
        return tuple(map(tuple, rows))

    for _ in range(300):
        closeness, other = Closeness(Example(grid(), wanted := grid())), grid()
        assert closeness(wanted) == 1.0
        assert other == wanted or 0.0 <= closeness(other) <= ALMOST
        assert closeness(other) == closeness(other)
