"""The table of the plain primitives."""

from codeit_jax.bench.plain import plain_arithmetic, plain_containers, plain_functions, plain_grids, plain_patches
from codeit_jax.bench.plain.plain_order import Value
from interpreter import SIGNATURES

_FAMILIES = (plain_arithmetic, plain_containers, plain_functions, plain_patches, plain_grids)


def _collect() -> dict[str, Value]:
    """Gather the functions that have a signature from the modules that define them, and note their arity."""
    primitives = {}
    for name, signature in SIGNATURES.items():
        (function,) = {
            vars(family)[name]
            for family in _FAMILIES
            if name in vars(family) and vars(family)[name].__module__ == family.__name__
        }
        function.arity = len(signature.parameters)
        primitives[name] = function
    return primitives


PRIMITIVES = _collect()
