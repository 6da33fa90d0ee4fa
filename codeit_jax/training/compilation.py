"""Compiling a learning stage's functions before it begins, and counting what is compiled."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jax
import numpy as np
import optax
from jax.sharding import NamedSharding

from codeit_jax.model import T5Model
from codeit_jax.training.batches import Shape
from codeit_jax.training.train_step import TrainBatch, TrainState, add_gradient, apply_gradient, zero_gradient

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

    def listen(event: str, seconds: float, **_: Any) -> None:
        if event == _EVENT:
            count.number += 1
            count.seconds += seconds

    jax.monitoring.register_event_duration_secs_listener(listen)
    return count


def compile_ahead(
    model: T5Model,
    optimizer: optax.GradientTransformation,
    state: TrainState,
    shapes: Sequence[Shape],
    sharding: NamedSharding,
    key: jax.Array,
) -> None:
    """Compile the step for all shapes, in as many threads as there are cores; later calls find what they need.

    Args:
        state: isn't changed.
        shapes: of the parts to come; the largest first keeps the threads busy to the end.
        sharding: of a part's arrays.
        key: any.
    """
    total = jax.tree.map(_describe, zero_gradient(state.params))
    described = jax.tree.map(_describe, state)
    scalar = np.float32(1)
    tasks: list[Callable[[], Any]] = [
        lambda: apply_gradient.lower(optimizer, described, total, scalar).compile(),
        *(
            partial(_compile_shape, model, described.params, total, _describe_batch(shape, sharding), key)
            for shape in shapes
        ),
    ]
    with ThreadPoolExecutor(max_workers=os.cpu_count(), thread_name_prefix="compile") as workers:
        for done in [workers.submit(task) for task in tasks]:
            done.result()


def _compile_shape(model: T5Model, params: Any, total: Any, batch: TrainBatch, key: jax.Array) -> None:
    add_gradient.lower(model, params, total, batch, np.float32(1), key, np.int32(0)).compile()


def _describe(leaf: jax.Array) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=leaf.sharding)


def _describe_batch(shape: Shape, sharding: NamedSharding) -> TrainBatch:
    rows, prompt_length, program_length = shape

    def array(length: int, dtype: Any) -> Any:
        return jax.ShapeDtypeStruct((rows, length), dtype, sharding=sharding)

    return TrainBatch(
        encoder_input_tokens=array(prompt_length, np.int32),
        encoder_mask=array(prompt_length, np.bool_),
        decoder_input_tokens=array(program_length, np.int32),
        decoder_target_tokens=array(program_length, np.int32),
        loss_mask=array(program_length, np.bool_),
    )
