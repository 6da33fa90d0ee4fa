"""The state of a buffer as nested dicts of arrays and plain values, and back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from codeit_jax.replay.eviction import EvictionPolicy, LowestPriority, MaxAge, Ring
from codeit_jax.replay.store.columns import Column, ColumnSpec, Payload, Schema, Tokens

if TYPE_CHECKING:
    from codeit_jax.replay.buffer import PrioritizedReplayBuffer  # only for its type: it imports this module

STATE_VERSION = 1
_POLICIES: dict[str, Any] = {"Ring": Ring, "LowestPriority": LowestPriority, "MaxAge": MaxAge}


def state_dict(buffer: "PrioritizedReplayBuffer") -> dict[str, Any]:
    """Return copies of everything that later results depend on."""
    end = buffer.slots.end  # slots from here on were never used
    return {
        "version": STATE_VERSION,
        "config": _config(buffer),
        "slots": buffer.slots.state_dict(),
        "raw": buffer.priorities.raw[:end].copy(),
        "digests": buffer.keys.digests_of(np.arange(end)),
        "groups": buffer.groups.state_dict(end),
        "columns": buffer.table.state(end),
        "rng": buffer.rng.bit_generator.state,
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
    buffer.priorities.restore(np.asarray(state["raw"]), state["config"]["alpha"], buffer.slots.occupied())
    buffer.rng.bit_generator.state = state["rng"]


def settings(state: Mapping[str, Any], eviction: EvictionPolicy | None) -> dict[str, Any]:
    """Return the arguments that make an empty buffer like the one of a state."""
    arguments = dict(state["config"])
    saved_policy = arguments.pop("eviction")
    if eviction is None:
        if saved_policy is None:
            raise ValueError("the eviction policy was a callable of your own, which is not saved: pass `eviction`")
        eviction = _POLICIES[saved_policy["name"]](**saved_policy["settings"])
    schema = _schema_from_state(arguments.pop("schema"))
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
    }


def _schema_state(buffer: "PrioritizedReplayBuffer") -> list[list[Any]] | None:
    """Return the schema in plain values; None for a buffer without one."""
    if buffer.table.bare:
        return None
    return [[name, *_spec_state(spec)] for name, spec in buffer.table.schema.items()]


def _spec_state(spec: ColumnSpec) -> list[Any]:
    # `dtype.str` has the byte order, so the file reads alike on any machine.
    if isinstance(spec, Column):
        return ["column", np.dtype(spec.dtype).str, list(spec.shape)]
    return ["tokens", np.dtype(spec.dtype).str, []] if isinstance(spec, Tokens) else ["payload", "", []]


def _schema_from_state(state: list[list[Any]] | None) -> Schema | None:
    if state is None:
        return None
    return {name: _spec_from_state(kind, dtype, shape) for name, kind, dtype, shape in state}


def _spec_from_state(kind: str, dtype: str, shape: list[int]) -> ColumnSpec:
    if kind == "column":
        return Column(dtype, tuple(shape))
    return Tokens(dtype) if kind == "tokens" else Payload()
