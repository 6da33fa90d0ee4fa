"""What a buffer stores beside priorities: typed columns, token rows, or any Python object."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from codeit_jax.replay.store.slot_table import grown
from codeit_jax.replay.store.token_arena import TokenArena, TokenRows
from codeit_jax.replay.tree.arrays import IN_RANGE, IntArray

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
Schema = Mapping[str, ColumnSpec | npt.DTypeLike]


class ColumnStore(Protocol):
    """Storage of one column, by slot; `slots` are int64 [n], distinct where they are written to."""

    def is_single(self, values: Any) -> bool:
        """Return whether `values` is one item's value and not a batch."""

    def prepare(self, values: Any, single: bool) -> Any:
        """Return a batch of values that `write` cannot refuse, or raise ValueError or TypeError."""

    def write(self, slots: IntArray, values: Any) -> None:
        """Set the values of slots to a prepared batch."""

    def clear(self, slots: IntArray) -> None:
        """Forget the values of slots."""

    def read(self, slots: IntArray) -> Any:
        """Return a batch that later writes do not change."""

    def state(self, num_slots: int) -> Any:
        """Return the values of the first slots."""

    def load_state(self, state: Any) -> None:
        """Restore what `state` returned."""


class _DenseStore:
    """Rows of one array that grows by doubling: a capacity of 1e7 costs nothing until it is used."""

    def __init__(self, spec: Column) -> None:
        self._shape = spec.shape
        self._values = np.zeros((0, *spec.shape), np.dtype(spec.dtype))  # [slots, *shape]

    def is_single(self, values: Any) -> bool:
        return np.ndim(values) == len(self._shape)

    def prepare(self, values: Any, single: bool) -> npt.NDArray[Any]:
        array = np.asarray(values)  # [n, *shape], or [*shape] for a single one
        if single:
            array = array[None]
        if array.shape[1:] != self._shape or array.ndim == 0:
            raise ValueError(f"values have shape {array.shape}: must be (n, {', '.join(map(str, self._shape))})")
        return _cast(array, self._values.dtype)

    def write(self, slots: IntArray, values: Any) -> None:
        self._values = grown(self._values, int(slots.max(initial=-1)) + 1)
        self._values[slots] = values

    def clear(self, slots: IntArray) -> None:
        """Leave the values: nothing reads an empty slot."""

    def read(self, slots: IntArray) -> npt.NDArray[Any]:
        return self._values.take(slots, 0, mode=IN_RANGE)

    def state(self, num_slots: int) -> npt.NDArray[Any]:
        return self._values[:num_slots].copy()

    def load_state(self, state: Any) -> None:
        # A map is used as it is; other arrays are copied, as the state may be loaded again.
        values = state if isinstance(state, np.memmap) else np.array(state)  # maps stay on disk until written to
        if values.dtype != self._values.dtype or values.shape[1:] != self._shape:
            raise ValueError(f"state has {values.dtype}{values.shape[1:]}: column is {self._values.dtype}{self._shape}")
        self._values = values


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

    def write(self, slots: IntArray, values: Any) -> None:
        self._arena.write(slots, values)

    def clear(self, slots: IntArray) -> None:
        self._arena.clear(slots)

    def read(self, slots: IntArray) -> TokenRows:
        return self._arena[slots]

    def state(self, num_slots: int) -> Any:
        return self._arena.state_dict()

    def load_state(self, state: Any) -> None:
        self._arena.load_state_dict(state)


class Table:
    """The columns of a buffer; without a schema, one column of objects."""

    def __init__(self, schema: Schema | None) -> None:
        """Make empty columns; raises ValueError for a schema without any."""
        # Bare items come in and go out as they are, not as columns of a dict.
        self.bare = schema is None
        if schema is not None and not schema:
            raise ValueError("schema is empty: name at least one column, or pass None to store objects")
        self.schema: dict[str, ColumnSpec] = (
            {PAYLOAD: Payload()} if schema is None else {name: _as_spec(spec) for name, spec in schema.items()}
        )
        self.columns: dict[str, ColumnStore] = {name: _make_store(spec) for name, spec in self.schema.items()}

    def prepare(self, items: Any) -> tuple[dict[str, Any], int, bool]:
        """Return checked columns, the number of items, and whether a single item was given."""
        if self.bare:
            items = {PAYLOAD: items}
        if not isinstance(items, Mapping) or set(items) != set(self.columns):
            given = sorted(items) if isinstance(items, Mapping) else type(items).__name__
            raise ValueError(f"items have columns {given}: must be {sorted(self.columns)}")
        first = min(self.columns, key=lambda name: isinstance(self.schema[name], Tokens))  # an empty row is ambiguous
        single = self.columns[first].is_single(items[first])
        # All columns are checked before any is written.
        prepared = {name: column.prepare(items[name], single) for name, column in self.columns.items()}
        lengths = {name: len(values) for name, values in prepared.items()}  # by column
        if len(set(lengths.values())) != 1:
            raise ValueError(f"columns have different lengths: {lengths}")
        return prepared, lengths[first], single

    def write(self, slots: IntArray, prepared: Mapping[str, Any]) -> None:
        """Set the items of distinct slots."""
        for name, column in self.columns.items():
            column.write(slots, prepared[name])

    def clear(self, slots: IntArray) -> None:
        """Forget the items of distinct slots."""
        for column in self.columns.values():
            column.clear(slots)

    def read(self, slots: IntArray) -> Any:
        """Return a dict of columns, or an array of objects for a buffer without a schema."""
        if self.bare:
            return self.columns[PAYLOAD].read(slots)
        return {name: column.read(slots) for name, column in self.columns.items()}

    def state(self, num_slots: int) -> dict[str, Any]:
        """Return the values of the first slots, by column."""
        return {name: column.state(num_slots) for name, column in self.columns.items()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `state` returned."""
        if set(state) != set(self.columns):
            raise ValueError(f"state has columns {sorted(state)}: must be {sorted(self.columns)}")
        for name, column in self.columns.items():
            column.load_state(state[name])


def _cast(array: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return the values as `dtype`; raise if that is a narrower kind of number, or an integer does not fit."""
    if array.dtype == dtype:
        return array
    integers = array.dtype.kind in "biu" and dtype.kind in "iu"
    # "same_kind" lets float64 become float32, but no float an integer: that would drop what is behind the point.
    if array.size and not integers and not np.can_cast(array.dtype, dtype, "same_kind"):
        raise TypeError(f"values are {array.dtype}: the column holds {dtype}")
    cast = array.astype(dtype)  # wraps integers that are too large, without a word
    if integers and not np.array_equal(cast, array):
        raise ValueError(f"values are outside the range of {dtype}")
    return cast


def _as_spec(spec: ColumnSpec | npt.DTypeLike) -> ColumnSpec:
    return spec if isinstance(spec, Column | Tokens | Payload) else Column(spec)


def _make_store(spec: ColumnSpec) -> ColumnStore:
    if isinstance(spec, Column):
        return _DenseStore(spec)
    return _TokenStore(spec) if isinstance(spec, Tokens) else _PayloadStore()


def concatenate_columns(parts: Sequence[Any]) -> Any:
    """Join what `Table.read` returned for several buffers of one schema."""
    if isinstance(parts[0], Mapping):
        # By column, then as what the column is.
        return {name: concatenate_columns([part[name] for part in parts]) for name in parts[0]}
    if isinstance(parts[0], TokenRows):
        return TokenRows.concatenate(parts)
    return np.concatenate(parts)
