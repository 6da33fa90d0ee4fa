"""Twin tests: rows and columns found among many patches at once against calls one by one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpreter import PRIMITIVES
from interpreter.primitives import selection, straight_lines
from interpreter.values.meter import METER

P = PRIMITIVES
coordinates = st.integers(-2, 4)
pairs = st.tuples(coordinates, coordinates)
segments = st.tuples(pairs, pairs).map(lambda ends: P["connect"](*ends))
odd = st.sampled_from([(), (1,), (True, 1), (1, (1, 2)), (None, 1), 3, frozenset({1, 2})])
patches = st.one_of(
    segments,
    st.frozensets(pairs, max_size=4),
    st.frozensets(st.tuples(st.just(1), coordinates), max_size=5),
    st.frozensets(st.tuples(coordinates, st.just(1)), max_size=5),
)
odd_patches = st.one_of(patches, st.frozensets(st.one_of(pairs, odd), max_size=3), odd)
lines = st.sampled_from([P["hline"], P["vline"]])
conditions = st.one_of(
    lines,
    st.tuples(lines, lines).map(lambda both: P["fork"](P["either"], *both)),
    st.tuples(lines, lines).map(lambda both: P["fork"](P["both"], *both)),
    st.sampled_from([P["square"], P["fork"](P["either"], P["hline"], 3), P["fork"](3, P["hline"], P["vline"]), 3]),
)


def outcome(condition, container, budget):
    before, METER.left = METER.left, budget
    try:
        return P["sfilter"](container, condition), budget - METER.left
    except Exception as error:
        return type(error), str(error)
    finally:
        METER.left = before
        assert METER.depth == METER.compounding == 0


@settings(deadline=None, max_examples=300)
@given(conditions, st.frozensets(patches) | st.frozensets(odd_patches), st.just(10**6) | st.integers(0, 200))
def test_lines_found_at_once_are_those_found_one_by_one(condition, container, budget):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(straight_lines, "_FEW_PATCHES", 1)
        at_once = outcome(condition, container, budget)
        patch.setattr(selection, "straight_lines", lambda condition, patches: None)
        assert at_once == outcome(condition, container, budget)


@pytest.mark.parametrize(
    ("condition", "kept"),
    [(P["hline"], 2), (P["vline"], 2), (P["fork"](P["either"], P["vline"], P["hline"]), 3), (P["square"], None)],
)
def test_the_conditions_that_are_treated_at_once(condition, kept):
    """They are not merely called."""
    row, column, cell = (frozenset(patch) for patch in ([(1, 1), (1, 2)], [(1, 1), (2, 1)], [(3, 3)]))
    others = [frozenset({(0, 0), (n, n)}) for n in range(1, 9)] + [frozenset(), frozenset({(1, 1), (1, 3)})]
    found = straight_lines.straight_lines(condition, frozenset([row, column, cell, *others]))
    assert (None if found is None else len(found)) == kept
