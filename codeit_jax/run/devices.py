"""How long the devices have no work, and the message when their memory runs out."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import jax

from codeit_jax.config.errors import UserError


class DeviceClock:
    """Counts the time in which the devices have been given work, from its creation on."""

    def __init__(self) -> None:
        self._busy_seconds = 0.0
        self._last_answer = perf_counter()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count the time inside as time with work."""
        # JAX only dispatches; the wall clock is right since both stages wait for their last result inside.
        start = perf_counter()
        try:
            yield
        finally:
            self._busy_seconds += perf_counter() - start

    def idle_share(self, waiting_seconds: float = 0.0) -> float:
        """Return in which share of the time since the last answer the devices had no work.

        Only blocks of `busy` that have ended count: ask outside of them.

        Args:
            waiting_seconds: of the time counted as busy, in which they waited for the host all the same.
        """
        now = perf_counter()
        idle = 1.0 - (self._busy_seconds - waiting_seconds) / (now - self._last_answer)
        self._busy_seconds, self._last_answer = 0.0, now
        return round(idle, 4)


@contextmanager
def out_of_memory_as_user_error(sizes: Mapping[str, Any]) -> Iterator[None]:
    """Turn the device's running out of memory into one line with the settings that decide what is needed."""
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        # All that XLA reports comes as this one class; only the status in its text is the reason.
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        found = " and ".join(f"{key} {value}" for key, value in sizes.items())
        raise UserError(f"the device's memory doesn't suffice for {found}, expected a smaller one") from error
