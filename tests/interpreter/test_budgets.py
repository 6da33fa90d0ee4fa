"""Contract tests: what takes time is charged for, and heavy programs have one outcome, however they are run."""

import json
import os
import random
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

import pytest

from interpreter import PRIMITIVES, InterpreterPool, Job, Status, parse, run, run_batch
from interpreter.values.meter import METER
from interpreter.values.weight import NODES_WALKED_A_UNIT
from tests.interpreter.heavy_programs import DEFAULT, LAPTOP, Slowest, heavy_program

BUDGET = 1_000_000
TRIED, CALLS = 3, 40
ONCE = 8_000  # what a line may hash and compare for nothing: its arguments some times

# Each of these once took seconds and charged next to nothing, on any large enough grid.
SHARED_IN_MANY_TUPLES = {
    "pairs with a heavy grid": (
        [
            "x1 = upscale(I, FIVE)",
            "x2 = asobject(x1)",
            "x3 = upscale(I, TEN)",
            "x4 = initset(x3)",
            "O = product(x4, x2)",
        ]
    ),
    "a heavy object bound in a function": (
        ["x1 = upscale(I, FIVE)", "x2 = lbind(astuple, x1)", "x3 = upscale(I, FIVE)", "x4 = asobject(x3)"]
        + ["O = mapply(x2, x4)"]
    ),
    "a set as a grid": ["x1 = upscale(I, TEN)", "x2 = asindices(x1)", "O = asobject(x2)"],
    "indices with a heavy grid": (
        ["x1 = upscale(I, SIX)", "x2 = initset(x1)", "x3 = asindices(x1)", "O = product(x3, x2)"]
    ),
}


class Leaf(int):
    """A number that counts how often numbers like it are hashed or compared."""

    operations = 0

    def __hash__(self):
        Leaf.operations += 1
        return int(self)

    def __eq__(self, other):
        Leaf.operations += 1
        return int(self) == other

    def __lt__(self, other):
        Leaf.operations += 1
        return int(self) < other


def tower(number, height=10):
    """A pair of a pair of a pair: many leaves in few objects."""
    value = Leaf(number)
    for _ in range(height):
        value = (value, value)
    return value


def leaves(number):
    return tuple([Leaf(k) for k in range(number)])


def heavy_values():
    """Values that share heavy parts, in pairs that are equal and not the same, and light ones to go with them."""
    a, b = tower(1), tower(1)
    row, same = leaves(300), leaves(300)
    obj = frozenset({(a, (0, 0)), (a, (0, 1)), (row, (5, 5)), (same, (9, 0))})
    cells = frozenset((Leaf(1), (i, j)) for i in range(9) for j in range(15))
    again = frozenset((Leaf(1), (i, j)) for i in range(9) for j in range(15))
    heavy = [a, b, (a, b), (a, row, a, same), ((a, b), (b, a)), (row, same), obj, frozenset({a, row}), cells, again]
    heavy += [(cells, again), frozenset({(a, 1), (b, 2)}), frozenset({cells})]
    functions = [PRIMITIVES["lbind"](PRIMITIVES["astuple"], a), PRIMITIVES["matcher"](PRIMITIVES["identity"], b)]
    functions += [PRIMITIVES[name] for name in ("identity", "first", "initset", "astuple", "equality")]
    return heavy, [0, 1, 2, 3, (0, 1), (), frozenset({(0, 0), (1, 2)}), ((1, 2), (3, 4)), *functions]


HEAVY, LIGHT = heavy_values()


def constant(value):
    """The function of one parameter that gives a value, whatever its argument."""
    return PRIMITIVES["rbind"](PRIMITIVES["rbind"](PRIMITIVES["branch"], value), value)


def calling(function, arguments):
    """The function of one parameter that calls another one on fixed arguments."""
    for argument in arguments[:-2]:
        function = PRIMITIVES["lbind"](function, argument)
    builder = "compose" if len(arguments) == 1 else "fork"
    return PRIMITIVES[builder](function, *map(constant, arguments[-2:]))


@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_mapped_call_hashes_and_compares_no_more_than_it_charges_for(name):
    function, rng = PRIMITIVES[name], random.Random(name)
    for _ in range(TRIED):
        arguments = [rng.choice(HEAVY if rng.random() < 0.6 else LIGHT) for _ in range(function.arity)]
        METER.left = BUDGET
        try:
            mapped = calling(function, arguments)
            Leaf.operations = 0
            PRIMITIVES["apply"](mapped, tuple(range(CALLS)))
        except Exception:
            continue  # a failure ends the line, so that it is no call among many
        finally:
            charged, METER.left = BUDGET - METER.left, float("inf")
        assert Leaf.operations <= 4 * NODES_WALKED_A_UNIT * charged + ONCE, arguments


@pytest.mark.parametrize("name", ["product", "prapply", "apply", "mapply", "rapply"])
def test_many_tuples_that_share_what_they_hold_are_charged_for_in_any_line(name):
    shared, number = tower(1), 300
    bound = PRIMITIVES["lbind"](PRIMITIVES["astuple"], shared)
    arguments = {
        "product": (frozenset({shared}), frozenset(range(number))),
        "prapply": (PRIMITIVES["astuple"], frozenset({shared}), frozenset(range(number))),
        "apply": (bound, frozenset(range(number))),
        "mapply": (bound, frozenset(range(number))),
        "rapply": (frozenset([PRIMITIVES["lbind"](PRIMITIVES["astuple"], k) for k in range(number)]), shared),
    }[name]
    METER.left, Leaf.operations = 10**6, 0
    try:
        PRIMITIVES[name](*arguments)
        charged = 10**6 - METER.left
    finally:
        METER.left = float("inf")
    assert Leaf.operations >= number * 1024
    assert charged >= number * 1024 // NODES_WALKED_A_UNIT // 2


@pytest.mark.parametrize("name", SHARED_IN_MANY_TUPLES)
def test_what_is_shared_in_many_tuples_ends_by_a_limit(name):
    grid = tuple(tuple((i * j) % 3 for j in range(10)) for i in range(10))
    program = parse("\n".join(SHARED_IN_MANY_TUPLES[name]))
    outcome = run(program, grid, LAPTOP)
    assert outcome.status in (Status.WORK, Status.SIZE)
    assert run_batch([program], [grid], LAPTOP) == [[outcome]]


def grown(number, first=0):
    """Heavy programs, and the grids of the first two."""
    programs = [heavy_program(seed) for seed in range(first, first + number)]
    return [text for text, _, _ in programs], [grid for _, grid, _ in programs[:2]]


def test_heavy_programs_have_one_outcome_singly_in_batches_and_with_any_number_of_workers():
    texts, grids = grown(150)
    programs = list(map(parse, texts))
    singly = [[run(program, grid, LAPTOP) for grid in grids] for program in programs]
    assert {outcome.status for row in singly for outcome in row} >= {Status.ERROR, Status.INVALID}
    assert run_batch(programs, grids, LAPTOP) == singly
    assert run_batch(programs[::-1], grids, LAPTOP) == singly[::-1]
    jobs = [Job(texts[start : start + 5], grids) for start in range(0, len(texts), 5)]
    for number in (1, 2, 5):
        with InterpreterPool(number, LAPTOP) as pool:
            assert [row for rows in pool.run(jobs) for row in rows] == singly
            assert (pool.stats.timeouts, pool.stats.deaths) == (0, 0)


HASHED = """
import json, sys
from tests.interpreter.heavy_programs import LAPTOP, Slowest
slowest = Slowest()
slowest.grow_and_run(range(1000, 1150), LAPTOP)
json.dump(slowest.digest.hexdigest(), sys.stdout)
"""


def test_heavy_programs_have_one_outcome_with_any_hash_seed():
    outcomes = set()
    for seed in ("0", "1", "random"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run([sys.executable, "-c", HASHED], env=environment, stdout=subprocess.PIPE, check=True)
        outcomes.add(json.loads(done.stdout))
    assert len(outcomes) == 1


def slowest_of(first):
    slowest = Slowest()
    slowest.grow_and_run(range(first, first + 1000), LAPTOP)
    return slowest.calls[0], slowest.programs[0]


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_no_call_and_no_program_among_a_million_heavy_ones_takes_long(capsys):
    """Prints what the slowest took; the bounds are ten times what the limits promise, since the machine may be busy."""
    with ProcessPoolExecutor() as processes:
        calls, programs = zip(*processes.map(slowest_of, range(0, 1_000_000, 1000)), strict=True)
    with capsys.disabled():
        print(f"\nslowest call {max(calls)}, slowest program {max(programs)}, in seconds of processor time")
    assert max(calls)[0] < 0.5
    assert max(programs)[0] < 2.5


@pytest.mark.slow
@pytest.mark.timeout(0)
def test_a_default_runs_limits_hold_heavy_programs_too():
    slowest = Slowest()
    slowest.grow_and_run(range(20_000), DEFAULT)
    assert slowest.calls[0][0] < 2
    assert slowest.programs[0][0] < 10
