"""The canonical order of values, and what is seen of it when a container is iterated."""

from typing import Any

Value = Any


def key(value: Value) -> Value:
    """Sort key of the canonical order: none < numbers < tuples < sets < functions."""
    if value is None:
        return (0,)
    if isinstance(value, int):
        return (1, value)
    if isinstance(value, tuple):
        return (2, [key(element) for element in value])
    if isinstance(value, frozenset):
        return (3, sorted(key(element) for element in value))
    return (4, getattr(value, "number", -1), getattr(value, "__name__", ""))


def _compares_natively(value: Value) -> bool:
    """Whether the value is of numbers and tuples only, for which Python's own order is the canonical one."""
    return isinstance(value, int) or (isinstance(value, tuple) and all(map(_compares_natively, value)))


def listed(container: Value) -> Value:
    """The elements in iteration order."""
    if isinstance(container, tuple):
        return list(container)
    if not isinstance(container, frozenset):
        raise TypeError("not a container")
    if all(map(_compares_natively, container)):
        try:
            return sorted(container)
        except TypeError:  # numbers and tuples mixed
            pass
    return sorted(container, key=key)


def head(container: Value) -> Value:
    """The first element in iteration order."""
    if isinstance(container, frozenset) and len(container) > 1:
        return listed(container)[0]
    return next(iter(container))


def elements_of(container: Value) -> Value:
    """The elements where their order cannot be seen."""
    if not isinstance(container, (tuple, frozenset)):
        raise TypeError("not a container")
    return list(container)


def same_kind(container: Value, elements: Value) -> Value:
    """Return the elements in a container of the same kind."""
    if not isinstance(container, (tuple, frozenset)):
        raise TypeError("not a container")
    return type(container)(elements)
