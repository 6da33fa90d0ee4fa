"""The seven builders of closures.

Every call of a closure costs one unit, because closures that use a closure twice call exponentially many.
"""

from interpreter.primitives.closures import as_closure
from interpreter.values.meter import METER, SizeExceeded, WorkExceeded, charge
from interpreter.values.order import Value
from interpreter.values.weight import bound_units, charge_walking

_MAX_POWER = 500  # the language promises no more


def compose(outer: Value, inner: Value) -> Value:
    """Return the function outer(inner(x))."""

    def composed(x: Value) -> Value:
        METER.left -= 1
        if METER.left < 0:
            raise WorkExceeded
        return outer(inner(x))

    return as_closure(composed, "compose", (outer, inner), 1)


def chain(h: Value, g: Value, f: Value) -> Value:
    """Return the function h(g(f(x)))."""

    def chained(x: Value) -> Value:
        METER.left -= 1
        if METER.left < 0:
            raise WorkExceeded
        return h(g(f(x)))

    return as_closure(chained, "chain", (h, g, f), 1)


def matcher(function: Value, target: Value) -> Value:
    """Return the test whether function(x) equals the target."""
    units = bound_units(target)

    def matches(x: Value) -> Value:
        METER.left -= units
        if METER.left < 0:
            raise WorkExceeded
        return function(x) == target

    return as_closure(matches, "matcher", (function, target), 1)


def fork(outer: Value, a: Value, b: Value) -> Value:
    """Return the function outer(a(x), b(x))."""

    def forked(x: Value) -> Value:
        METER.left -= 1
        if METER.left < 0:
            raise WorkExceeded
        return outer(a(x), b(x))

    return as_closure(forked, "fork", (outer, a, b), 1)


def power(function: Value, n: Value) -> Value:
    """Return the function applied n times in a row; n below 1 or above 500 fails."""
    if not isinstance(n, int):
        raise TypeError("power needs an integer")
    if n == 1:
        return function
    if n < 1:
        raise ValueError("power needs a positive integer")
    if n > _MAX_POWER:
        raise SizeExceeded(f"power of {n}, at most {_MAX_POWER}")

    def repeated(x: Value) -> Value:
        charge(n)
        for _ in range(n):
            if METER.compounding:
                charge_walking((x,))
            x = function(x)
        return x

    return as_closure(repeated, "power", (function, n), 1, repetitions=n)


def rbind(function: Value, fixed: Value) -> Value:
    """Fix the last argument; a function of one or four parameters gives one of three."""
    units = bound_units(fixed)
    if function.arity == 2:

        def bound(x: Value) -> Value:
            METER.left -= units
            if METER.left < 0:
                raise WorkExceeded
            return function(x, fixed)

        return as_closure(bound, "rbind", (function, fixed), 1)

    def bound_several(*arguments: Value) -> Value:
        charge(units)
        return function(*arguments, fixed)

    return as_closure(bound_several, "rbind", (function, fixed), 2 if function.arity == 3 else 3)


def lbind(function: Value, fixed: Value) -> Value:
    """Fix the first argument; a function of one or four parameters gives one of three."""
    units = bound_units(fixed)
    if function.arity == 2:

        def bound(y: Value) -> Value:
            METER.left -= units
            if METER.left < 0:
                raise WorkExceeded
            return function(fixed, y)

        return as_closure(bound, "lbind", (function, fixed), 1)

    def bound_several(*arguments: Value) -> Value:
        charge(units)
        return function(fixed, *arguments)

    return as_closure(bound_several, "lbind", (function, fixed), 2 if function.arity == 3 else 3)
