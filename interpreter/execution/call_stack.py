"""Room for the frames of nested closures.

CPython keeps the frames of Python functions in chunks of 16 KiB. It requests a chunk from the system when a call
crosses the end of the last one, and returns it when that call ends: a closure that nests to just there and calls on,
like a tower of compositions, spends most of its time in the kernel. A call that asks for a very large frame gets a
chunk of its own, and what it calls has its frames in the rest of that.
"""

from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")

_FRAME_VALUES = 20_000
"""Eight bytes each; the chunk has the next power of two, 256 KiB, and 600 nested closures take a third of it."""


def call_with_room(function: Callable[[], _Result]) -> _Result:
    """Call a function with room for deeply nested calls, which costs two calls of the system."""
    return function()


call_with_room.__code__ = call_with_room.__code__.replace(co_stacksize=_FRAME_VALUES)
