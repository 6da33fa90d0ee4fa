"""Replay of environments' steps, each stored once: what a learner wants beside a step is made from its neighbors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from codeit_jax.replay.buffer import PrioritizedReplayBuffer
from codeit_jax.replay.replay_batch import Batch
from codeit_jax.replay.store.columns import Column, Schema, Table, flat_columns, nested_columns
from codeit_jax.replay.store.persistence import load_state, save_state
from codeit_jax.replay.store.step_links import NONE, StepLinks
from codeit_jax.replay.tree.arrays import IntArray, checked_size
from codeit_jax.replay.tree.tree_draws import Method

REWARD, TERMINATED, TRUNCATED = "reward", "terminated", "truncated"
_MADE = ("next_observation", "discount", "mask", TERMINATED, TRUNCATED)
STATE_VERSION = 1


class StepReplay:
    """Steps of environments, drawn with n-step returns, stacked frames and next observations, or as windows.

    An observation is stored once: as the next one of a step it is read from the step that follows. Where none follows
    (yet, or at an episode's end) it has a place of its own. `n_step`, `gamma` and `stack` may be changed at any time.
    Full, the oldest steps are overwritten. `buffer` holds the steps; priorities belong to steps.
    """

    def __init__(
        self,
        capacity: int,
        schema: Schema,
        *,
        num_streams: int = 1,
        n_step: int = 1,
        gamma: float = 0.99,
        stack: int = 1,
        observation: str = "observation",
        **settings: Any,
    ) -> None:
        """Make an empty replay of at least two steps a stream.

        `schema` has a column `reward` and a column, or a mapping of columns, named by `observation`. `stack` is how
        many of the newest observations make one of a batch. `settings` are those of `PrioritizedReplayBuffer`.
        Raises ValueError for a setting out of range.
        """
        self.num_streams = checked_size("num_streams", num_streams)
        if checked_size("capacity", capacity) < 2 * self.num_streams:
            raise ValueError(f"capacity is {capacity}: must be at least 2 steps for each of {num_streams} streams")
        taken = set(schema) & set(_MADE)
        if REWARD not in schema or observation not in schema or taken or "eviction" in settings:
            raise ValueError(f"schema has {sorted(schema)}: must have {REWARD!r} and {observation!r}, none of {_MADE}")
        self.n_step, self.gamma, self.stack = checked_size("n_step", n_step), gamma, checked_size("stack", stack)
        self.observation = observation
        flags = {TERMINATED: np.bool_, TRUNCATED: np.bool_}
        self.buffer = PrioritizedReplayBuffer(capacity, {**schema, **flags}, **settings)
        self._links = StepLinks(capacity, self.num_streams)
        # Next observations that no stored step begins with, and the row of each slot's.
        self._tails = Table({observation: schema[observation]})
        self._tail_of: IntArray = np.full(capacity, NONE)
        self._free_tails: IntArray = np.empty(0, np.int64)
        self._num_tails = 0
        observed = dict(flat_columns({observation: schema[observation]}))
        if not all(isinstance(spec, Column) for spec in observed.values()):
            raise ValueError(f"{observation!r} is {observed}: must be arrays of one shape")
        self._observed = list(observed)

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.buffer)

    def add(
        self,
        steps: Mapping[str, Any],
        next_observation: Any,
        terminated: npt.ArrayLike,
        truncated: npt.ArrayLike,
        priority: npt.ArrayLike | None = None,
        streams: npt.ArrayLike | None = None,
    ) -> IntArray:
        """Add one step of each stream (or of distinct `streams`); return their slots, int64 [n].

        `steps` has the columns of the schema, [n, ...]; for one stream the axis may be missing. An episode is over
        where `terminated` or `truncated` is true, [n]. A step whose observation isn't the one that the step before led
        to begins a new piece: it is never taken for its successor. Nothing changes if anything is wrong.
        """
        flags = {name: np.asarray(value, bool) for name, value in ((TERMINATED, terminated), (TRUNCATED, truncated))}
        addition = self.buffer.prepare({**steps, **flags}, priority)
        tails, count, _ = self._tails.prepare({self.observation: next_observation})
        chosen = np.arange(self.num_streams) if streams is None else np.asarray(streams, np.int64).reshape(-1)
        if not len(addition.raw) == count == len(chosen) == len(np.unique(chosen)):
            raise ValueError(f"{len(addition.raw)} steps and {count} next observations for {len(chosen)} streams")
        if len(chosen) and not 0 <= chosen.min() <= chosen.max() < self.num_streams:
            raise IndexError(f"streams span [{chosen.min()}, {chosen.max()}]: must be in [0, {self.num_streams})")
        with self.buffer.lock:
            slots = self.buffer.apply(addition)
            generation = self.buffer.slots.generation
            self._links.forget(slots)
            self._free(slots)
            previous = self._links.newest(chosen, generation)
            follows = self._follows(previous, addition.columns)
            self._links.follow(slots[follows], previous[follows])
            self._free(previous[follows])
            self._tail_of[slots] = rows = self._take_tails(count)
            self._tails.write(rows, tails)
            self._links.set_newest(chosen, slots, generation)
        return slots

    def sample(self, n: int, replacement: bool = True, beta: float | None = None, method: Method = "iid") -> Batch:
        """Draw n steps, as `PrioritizedReplayBuffer.sample` does, and what came of each.

        `data` has the columns; `reward` is the sum of up to `n_step` discounted rewards, which ends with the episode
        or with the newest step; `next_observation` is what was observed after the last of them and `discount`, [n],
        what its value counts: gamma to the number of rewards, 0 where the episode terminated, not where it was
        truncated. With `stack` > 1 observations have shape [n, stack, ...], the newest last, an episode's first one
        repeated before it.
        """
        with self.buffer.lock:
            batch = self.buffer.sample(n, replacement, beta, method)
            window, lengths = self._links.forth(batch.indices, self.n_step)
            counted = np.arange(self.n_step) < lengths[:, None]  # [n, n_step]
            rewards = self.buffer.table.columns[REWARD].read(window.reshape(-1)).reshape(window.shape)
            powers = self.gamma ** np.arange(self.n_step)
            total = np.where(counted, rewards, 0) @ powers
            last = window[:, -1]
            alive = ~self.buffer.table.columns[TERMINATED].read(last)
            made = {
                REWARD: total.astype(rewards.dtype),
                "discount": (self.gamma**lengths * alive).astype(rewards.dtype),
            }
            batch.data |= made | self._observations(batch.indices, last)
        return batch

    def sample_windows(self, n: int, length: int, beta: float | None = None, method: Method = "iid") -> Batch:
        """Draw n windows of `length` steps within an episode, by the priority of their first step.

        Columns have shape [n, length, ...], `next_observation` too; `mask`, [n, length], is False behind the end of an
        episode or of what is stored, where the last step is repeated.
        """
        length = checked_size("length", length)
        with self.buffer.lock:
            batch = self.buffer.sample(n, True, beta, method)
            window, lengths = self._links.forth(batch.indices, length)
            flat = window.reshape(-1)
            data = {name: column.read(flat) for name, column in self.buffer.table.columns.items()}
            data |= {f"next_{name}": values for name, values in self._next(flat).items()}
            rows = {name: values.reshape(*window.shape, *values.shape[1:]) for name, values in data.items()}
            batch.data = nested_columns(rows) if self.buffer.table.nested else rows
            batch.data["mask"] = np.arange(length) < lengths[:, None]
        return batch

    def update_priorities(
        self, indices: npt.ArrayLike, priority: npt.ArrayLike, generation: npt.ArrayLike | None = None
    ) -> int:
        """Set raw priorities of steps, as `PrioritizedReplayBuffer.update_priorities` does."""
        return self.buffer.update_priorities(indices, priority, generation)

    def state_dict(self) -> dict[str, Any]:
        """Return copies of everything that later results depend on."""
        with self.buffer.lock:
            own = {"num_streams": self.num_streams, "n_step": self.n_step, "gamma": self.gamma, "stack": self.stack}
            return {
                "version": STATE_VERSION,
                "settings": {**own, "observation": self.observation},
                "buffer": self.buffer.state_dict(),
                "links": self._links.state_dict(),
                "tails": self._tails.state(self._num_tails),
                "tail_of": self._tail_of.copy(),
                "free_tails": self._free_tails.copy(),
                "num_tails": self._num_tails,
            }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state of a replay with the same settings."""
        if state["version"] != STATE_VERSION or state["settings"]["num_streams"] != self.num_streams:
            raise ValueError(
                f"state has {state['settings']}: must be of version {STATE_VERSION}, {self.num_streams} streams"
            )
        if len(state["tail_of"]) != self.buffer.capacity:
            raise ValueError(f"state has capacity {len(state['tail_of'])}: the replay has {self.buffer.capacity}")
        self.buffer.load_state_dict(state["buffer"])
        self._links.load_state_dict(state["links"])
        self._tails.load_state(state["tails"])
        self._tail_of[:] = state["tail_of"]
        self._free_tails = np.array(state["free_tails"], np.int64)
        self._num_tails = int(state["num_tails"])
        self.n_step, self.gamma, self.stack = (state["settings"][name] for name in ("n_step", "gamma", "stack"))

    def save(self, path: str | Path) -> None:
        """Write one file, atomically."""
        save_state(path, self.state_dict())

    @classmethod
    def load(cls, path: str | Path) -> "StepReplay":
        """Return the replay that `save` wrote, with all its settings."""
        state = load_state(path)
        buffer = PrioritizedReplayBuffer.from_state(state["buffer"])
        schema = dict(buffer.table.schema)
        nested = nested_columns(schema) if buffer.table.nested else schema
        for name in (TERMINATED, TRUNCATED):
            del nested[name]
        replay = cls(buffer.capacity, nested, **state["settings"])
        replay.buffer = buffer
        replay.load_state_dict(state)
        return replay

    def _follows(self, previous: IntArray, columns: Mapping[str, Any]) -> npt.NDArray[np.bool_]:
        """Return which new steps begin where the step before, if it is there, led to."""
        follows: npt.NDArray[np.bool_] = previous != NONE
        candidates = np.flatnonzero(follows)
        if not len(candidates):
            return follows
        slots = previous[candidates]
        over = self.buffer.table.columns[TERMINATED].read(slots) | self.buffer.table.columns[TRUNCATED].read(slots)
        same = ~over
        for name in self._observed:
            led_to, begins = self._tails.columns[name].read(self._tail_of[slots]), columns[name][candidates]
            # By their bytes, as NaN isn't equal to itself.
            pairs = [
                values.reshape(len(slots), -1).view(np.uint8) for values in map(np.ascontiguousarray, (led_to, begins))
            ]
            same &= (pairs[0] == pairs[1]).all(axis=1)
        follows[candidates] = same
        return follows

    def _observations(self, first: IntArray, last: IntArray) -> dict[str, Any]:
        """Return the observations of steps, and those after other steps, stacked if need be."""
        following = self._next(last)
        if self.stack == 1:
            made = {f"next_{name}": values for name, values in following.items()}
        else:
            made = {}
            frames = {"": self._links.back(first, self.stack), "next_": self._links.back(last, self.stack - 1)}
            for name, values in following.items():
                column = self.buffer.table.columns[name]
                for prefix, slots in frames.items():
                    stacked = column.read(slots.reshape(-1)).reshape(*slots.shape, *values.shape[1:])
                    made[prefix + name] = np.concatenate([stacked, values[:, None]], 1) if prefix else stacked
        return nested_columns(made) if self.buffer.table.nested else made

    def _next(self, slots: IntArray) -> dict[str, Any]:
        """Return what was observed after steps, by column."""
        tails = self._tail_of[slots]
        alone = tails != NONE
        following = np.where(alone, slots, self._links.after[slots])
        observed = {}
        for name in self._observed:
            values = self.buffer.table.columns[name].read(following)
            values[alone] = self._tails.columns[name].read(tails[alone])
            observed[name] = values
        return observed

    def _take_tails(self, count: int) -> IntArray:
        fresh = np.arange(self._num_tails, self._num_tails + max(0, count - len(self._free_tails)))
        self._num_tails += len(fresh)
        rows = np.concatenate([self._free_tails[:count], fresh])
        self._free_tails = self._free_tails[count:]
        return rows

    def _free(self, slots: IntArray) -> None:
        tails = self._tail_of[slots]
        self._free_tails = np.concatenate([self._free_tails, tails[tails != NONE]])
        self._tail_of[slots] = NONE
