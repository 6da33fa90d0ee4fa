"""Numbers, pairs of numbers, and logic."""

import operator

from codeit_jax.bench.plain.plain_order import Value


def _both(operation: Value, a: Value, b: Value) -> Value:
    if isinstance(a, int) and isinstance(b, int):
        return operation(a, b)
    if isinstance(a, int):
        return (operation(a, b[0]), operation(a, b[1]))
    if isinstance(b, int):
        return (operation(a[0], b), operation(a[1], b))
    return (operation(a[0], b[0]), operation(a[1], b[1]))


def _each(operation: Value, x: Value) -> Value:
    return operation(x) if isinstance(x, int) else (operation(x[0]), operation(x[1]))


def add(a: Value, b: Value) -> Value:
    """Add integers or pairs."""
    return _both(operator.add, a, b)


def subtract(a: Value, b: Value) -> Value:
    """Subtract b from a."""
    return _both(operator.sub, a, b)


def multiply(a: Value, b: Value) -> Value:
    """Multiply integers or pairs."""
    return _both(operator.mul, a, b)


def divide(a: Value, b: Value) -> Value:
    """Divide a by b, rounding down; a zero divisor fails."""
    return _both(operator.floordiv, a, b)


def invert(n: Value) -> Value:
    """Negate."""
    return _each(lambda v: -v, n)


def double(n: Value) -> Value:
    """Multiply by two."""
    return _each(lambda v: v * 2, n)


def halve(n: Value) -> Value:
    """Divide by two, rounding down."""
    return _each(lambda v: v // 2, n)


def increment(x: Value) -> Value:
    """Add one."""
    return _each(lambda v: v + 1, x)


def decrement(x: Value) -> Value:
    """Subtract one."""
    return _each(lambda v: v - 1, x)


def crement(x: Value) -> Value:
    """Move away from zero by one; zero stays."""
    return _each(lambda v: v + (v > 0) - (v < 0), x)


def sign(x: Value) -> Value:
    """Return -1, 0 or 1."""
    return _each(lambda v: (v > 0) - (v < 0), x)


def even(n: Value) -> Value:
    """Return whether an integer is even."""
    return n % 2 == 0


def positive(x: Value) -> Value:
    """Return whether an integer is above zero."""
    return x > 0


def greater(a: Value, b: Value) -> Value:
    """Return whether a > b: integers, tuples lexicographically, sets by proper inclusion."""
    return a > b


def toivec(i: Value) -> Value:
    """Return the vector of i rows and no columns."""
    return (i, 0)


def tojvec(j: Value) -> Value:
    """Return the vector of j columns and no rows."""
    return (0, j)


def astuple(a: Value, b: Value) -> Value:
    """Pack two values in a tuple."""
    return (a, b)


def identity(x: Value) -> Value:
    """Return the argument."""
    return x


def flip(b: Value) -> Value:
    """Negate the truth of b."""
    return not b


def equality(a: Value, b: Value) -> Value:
    """Return whether two values are equal."""
    return a == b


def both(a: Value, b: Value) -> Value:
    """Return b if a is true, else a."""
    return a and b


def either(a: Value, b: Value) -> Value:
    """Return a if it is true, else b."""
    return a or b


def branch(condition: Value, a: Value, b: Value) -> Value:
    """Return a if the condition is true, else b."""
    return a if condition else b
