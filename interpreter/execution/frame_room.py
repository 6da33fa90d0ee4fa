"""Room for the frames of nested closures."""

from collections.abc import Callable

_FRAME_VALUES = 20_000  # eight bytes each; 600 nested closures take a third of that


def call_with_room(function: Callable[[], None]) -> None:
    """Call a function with room for deeply nested calls."""
    function()


# CPython keeps frames in chunks of 16 KiB and gives a chunk back to the system as soon as the call that needed it ends:
# a tower of closures whose top reaches just over the end of one spends half of its time in the kernel. A function that
# asks for a very large frame gets a chunk that large, and what it calls has its frames in the rest.
call_with_room.__code__ = call_with_room.__code__.replace(co_stacksize=_FRAME_VALUES)
