"""Twin tests: values painted lazily against values built and painted: the same results, charged work and verdicts."""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interpreter import PRIMITIVES, Limits, parse
from interpreter.execution.machine import Machine
from interpreter.execution.single_run import execute
from interpreter.execution.size_bounds import tree_size
from interpreter.primitives import mapping
from interpreter.primitives.lazy_cells import LazyCells
from interpreter.primitives.mapping import mapply_lazy
from tests.interpreter.metered_calls import outcome
from tests.interpreter.program_texts import program_text

P = PRIMITIVES
coordinates = st.integers(-3, 12)
pairs = st.tuples(coordinates, coordinates)
directions = st.tuples(st.integers(-2, 2), st.integers(-2, 2))
odd = st.sampled_from([(), (1,), (1, 2, 3), (True, 1), (1 << 70, 0), ((1, 2), (3, 4)), 3, frozenset({1, 2}), (None, 1)])
indices = st.frozensets(pairs, max_size=12)
cells = st.frozensets(st.tuples(st.integers(0, 3), pairs), max_size=12)
single = st.tuples(st.integers(0, 3), indices).map(lambda both: P["recolor"](*both))
patches = st.one_of(indices, cells, st.frozensets(odd, max_size=3), st.just(()))
vectors = st.one_of(pairs, directions, odd)
members = st.one_of(pairs, pairs, cells, indices, single, odd, st.integers(-2, 9))
containers = st.one_of(
    *[
        kind
        for member in (pairs, st.tuples(st.integers(0, 3), pairs), single, indices, members, st.integers(-2, 9))
        for kind in (st.frozensets(member, max_size=9), st.lists(member, max_size=7).map(tuple))
    ]
)
grids = st.one_of(
    *[
        st.lists(st.lists(st.integers(0, largest), min_size=width, max_size=width), min_size=1, max_size=9)
        for largest in (2, 9, 300)
        for width in (1, 7, 10)
    ],
    st.lists(st.lists(st.sampled_from([0, 1, True]), max_size=3), max_size=3),
).map(lambda rows: tuple(map(tuple, rows)))


@pytest.fixture(scope="module", autouse=True)
def small_values_too():
    """Leave values lazy that would sooner be built."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapping, "FEW_INDICES", 1)
        yield


BOXES = [P["box"], P["inbox"], P["outbox"]]


@st.composite
def functions(draw):
    """Functions of the forms that are left lazy, and some beside them."""
    move = draw(
        st.one_of(
            st.sampled_from([P["dneighbors"], P["neighbors"], P["vfrontier"], P["hfrontier"], P["identity"], *BOXES]),
            patches.map(lambda patch: P["lbind"](P["shift"], patch)),
            vectors.map(lambda direction: P["rbind"](P["shoot"], direction)),
            vectors.map(lambda start: P["lbind"](P["shoot"], start)),
            patches.map(lambda patch: P["lbind"](P["intersection"], patch)),
        )
    )
    color = draw(st.sampled_from([0, 3, 300, -1, True, (1, 2)]))
    recolor = P["lbind"](P["recolor"], color)
    forms = [
        move,
        P["compose"](move, P["last"]),
        P["compose"](move, P["ulcorner"]),
        P["compose"](move, P["tojvec"]),
        P["compose"](move, P["fork"](P["astuple"], P["lbind"](P["add"], (1, 2)), P["lbind"](P["subtract"], (5, 3)))),
        P["compose"](recolor, move),
        P["compose"](recolor, P["compose"](move, P["last"])),
        P["chain"](move, P["identity"], P["last"]),
        P["fork"](P["recolor"], P["first"], P["compose"](move, P["last"])),
        P["fork"](P["recolor"], P["color"], move),
        P["fork"](P["recolor"], P["color"], P["compose"](move, P["center"])),
        P["fork"](P["recolor"], P["last"], move),
        P["power"](move, 2),
        P["compose"](3, move),
        P["compose"](move, 3),
        P["fork"](3, P["color"], move),
        P["fork"](P["recolor"], 3, move),
    ]
    return draw(st.sampled_from(forms))


def is_lazy(value):
    return isinstance(value, LazyCells)


def built(value):
    return value.built() if is_lazy(value) else value


budgets = st.one_of(st.just(10**9), st.integers(0, 3000))
sizes = st.one_of(st.just(10**6), st.integers(1, 1500))


@settings(deadline=None, max_examples=400)
@given(functions(), containers, budgets, sizes)
def test_a_lazy_value_is_as_large_and_charged_as_the_built_one(function, container, budget, max_items):
    lazy = outcome(lambda: mapply_lazy(function, container), budget, max_items)
    value = outcome(lambda: P["mapply"](function, container), budget, max_items)
    assert (built(lazy[0]), lazy[1]) == value
    if is_lazy(lazy[0]):
        assert len(lazy[0]) == len(value[0])
        assert lazy[0].weight == tree_size(value[0])


@settings(deadline=None, max_examples=400)
@given(functions(), containers, grids, st.sampled_from([0, 7, 300, True, (1, 2)]), budgets)
def test_lazy_values_are_painted_as_built_ones(function, container, grid, color, budget):
    try:
        lazy = mapply_lazy(function, container)
    except Exception:
        return
    paints_the_same(lazy, grid, color, budget)


def paints_the_same(lazy, grid, color, budget):
    """Check that all primitives that take lazy values give for this one what they give for the built one."""
    calls = [
        *[(name, (grid, color)) for name in ("fill", "underfill")],
        *[(name, (grid,)) for name in ("paint", "underpaint")],
    ]
    for name, before in calls:
        twins = [outcome(partial(P[name], *before, x), budget, 10**6) for x in (lazy, built(lazy))]
        assert twins[0] == twins[1]


def test_conflicting_cells():
    """The winner of a conflict: in a set the largest color, under the grid's background the least other one."""
    grid = ((0,) * 5,) * 5
    shift = P["lbind"](P["shift"], frozenset({(0, (0, 0)), (2, (0, 1)), (3, (0, 0)), (4, (1, 0))}))
    lazy = mapply_lazy(shift, frozenset({(0, 0), (0, 1), (1, 0)}))
    assert type(lazy) is LazyCells
    assert P["paint"](grid, lazy)[0] == (3, 3, 2, 0, 0)
    assert P["paint"](grid, lazy)[1] == (4, 4, 0, 0, 0)
    assert P["underpaint"](grid, lazy)[0] == (3, 2, 2, 0, 0)
    assert P["underpaint"](grid, lazy)[1] == (3, 2, 0, 0, 0)


PLACES = frozenset((i, j) for i in range(3) for j in range(3))
PLACED = frozenset((i % 3, (i, j)) for i, j in PLACES)
PATCHES = frozenset({P["recolor"](3, PLACES), P["recolor"](4, PLACES)})
RAY = P["rbind"](P["shoot"], (0, 1))


@pytest.mark.parametrize(
    ("function", "container", "kind"),
    [
        (P["neighbors"], PLACES, LazyCells),
        (P["vfrontier"], PLACES, LazyCells),
        (P["lbind"](P["shift"], PLACES), PLACES, LazyCells),
        (P["lbind"](P["shift"], PLACED), PLACES, LazyCells),
        (P["lbind"](P["shift"], PLACES), tuple(PLACES), tuple),
        (RAY, PLACES, LazyCells),
        (P["compose"](P["vfrontier"], P["tojvec"]), frozenset({1, 2}), LazyCells),
        (P["fork"](P["recolor"], P["first"], P["compose"](RAY, P["last"])), PLACED, LazyCells),
        (P["fork"](P["recolor"], P["color"], P["delta"]), PATCHES, frozenset),
        (P["compose"](P["lbind"](P["recolor"], 3), P["backdrop"]), PATCHES, frozenset),
        (P["backdrop"], PATCHES, frozenset),
    ],
)
def test_the_forms_that_are_left_lazy(function, container, kind):
    """They are not merely built."""
    assert type(mapply_lazy(function, container)) is kind


LINES = ["rbind(shoot, UP)", "ofcolor(I, ONE)", "mapply(x1, x2)", "fill(I, TWO, x3)", "underfill(@, ONE, x3)"]


@pytest.mark.parametrize("other_use", ["intersection(x3, x2)", "fill(I, x3, x2)", "fork(size, x3, x1)", "x3(I)", None])
def test_values_stay_lazy_where_all_users_take_them_so(other_use):
    grid = ((1, 0, 1), (0, 1, 0))
    lines = LINES if other_use is None else [*LINES, other_use, "identity(I)"]
    values, _, _ = execute(parse(program_text(*lines)), grid, Machine(Limits()))
    assert is_lazy(values[2]) is (other_use is None)
    values, _, _ = execute(parse(program_text(*LINES[:3])), grid, Machine(Limits()))
    assert not is_lazy(values[-1])
