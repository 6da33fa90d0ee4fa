"""Tuples and sets: building, joining, filtering, picking elements."""

from codeit_jax.bench.plain.plain_order import Value, elements_of, head, key, listed, same_kind


def size(container: Value) -> Value:
    return len(container)


def contained(value: Value, container: Value) -> Value:
    return value in container


def combine(a: Value, b: Value) -> Value:
    return same_kind(a, elements_of(a) + (listed(b) if isinstance(a, tuple) else elements_of(b)))


def intersection(a: Value, b: Value) -> Value:
    return a & b


def difference(a: Value, b: Value) -> Value:
    return same_kind(a, [v for v in a if v not in b])


def dedupe(tup: Value) -> Value:
    if tup == frozenset():
        return ()
    return tuple(v for k, v in enumerate(tup) if tup.index(v) == k)


def order(container: Value, compfunc: Value) -> Value:
    return tuple(sorted(listed(container), key=lambda v: compfunc(v)))


def repeat(item: Value, num: Value) -> Value:
    return tuple(item for _ in range(num))


def merge(containers: Value) -> Value:
    if isinstance(containers, frozenset):
        return frozenset(v for member in containers for v in elements_of(member))
    return same_kind(containers, [v for member in containers for v in listed(member)])


def maximum(container: Value) -> Value:
    return max(listed(container), default=0)


def minimum(container: Value) -> Value:
    return min(listed(container), default=0)


def _best_key(best: Value, container: Value, compfunc: Value) -> Value:
    keys = [compfunc(v) for v in container]
    return best(keys) if all(isinstance(k, int) for k in keys) else best(compfunc(v) for v in listed(container))


def valmax(container: Value, compfunc: Value) -> Value:
    return _best_key(max, container, compfunc) if len(container) else compfunc(0)


def valmin(container: Value, compfunc: Value) -> Value:
    return _best_key(min, container, compfunc) if len(container) else compfunc(0)


def _best(best: Value, container: Value, compfunc: Value) -> Value:
    keys = [compfunc(v) for v in elements_of(container)]
    if not all(isinstance(k, int) for k in keys):
        return best(listed(container), key=lambda v: compfunc(v))
    attained = best(keys)
    tied = [v for v, k in zip(container, keys, strict=True) if k == attained]
    return tied[0] if isinstance(container, tuple) else head(frozenset(tied))


def argmax(container: Value, compfunc: Value) -> Value:
    return _best(max, container, compfunc)


def argmin(container: Value, compfunc: Value) -> Value:
    return _best(min, container, compfunc)


def mostcommon(container: Value) -> Value:
    return max(listed(frozenset(container)), key=container.count)


def leastcommon(container: Value) -> Value:
    return min(listed(frozenset(container)), key=container.count)


def initset(value: Value) -> Value:
    return frozenset([value])


def insert(value: Value, container: Value) -> Value:
    return container.union([value])


def remove(value: Value, container: Value) -> Value:
    return same_kind(container, [v for v in container if v != value])


def other(container: Value, value: Value) -> Value:
    return head(same_kind(container, [v for v in container if v != value]))


def first(container: Value) -> Value:
    return head(container)


def last(container: Value) -> Value:
    return max(container, key=key) if isinstance(container, frozenset) and len(container) > 1 else tuple(container)[-1]


def totuple(container: Value) -> Value:
    return tuple(listed(container))


def sfilter(container: Value, condition: Value) -> Value:
    return same_kind(container, [v for v in container if condition(v)])


def mfilter(container: Value, function: Value) -> Value:
    return merge(sfilter(container, function))


def extract(container: Value, condition: Value) -> Value:
    for v in listed(container):
        if condition(v):
            return v
    raise ValueError("nothing found")


def interval(start: Value, stop: Value, step: Value) -> Value:
    return tuple(range(start, stop, step))


def product(a: Value, b: Value) -> Value:
    return frozenset((i, j) for i in a for j in b)


def pair(a: Value, b: Value) -> Value:
    return tuple(zip(listed(a), listed(b), strict=False))


def sizefilter(container: Value, n: Value) -> Value:
    return frozenset(v for v in container if len(v) == n)
