"""How fast a learning stage is, and how much of its arithmetic is of use."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import TypeVar

import jax
import numpy as np
from jax.sharding import Mesh

from codeit_jax.model import T5Model
from codeit_jax.training.batches import PlannedBatch
from codeit_jax.training.compilation import compilations
from codeit_jax.training.experience_replay import Draw
from codeit_jax.training.flops import peak_flops, row_flops

T = TypeVar("T")


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
        t_peak_bytes: most memory in use so far on one device; None where the backend doesn't tell.
    """

    t_tokens_per_second: float | None
    t_mfu: float | None
    t_step_seconds: float | None
    t_feed_seconds: float
    t_compile_seconds: float
    t_compilations: int
    t_peak_bytes: int | None


def useful_flops(model: T5Model, draw: Draw, plan: Sequence[PlannedBatch]) -> float:
    """Return the operations that a plan's rows would take without padding."""
    flops = row_flops(model, draw.prompts.lengths, draw.programs.lengths)
    return sum(float(flops[batch.rows].sum()) for batch in plan)


def padded_flops(model: T5Model, plan: Sequence[PlannedBatch]) -> float:
    """Return the operations that a plan takes."""
    shapes = np.array([part.shape for batch in plan for part in batch.parts], np.float64).reshape(-1, 3)
    return float((shapes[:, 0] * row_flops(model, shapes[:, 1], shapes[:, 2])).sum())


def useful_share(model: T5Model, draw: Draw, plan: Sequence[PlannedBatch]) -> float:
    """Return the share of a plan's operations that is spent on real tokens, the rest going into padding."""
    return useful_flops(model, draw, plan) / padded_flops(model, plan) if plan else 1.0


class Stopwatch:
    """Takes the times of one learning stage, from its making on."""

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
        while True:
            with self.time("feed"):
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def report(self, model: T5Model, mesh: Mesh, draw: Draw, done: Sequence[PlannedBatch]) -> LearningTimes:
        """Return the times, given the batches whose steps were taken."""
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
    statistics = [device.memory_stats() for device in devices if device.process_index == jax.process_index()]
    peaks = [numbers["peak_bytes_in_use"] for numbers in statistics if numbers and "peak_bytes_in_use" in numbers]
    return max(peaks, default=None)
