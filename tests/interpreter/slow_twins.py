"""The plain twins of all primitives by name, and what a primitive must know of its arity."""

import slow_twins_grids
import slow_twins_patches
import slow_twins_values

from interpreter.signatures import SIGNATURES

_MODULES = (slow_twins_values, slow_twins_patches, slow_twins_grids)


def _collect():
    twins = {}
    for name, signature in SIGNATURES.items():
        (function,) = {
            vars(module)[name]
            for module in _MODULES
            if name in vars(module) and vars(module)[name].__module__ == module.__name__
        }
        function.arity = len(signature.parameters)
        twins[name] = function
    return twins


TWINS = _collect()
