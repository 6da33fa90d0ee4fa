"""DSL values as JSON: a tuple is a list, a set {"s": [...]}, a named function of the strategies {"f": ...}."""

from codeit_jax.bench.plain.plain_order import listed


def encode(value):
    if isinstance(value, frozenset):
        return {"s": [encode(element) for element in listed(value)]}
    if isinstance(value, tuple) and len(value) == 2 and value[0] in ("function", "functions"):
        return {"f": [value[0], _encode_names(value[1])]}
    return [encode(element) for element in value] if isinstance(value, tuple) else value


def decode(value):
    if isinstance(value, dict):
        if "f" in value:
            kind, names = value["f"]
            return (kind, _decode_names(names))
        return frozenset(decode(element) for element in value["s"])
    return tuple(decode(element) for element in value) if isinstance(value, list) else value


def _encode_names(names):
    if isinstance(names, str):
        return names
    return [name if isinstance(name, str) else encode(name) for name in names]


def _decode_names(names):
    if isinstance(names, str):
        return names
    return tuple(name if isinstance(name, str) else decode(name) for name in names)
