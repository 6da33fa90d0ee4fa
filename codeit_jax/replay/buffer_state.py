"""The state of a buffer as nested dicts of arrays and plain values, and back."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from codeit_jax.replay.eviction import EvictionPolicy, LowestPriority, MaxAge, Ring
from codeit_jax.replay.store.columns import (
    SEPARATOR,
    Column,
    ColumnSpec,
    Payload,
    Schema,
    Tokens,
    nested_columns,
)
from codeit_jax.replay.store.dtypes import dtype_from_state, dtype_state

if TYPE_CHECKING:
    from codeit_jax.replay.buffer import PrioritizedReplayBuffer  # only for its type: it imports this module

STATE_VERSION = 1
_POLICIES: dict[str, Any] = {"Ring": Ring, "LowestPriority": LowestPriority, "MaxAge": MaxAge}


def state_dict(buffer: "PrioritizedReplayBuffer", copy: bool = True) -> dict[str, Any]:
    """Return everything that later results depend on; without `copy`, columns are valid until the next change."""
    end = buffer.slots.end  # slots from here on were never used
    return {
        "version": STATE_VERSION,
        "config": _config(buffer),
        "slots": buffer.slots.state_dict(),
        "raw": buffer.priorities.raw[:end].copy(),
        "digests": buffer.keys.digests_of(np.arange(end)),
        "groups": buffer.groups.state_dict(end),
        "columns": buffer.table.state(end, copy),
        "rng": buffer.rng.bit_generator.state,
        **({"decay_origin": buffer.priorities.origin} if buffer.priorities.decay < 1.0 else {}),
    }


def load_state_dict(buffer: "PrioritizedReplayBuffer", state: Mapping[str, Any]) -> None:
    """Restore a state; alpha and beta become those of the state."""
    if state["version"] != STATE_VERSION:
        raise ValueError(f"state has version {state['version']}: this code reads version {STATE_VERSION}")
    if state["config"]["schema"] != _schema_state(buffer):
        raise ValueError(f"state has schema {state['config']['schema']}: the buffer has {_schema_state(buffer)}")
    # The rest is by slot: without the slots, nothing says what is there.
    buffer.slots.load_state_dict(state["slots"])
    buffer.table.load_state(state["columns"])
    buffer.keys.load_digests(np.asarray(state["digests"]))
    buffer.groups.load_state_dict(state["groups"])
    buffer.beta = state["config"]["beta"]
    # Masses and sums are not saved: they follow, bitwise, from raw priorities and alpha.
    origin = state.get("decay_origin", 0)
    buffer.priorities.restore(np.asarray(state["raw"]), state["config"]["alpha"], buffer.slots, origin)
    buffer.rng.bit_generator.state = state["rng"]
    if buffer.capacity != state["config"]["capacity"]:
        _unroll(buffer, origin)


def _unroll(buffer: "PrioritizedReplayBuffer", origin: int) -> None:
    """Begin at the first slot again: in a ring of another size, the oldest items would not be the next to leave."""
    slots = buffer.slots.in_ring()
    if not len(slots) or slots[0] == 0:
        return
    raw, names, labels = buffer.priorities.raw[slots], buffer.keys.digests_of(slots), buffer.groups.labels_of(slots)
    buffer.groups.clear(slots)
    buffer.table.rearrange(slots)
    buffer.slots.rearrange(slots)
    buffer.keys.load_digests(names)
    buffer.groups.assign(np.arange(len(slots)), labels)
    buffer.priorities.restore(raw, buffer.alpha, buffer.slots, origin)


def settings(state: Mapping[str, Any], eviction: EvictionPolicy | None) -> dict[str, Any]:
    """Return the arguments that make an empty buffer like the one of a state."""
    arguments = dict(state["config"])
    saved_policy = arguments.pop("eviction")
    if eviction is None:
        if saved_policy is None:
            raise ValueError("the eviction policy was a callable of your own, which is not saved: pass `eviction`")
        eviction = _POLICIES[saved_policy["name"]](**saved_policy["settings"])
    schema = schema_from_state(arguments.pop("schema"))
    return {**arguments, "schema": schema, "eviction": eviction}


def _config(buffer: "PrioritizedReplayBuffer") -> dict[str, Any]:
    policy = buffer.eviction
    # A function of the user's can't be saved, only its absence.
    known = type(policy).__name__ in _POLICIES
    return {
        "capacity": buffer.capacity,
        "schema": _schema_state(buffer),
        "alpha": buffer.alpha,
        "beta": buffer.beta,
        "eps": buffer.priorities.eps,
        "zero": buffer.priorities.zero,
        "eviction": {"name": type(policy).__name__, "settings": dict(vars(policy))} if known else None,
        "on_duplicate": buffer.on_duplicate,
        "max_weight": buffer.max_weight,
        "max_per_group": buffer.max_per_group,
        # Only where they are used, so that other files stay as they were.
        **({"decay": buffer.priorities.decay} if buffer.priorities.decay < 1.0 else {}),
        **({"weights_dtype": buffer.weights_dtype.str} if buffer.weights_dtype != np.float64 else {}),
    }


def _schema_state(buffer: "PrioritizedReplayBuffer") -> list[list[Any]] | None:
    """Return the schema in plain values; None for a buffer without one."""
    if buffer.table.bare:
        return None
    nested = buffer.table.nested
    return [
        [name.split(SEPARATOR) if nested else name, *_spec_state(spec)] for name, spec in buffer.table.schema.items()
    ]


def _spec_state(spec: ColumnSpec) -> list[Any]:
    # `dtype.str` has the byte order, so the file reads alike on any machine.
    if isinstance(spec, Column):
        return ["column", dtype_state(np.dtype(spec.dtype)), list(spec.shape)]
    return ["tokens", np.dtype(spec.dtype).str, []] if isinstance(spec, Tokens) else ["payload", "", []]


def write_settings(buffer: "PrioritizedReplayBuffer", path: Path) -> None:
    """Write what another process needs to read the columns; the file is there whole or not at all."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(_config(buffer)), encoding="utf-8")
    temporary.replace(path)


def schema_from_state(state: list[list[Any]] | None) -> Schema | None:
    """Return the schema of a saved one."""
    if state is None:
        return None
    columns = {tuple([path] if isinstance(path, str) else path): _spec_from_state(*spec) for path, *spec in state}
    if all(isinstance(path, str) for path, *_ in state):
        return {path[0]: spec for path, spec in columns.items()}
    return nested_columns({SEPARATOR.join(path): spec for path, spec in columns.items()})


def _spec_from_state(kind: str, dtype: Any, shape: list[int]) -> ColumnSpec:
    if kind == "column":
        return Column(dtype_from_state(dtype), tuple(shape))
    return Tokens(dtype) if kind == "tokens" else Payload()
