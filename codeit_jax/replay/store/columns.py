"""What a buffer stores beside priorities: typed columns, token rows, or any Python object."""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from codeit_jax.replay.store.dtypes import cast_exactly, checked_dtype, plain_bounds
from codeit_jax.replay.store.slot_table import grown
from codeit_jax.replay.store.token_arena import TokenArena, TokenRows
from codeit_jax.replay.tree.arrays import IN_RANGE, IntArray, checked_size

PAYLOAD = "payload"


@dataclass(frozen=True)
class Column:
    """An array of fixed shape and type per item."""

    dtype: npt.DTypeLike
    shape: tuple[int, ...] = ()


@dataclass(frozen=True)
class Tokens:
    """A row of tokens per item, of any length."""

    dtype: npt.DTypeLike = np.uint16


@dataclass(frozen=True)
class Payload:
    """Any Python object per item."""


ColumnSpec = Column | Tokens | Payload
Schema = Mapping[str, Any]
"""Column names to a `Column`, `Tokens`, `Payload` or NumPy type, or to another such mapping."""

SEPARATOR = "/"
"""Between the names on the way to a column of a nested schema."""


class ColumnStore(Protocol):
    """Storage of one column, by slot; `slots` are int64 [n], distinct where they are written to."""

    def is_single(self, values: Any) -> bool:
        """Return whether `values` is one item's value and not a batch."""

    def prepare(self, values: Any, single: bool) -> Any:
        """Return a batch of values that `write` cannot refuse, or raise ValueError or TypeError."""

    def reserve(self, num_slots: int) -> None:
        """Make room for slots below a number."""

    def write(self, slots: IntArray, values: Any) -> None:
        """Set the values of slots, for which there is room, to a prepared batch."""

    def clear(self, slots: IntArray) -> None:
        """Forget the values of slots."""

    def read(self, slots: IntArray) -> Any:
        """Return a batch that later writes do not change."""

    def state(self, num_slots: int, copy: bool) -> Any:
        """Return the values of the first slots; without `copy` they are valid until the next change."""

    def load_state(self, state: Any) -> None:
        """Restore what `state` returned."""


class _DenseStore:
    """Rows of one array that grows by doubling, so a capacity of 1e7 costs nothing until it is used; or a file."""

    def __init__(self, spec: Column, mapped: Path | None = None, num_slots: int = 0, new: bool = True) -> None:
        """Make room in memory; with `mapped`, for `num_slots` in a file, new or there already."""
        self._shape = spec.shape
        dtype, shape = np.dtype(spec.dtype), (num_slots, *spec.shape)
        # A file has holes where nothing was written yet.
        self._values: npt.NDArray[Any] = (
            np.zeros((0, *spec.shape), dtype)
            if mapped is None
            else np.memmap(mapped, dtype, "w+" if new else "r", 0, shape).view(np.ndarray)
        )
        self._mapped = mapped is not None
        self._plain = plain_bounds(dtype) if not spec.shape else {}

    def is_single(self, values: Any) -> bool:
        return np.ndim(values) == len(self._shape)

    def prepare(self, values: Any, single: bool) -> npt.NDArray[Any]:
        # A plain number needs no look at what NumPy would make of it.
        if single and type(values) in self._plain:
            least, greatest = self._plain[type(values)]
            if least <= values <= greatest:
                return np.array([values], self._values.dtype)
        array = np.asarray(values)  # [n, *shape], or [*shape] for a single one
        if single:
            array = array[None]
        if array.shape[1:] != self._shape or array.ndim == 0:
            raise ValueError(f"values have shape {array.shape}: must be (n, {', '.join(map(str, self._shape))})")
        return cast_exactly(array, self._values.dtype)

    def reserve(self, num_slots: int) -> None:
        self._values = grown(self._values, num_slots)

    def write(self, slots: IntArray, values: Any) -> None:
        self._values[slots] = values

    def clear(self, slots: IntArray) -> None:
        """Leave the values: nothing reads an empty slot."""

    def read(self, slots: IntArray) -> npt.NDArray[Any]:
        return self._values.take(slots, 0, mode=IN_RANGE)

    def state(self, num_slots: int, copy: bool) -> npt.NDArray[Any]:
        values = self._values[:num_slots]
        return values.copy() if copy else values

    def load_state(self, state: Any) -> None:
        dtype = self._values.dtype
        if state.dtype == dtype.newbyteorder():
            state = state.astype(dtype)  # pickle brings bytes into the machine's own order
        if state.dtype != dtype or state.shape[1:] != self._shape:
            raise ValueError(f"state has {state.dtype}{state.shape[1:]}: column is {dtype}{self._shape}")
        if self._mapped:
            self._values[: len(state)] = state
            return
        # A map is used as it is and stays on disk until written to; others are copied: a state may be loaded again.
        self._values = state if isinstance(state, np.memmap) else np.array(state)


class _PayloadStore(_DenseStore):
    """Objects by slot."""

    def __init__(self) -> None:
        super().__init__(Column(object))

    def is_single(self, values: Any) -> bool:
        return not isinstance(values, list | np.ndarray)

    def prepare(self, values: Any, single: bool) -> npt.NDArray[np.object_]:
        items: Sequence[Any] = [values] if single else values
        array = np.empty(len(items), object)
        for position, item in enumerate(items):  # array[:] = items would take apart items that are sequences
            array[position] = item
        return array

    def clear(self, slots: IntArray) -> None:
        self._values[slots] = None  # or it would keep the objects alive


class _TokenStore:
    """Token rows by slot."""

    def __init__(self, spec: Tokens) -> None:
        self._dtype = spec.dtype
        self._arena = TokenArena(spec.dtype)

    def is_single(self, values: Any) -> bool:
        return not isinstance(values, TokenRows) and (len(values) == 0 or np.ndim(values[0]) == 0)

    def prepare(self, values: Any, single: bool) -> TokenRows:
        if isinstance(values, TokenRows) and values.dtype == self._dtype:
            return values
        # NumPy can't tell one row from a batch of tokens; the caller can.
        rows = [np.asarray(values)] if single else list(values)
        return TokenRows.from_rows(rows, self._dtype)

    def reserve(self, num_slots: int) -> None:
        """Leave it to the arena, which grows as rows come."""

    def write(self, slots: IntArray, values: Any) -> None:
        self._arena.write(slots, values)

    def clear(self, slots: IntArray) -> None:
        self._arena.clear(slots)

    def read(self, slots: IntArray) -> TokenRows:
        return self._arena[slots]

    def state(self, num_slots: int, copy: bool) -> Any:
        return self._arena.state_dict(copy)

    def load_state(self, state: Any) -> None:
        self._arena.load_state_dict(state)


class Table:
    """The columns of a buffer, by path; without a schema, one column of objects."""

    def __init__(
        self, schema: Schema | None, directory: Path | None = None, num_slots: int = 0, new: bool = True
    ) -> None:
        """Make empty columns, or files of `num_slots` rows in a directory; raises ValueError for a wrong schema.

        Files that are not `new` are there already, and are only read.
        """
        # Bare items come in and go out as they are, not as columns of a dict.
        self.bare = schema is None
        self.schema: dict[str, ColumnSpec] = {PAYLOAD: Payload()} if schema is None else dict(flat_columns(schema))
        self.nested = schema is not None and any(isinstance(spec, Mapping) for spec in schema.values())
        self.columns: dict[str, ColumnStore] = {
            name: _make_store(name, spec, directory, num_slots, new) for name, spec in self.schema.items()
        }
        self._reserved = 0
        # An empty row of tokens is ambiguous: another column says whether one item is given.
        self._telling = min(self.columns, key=lambda name: isinstance(self.schema[name], Tokens))

    def prepare(self, items: Any) -> tuple[dict[str, Any], int, bool]:
        """Return checked columns, the number of items, and whether a single item was given."""
        if self.bare:
            items = {PAYLOAD: items}
        elif self.nested and isinstance(items, Mapping):
            items = dict(_flat_values(items, self.schema))
        if not isinstance(items, Mapping) or items.keys() != self.columns.keys():
            given = sorted(items) if isinstance(items, Mapping) else type(items).__name__
            raise ValueError(f"items have columns {given}: must be {sorted(self.columns)}")
        single = self.columns[self._telling].is_single(items[self._telling])
        # All columns are checked before any is written.
        prepared = {name: column.prepare(items[name], single) for name, column in self.columns.items()}
        if single:
            return prepared, 1, True
        lengths = {name: len(values) for name, values in prepared.items()}  # by column
        if len(set(lengths.values())) != 1:
            raise ValueError(f"columns have different lengths: {lengths}")
        return prepared, lengths[self._telling], False

    def write(self, slots: IntArray, prepared: Mapping[str, Any]) -> None:
        """Set the items of distinct slots."""
        end = int(slots[0] if len(slots) == 1 else slots.max(initial=-1)) + 1
        if end > self._reserved:
            for column in self.columns.values():
                column.reserve(end)
            self._reserved = end
        for name, column in self.columns.items():
            column.write(slots, prepared[name])

    def clear(self, slots: IntArray) -> None:
        """Forget the items of distinct slots."""
        for column in self.columns.values():
            column.clear(slots)

    def read(self, slots: IntArray) -> Any:
        """Return a dict of columns, nested as the schema, or an array of objects for a buffer without a schema."""
        if self.bare:
            return self.columns[PAYLOAD].read(slots)
        return self.arranged(self.columns_at(slots))

    def columns_at(self, slots: IntArray) -> dict[str, Any]:
        """Return the values of slots by the path of their column."""
        return {name: column.read(slots) for name, column in self.columns.items()}

    def arranged(self, columns: dict[str, Any]) -> dict[str, Any]:
        """Return columns by path, nested as the schema."""
        return nested_columns(columns) if self.nested else columns

    def state(self, num_slots: int, copy: bool = True) -> dict[str, Any]:
        """Return the values of the first slots, by column."""
        return {name: column.state(num_slots, copy) for name, column in self.columns.items()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        if set(state) != set(self.columns):
            raise ValueError(f"state has columns {sorted(state)}: must be {sorted(self.columns)}")
        for name, column in self.columns.items():
            column.load_state(state[name])
        self._reserved = 0

    def rearrange(self, slots: IntArray) -> None:
        """Move the items of slots to the first slots, in that order; nothing else stays."""
        # All are read before any is written.
        moved = {name: column.read(slots) for name, column in self.columns.items()}
        self.write(np.arange(len(slots)), moved)


def flat_columns(schema: Schema, path: str = "") -> Iterator[tuple[str, ColumnSpec]]:
    """Yield the path and the checked kind of every column of a schema; raises ValueError for one without any."""
    if not schema:
        raise ValueError("schema is empty: name at least one column, or pass None to store objects")
    for name, spec in schema.items():
        if SEPARATOR in name and (path or isinstance(spec, Mapping)):
            raise ValueError(f"column is {name!r}: a name in a nested schema has no {SEPARATOR!r}")
        if isinstance(spec, Mapping):
            yield from flat_columns(spec, f"{path}{name}{SEPARATOR}")
        else:
            yield f"{path}{name}", _as_spec(spec)


def nested_columns(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns by path as nested dicts."""
    nested: dict[str, Any] = {}
    for path, values in columns.items():
        *folders, name = path.split(SEPARATOR)
        inner = nested
        for folder in folders:
            inner = inner.setdefault(folder, {})
        inner[name] = values
    return nested


def _flat_values(items: Mapping[str, Any], columns: Container[str], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, values in items.items():
        if isinstance(values, Mapping) and f"{path}{name}" not in columns:  # a payload may be a mapping
            yield from _flat_values(values, columns, f"{path}{name}{SEPARATOR}")
        else:
            yield f"{path}{name}", values


def _as_spec(spec: Any) -> ColumnSpec:
    if isinstance(spec, Column):
        return Column(checked_dtype(spec.dtype), tuple(checked_size("a column's shape", n, 0) for n in spec.shape))
    return spec if isinstance(spec, Tokens | Payload) else Column(checked_dtype(spec))


def _make_store(name: str, spec: ColumnSpec, directory: Path | None, num_slots: int, new: bool) -> ColumnStore:
    if directory is None:
        if isinstance(spec, Column):
            return _DenseStore(spec)
        return _TokenStore(spec) if isinstance(spec, Tokens) else _PayloadStore()
    if not isinstance(spec, Column):
        raise ValueError(f"column {name!r} is {spec}: only arrays of one shape can be in a directory")
    return _DenseStore(spec, directory / f"{name.replace(SEPARATOR, '.')}.column", num_slots, new)


def concatenate_columns(parts: Sequence[Any]) -> Any:
    """Join what `Table.read` returned for several buffers of one schema."""
    if isinstance(parts[0], Mapping):
        # By column, then as what the column is.
        return {name: concatenate_columns([part[name] for part in parts]) for name in parts[0]}
    if isinstance(parts[0], TokenRows):
        return TokenRows.concatenate(parts)
    return np.concatenate(parts)
