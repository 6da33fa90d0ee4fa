"""Compiling a learning stage's functions before it begins, and counting what is compiled."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import numpy as np
import optax
from jax.sharding import NamedSharding

from codeit_jax.model import Params, PolicyModel
from codeit_jax.training.batches import Shape
from codeit_jax.training.train_step import TrainBatch, TrainState, train_step

_EVENT = "/jax/core/compile/backend_compile_duration"


@dataclass
class Compilations:
    """What this process had XLA compile; an executable read from the persistent cache counts as well.

    Attributes:
        number: of executables.
        seconds: of compiling them, summed over threads.
    """

    number: int = 0
    seconds: float = 0.0


@cache
def compilations() -> Compilations:
    """Return the running count, which begins with the first call."""
    count = Compilations()

    def listen(event: str, duration_secs: float, **_: str | int) -> None:
        if event == _EVENT:
            count.number += 1
            count.seconds += duration_secs

    # Once for the process, by `cache`: JAX's listeners can't be taken away again.
    jax.monitoring.register_event_duration_secs_listener(listen)
    return count


def compile_ahead(
    model: PolicyModel,
    optimizer: optax.GradientTransformation,
    state: TrainState,
    shapes: Sequence[Shape],
    sharding: NamedSharding,
    key: jax.Array,
    frozen: Params | None = None,
) -> None:
    """Compile the step for all shapes, in as many threads as there are cores; later calls find what they need.

    Args:
        model: the network.
        optimizer: of the step.
        state: only described; neither read nor donated.
        shapes: of the batches to come; the largest first keeps the threads busy to the end.
        sharding: of a batch's arrays.
        key: any.
        frozen: parameters that no step changes; only described.
    """
    # Descriptions with shardings stand for arrays: nothing is allocated, and the executable is the one that the arrays
    # themselves will look for.
    described, frozen = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding), (state, frozen)
    )

    def compile_shape(shape: Shape) -> None:
        batch = _describe_batch(shape, sharding)
        # The limit as a float32 scalar, as every step gives it: a Python float would be a weakly typed one, and the
        # step would be traced and compiled once more.
        train_step.lower(model, optimizer, described, batch, key, np.float32(1), frozen).compile()

    # XLA compiles without the interpreter lock, so threads suffice.
    with ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="compile") as workers:
        for done in [workers.submit(compile_shape, shape) for shape in shapes]:
            done.result()  # raises what the thread raised


def _describe_batch(shape: Shape, sharding: NamedSharding) -> TrainBatch:
    num_parts, rows, prompt_length, program_length = shape

    def array(length: int, dtype: Any) -> Any:
        return jax.ShapeDtypeStruct((num_parts, rows, length), dtype, sharding=sharding)  # [N, B, length]

    return TrainBatch(
        encoder_input_tokens=array(prompt_length, np.int32),
        encoder_mask=array(prompt_length, np.bool_),
        decoder_input_tokens=array(program_length, np.int32),
        decoder_target_tokens=array(program_length, np.int32),
        loss_mask=array(program_length, np.bool_),
    )
