"""A trace of some learning steps for JAX's profiler."""

from collections.abc import Callable
from pathlib import Path

import jax

from codeit_jax.config.schema import HardwareConfig


class StepTrace:
    """Writes one trace in the life of a process; it ends with its learning stage at the latest.

    Args:
        config: which steps.
        folder: where to.
        say: told where the trace is, once it is written.
    """

    def __init__(self, config: HardwareConfig, folder: Path, say: Callable[[str], None]) -> None:
        self._config = config
        self._folder = folder
        self._say = say
        self._steps = 0
        self._running = False

    def before_step(self) -> None:
        """Count a step that is about to be given to the device, on which the one before may still run."""
        self._steps += 1
        first = self._config.profile_start
        if self._steps == first:
            jax.profiler.start_trace(str(self._folder))
            self._running = True
        elif first is not None and self._steps > first + self._config.profile_steps:
            self.stop()

    def stop(self) -> None:
        """Write the trace, if one is running."""
        if self._running:
            jax.profiler.stop_trace()
            self._running = False
            self._say(f"profiled from learning step {self._config.profile_start} on: xprof --logdir {self._folder}")
