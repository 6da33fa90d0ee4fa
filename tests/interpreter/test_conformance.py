"""Contract tests: what the language refuses is refused, even beside an empty argument that hides it."""

import pytest

from codeit_jax.bench.plain import PRIMITIVES as PLAIN
from interpreter.primitives import PRIMITIVES

EMPTY = [frozenset(), ()]
NUMBERS = [True, 0, 5]
# By name of a primitive, the places of arguments of which both have to be containers.
TWO_CONTAINERS = {"product": (0, 1), "pair": (0, 1), "papply": (1, 2), "mpapply": (1, 2), "prapply": (1, 2)}


@pytest.mark.parametrize("primitives", [PRIMITIVES, PLAIN], ids=["fast", "plain"])
@pytest.mark.parametrize("name", TWO_CONTAINERS)
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("empty", EMPTY)
def test_a_number_beside_an_empty_container_fails(primitives, name, number, empty):
    for first, second in (TWO_CONTAINERS[name], TWO_CONTAINERS[name][::-1]):
        arguments = [primitives["identity"], None, None] if first + second == 3 else [None, None]
        arguments[first], arguments[second] = empty, number
        if name in ("product", "prapply") and first > second:
            # They walk the last container, and the one before once for each of its elements: here never.
            assert primitives[name](*arguments) == frozenset()
            continue
        with pytest.raises(TypeError):
            primitives[name](*arguments)


@pytest.mark.parametrize("primitives", [PRIMITIVES, PLAIN], ids=["fast", "plain"])
@pytest.mark.parametrize("rows", [frozenset({(0, 5), (3, 2)}), frozenset(), frozenset({((1, 2),)}), 7])
@pytest.mark.parametrize("name", ["rot90", "rot180", "rot270"])
def test_rows_without_an_order_cannot_be_turned(primitives, name, rows):
    with pytest.raises(TypeError):
        primitives[name](rows)
