"""Twin tests of the shared indices: boxes and lines against their definition, around the borders of what is shared."""

from itertools import product

import pytest

from interpreter.primitives.indices import indices_in_box, indices_on_line

BORDERS = (-66, -64, -1, 0, 5, 95, 96, 98)


def box(top, left, bottom, right):
    return tuple((i, j) for i in range(top, bottom + 1) for j in range(left, right + 1))


@pytest.mark.parametrize(("top", "left"), list(product(BORDERS, BORDERS)))
def test_a_box_has_its_indices_row_by_row(top, left):
    for height, width in product((-40, 0, 1, 2, 70), (-40, 0, 1, 3, 70)):
        bounds = top, left, top + height - 1, left + width - 1
        assert indices_in_box(*bounds) == box(*bounds)


@pytest.mark.parametrize("step", [(0, 1), (1, -1), (1, 0), (1, 1)])
def test_a_line_has_its_indices_from_end_to_end(step):
    down, right = step
    for i, j, length in product(BORDERS, BORDERS, (1, 2, 30, 200)):
        line = tuple((i + down * k, j + right * k) for k in range(length))
        assert indices_on_line(i, j, *line[-1]) == line


def test_indices_are_shared_by_boxes_and_lines():
    in_box = dict.fromkeys(indices_in_box(-3, 2, 40, 80))
    on_line = {index: index for index in indices_on_line(0, 10, 20, 30)}
    assert all(on_line[index] is index for index in in_box if index in on_line)
    assert on_line.keys() <= in_box.keys()
