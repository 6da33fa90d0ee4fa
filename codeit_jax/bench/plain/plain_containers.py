"""Tuples and sets: building, joining, filtering, picking elements."""

from codeit_jax.bench.plain.plain_order import Value, elements_of, head, key, listed, same_kind


def size(container: Value) -> Value:
    """Count the elements."""
    return len(container)


def contained(value: Value, container: Value) -> Value:
    """Return whether an element equals the value."""
    return value in container


def combine(a: Value, b: Value) -> Value:
    """Join two containers in one of a's kind."""
    return same_kind(a, elements_of(a) + (listed(b) if isinstance(a, tuple) else elements_of(b)))


def intersection(a: Value, b: Value) -> Value:
    """Keep what is in both sets (bitwise "and" of two integers)."""
    return a & b


def difference(a: Value, b: Value) -> Value:
    """Drop from a what is in b; a's kind, order and repetitions stay."""
    return same_kind(a, [v for v in a if v not in b])


def dedupe(tup: Value) -> Value:
    """Keep the first occurrence of each value; a non-empty set fails."""
    if tup == frozenset():
        return ()
    return tuple(v for k, v in enumerate(tup) if tup.index(v) == k)


def order(container: Value, compfunc: Value) -> Value:
    """Sort by key into a tuple; equal keys keep their order."""
    return tuple(sorted(listed(container), key=compfunc))


def repeat(item: Value, num: Value) -> Value:
    """Return a tuple of num copies."""
    return tuple(item for _ in range(num))


def merge(containers: Value) -> Value:
    """Flatten one level into a container of the outer kind."""
    if isinstance(containers, frozenset):
        return frozenset(v for member in containers for v in elements_of(member))
    return same_kind(containers, [v for member in containers for v in listed(member)])


def maximum(container: Value) -> Value:
    """Return the largest element, or 0."""
    return max(listed(container), default=0)


def minimum(container: Value) -> Value:
    """Return the smallest element, or 0."""
    return min(listed(container), default=0)


def _best_key(best: Value, container: Value, compfunc: Value) -> Value:
    keys = [compfunc(v) for v in container]
    return best(keys) if all(isinstance(k, int) for k in keys) else best(compfunc(v) for v in listed(container))


def valmax(container: Value, compfunc: Value) -> Value:
    """Return the largest key; compfunc(0) for an empty container."""
    return _best_key(max, container, compfunc) if len(container) else compfunc(0)


def valmin(container: Value, compfunc: Value) -> Value:
    """Return the smallest key; compfunc(0) for an empty container."""
    return _best_key(min, container, compfunc) if len(container) else compfunc(0)


def _best(best: Value, container: Value, compfunc: Value) -> Value:
    keys = [v if compfunc is None else compfunc(v) for v in elements_of(container)]
    if not all(isinstance(k, int) for k in keys):
        return best(listed(container), key=compfunc)
    attained = best(keys)
    tied = [v for v, k in zip(container, keys, strict=True) if k == attained]
    return tied[0] if isinstance(container, tuple) else head(frozenset(tied))


def argmax(container: Value, compfunc: Value) -> Value:
    """Return the first element with the largest key; empty fails."""
    return _best(max, container, compfunc)


def argmin(container: Value, compfunc: Value) -> Value:
    """Return the first element with the smallest key; empty fails."""
    return _best(min, container, compfunc)


def mostcommon(container: Value) -> Value:
    """Return the most frequent value of a tuple, the smallest of several; empty fails."""
    return max(listed(frozenset(container)), key=container.count)


def leastcommon(container: Value) -> Value:
    """Return the rarest value of a tuple, the smallest of several; empty fails."""
    return min(listed(frozenset(container)), key=container.count)


def initset(value: Value) -> Value:
    """Return the set of one value."""
    return frozenset([value])


def insert(value: Value, container: Value) -> Value:
    """Add one element to a set; a tuple fails."""
    return container.union([value])


def remove(value: Value, container: Value) -> Value:
    """Drop every element equal to the value."""
    return same_kind(container, [v for v in container if v != value])


def other(container: Value, value: Value) -> Value:
    """Return the first element that differs from the value; none fails."""
    return head(same_kind(container, [v for v in container if v != value]))


def first(container: Value) -> Value:
    """Return the first element; empty fails."""
    return head(container)


def last(container: Value) -> Value:
    """Return the last element; empty fails."""
    return max(container, key=key) if isinstance(container, frozenset) and len(container) > 1 else tuple(container)[-1]


def totuple(container: Value) -> Value:
    """List a set in canonical order as a tuple."""
    return tuple(listed(container))


def sfilter(container: Value, condition: Value) -> Value:
    """Keep the elements that satisfy the condition."""
    return same_kind(container, [v for v in container if condition(v)])


def mfilter(container: Value, function: Value) -> Value:
    """Flatten the members that satisfy the condition."""
    return merge(sfilter(container, function))


def extract(container: Value, condition: Value) -> Value:
    """Return the first element that satisfies the condition; none fails."""
    for v in listed(container):
        if condition(v):
            return v
    raise ValueError("nothing found")


def interval(start: Value, stop: Value, step: Value) -> Value:
    """Return the arithmetic progression from start, without stop; a zero step fails."""
    return tuple(range(start, stop, step))


def product(a: Value, b: Value) -> Value:
    """Return the set of all pairs of an element of a and an element of b."""
    return frozenset((i, j) for j in b for i in a)


def pair(a: Value, b: Value) -> Value:
    """Pair elements in order, as far as the shorter container goes."""
    return tuple(zip(listed(a), listed(b), strict=False))


def sizefilter(container: Value, n: Value) -> Value:
    """Return the set of the members that have n elements."""
    return frozenset(v for v in container if len(v) == n)
