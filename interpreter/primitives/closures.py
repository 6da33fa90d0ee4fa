"""Function values: what every function of the language knows about itself."""

from collections.abc import Callable
from types import FunctionType

from interpreter.values.meter import METER, SizeExceeded
from interpreter.values.order import Value
from interpreter.values.weight import charge_walking

_SHORT = 10  # calls that can double a value so often are harmless
_LONGEST = 1 << 30


def as_closure(
    function: Callable[..., Value], builder: str, parts: tuple[Value, ...], arity: int, repetitions: int = 1
) -> Value:
    """Describe a new closure in its attributes: `arity`, `builder`, `parts`, `height` in frames, `length` in calls.

    Args:
        function: what the closure does.
        builder: the primitive that makes it.
        parts: the arguments of that primitive.
        arity: how many parameters the closure has, as far as binding is concerned.
        repetitions: how often a call of the closure calls its parts.

    Raises:
        SizeExceeded: closures nested too deeply to be called.
    """
    height, length = 1, 0
    for part in parts:
        if type(part) is FunctionType:
            described = part.__dict__
            length += described["length"]
            if described["height"] >= height:
                height = described["height"] + 1
    if repetitions > 1 or length > _SHORT:
        length = min(length * repetitions, _LONGEST)
        if length > _SHORT:
            function, height = _compounding(function), height + 1
    if height > METER.max_depth:
        raise SizeExceeded("closures nested too deeply")
    function.__dict__ = {"arity": arity, "builder": builder, "parts": parts, "height": height, "length": length}
    return function


def _compounding(function: Callable[..., Value]) -> Callable[..., Value]:
    """Make the primitives that run inside the function charge for what they nest, and it for what they walk."""

    def watched(*arguments: Value) -> Value:
        for argument in arguments:
            if type(argument) is tuple:  # what a set holds was walked when it was made
                charge_walking(argument)
        METER.compounding += 1
        try:
            return function(*arguments)
        finally:
            METER.compounding -= 1

    return watched


def as_primitive(function: Callable[..., Value], name: str, arity: int) -> Value:
    """Describe a primitive, in the attributes that closures have."""
    vars(function).update(arity=arity, builder=name, parts=(), height=0, length=1)
    return function
