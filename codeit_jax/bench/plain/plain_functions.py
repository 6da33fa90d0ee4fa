"""Closures, and calling functions on every element."""

from functools import reduce
from itertools import count

from codeit_jax.bench.plain.plain_containers import merge
from codeit_jax.bench.plain.plain_order import Value, listed, same_kind

_serial = count()


class Function:
    """A closure: its arity, and its number in the order of creation."""

    def __init__(self, call: Value, arity: int) -> None:
        self.call, self.arity, self.number = call, arity, next(_serial)

    def __call__(self, *arguments: Value) -> Value:
        if len(arguments) != self.arity:
            raise TypeError("wrong number of arguments")
        return self.call(*arguments)


def compose(outer: Value, inner: Value) -> Value:
    """Return the function outer(inner(x))."""
    return Function(lambda x: outer(inner(x)), 1)


def chain(h: Value, g: Value, f: Value) -> Value:
    """Return the function h(g(f(x)))."""
    return Function(lambda x: h(g(f(x))), 1)


def matcher(function: Value, target: Value) -> Value:
    """Return the test whether function(x) equals the target."""
    return Function(lambda x: function(x) == target, 1)


def fork(outer: Value, a: Value, b: Value) -> Value:
    """Return the function outer(a(x), b(x))."""
    return Function(lambda x: outer(a(x), b(x)), 1)


def power(function: Value, n: Value) -> Value:
    """Return the function applied n times in a row; n below 1 or above 500 fails."""
    if not isinstance(n, int) or not 1 <= n <= 500:
        raise ValueError("power of 1 to 500")
    return function if n == 1 else Function(lambda x: reduce(lambda y, _: function(y), range(n), x), 1)


def rbind(function: Value, fixed: Value) -> Value:
    """Fix the last argument; a function of one or four parameters gives one of three."""
    return Function(lambda *free: function(*free, fixed), {2: 1, 3: 2}.get(function.arity, 3))


def lbind(function: Value, fixed: Value) -> Value:
    """Fix the first argument; a function of one or four parameters gives one of three."""
    return Function(lambda *free: function(fixed, *free), {2: 1, 3: 2}.get(function.arity, 3))


def apply(function: Value, container: Value) -> Value:
    """Map, keeping the kind; equal results in a set collapse."""
    return same_kind(container, [function(v) for v in container])


def rapply(functions: Value, value: Value) -> Value:
    """Call each function on the value, keeping the container's kind."""
    return same_kind(functions, [function(value) for function in listed(functions)])


def mapply(function: Value, container: Value) -> Value:
    """Map, then flatten one level."""
    return merge(apply(function, container))


def papply(function: Value, a: Value, b: Value) -> Value:
    """Call the function on paired elements, as far as the shorter container goes."""
    return tuple(function(x, y) for x, y in zip(listed(a), listed(b), strict=False))


def mpapply(function: Value, a: Value, b: Value) -> Value:
    """Call the function on paired elements, then flatten one level into a tuple."""
    return merge(papply(function, a, b))


def prapply(function: Value, a: Value, b: Value) -> Value:
    """Return the set of function(i, j) for all i in a and j in b."""
    return frozenset(function(i, j) for j in b for i in a)
