"""How fast a learning stage is, how much of its arithmetic is of use, and a trace of it for the profiler."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh

from codeit_jax.config.schema import HardwareConfig
from codeit_jax.model import PolicyModel
from codeit_jax.training.batches import PlannedBatch
from codeit_jax.training.compilation import compilations
from codeit_jax.training.experience_replay import Draw

T = TypeVar("T")

FORWARD_AND_BACKWARD = 3  # the backward pass multiplies each product's gradient with both of its factors

# Dense bfloat16 peaks without sparsity, as published by the makers; the first prefix of a device's kind that fits.
PEAK_FLOPS: tuple[tuple[str, float], ...] = (
    ("NVIDIA H100 PCIe", 756e12),
    ("NVIDIA H100", 989e12),
    ("NVIDIA H200", 989e12),
    ("NVIDIA A100", 312e12),
    ("TPU v4 lite", 138e12),
    ("TPU v4", 275e12),
    ("TPU v5 lite", 197e12),
    ("TPU v5e", 197e12),
    ("TPU v5", 459e12),
    ("TPU v6", 918e12),
)


@dataclass(frozen=True, kw_only=True)
class LearningTimes:
    """What a learning stage took in this process; a stage that was resumed has only the steps since.

    Attributes:
        t_tokens_per_second: tokens of prompts and programs, without padding; None without a step.
        t_mfu: model FLOPs utilization, of operations on real tokens alone: their share of the devices' bfloat16 peak.
            None on devices whose peak isn't known.
        t_step_seconds: mean of an optimizer step.
        t_feed_seconds: waited for the host to make batches.
        t_compile_seconds: before the first step, by the wall.
        t_compilations: executables compiled, or read from the persistent cache, in the whole stage.
        t_peak_bytes: most memory in use so far on one device; None where the backend doesn't report it.
    """

    t_tokens_per_second: float | None
    t_mfu: float | None
    t_step_seconds: float | None
    t_feed_seconds: float
    t_compile_seconds: float
    t_compilations: int
    t_peak_bytes: int | None


def row_flops(model: PolicyModel, prompt_length: Any, program_length: Any) -> Any:
    """Return the operations that training on one row takes, a multiplication and an addition counted as two.

    Only matrix products count: projections, attention, feed-forward and the output head over the whole vocabulary.
    Recomputation (`model.remat`) doesn't.

    Args:
        prompt_length: of the row, or NumPy arrays of lengths, which give an array.
        program_length: the same, end token included.
    """
    # Through frozen matrices the gradient of the activations is needed, but not their own.
    passes = FORWARD_AND_BACKWARD - 1 if model.config.lora_rank else FORWARD_AND_BACKWARD
    return 2 * passes * model.multiplications(prompt_length, program_length)


def peak_flops(device_kinds: Sequence[str]) -> float | None:
    """Return the operations a second of some devices together; None if one of them isn't known."""
    peaks = [next((peak for prefix, peak in PEAK_FLOPS if kind.startswith(prefix)), None) for kind in device_kinds]
    known = [peak for peak in peaks if peak is not None]
    return sum(known) if len(known) == len(peaks) else None


def useful_flops(model: PolicyModel, draw: Draw, plan: Sequence[PlannedBatch]) -> float:
    """Return the operations that a plan's rows would take without padding.

    Args:
        model: the network.
        draw: where the rows are.
        plan: the batches.
    """
    flops = row_flops(model, draw.prompts.lengths, draw.programs.lengths)  # [rows of the draw]
    return sum(float(flops[batch.rows].sum()) for batch in plan)


def padded_flops(model: PolicyModel, plan: Sequence[PlannedBatch]) -> float:
    """Return the operations that a plan takes."""
    shapes = np.array([batch.shape for batch in plan], np.float64).reshape(-1, 4)  # [batches, 4]: N, B, L, T
    return float((shapes[:, 0] * shapes[:, 1] * row_flops(model, shapes[:, 2], shapes[:, 3])).sum())


def useful_share(model: PolicyModel, draw: Draw, plan: Sequence[PlannedBatch]) -> float:
    """Return the share of a plan's operations that is spent on real tokens, the rest on padding.

    Args:
        model: the network.
        draw: where the rows are.
        plan: the batches; 1 if there are none.
    """
    return useful_flops(model, draw, plan) / padded_flops(model, plan) if plan else 1.0


class Stopwatch:
    """Takes the times of one learning stage, from its creation on."""

    def __init__(self) -> None:
        self._compilations = compilations().number
        self._seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def time(self, what: str) -> Iterator[None]:
        """Count what is done inside as `compile`, `feed` or `steps`."""
        start = perf_counter()
        try:
            yield
        finally:
            self._seconds[what] += perf_counter() - start

    def feed(self, batches: Iterator[T]) -> Iterator[T]:
        """Pass batches on, counting the time waited for each."""
        # Not a `for`: only the waiting is timed, not what the consumer does with the batch.
        while True:
            with self.time("feed"):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def report(self, model: PolicyModel, mesh: Mesh, draw: Draw, done: Sequence[PlannedBatch]) -> LearningTimes:
        """Return the times.

        Args:
            model: the network.
            mesh: the devices of all processes.
            draw: the rows.
            done: the batches whose steps were taken since this stopwatch was created.
        """
        seconds = self._seconds["steps"]
        devices = mesh.devices.ravel().tolist()
        peak = peak_flops([device.device_kind for device in devices])
        lengths = draw.prompts.lengths + draw.programs.lengths
        tokens = sum(int(lengths[batch.rows].sum()) for batch in done)
        return LearningTimes(
            t_tokens_per_second=tokens / seconds if done else None,
            t_mfu=useful_flops(model, draw, done) / (seconds * peak) if done and peak else None,
            t_step_seconds=seconds / len(done) if done else None,
            t_feed_seconds=self._seconds["feed"],
            t_compile_seconds=self._seconds["compile"],
            t_compilations=compilations().number - self._compilations,
            t_peak_bytes=_peak_bytes(devices),
        )


def _peak_bytes(devices: Sequence[jax.Device]) -> int | None:
    # Only of this process's devices: JAX knows those of the others by name alone. The CPU backend has no statistics.
    statistics = [device.memory_stats() for device in devices if device.process_index == jax.process_index()]
    peaks = [numbers["peak_bytes_in_use"] for numbers in statistics if numbers and "peak_bytes_in_use" in numbers]
    return max(peaks, default=None)


class StepTrace:
    """Writes one trace in the life of a process; as a context it ends with its learning stage at the latest.

    Args:
        config: which steps.
        folder: where to.
        say: prints a line with the place of the trace, once that is written.
    """

    def __init__(self, config: HardwareConfig, folder: Path, say: Callable[[str], None]) -> None:
        self._config = config
        self._folder = folder
        self._say = say
        self._steps = 0
        self._running = False

    def __enter__(self) -> "StepTrace":
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()  # after an error too: the steps before it are what one wants to see

    def before_step(self) -> None:
        """Count a step that is about to be given to the device, on which the one before may still run."""
        self._steps += 1
        # Of the whole process, not of a stage: the first steps of the first stage are no measure.
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
