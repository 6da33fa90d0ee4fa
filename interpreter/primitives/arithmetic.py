"""Arithmetic on integers and, component by component, on pairs."""

import operator
from collections.abc import Callable

from interpreter.values.meter import METER, SizeExceeded, charge, reserve
from interpreter.values.order import Value
from interpreter.values.weight import charge_tree_size

# Results inside this range need no look at the meter: the usual case must cost nothing.
_SMALL = 1 << 30


def _bounded(result: Value) -> Value:
    """Return `result` if its integers are within the allowed magnitude and its containers within the allowed size."""
    if isinstance(result, int):
        if abs(result) > METER.max_integer:
            raise SizeExceeded("integer beyond the allowed magnitude")
        return result
    if type(result) is tuple:
        for component in result:
            if isinstance(component, int) and abs(component) > METER.max_integer:
                raise SizeExceeded("integer beyond the allowed magnitude")
    charge_tree_size((result,))
    return result


def _pair(row: Value, column: Value) -> Value:
    """Return a pair of bounded components."""
    if type(row) is int and type(column) is int and -_SMALL < row < _SMALL and -_SMALL < column < _SMALL:
        return (row, column)
    return _bounded((row, column))


def _product(a: Value, b: Value) -> Value:
    """Multiply; an integer times a tuple repeats the tuple, which must be bounded beforehand."""
    if type(a) is int and type(b) is int:
        return a * b
    if type(a) is tuple and isinstance(b, int):
        reserve(len(a) * max(b, 0))
    elif type(b) is tuple and isinstance(a, int):
        reserve(len(b) * max(a, 0))
    return a * b


def _componentwise(operation: Callable[[Value, Value], Value]) -> Callable[[Value, Value], Value]:
    """Return the function that combines two integers, two pairs, or an integer with both components of a pair."""

    def combined(a: Value, b: Value) -> Value:
        if type(a) is int and type(b) is int:
            result = operation(a, b)
            return result if -_SMALL < result < _SMALL else _bounded(result)
        if type(a) is tuple and type(b) is tuple:
            return _pair(operation(a[0], b[0]), operation(a[1], b[1]))
        if isinstance(a, int):
            if isinstance(b, int):
                return _bounded(operation(a, b))
            return _pair(operation(a, b[0]), operation(a, b[1]))
        if isinstance(b, int):
            return _pair(operation(a[0], b), operation(a[1], b))
        return _pair(operation(a[0], b[0]), operation(a[1], b[1]))

    return combined


add, subtract = _componentwise(operator.add), _componentwise(operator.sub)
multiply = _componentwise(_product)
divide = _componentwise(operator.floordiv)  # rounds down; a zero divisor fails


def invert(n: Value) -> Value:
    """Negate."""
    return -n if isinstance(n, int) else (-n[0], -n[1])


def double(n: Value) -> Value:
    """Multiply by two."""
    if type(n) is int and -_SMALL < n < _SMALL:
        return n * 2
    return _pair(_product(n[0], 2), _product(n[1], 2)) if type(n) is tuple else _bounded(n * 2)


def halve(n: Value) -> Value:
    """Divide by two, rounding down."""
    return n // 2 if isinstance(n, int) else (n[0] // 2, n[1] // 2)


def increment(x: Value) -> Value:
    """Add one."""
    if type(x) is int and x < _SMALL:
        return x + 1
    return _pair(x[0] + 1, x[1] + 1) if type(x) is tuple else _bounded(x + 1)


def decrement(x: Value) -> Value:
    """Subtract one."""
    if type(x) is int and x > -_SMALL:
        return x - 1
    return _pair(x[0] - 1, x[1] - 1) if type(x) is tuple else _bounded(x - 1)


def _away_from_zero(x: Value) -> Value:
    return 0 if x == 0 else x + 1 if x > 0 else x - 1


def crement(x: Value) -> Value:
    """Move away from zero by one; zero stays."""
    return _bounded(_away_from_zero(x)) if isinstance(x, int) else _pair(_away_from_zero(x[0]), _away_from_zero(x[1]))


def _sign(x: Value) -> int:
    return 0 if x == 0 else 1 if x > 0 else -1


def sign(x: Value) -> Value:
    """Return -1, 0 or 1."""
    return _sign(x) if isinstance(x, int) else (_sign(x[0]), _sign(x[1]))


def even(n: Value) -> Value:
    """Return whether an integer is even."""
    return n % 2 == 0


def positive(x: Value) -> Value:
    """Return whether an integer is above zero."""
    return x > 0


def greater(a: Value, b: Value) -> Value:
    """Return whether a > b: integers, tuples lexicographically, sets by proper inclusion."""
    if not isinstance(a, int) and not isinstance(b, int):
        charge(len(a))
    return a > b
