"""Twin tests: the search against trying everything without pruning, on small grammars; property tests of its budget."""

import itertools
from collections import defaultdict

import pytest

import interpreter
from codeit_jax.arc import Example
from codeit_jax.search import Budget, enumeration, search_program
from codeit_jax.search.bank import compositions
from codeit_jax.search.function_types import BUILDERS, built_type, primitive_types
from codeit_jax.search.productions import constants_for, productions
from interpreter.execution.type_inference import type_name

INPUTS = (
    ((0, 1, 0), (1, 1, 0), (0, 0, 2)),
    ((2, 2, 0, 0), (0, 0, 0, 1), (0, 1, 0, 1)),
)
GRAMMARS = {
    "grids": (("hmirror", "rot90", "hconcat", "replace", "trim", "dedupe"), 3),
    "numbers": (("size", "astuple", "canvas", "equality", "branch", "hmirror", "width"), 3),
    "objects": (("objects", "first", "merge", "ofcolor", "fill", "subgrid", "color", "combine"), 3),
    "functions": (
        (
            "fgpartition",
            "argmax",
            "extract",
            "compose",
            "leftmost",
            "color",
            "box",
            "size",
            "subgrid",
            "matcher",
            "first",
        ),
        4,
    ),
    "bound": (("hsplit", "apply", "lbind", "rbind", "replace", "merge", "first"), 3),
}
PLENTY = Budget(programs=10**8)


class Exhaustive:
    """All calls of a grammar up to a size, with everything that they give kept as often as it is found.

    Attributes:
        smallest: by the outputs on all inputs, the size of the smallest expression that gives them.
    """

    def __init__(self, inputs, names, max_size):
        self.num_inputs = len(inputs)
        self.pools = defaultdict(list)
        self.smallest = {}
        constants = constants_for([Example(grid, grid) for grid in inputs])
        self.constants = {(type_name(v), (v,) * len(inputs)) for v in map(interpreter.CONSTANTS.get, constants)}
        self.add("Grid", tuple(inputs), None, 0)
        for kind, values in self.constants:
            self.add(kind, values, None, 0)
        for name, function in primitive_types().items():
            if name in names:
                values = (interpreter.PRIMITIVES[name],) * len(inputs)
                self.add("", values, function, 0, parts=True)
        for size in range(1, max_size + 1):
            for production in productions(names):
                self.make(production, size)

    def add(self, kind, values, function, size, parts=False):
        pools = [kind] if function is None else [*function.roles(), *(function.parts() if parts else ())]
        for pool in pools:
            self.pools[pool, size].append((values, function, (kind, values) in self.constants))

    def make(self, production, size):
        for sizes in itertools.product(range(size), repeat=len(production.domains)):
            if sum(sizes) != size - 1:
                continue
            for arguments in itertools.product(
                *(self.pools[key] for key in zip(production.domains, sizes, strict=True))
            ):
                if all(constant for _, _, constant in arguments):
                    continue
                primitive = interpreter.PRIMITIVES[production.name]
                try:
                    values = tuple(
                        primitive(*[argument[0][k] for argument in arguments]) for k in range(self.num_inputs)
                    )
                except Exception:
                    continue
                self.keep(production, arguments, values, size)

    def keep(self, production, arguments, values, size):
        if production.name in BUILDERS:
            self.add("", values, built_type(production.name, *(function for _, function, _ in arguments)), size)
            return
        if production.may_give_grid:
            self.smallest.setdefault(values, size)
        kinds = [type_name(value) for value in values if value not in ((), frozenset())] or [type_name(values[0])]
        kind = "Boolean" if production.results == {"Boolean"} else kinds[0]
        if None not in map(type_name, values):
            self.add(kind, values, None, size)


def is_grid(value):
    """Return whether a value can be an output; colors stay among those of the inputs, which choose the constants."""
    return (
        isinstance(value, tuple)
        and value != ()
        and all(isinstance(row, tuple) and 0 < len(row) == len(value[0]) for row in value)
        and {cell for row in value for cell in row} <= {0, 1, 2, 3}
    )


@pytest.fixture(scope="module", params=GRAMMARS)
def grammar(request):
    names, max_size = GRAMMARS[request.param]
    everything = Exhaustive(INPUTS, names, max_size)
    goals = {values: size for values, size in everything.smallest.items() if all(map(is_grid, values))}
    return names, max_size, goals


def examples(outputs):
    return [Example(grid, output) for grid, output in zip(INPUTS, outputs, strict=True)]


def spread(items, count):
    """Return some of the items, evenly."""
    return items[:: max(1, len(items) // count)]


def test_what_exhaustion_reaches_the_search_finds_at_the_same_size(grammar):
    names, max_size, goals = grammar
    assert max_size in goals.values()
    for size in range(1, max_size + 1):
        for outputs in spread([values for values, smallest in goals.items() if smallest == size], 8):
            found = search_program(examples(outputs), PLENTY, max_size, names=names).programs
            assert found, outputs
            for program in found:
                assert len(program) <= size
                assert tuple(interpreter.run(program, grid).grid for grid in INPUTS) == outputs
            assert search_program(examples(outputs), PLENTY, size - 1, names=names).programs == []


def test_what_exhaustion_does_not_reach_the_search_does_not_find(grammar):
    names, max_size, goals = grammar
    # One output as a program gives it, the other mixed up: each may be reached, the two together are not.
    mixed = {(a[0], rows) for a, b in itertools.pairwise(goals) for rows in (b[1], a[1][::-1])} - goals.keys()
    assert mixed
    for outputs in spread(sorted(mixed), 6):
        assert search_program(examples(outputs), PLENTY, max_size, names=names).programs == []


TURNED = [Example(grid, tuple(row[::-1] for row in grid[::-1])) for grid in INPUTS]


def test_programs_are_distinct_and_of_the_smallest_size_that_has_any():
    found = search_program(TURNED, PLENTY, 3, names=("hmirror", "vmirror", "rot90", "dmirror", "cmirror")).programs
    assert len(found) == enumeration.MAX_PROGRAMS
    assert len({str(program) for program in found}) == len(found)
    assert {len(program) for program in found} == {2}
    assert [str(program) for program in search_program(TURNED, PLENTY, 3).programs] == ["O = rot180(I)"]


def test_a_value_that_is_used_twice_is_one_line():
    doubled = [Example(grid, tuple(column * 2 for column in zip(*grid, strict=True))) for grid in INPUTS]
    found = search_program(doubled, PLENTY, 3, names=("dmirror", "hconcat")).programs
    assert [str(program) for program in found] == ["x1 = dmirror(I)\nO = hconcat(x1, x1)"]


def test_a_truth_value_decides_a_branch():
    wide = [Example(grid, grid[::-1] if len(grid[0]) == 3 else grid) for grid in INPUTS]
    [program] = search_program(wide, PLENTY, 4, names=("width", "equality", "branch", "hmirror")).programs
    assert str(program).endswith("O = branch(x2, x3, I)")


@pytest.mark.parametrize("absent", [0, 1])
def test_an_empty_set_has_the_type_that_it_has_on_other_inputs(absent):
    grids = [((1, 2), (0, 2)), ((2, 1, 1), (0, 0, 2))]
    grids[absent] = tuple(tuple(cell % 2 for cell in row) for row in grids[absent])
    filled = [Example(grid, tuple(tuple(cell + (cell == 2) for cell in row) for row in grid)) for grid in grids]
    found = search_program(filled, PLENTY, 2, names=("ofcolor", "fill")).programs
    assert [str(program) for program in found] == ["x1 = ofcolor(I, TWO)\nO = fill(I, THREE, x1)"]


def test_more_programs_never_find_less_and_their_number_alone_decides(monkeypatch):
    hard = [Example(grid, grid[: len(grid) // 2] * 2) for grid in INPUTS]
    steps = [
        search_program(hard, Budget(programs=number), 2).programs for number in (1, 10, 100, 1000, 3000, 10_000, 30_000)
    ]
    assert steps[0] == []
    assert steps[-1]
    assert sorted(map(len, steps)) == list(map(len, steps))
    monkeypatch.setattr("time.monotonic", lambda: pytest.fail("the clock was read"))
    assert search_program(hard, Budget(programs=30_000), 2).programs == steps[-1]


def test_a_search_that_grows_too_large_ends(monkeypatch):
    assert search_program(TURNED, PLENTY, 2, names=("hmirror", "vmirror")).programs
    monkeypatch.setattr(enumeration, "MAX_NODES", 10)
    assert search_program(TURNED, PLENTY, 2, names=("hmirror", "vmirror")).programs == []


def test_a_search_by_time_ends():
    nothing = [Example(grid, ((9, 8, 7), (1, 5, 3))) for grid in INPUTS]
    assert search_program(nothing, Budget(seconds=0.3), 10)[::2] == ([], False)


@pytest.mark.parametrize(("total", "parts"), [(0, 1), (0, 3), (3, 1), (4, 2), (5, 3), (3, 4)])
def test_compositions_are_all_ordered_sums(total, parts):
    expected = [c for c in itertools.product(range(total + 1), repeat=parts) if sum(c) == total]
    assert list(compositions(total, parts)) == expected
    assert list(compositions(-1, parts)) == []
