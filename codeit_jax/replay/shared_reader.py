"""Other processes' view of a buffer whose columns are files: they draw and read, one process writes.

The writer makes its buffer with a `directory`; in `/dev/shm`, nothing of it touches a disk. Readers need no lock: what
they read is checked by its generation, which the writer changes first.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from codeit_jax.replay.buffer_state import schema_from_state
from codeit_jax.replay.priorities import Priorities
from codeit_jax.replay.replay_batch import Batch
from codeit_jax.replay.store.columns import Table
from codeit_jax.replay.store.slot_table import SlotTable
from codeit_jax.replay.tree.arrays import FloatArray, IntArray, checked_size
from codeit_jax.replay.tree.tree_draws import Method

SETTINGS = "buffer.json"
_ROUNDS = 100  # of draws for items that stay while they are read; each loses what was overwritten meanwhile


class SharedArrays(NamedTuple):
    """What readers need beside the columns, in files of a directory."""

    generation: IntArray
    inserted: IntArray
    raw: FloatArray
    changes: IntArray
    """[1]: odd while the writer is changing something."""

    @classmethod
    def at(cls, directory: Path, capacity: int, new: bool) -> "SharedArrays":
        """Make the files of a new buffer, or map those that are there."""

        def mapped(name: str, dtype: npt.DTypeLike, length: int) -> Any:
            path, mode = directory / f"{name}.array", "w+" if new else "r"
            return np.memmap(path, dtype, mode, 0, (length,)).view(np.ndarray)  # type: ignore[call-overload]

        return cls(
            generation=mapped("generation", np.int64, capacity),
            inserted=mapped("inserted", np.int64, capacity),
            raw=mapped("raw", np.float64, capacity),
            changes=mapped("changes", np.int64, 1),
        )

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Mark a change, so that no reader takes a state in the middle of it."""
        self.changes[0] += 1
        try:
            yield
        finally:
            self.changes[0] += 1


class SharedReader:
    """Draws from the buffer that another process writes, with a random state of its own.

    Priorities are those of the last `refresh`, O(capacity); items that were overwritten since are never returned. To
    change priorities, send indices, values and generations to the writer.
    """

    def __init__(self, directory: str | Path, *, beta: float = 0.0, seed: int = 0, timeout: float = 10.0) -> None:
        """Open the directory of a buffer; raises ValueError if there is none within `timeout` seconds."""
        self._directory = Path(directory)
        deadline = time.monotonic() + timeout
        while not (self._directory / SETTINGS).exists():
            if time.monotonic() > deadline:
                raise ValueError(f"directory {directory} has no {SETTINGS}: no buffer was made there")
            time.sleep(0.01)
        settings = json.loads((self._directory / SETTINGS).read_text(encoding="utf-8"))
        self.capacity = settings["capacity"]
        self.beta = beta
        self.rng = np.random.default_rng(seed)
        self._max_weight = settings["max_weight"]
        self._timeout = timeout
        self._shared = SharedArrays.at(self._directory, self.capacity, new=False)
        self._table = Table(schema_from_state(settings["schema"]), self._directory, self.capacity, new=False)
        self._slots = SlotTable(self.capacity)
        self._priorities = Priorities(
            self.capacity, settings["alpha"], settings["eps"], settings["zero"], self.rng, settings.get("decay", 1.0)
        )
        self.refresh()

    def __len__(self) -> int:
        """Return the number of items at the last refresh."""
        return self._slots.size

    def refresh(self) -> None:
        """Take over the writer's slots and priorities as they are now."""
        shared, deadline = self._shared, time.monotonic() + self._timeout
        while True:
            before = int(shared.changes[0])
            generation, inserted, raw = shared.generation.copy(), shared.inserted.copy(), shared.raw.copy()
            if before % 2 == 0 and before == shared.changes[0]:
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._directory}: the writer has been changing the buffer for {self._timeout} s")
            time.sleep(0)
        taken = np.flatnonzero(generation)
        end = int(taken[-1]) + 1 if len(taken) else 0
        self._slots.load_state_dict(
            {
                "clock": int(generation.max(initial=0)),
                "ring_position": 0,
                "generation": generation[:end],
                "inserted": inserted[:end],
                "holes": np.flatnonzero(generation[:end] == 0),
            }
        )
        self._priorities.restore(raw[:end], self._priorities.alpha, self._slots, self._slots.clock)

    def sample(self, n: int, beta: float | None = None, method: Method = "iid") -> Batch:
        """Draw n items with replacement, of those that nobody overwrote until they were read.

        Raises ValueError if there are none, and TimeoutError if all are overwritten faster than they are read.
        """
        n = checked_size("n", n, 0)
        parts: list[tuple[IntArray, FloatArray, Any]] = []
        missing = n
        for _ in range(_ROUNDS):
            if missing and not len(self):
                self.refresh()
                if not len(self):
                    raise ValueError("the buffer is empty")
            slots, masses = self._priorities.draw(missing, method, False, self.rng, self._slots.occupied)
            rows = self._table.columns_at(slots)
            # After the rows: a slot whose stamp is still the same held the same item all along.
            same = self._shared.generation[slots] == self._slots.generation[slots]
            parts.append((slots[same], masses[same], {name: values[same] for name, values in rows.items()}))
            missing -= int(np.count_nonzero(same))
            if not missing:
                return self._joined(parts, self.beta if beta is None else beta)
            self.refresh()
        raise TimeoutError(f"{missing} of {n} items were overwritten while they were read, {_ROUNDS} times over")

    def _joined(self, parts: list[tuple[IntArray, FloatArray, Any]], beta: float) -> Batch:
        slots = np.concatenate([part[0] for part in parts])
        masses = np.concatenate([part[1] for part in parts])
        rows = {name: np.concatenate([part[2][name] for part in parts]) for name in parts[0][2]}
        return Batch(
            data=self._table.arranged(rows),
            indices=slots,
            weights=self._priorities.importance_weights(masses, len(self), beta, self._max_weight),
            probabilities=self._priorities.probabilities(masses, len(self)),
            generation=self._slots.generation[slots],
        )
