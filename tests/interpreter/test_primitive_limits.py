"""Contract tests: nothing grows without bound, verdicts are deterministic and pass through every primitive."""

import math

import pytest

from interpreter.primitives import PRIMITIVES
from interpreter.values.meter import METER, LimitExceeded, SizeExceeded, WorkExceeded

P = PRIMITIVES
BUDGET = 200_000
FAR = frozenset({(0, 0), (10**9, 10**9)})
ROW = tuple(range(1000))


@pytest.fixture
def metered():
    METER.left = BUDGET
    yield
    METER.left = math.inf


def twice(builder):
    """The closure x -> builder(x, x)."""
    return P["fork"](P[builder], P["identity"], P["identity"])


def tower(function, height):
    """The composition of `function` with itself, doubled `height` times."""
    for _ in range(height):
        function = P["compose"](function, function)
    return function


EXPLOSIONS = {
    "canvas": lambda: P["canvas"](0, (10**9, 10**9)),
    "canvas of empty rows": lambda: P["canvas"](0, (10**9, 0)),
    "canvas of grids": lambda: P["canvas"](P["canvas"](0, (300, 300)), (300, 300)),
    "repeat": lambda: P["repeat"](0, 10**12),
    "repeat of repeat": lambda: P["repeat"](P["repeat"](ROW, 300), 300),
    "interval": lambda: P["interval"](0, 10**12, 1),
    "interval downwards": lambda: P["interval"](0, -(10**12), -1),
    "hupscale": lambda: P["hupscale"](((0,),), 10**9),
    "vupscale": lambda: P["vupscale"](((0,),), 10**9),
    "upscale": lambda: P["upscale"](((0,),), 10**5),
    "upscale of an object": lambda: P["upscale"](frozenset({(1, (0, 0))}), 10**5),
    "upscale chain": lambda: P["power"](P["rbind"](P["upscale"], 3), 100)(((0,),)),
    "concat chain": lambda: P["power"](twice("vconcat"), 500)(((0,),)),
    "hconcat chain": lambda: P["power"](twice("hconcat"), 500)(((0,),)),
    "combine chain": lambda: P["power"](twice("combine"), 500)((0,)),
    "product": lambda: P["product"]((*ROW, 1), ROW),
    "prapply": lambda: P["prapply"](P["astuple"], (*ROW, 1), ROW),
    "hsplit": lambda: P["hsplit"](((0,),), 10**9),
    "vsplit": lambda: P["vsplit"](((0,),), 10**9),
    "backdrop": lambda: P["backdrop"](FAR),
    "delta": lambda: P["delta"](FAR),
    "box": lambda: P["box"](FAR),
    "inbox": lambda: P["inbox"](FAR),
    "outbox": lambda: P["outbox"](FAR),
    "connect": lambda: P["connect"]((0, 0), (10**9, 10**9)),
    "shoot": lambda: P["shoot"]((0, 0), (0, 10**9)),
    "manhattan": lambda: P["manhattan"](
        P["product"](range(0, 10**6, 1000), (0,)), P["product"](range(1, 10**6, 1000), (1,))
    ),
    "gravitate": lambda: P["gravitate"](frozenset({(0, 0)}), frozenset({(0, 10**9)})),
    "integer by squaring": lambda: P["power"](twice("multiply"), 500)(3),
    "integer by doubling": lambda: P["power"](P["double"], 500)(3),
    "integer by adding": lambda: P["power"](twice("add"), 500)(3),
    "pair of integers": lambda: P["power"](twice("multiply"), 500)((3, 3)),
    "tuple times integer": lambda: P["multiply"](((0,), (0,)), 10**12),
    "pair of a pair": lambda: P["initset"](P["power"](twice("astuple"), 500)(0)),
    "set in a set": lambda: P["power"](P["fork"](P["insert"], P["identity"], P["initset"]), 500)(frozenset({0})),
    "set of a set": lambda: P["power"](P["initset"], 500)(0),
    "paired with itself": lambda: P["initset"](P["power"](twice("pair"), 500)((0, 1))),
    "applied constants": lambda: P["initset"](
        P["power"](P["compose"](P["rbind"](P["apply"], (0, 1)), P["lbind"](P["lbind"], P["either"])), 500)((1,))
    ),
    "tower of compositions": lambda: tower(P["identity"], 60)(0),
    "deep closure": lambda: P["power"](P["lbind"](P["compose"], P["identity"]), 500)(
        P["power"](P["lbind"](P["compose"], P["identity"]), 500)(P["identity"])
    ),
    "self-application": lambda: (lambda f: f(f))(P["fork"](P["apply"], P["identity"], P["initset"])),
    "more than 500 powers": lambda: P["power"](P["identity"], 501),
}


@pytest.mark.parametrize("name", EXPLOSIONS)
def test_explosion_ends_by_a_limit(name, metered):
    with pytest.raises(LimitExceeded):
        EXPLOSIONS[name]()
    assert METER.depth == 0
    assert METER.compounding == 0


ENDED_BY_WORK_ONLY = {"tower of compositions", "manhattan"}


@pytest.mark.parametrize("name", sorted(EXPLOSIONS.keys() - ENDED_BY_WORK_ONLY))
def test_explosion_ends_without_a_budget_too(name):
    with pytest.raises(SizeExceeded):
        EXPLOSIONS[name]()


@pytest.mark.parametrize(
    "builder", ["apply", "mapply", "sfilter", "mfilter", "argmax", "argmin", "valmax", "valmin", "order"]
)
@pytest.mark.parametrize("container", [ROW, frozenset(ROW)])
def test_limits_pass_through_higher_order_primitives(builder, container, metered):
    spending = P["lbind"](P["repeat"], 0)
    arguments = (spending, container) if builder in ("apply", "mapply") else (container, spending)
    METER.left = 300_000
    with pytest.raises(WorkExceeded):
        P[builder](*arguments)


def test_power_of_500_works():
    assert P["power"](P["increment"], 500)(0) == 500
    assert P["power"](P["power"](P["increment"], 500), 3)(0) == 1500


def test_closures_nested_500_deep_work():
    function = P["increment"]
    for _ in range(250):
        function = P["compose"](P["identity"], function)
    assert function(0) == 1


def test_verdict_on_a_set_does_not_depend_on_its_history(metered):
    """Element 0 fails, the others exceed the budget: the canonically first decides, however Python iterates."""
    exceeding = P["compose"](P["lbind"](P["repeat"], 0), P["lbind"](P["multiply"], 10**5))
    function = P["fork"](P["astuple"], P["lbind"](P["divide"], 1), exceeding)
    verdicts = set()
    for numbers in ([8, 16, 0], [0, 16, 8], [16, 8, 0]):
        METER.left = BUDGET
        with pytest.raises((WorkExceeded, ZeroDivisionError)) as failure:
            P["apply"](function, frozenset(numbers))
        verdicts.add(failure.type)
    assert verdicts == {ZeroDivisionError}


@pytest.mark.parametrize("name", ["objects", "fill", "shift", "apply", "mostcolor", "occurrences"])
def test_equal_calls_charge_equal_work(name, metered):
    grid = tuple(tuple((i * j) % 3 for j in range(9)) for i in range(9))
    obj = frozenset({(1, (1, 1)), (2, (1, 2))})
    arguments = {
        "objects": (grid, True, True, False),
        "fill": (grid, 1, obj),
        "shift": (obj, (1, 1)),
        "apply": (P["size"], grid),
        "mostcolor": (grid,),
        "occurrences": (grid, obj),
    }[name]
    spent = []
    for _ in range(2):
        METER.left = BUDGET
        P[name](*arguments)
        spent.append(BUDGET - METER.left)
    assert spent[0] == spent[1] > 0
