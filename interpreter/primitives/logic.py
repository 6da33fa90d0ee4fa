"""Truth values, and packing two values in a tuple."""

from interpreter.values.meter import charge
from interpreter.values.order import Value
from interpreter.values.weight import charge_nested


def identity(x: Value) -> Value:
    """Return the argument."""
    return x


def flip(b: Value) -> Value:
    """Negate the truth of b."""
    return not b


def equality(a: Value, b: Value) -> Value:
    """Return whether two values are equal."""
    if type(a) is frozenset or type(a) is tuple:
        charge(len(a))
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


def astuple(a: Value, b: Value) -> Value:
    """Pack two values in a tuple."""
    if type(a) is not int or type(b) is not int:
        charge_nested((a, b))
    return (a, b)


def toivec(i: Value) -> Value:
    """Return the vector of i rows and no columns."""
    if type(i) is not int:
        charge_nested((i,))
    return (i, 0)


def tojvec(j: Value) -> Value:
    """Return the vector of j columns and no rows."""
    if type(j) is not int:
        charge_nested((j,))
    return (0, j)
