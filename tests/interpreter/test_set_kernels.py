"""Twin tests: mapping over sets at once against calls one by one: values, charged work and verdicts are the same."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpreter import PRIMITIVES
from interpreter.primitives import lines, mapping, segments
from interpreter.primitives.moved_patterns import lazy_images
from interpreter.values.meter import METER
from tests.interpreter.metered_calls import outcome

P = PRIMITIVES
coordinates = st.integers(-4, 34)
pairs = st.tuples(coordinates, coordinates)
directions = st.tuples(st.integers(-2, 2), st.integers(-2, 2))
odd = st.one_of(st.just(()), st.just((1,)), st.just((1, 2, 3)), st.just((True, 1)), st.just((1 << 70, 0)), st.just(3))
indices = st.frozensets(pairs, max_size=40)
cells = st.frozensets(st.tuples(st.integers(0, 3), pairs), max_size=40)
patches = st.one_of(indices, cells, st.frozensets(odd, max_size=3), st.just(()))
vectors = st.one_of(pairs, directions, odd)
elements = st.one_of(
    indices,
    cells,
    st.frozensets(directions, max_size=20),
    st.frozensets(st.one_of(pairs, odd), max_size=20),
    st.frozensets(st.integers(-2, 9), max_size=12),
)


def moving():
    """Functions that give a patch for an index."""
    return st.one_of(
        st.sampled_from([P["dneighbors"], P["ineighbors"], P["neighbors"], P["vfrontier"]]),
        patches.map(lambda patch: P["lbind"](P["shift"], patch)),
        vectors.map(lambda direction: P["rbind"](P["shoot"], direction)),
        vectors.map(lambda start: P["lbind"](P["shoot"], start)),
    )


@st.composite
def functions(draw):
    """Functions of the forms that are treated at once, and some beside them."""
    move = draw(moving())
    color = draw(st.sampled_from([0, 3, True, (1, 2)]))
    recolor = P["lbind"](P["recolor"], color)
    return draw(
        st.sampled_from(
            [
                move,
                P["compose"](move, P["last"]),
                P["compose"](move, P["tojvec"]),
                P["compose"](recolor, move),
                P["compose"](recolor, P["compose"](move, P["last"])),
                P["chain"](move, P["identity"], P["last"]),
                P["chain"](recolor, move, P["last"]),
                P["fork"](P["recolor"], P["first"], P["compose"](move, P["last"])),
                P["fork"](P["recolor"], P["last"], move),
                P["fork"](P["combine"], move, move),
                P["power"](move, 2),
            ]
        )
    )


budgets = st.one_of(st.just(10**9), st.integers(0, 5000))
sizes = st.one_of(st.just(10**6), st.integers(1, 2000))


@settings(deadline=None, max_examples=150)
@given(functions(), elements, budgets, sizes)
def test_mapply_at_once_is_mapply_one_by_one(function, container, budget, max_items):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapping, "FEW_ELEMENTS", 1)
        patch.setattr(mapping, "MANY_INDICES", 1)
        at_once = outcome(lambda: P["mapply"](function, container), budget, max_items)
        patch.setattr(mapping, "MANY_INDICES", math.inf)
        assert at_once == outcome(lambda: P["mapply"](function, container), budget, max_items)


@settings(deadline=None, max_examples=80)
@given(
    st.sampled_from([P["connect"], P["shoot"], P["astuple"]]),
    st.one_of(indices, elements),
    st.one_of(indices, elements),
    budgets,
    sizes,
)
def test_prapply_at_once_is_prapply_one_by_one(function, a, b, budget, max_items):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "FEW_PAIRS", 2)
        at_once = outcome(lambda: P["prapply"](function, a, b), budget, max_items)
        patch.setattr(segments, "FEW_PAIRS", math.inf)
        assert at_once == outcome(lambda: P["prapply"](function, a, b), budget, max_items)


def test_the_forms_that_are_treated_at_once():
    """They are not merely left to the calls one by one."""
    places = frozenset((i, j) for i in range(5) for j in range(5))
    placed = frozenset((i % 3, (i, j)) for i, j in places)
    far = frozenset((0, 30 * j) for j in range(1, 7))
    ray = P["rbind"](P["shoot"], (0, 1))
    treated = [
        (P["neighbors"], places),
        (P["lbind"](P["shift"], places), places),
        (P["lbind"](P["shift"], placed), places),
        (ray, places),
        (P["lbind"](P["shoot"], (2, 2)), places),
        (P["lbind"](P["shoot"], (2, 2)), far),
        (P["fork"](P["recolor"], P["first"], P["compose"](ray, P["last"])), placed),
    ]
    for function, container in treated:
        assert lazy_images(function, container, few_indices=1) is not None
    for name in ("connect", "shoot"):
        assert segments.all_segments(P[name], places, places) is not None


@settings(deadline=None, max_examples=200)
@given(st.one_of(indices, patches, st.tuples(pairs, pairs).map(lambda ends: P["connect"](*ends))))
def test_a_line_has_the_shape_of_one(patch):
    try:
        rows, columns = P["shape"](patch)
    except Exception:
        return
    assert P["vline"](patch) == (rows == len(patch) and columns == 1)
    assert P["hline"](patch) == (columns == len(patch) and rows == 1)


@given(coordinates, coordinates, st.integers(-200, 200), st.sampled_from([(0, 1), (1, 0), (1, 1), (1, -1), (0, 0)]))
def test_segments_have_every_index_between_their_ends(i, j, length, direction):
    down, right = direction
    ends = (i, j), (i + length * down, j + length * right)
    steps = range(min(length, 0), max(length, 0) + 1)
    expected = {(i + n * down, j + n * right) for n in steps}
    assert P["connect"](*ends) == P["connect"](*ends[::-1]) == expected
    assert lines.segment(*ends[0], *ends[1]) == expected
    assert METER.left == math.inf
