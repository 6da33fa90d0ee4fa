"""Twin tests: every primitive gives what its slow, plain twin gives, failures included; it gives and charges the same
whether or not it has seen the grid before. Contract: all 160 exist."""

import math
from itertools import product

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from codeit_jax.bench.plain import PRIMITIVES as PLAIN
from codeit_jax.bench.plain.plain_order import key
from interpreter.language.signatures import SIGNATURES
from interpreter.primitives import PRIMITIVES
from interpreter.primitives.raster import known_raster_of, raster_of
from interpreter.values.meter import METER
from interpreter.values.order import first_of, last_of, ordered
from tests.interpreter.primitive_arguments import anything, arguments_of, odd_arguments_of, resolve

FAILED = "failed"
BUDGET = 10**9
OF_GRIDS = [name for name, signature in SIGNATURES.items() if signature.parameters[0].type == "Grid"]
FUNCTIONS = tuple(("function", name) for name in ("size", "add", "identity"))
# Of every kind that exists, empty and not.
SMALL = (
    *(0, (), None, frozenset(), True, ((),), 2, frozenset({1}), FUNCTIONS[0], (1, 2), FUNCTIONS[1], ((3,),), (0,)),
    *(frozenset({(1, 2)}), FUNCTIONS[2], ((0, 1), (1, 0)), frozenset({(3, (0, 1))}), frozenset({frozenset()})),
)
PROBES = (0, 1, (1, 2), (3, 0, 1), frozenset({1, 2}), frozenset({(2, (1, 1)), (3, (0, 2))}), ((1, 0), (0, 1)), ())


def outcome(function, arguments):
    try:
        result = function(*arguments)
    except Exception:
        return FAILED
    return [outcome(result, (probe,)) for probe in PROBES] if callable(result) else result


def kind(value):
    return int if isinstance(value, int) else type(value)


def assert_same(name, arguments):
    fast = outcome(PRIMITIVES[name], [resolve(argument, PRIMITIVES) for argument in arguments])
    slow = outcome(PLAIN[name], [resolve(argument, PLAIN) for argument in arguments])
    assert kind(fast) == kind(slow)
    if not set(FUNCTIONS).intersection(arguments):  # else the result may hold functions, of each table its own
        assert fast == slow


def test_every_primitive_has_a_signature_and_a_twin():
    assert len(PRIMITIVES) == 160
    assert list(PRIMITIVES) == sorted(PRIMITIVES)
    assert set(PRIMITIVES) == set(PLAIN) == set(SIGNATURES)


@pytest.mark.parametrize("name", PRIMITIVES)
@given(data=st.data())
@settings(max_examples=14, deadline=None, suppress_health_check=list(HealthCheck))
def test_primitive_equals_its_twin_on_arguments_of_its_types(name, data):
    assert_same(name, data.draw(arguments_of(name)))


@pytest.mark.parametrize("name", PRIMITIVES)
@given(data=st.data())
@settings(max_examples=9, deadline=None, suppress_health_check=list(HealthCheck))
def test_primitive_equals_its_twin_on_other_arguments(name, data):
    assert_same(name, data.draw(odd_arguments_of(name)))


@pytest.mark.parametrize("name", PRIMITIVES)
def test_primitive_equals_its_twin_on_all_small_arguments(name):
    """An argument of the wrong kind fails, even beside an empty one, unless the language never comes to look at it."""
    number = len(SIGNATURES[name].parameters)
    for arguments in product(SMALL[:: 1 if number < 4 else 2], repeat=number):
        assert_same(name, arguments)


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("product", ((), 1), FAILED),
        ("product", (1, ()), frozenset()),
        ("prapply", ("add", (), 1), FAILED),
        ("prapply", (1, 1, ()), frozenset()),
        ("hupscale", (((), ()), None), ((), ())),
        ("vupscale", (((),), None), FAILED),
        ("order", ((2, 1), None), (1, 2)),
        ("argmax", ((2, 1), None), 2),
        ("valmax", ((2, 1), None), FAILED),
        ("crop", (((1,),), (5,), (1,)), ()),
        ("difference", ((), 5), ()),
        ("intersection", (frozenset(), 5), FAILED),
        ("pair", ((), 5), FAILED),
        ("rot270", (frozenset({(0, 5), (3, 2)}),), FAILED),
    ],
)
def test_which_arguments_the_language_looks_at(name, arguments, expected):
    texts = [PRIMITIVES.get(argument, argument) if isinstance(argument, str) else argument for argument in arguments]
    assert outcome(PRIMITIVES[name], texts) == expected


@pytest.mark.parametrize("name", OF_GRIDS)
@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_grid_seen_before_gives_and_charges_the_same(name, data):
    seen, *rest = data.draw(arguments_of(name))
    new = (*seen,)
    assert raster_of(seen) is known_raster_of(seen) is not None
    assert known_raster_of(new) is None
    results = []
    try:
        for grid in (seen, new):
            METER.left = BUDGET
            results.append((outcome(PRIMITIVES[name], (grid, *rest)), BUDGET - METER.left))
    finally:
        METER.left = math.inf
    assert results[0] == results[1]


def test_a_grid_in_other_colors_is_known():
    grid = ((1, 2), (2, 3))
    raster_of(grid)
    recolored = PRIMITIVES["replace"](grid, 2, 0)
    assert recolored == ((1, 0), (0, 3))
    assert known_raster_of(recolored).counts == raster_of((*recolored,)).counts


@given(st.frozensets(anything, min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
@example(frozenset({None, 0, (), frozenset()}))
@example(frozenset({frozenset({1}), frozenset({0, 5}), frozenset({0})}))
def test_canonical_order_equals_the_generic_keys(values):
    expected = sorted(values, key=key)
    assert ordered(values) == expected
    assert (first_of(values), last_of(values)) == (expected[0], expected[-1])
