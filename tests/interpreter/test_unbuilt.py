"""Twin tests: values painted unbuilt against values built and painted: the same results, charged work and verdicts."""

from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metered_calls import outcome

from interpreter import PRIMITIVES
from interpreter.execution.size_bounds import weigh
from interpreter.primitives import cell_masks, segments
from interpreter.primitives.cell_layers import CellLayers
from interpreter.primitives.cell_masks import CellMasks
from interpreter.primitives.mapping import mapply_unbuilt, mpapply_unbuilt, prapply_unbuilt
from interpreter.primitives.segments import Segments
from interpreter.primitives.unbuilt import Unbuilt

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
    """Leave values unbuilt that would sooner be built."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cell_masks, "_FEW_INDICES", 1)
        patch.setattr(segments, "_FEW_PAIRS", 1)
        patch.setattr(segments, "_FEW_SEGMENTS", 3)
        yield


BOXES = [P["box"], P["inbox"], P["outbox"]]
EITHER = P["fork"](P["either"], P["vline"], P["hline"])
CONDITIONS = [(P["hline"],), (P["vline"],), (EITHER,), (P["size"],)]


@st.composite
def functions(draw):
    """Functions of the forms that are left unbuilt, and some beside them."""
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


def built(value):
    return value.built() if isinstance(value, Unbuilt) else value


budgets = st.one_of(st.just(10**9), st.integers(0, 3000))
sizes = st.one_of(st.just(10**6), st.integers(1, 1500))


@settings(deadline=None, max_examples=400)
@given(functions(), containers, budgets, sizes)
def test_an_unbuilt_value_is_as_large_and_charged_as_the_built_one(function, container, budget, max_items):
    unbuilt = outcome(lambda: mapply_unbuilt(function, container), budget, max_items)
    value = outcome(lambda: P["mapply"](function, container), budget, max_items)
    assert (built(unbuilt[0]), unbuilt[1]) == value
    if isinstance(unbuilt[0], Unbuilt):
        assert len(unbuilt[0]) == len(value[0])
        assert unbuilt[0].weight == weigh(value[0])


@settings(deadline=None, max_examples=400)
@given(functions(), containers, grids, st.sampled_from([0, 7, 300, True, (1, 2)]), budgets)
def test_unbuilt_values_are_painted_as_built_ones(function, container, grid, color, budget):
    paints_the_same(lambda: mapply_unbuilt(function, container), grid, color, budget)


def paints_the_same(make, grid, color, budget):
    """Check that all primitives that take unbuilt values give for this one what they give for the built one."""
    try:
        unbuilt = make()
    except Exception:
        return
    value = built(unbuilt)
    calls = {
        **dict.fromkeys(("fill", "underfill"), (grid, color)),
        **dict.fromkeys(("paint", "underpaint"), (grid,)),
        **dict.fromkeys(("merge", "mfilter"), ()),
    }
    for name, before in calls.items():
        for condition in CONDITIONS if name == "mfilter" else [()]:
            twins = [outcome(partial(P[name], *before, x, *condition), budget, 10**6) for x in (unbuilt, value)]
            assert twins[0] == twins[1]


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.one_of(st.integers(0, 3), st.just((1, 2))), max_size=4).map(tuple) | st.frozensets(st.integers(0, 12)),
    st.lists(patches, max_size=4).map(tuple) | st.frozensets(patches, max_size=4),
    grids,
    budgets,
    sizes,
)
def test_recolored_pairs(colors, many, grid, budget, max_items):
    unbuilt = outcome(lambda: mpapply_unbuilt(P["recolor"], colors, many), budget, max_items)
    value = outcome(lambda: P["mpapply"](P["recolor"], colors, many), budget, max_items)
    assert (built(unbuilt[0]), unbuilt[1]) == value
    paints_the_same(lambda: mpapply_unbuilt(P["recolor"], colors, many), grid, 5, budget)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(["connect", "shoot"]), st.frozensets(pairs), st.frozensets(pairs | directions), grids, budgets)
def test_segments(name, a, b, grid, budget):
    unbuilt = outcome(lambda: prapply_unbuilt(P[name], a, b), budget, 10**6)
    value = outcome(lambda: frozenset(P[name](x, y) for x in a for y in b), 10**9, 10**6)
    if isinstance(unbuilt[0], Segments):
        assert unbuilt[0].built() == value[0]
        assert unbuilt[0].weight == weigh(value[0])
        assert len(unbuilt[0]) == len(value[0])
        paints_the_same(lambda: unbuilt[0], grid, 5, budget)


def test_conflicting_cells():
    """The winner of a conflict: in a set the largest colour, under the grid's background the least other one."""
    grid = ((0,) * 5,) * 5
    shift = P["lbind"](P["shift"], frozenset({(0, (0, 0)), (2, (0, 1)), (3, (0, 0)), (4, (1, 0))}))
    unbuilt = mapply_unbuilt(shift, frozenset({(0, 0), (0, 1), (1, 0)}))
    assert type(unbuilt) is CellMasks
    assert P["paint"](grid, unbuilt)[0] == (3, 3, 2, 0, 0)
    assert P["paint"](grid, unbuilt)[1] == (4, 4, 0, 0, 0)
    assert P["underpaint"](grid, unbuilt)[0] == (3, 2, 2, 0, 0)
    assert P["underpaint"](grid, unbuilt)[1] == (3, 2, 0, 0, 0)


PLACES = frozenset((i, j) for i in range(3) for j in range(3))
PLACED = frozenset((i % 3, (i, j)) for i, j in PLACES)
PATCHES = frozenset({P["recolor"](3, PLACES), P["recolor"](4, PLACES)})
RAY = P["rbind"](P["shoot"], (0, 1))


@pytest.mark.parametrize(
    ("function", "container", "kind"),
    [
        (P["neighbors"], PLACES, CellMasks),
        (P["vfrontier"], PLACES, CellMasks),
        (P["lbind"](P["shift"], PLACES), PLACES, CellMasks),
        (P["lbind"](P["shift"], PLACES), tuple(PLACES), CellMasks),
        (P["lbind"](P["shift"], PLACED), PLACES, CellMasks),
        (RAY, PLACES, CellMasks),
        (P["compose"](P["vfrontier"], P["tojvec"]), (1, 2), CellMasks),
        (P["fork"](P["recolor"], P["first"], P["compose"](RAY, P["last"])), PLACED, CellMasks),
        (P["fork"](P["recolor"], P["color"], P["delta"]), PATCHES, CellLayers),
        (P["compose"](P["lbind"](P["recolor"], 3), P["backdrop"]), tuple(PATCHES), CellLayers),
        (P["box"], (PLACES, (((0, 0), (3, 3)))), CellMasks),
        (P["backdrop"], PATCHES, frozenset),
    ],
)
def test_the_forms_that_are_left_unbuilt(function, container, kind):
    """They are not merely built."""
    assert type(mapply_unbuilt(function, container)) is kind
