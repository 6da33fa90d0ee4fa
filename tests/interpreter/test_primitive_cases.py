"""Exact tests: the corner cases of the language, written by hand; golden tests: recorded calls of every primitive."""

import json
from pathlib import Path

import pytest

from interpreter.execution.dialect import primitives_for
from interpreter.language.constants import CONSTANTS
from interpreter.language.signatures import SIGNATURES, Parameter, Signature
from interpreter.primitives import PRIMITIVES
from tests.interpreter.golden_values import decode
from tests.interpreter.primitive_arguments import resolve

FAILS = "fails"
S = frozenset
EMPTY = S()
GRID = ((1, 2, 3), (4, 5, 6))
BAR = S({(3, (0, 0)), (3, (0, 1)), (3, (0, 2))})
CONFLICT = S({(1, (0, 0)), (2, (0, 0))})

CASES = [
    ("add", [True, 2], 3),
    ("add", [(1, 2, 3), (1, 1)], (2, 3)),
    ("add", [((1,), (2,)), ((3,), ())], ((1, 3), (2,))),
    ("add", [(1,), 1], FAILS),
    ("subtract", [5, (1, 2)], (4, 3)),
    ("divide", [-7, 2], -4),
    ("divide", [7, -2], -4),
    ("divide", [1, 0], FAILS),
    ("multiply", [(1, 2), None], FAILS),
    ("crement", [(-2, 0)], (-3, 0)),
    ("sign", [(-2, 5)], (-1, 1)),
    ("even", [-4], True),
    ("greater", [S({1, 2}), S({1})], True),
    ("greater", [S({1, 2}), S({3})], False),
    ("greater", [(1, 2), (1,)], True),
    ("greater", [None, None], FAILS),
    ("both", [3, (1,)], (1,)),
    ("both", [0, 5], 0),
    ("either", [(), 5], 5),
    ("size", [5], FAILS),
    ("contained", [1, 5], FAILS),
    ("combine", [(1,), S({3, 2})], (1, 2, 3)),
    ("combine", [S({1}), (1, 2)], S({1, 2})),
    ("intersection", [6, 3], 2),
    ("intersection", [(1,), (1,)], FAILS),
    ("difference", [(1, 2, 1), S({2})], (1, 1)),
    ("dedupe", [(2, 1, 2)], (2, 1)),
    ("dedupe", [EMPTY], ()),
    ("dedupe", [S({1})], FAILS),
    ("repeat", [1, -2], ()),
    ("repeat", [1, (2,)], FAILS),
    ("merge", [EMPTY], EMPTY),
    ("merge", [((1, 2), S({4, 3}))], (1, 2, 3, 4)),
    ("merge", [(1, 2)], FAILS),
    ("maximum", [()], 0),
    ("minimum", [S({3, -1})], -1),
    ("valmax", [EMPTY, "increment"], 1),
    ("valmax", [EMPTY, "first"], FAILS),
    ("argmax", [EMPTY, "size"], FAILS),
    ("argmax", [S({(1, 2), (0, 3), (5,)}), "size"], (0, 3)),
    ("argmin", [((1, 2), (0, 3)), "size"], (1, 2)),
    ("order", [S({(2, 1), (1, 1), (0,)}), "size"], ((0,), (1, 1), (2, 1))),
    ("mostcommon", [(3, 1, 3, 1, 0)], 1),
    ("leastcommon", [(3, 1, 3, 1, 9, 8)], 8),
    ("mostcommon", [S({1})], FAILS),
    ("mostcommon", [()], FAILS),
    ("insert", [1, ()], FAILS),
    ("remove", [1, (1, 2, 1)], (2,)),
    ("remove", [9, S({1})], S({1})),
    ("other", [S({3, 2, 1}), 1], 2),
    ("other", [(1, 1), 1], FAILS),
    ("first", [S({(2, 0), (1, 5)})], (1, 5)),
    ("last", [S({None, 1, (), EMPTY})], EMPTY),
    ("first", [S({None, 1, (), EMPTY})], None),
    ("first", [EMPTY], FAILS),
    ("first", [S({S({2}), S({1, 5}), S({1})})], S({1})),
    ("extract", [(1, 3), "even"], FAILS),
    ("interval", [5, 0, -2], (5, 3, 1)),
    ("interval", [0, 5, 0], FAILS),
    ("product", [(1, 1), S({2})], S({(1, 2)})),
    ("pair", [(1, 2, 3), S({9, 8})], ((1, 8), (2, 9))),
    ("sizefilter", [((1,), (1,), ()), 1], S({(1,)})),
    ("colorfilter", [S({CONFLICT}), 1], S({CONFLICT})),
    ("colorfilter", [S({EMPTY}), 1], FAILS),
    ("power", ["increment", 0], FAILS),
    ("power", ["increment", -3], FAILS),
    ("power", ["increment", (1,)], FAILS),
    ("rbind", [5, 1], FAILS),
    ("apply", ["size", S({(1,), (2,)})], S({1})),
    ("rapply", [((), 1), 1], FAILS),
    ("prapply", ["add", (1, 2), (1, 2)], S({2, 3, 4})),
    ("mostcolor", [((2, 1), (1, 2))], 1),
    ("leastcolor", [((2, 1, 2), (1, 2, 5))], 5),
    ("mostcolor", [()], FAILS),
    ("mostcolor", [S({(7, 1), (7, 2), (3, 0)})], 7),
    ("palette", [S({S({(5, (0, 0)), (8, (0, 0))})})], S({(5, (0, 0))})),
    ("color", [CONFLICT], 1),
    ("replace", [((1, 2), (1,)), 1, 9], ((9, 2), (9,))),
    ("replace", [(), 1, 9], ()),
    ("switch", [((1, 2, 3),), 1, 2], ((2, 1, 3),)),
    ("index", [GRID, (-1, 0)], None),
    ("index", [GRID, (1, 2)], 6),
    ("index", [(), (0, 0)], FAILS),
    ("index", [GRID, (1, 2, 3)], FAILS),
    ("asindices", [()], EMPTY),
    ("canvas", [7, (0, 3)], ()),
    ("canvas", [7, (2, -3)], ((), ())),
    ("crop", [GRID, (-1, 0), (1, 2)], ()),
    ("crop", [GRID, (-2, -2), (1, 1)], ((2,),)),
    ("crop", [GRID, (0, 5), (2, 2)], ((), ())),
    ("subgrid", [EMPTY, GRID], FAILS),
    ("rot90", [((1, 2), (3,))], ((3, 1),)),
    ("rot90", [((), ())], ()),
    ("hmirror", [(1, 2)], (2, 1)),
    ("hmirror", [EMPTY], FAILS),
    ("dmirror", [S({(5, (2, 1)), (6, (2, 3))})], S({(5, (2, 1)), (6, (4, 1))})),
    ("cmirror", [S({(0, 0), (0, 1), (1, 0)})], S({(0, 1), (1, 1), (1, 0)})),
    ("hupscale", [GRID, 0], ((), ())),
    ("vupscale", [GRID, -1], ()),
    ("upscale", [S({(1, (2, 2))}), 2], S({(1, (2, 2)), (1, (2, 3)), (1, (3, 2)), (1, (3, 3))})),
    ("upscale", [S({(2, 2)}), 2], FAILS),
    ("downscale", [((1, 2, 3), (4, 5, 6), (7, 8, 9)), 2], ((1, 3), (7, 9))),
    ("downscale", [GRID, 0], FAILS),
    ("hconcat", [GRID, ((7,),)], ((1, 2, 3, 7),)),
    ("vconcat", [1, 2], 3),
    ("hsplit", [((1, 2, 0, 3, 4),), 2], (((1, 2),), ((3, 4),))),
    ("vsplit", [GRID, 0], FAILS),
    ("vsplit", [GRID, -1], ()),
    ("tophalf", [((1,), (2,), (3,))], ((1,),)),
    ("bottomhalf", [((1,), (2,), (3,))], ((3,),)),
    ("lefthalf", [((1,), (2,))], ()),
    ("trim", [((1, 2), (3, 4), (5, 6))], ((),)),
    ("cellwise", [GRID, ((1, 0, 3, 9), (4, 5, 0, 9), (0, 0, 0, 0)), 7], ((1, 7, 3), (4, 5, 7))),
    ("cellwise", [GRID, ((1,),), 7], FAILS),
    ("frontiers", [((4,),)], S({S({(4, (0, 0))})})),
    ("compress", [((1, 1, 1), (1, 2, 3))], ((2, 3),)),
    ("height", [EMPTY], 0),
    ("square", [()], FAILS),
    ("square", [EMPTY], True),
    ("vline", [EMPTY], False),
    ("hline", [BAR], True),
    ("uppermost", [EMPTY], FAILS),
    ("ulcorner", [EMPTY], ()),
    ("corners", [EMPTY], S({()})),
    ("center", [S({(0, 0), (1, 1)})], (1, 1)),
    ("centerofmass", [CONFLICT], (0, 0)),
    ("centerofmass", [EMPTY], ()),
    ("manhattan", [BAR, S({(3, 4)})], 5),
    ("manhattan", [BAR, EMPTY], FAILS),
    ("adjacent", [BAR, S({(1, 3)})], False),
    ("adjacent", [BAR, BAR], False),
    ("bordering", [S({(1, 1)}), GRID], True),
    ("position", [BAR, BAR], (0, -1)),
    ("position", [BAR, S({(5, 5)})], (1, 1)),
    ("hperiod", [S({(1, (0, j)) if j % 2 else (2, (0, j)) for j in range(5)})], 2),
    ("hperiod", [EMPTY], 0),
    ("hperiod", [S({(0, 0), (0, 1)})], FAILS),
    ("vperiod", [BAR], 1),
    ("toindices", [()], EMPTY),
    ("recolor", [5, CONFLICT], S({(5, (0, 0))})),
    ("toobject", [S({(0, 0), (-1, 0), (9, 9)}), GRID], S({(1, (0, 0))})),
    ("shift", [EMPTY, None], EMPTY),
    ("shift", [BAR, (1, 2, 3)], FAILS),
    ("normalize", [()], ()),
    ("hfrontier", [(3, 5)], S({(3, j) for j in range(30)})),
    ("connect", [(0, 2), (2, 0)], S({(0, 2), (1, 1), (2, 0)})),
    ("connect", [(0, 0), (1, 2)], EMPTY),
    ("connect", [(3, 3), (3, 3)], S({(3, 3)})),
    ("shoot", [(0, 0), (0, 0)], S({(0, 0)})),
    ("shoot", [(0, 0), (0, -2)], S({(0, -j) for j in range(85)})),
    ("shoot", [(0, 0), (1, 2)], EMPTY),
    ("box", [()], ()),
    ("delta", [EMPTY], EMPTY),
    ("inbox", [S({(0, 0)})], S({(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)} - {(0, 0)})),
    ("outbox", [S({(0, 0)})], S({(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1)} - {(0, 0)})),
    ("inbox", [EMPTY], FAILS),
    ("gravitate", [BAR, S({(5, 1)})], (4, 0)),
    ("gravitate", [S({(0, 0)}), S({(5, 5)})], (0, 42)),
    ("gravitate", [BAR, S({(1, 0)})], (0, 0)),
    ("objects", [(), True, True, False], FAILS),
    ("objects", [((), ()), True, True, False], EMPTY),
    ("objects", [((), ()), True, True, True], FAILS),
    ("objects", [((7,),), True, True, True], EMPTY),
    ("objects", [((1, 0), (0, 1)), True, False, True], S({S({(1, (0, 0))}), S({(1, (1, 1))})})),
    ("objects", [((1, 0), (0, 1)), True, True, True], S({S({(1, (0, 0)), (1, (1, 1))})})),
    ("objects", [((None, 2),), False, False, False], S({S({(2, (0, 1))})})),
    ("fgpartition", [((0, 0, 5),)], S({S({(5, (0, 2))})})),
    ("occurrences", [((0,),), EMPTY], S({(0, 0), (0, 1), (1, 0), (1, 1)})),
    ("occurrences", [((1, 1), (1, 2)), CONFLICT], EMPTY),
    ("occurrences", [((3, 3, 3, 3),), BAR], S({(0, 0), (0, 1)})),
    ("occurrences", [GRID, S({(0, 0)})], FAILS),
    ("fill", [(), 1, EMPTY], FAILS),
    ("fill", [GRID, 0, S({(-1, 0), (0, 0), (7, 7)})], ((0, 2, 3), (4, 5, 6))),
    ("paint", [((0,),), CONFLICT], ((2,),)),
    ("underpaint", [((0,),), CONFLICT], ((1,),)),
    ("underpaint", [((0,),), S({(0, (0, 0)), (5, (0, 0)), (6, (0, 0))})], ((5,),)),
    ("underfill", [((0, 0, 1),), 5, S({(0, 0), (0, 2)})], ((5, 0, 1),)),
    ("cover", [((0, 0, 1),), S({(0, 2)})], ((0, 0, 0),)),
    ("move", [((0, 0, 1),), S({(1, (0, 2))}), (0, -2)], ((1, 0, 0),)),
]
GOLDEN = [json.loads(line) for line in (Path(__file__).parent / "data" / "primitives.jsonl").read_text().splitlines()]


def call(table, name, arguments):
    try:
        return table[name](*arguments)
    except Exception:
        return FAILS


@pytest.mark.parametrize(("name", "arguments", "expected"), CASES)
def test_corner_case(name, arguments, expected):
    arguments = [PRIMITIVES[argument] if isinstance(argument, str) else argument for argument in arguments]
    result = call(PRIMITIVES, name, arguments)
    assert result == expected
    assert isinstance(result, type(expected)) or isinstance(expected, int)


def test_recorded_calls_give_what_was_recorded():
    wrong = []
    for name, arguments, expected in GOLDEN:
        result = call(PRIMITIVES, name, [resolve(decode(argument), PRIMITIVES) for argument in arguments])
        wanted = FAILS if expected == {"fails": True} else decode(expected)
        if result != wanted:
            wrong.append((name, arguments, expected, result))
    assert wrong == []


def test_recorded_calls_cover_every_primitive_but_the_builders_of_closures():
    recorded = {name for name, _, expected in GOLDEN if expected != {"fails": True}}
    assert recorded >= PRIMITIVES.keys() - {"compose", "chain", "fork", "matcher", "power", "lbind", "rbind"}


@pytest.mark.parametrize(
    ("bind", "name", "arguments", "expected"),
    [
        ("rbind", "subtract", [5], 4),
        ("lbind", "subtract", [5], -4),
        ("rbind", "interval", [5, 9], (5, 6, 7, 8)),
        ("lbind", "interval", [4, 2], (1, 3)),
        ("rbind", "size", [0, 0, 0], FAILS),
        ("rbind", "size", [0], FAILS),
        ("rbind", "subtract", [5, 6], FAILS),
        ("rbind", "objects", [((0, 7),), True, True], S({S({(7, (0, 1))})})),
    ],
)
def test_binding_by_arity(bind, name, arguments, expected):
    bound = PRIMITIVES[bind](PRIMITIVES[name], 1)
    assert call({"bound": bound}, "bound", arguments) == expected


def test_closures_compare_by_identity_and_know_their_parts():
    compose, size, first = PRIMITIVES["compose"], PRIMITIVES["size"], PRIMITIVES["first"]
    one, another = compose(size, first), compose(size, first)
    assert one != another
    assert (one.builder, one.parts, one.arity) == ("compose", (size, first), 1)


def test_order_of_functions_does_not_depend_on_their_creation():
    fork, compose, size, first = (PRIMITIVES[name] for name in ("fork", "compose", "size", "first"))
    late, early = fork(size, size, size), compose(size, first)
    assert PRIMITIVES["totuple"](S({late, early, size, first})) == (first, size, early, late)


@pytest.mark.parametrize("name", ["normalize", "backdrop", "delta", "box", "hperiod", "vperiod"])
def test_codeit_dialect_fails_on_empty_patches(name):
    assert call(primitives_for("codeit"), name, [EMPTY]) == FAILS
    assert call(primitives_for("native"), name, [EMPTY]) in (EMPTY, 0)


def test_codeit_dialect_differs_in_eight_primitives_only():
    native, codeit = primitives_for("native"), primitives_for("codeit")
    assert list(native) == list(codeit)
    assert sum(native[name] is not codeit[name] for name in native) == 8
    assert codeit["canvas"](1, (30, 34)) is None
    assert codeit["canvas"](1, (-40, -40)) is None
    assert codeit["canvas"](1, (1, 2)) == ((1, 1),)
    assert call(codeit, "occurrences", [GRID, EMPTY]) == FAILS
    assert codeit["rbind"](codeit["canvas"], (1, 1))(5) == ((5,),)
    with pytest.raises(ValueError, match="dialect 'other'"):
        primitives_for("other")


def test_constants_and_signatures():
    assert len(CONSTANTS) == 28
    assert (CONSTANTS["NEG_TWO"], CONSTANTS["UP_RIGHT"], CONSTANTS["T"]) == (-2, (-1, 1), True)
    assert SIGNATURES["crop"] == Signature(
        "crop",
        (Parameter("grid", "Grid"), Parameter("start", "IntegerTuple"), Parameter("dims", "IntegerTuple")),
        "Grid",
    )
    assert {len(signature.parameters) for signature in SIGNATURES.values()} == {1, 2, 3, 4}
    assert [name for name, function in PRIMITIVES.items() if function.arity == 4] == ["objects"]
