"""Token rows of different lengths in one flat array, instead of a Python list each (23 times the memory)."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from codeit_jax.replay.store.chunked_array import ChunkedArray
from codeit_jax.replay.store.slot_table import grown
from codeit_jax.replay.tree.arrays import IntArray, checked_slots

_MIN_TOKENS = 1024
_GROWTH = 1.5
_ROWS_AT_A_TIME = 4096


class TokenRows:
    """A read-only batch of rows of different lengths: views into a flat array, nothing is copied until asked for."""

    def __init__(self, tokens: npt.NDArray[Any], starts: IntArray, lengths: IntArray) -> None:
        """Take a flat array of tokens, and where in it each row starts and how long it is, int64 [rows]."""
        self._tokens = tokens
        self._starts = starts
        self.lengths = lengths

    @classmethod
    def from_rows(cls, rows: Sequence[npt.ArrayLike], dtype: npt.DTypeLike = np.uint16) -> "TokenRows":
        """Pack sequences of ints; raises ValueError for a token that `dtype` cannot hold."""
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))  # type: ignore[arg-type]
        if all(isinstance(row, np.ndarray) for row in rows):
            flat = np.concatenate(rows) if len(rows) else np.empty(0, np.int64)
        else:
            flat = np.fromiter(itertools.chain.from_iterable(rows), np.int64, int(lengths.sum()))  # type: ignore[arg-type]
        return cls(_checked_tokens(flat, np.dtype(dtype)), np.cumsum(lengths) - lengths, lengths)

    @classmethod
    def concatenate(cls, parts: Sequence["TokenRows"]) -> "TokenRows":
        """Copy several batches into one."""
        lengths = np.concatenate([part.lengths for part in parts])
        return cls(np.concatenate([part.flat() for part in parts]), np.cumsum(lengths) - lengths, lengths)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.lengths)

    def __getitem__(self, index: int | slice | npt.ArrayLike) -> Any:
        """Return one row for an int, TokenRows for a slice, mask or array of positions."""
        if isinstance(index, int | np.integer):
            start = int(self._starts[index])
            return self._tokens[start : start + int(self.lengths[index])]
        chosen = index if isinstance(index, slice) else np.asarray(index)
        return TokenRows(self._tokens, self._starts[chosen], self.lengths[chosen])

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a token."""
        return self._tokens.dtype

    def flat(self) -> npt.NDArray[Any]:
        """Return the tokens of all rows, one row after the other."""
        ends = np.cumsum(self.lengths)
        if not len(ends):
            return self._tokens[:0]
        # From its place in the result to its place in the arena, each token of a row moves by the same distance.
        source = np.repeat(self._starts - (ends - self.lengths), self.lengths)  # [tokens]
        source += np.arange(int(ends[-1]))
        return self._tokens.take(source)

    def chunks(self) -> Iterator[npt.NDArray[Any]]:
        """Yield the tokens that `flat` returns, some rows at a time: their places take four times their memory."""
        for start in range(0, len(self), _ROWS_AT_A_TIME):
            yield self[start : start + _ROWS_AT_A_TIME].flat()

    def pad(
        self,
        length: int | None = None,
        pad_id: int = 0,
        side: Literal["right", "left"] = "right",
        dtype: npt.DTypeLike | None = None,
    ) -> npt.NDArray[Any]:
        """Return a [rows, length] array; longer rows lose their end. Default length: the longest row."""
        width = int(self.lengths.max(initial=0)) if length is None else length
        padded = np.full((len(self), width), pad_id, dtype or self.dtype)
        kept = np.minimum(self.lengths, width)
        column = np.arange(width)
        inside = column < kept[:, None] if side == "right" else column >= width - kept[:, None]
        source = self if int(self.lengths.max(initial=0)) <= width else TokenRows(self._tokens, self._starts, kept)
        # Row by row in both, so one assignment places all tokens.
        padded[inside] = source.flat()
        return padded

    def mask(self, length: int | None = None) -> npt.NDArray[np.bool_]:
        """Return a [rows, length] array that is True where `pad` with the same length puts a token (right padding)."""
        width = int(self.lengths.max(initial=0)) if length is None else length
        return np.arange(width) < self.lengths[:, None]


class TokenArena:
    """Rows of tokens by row number; writing a row again replaces it, and dead tokens are squeezed out in time.

    Tokens already written are never changed in place, so a TokenRows stays valid whatever happens to the arena.
    """

    def __init__(self, dtype: npt.DTypeLike = np.uint16) -> None:
        """Make an arena without rows; raises ValueError unless `dtype` is an integer type."""
        self._tokens = np.empty(_MIN_TOKENS, np.dtype(dtype))
        if self._tokens.dtype.kind not in "iu":
            raise ValueError(f"dtype is {self._tokens.dtype}: must be an integer type")
        self._used = 0
        self._num_rows = 0
        self._starts = np.zeros(0, np.int64)  # [rows or more]
        self._lengths = np.zeros(0, np.int32)  # [rows or more]

    def __len__(self) -> int:
        """Return the number of rows, empty ones included."""
        return self._num_rows

    @property
    def nbytes(self) -> int:
        """Bytes allocated."""
        return self._tokens.nbytes + self._starts.nbytes + self._lengths.nbytes

    def add(self, rows: Sequence[npt.ArrayLike] | TokenRows) -> IntArray:
        """Append rows; return their numbers."""
        numbers = np.arange(len(self), len(self) + len(rows))
        self.write(numbers, rows)
        return numbers

    def write(self, numbers: IntArray, rows: Sequence[npt.ArrayLike] | TokenRows) -> None:
        """Set rows by distinct numbers; numbers beyond the end make empty rows in between."""
        packed = rows if isinstance(rows, TokenRows) else TokenRows.from_rows(rows, self._tokens.dtype)
        if len(packed) != len(numbers):
            raise ValueError(f"{len(packed)} rows for {len(numbers)} numbers")
        if not len(numbers):
            return
        flat = _checked_tokens(packed.flat(), self._tokens.dtype)
        self._ensure_rows(int(numbers.max()) + 1)
        # Their old tokens are dead from here on, and squeezed out when room is needed.
        self.clear(numbers)
        self._ensure_tokens(len(flat))
        self._tokens[self._used : self._used + len(flat)] = flat
        self._starts[numbers] = self._used + np.cumsum(packed.lengths) - packed.lengths
        self._lengths[numbers] = packed.lengths
        self._used += len(flat)

    def clear(self, numbers: IntArray) -> None:
        """Empty rows by distinct numbers."""
        self._lengths[numbers] = 0

    def __getitem__(self, numbers: npt.ArrayLike) -> TokenRows:
        """Return a batch of rows: views, valid forever."""
        index = checked_slots(numbers, self._num_rows)[0]
        return TokenRows(self._tokens, self._starts[index], self._lengths[index].astype(np.int64))

    def state_dict(self, copy: bool = True) -> dict[str, Any]:
        """Return the live tokens and the length of every row; without `copy`, chunks, valid until the next change."""
        rows = self[np.arange(len(self))]
        tokens = rows.flat() if copy else ChunkedArray(self._tokens.dtype, (int(rows.lengths.sum()),), rows.chunks)
        return {"tokens": tokens, "lengths": self._lengths[: self._num_rows].copy()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state; a memory map is used as it is."""
        tokens = state["tokens"] if isinstance(state["tokens"], np.memmap) else np.array(state["tokens"])
        if tokens.dtype != self._tokens.dtype:
            raise ValueError(f"state has {tokens.dtype} tokens: this arena holds {self._tokens.dtype}")
        self._tokens = tokens
        self._lengths = np.array(state["lengths"], np.int32)
        ends = np.cumsum(self._lengths, dtype=np.int64)  # int32 would overflow at 2e9 tokens
        self._starts = ends - self._lengths
        self._num_rows = len(self._lengths)
        self._used = len(tokens)

    def _ensure_rows(self, rows: int) -> None:
        self._starts, self._lengths = grown(self._starts, rows), grown(self._lengths, rows)
        self._num_rows = max(self._num_rows, rows)

    def _ensure_tokens(self, extra: int) -> None:
        """Make room for more tokens: squeeze out dead ones, and grow if the live ones need it."""
        if self._used + extra <= len(self._tokens):
            return
        rows = self[np.arange(len(self))]
        live = rows.flat()
        # A new array, even if the old one has room: TokenRows that were handed out still read that.
        self._tokens = np.empty(max(_MIN_TOKENS, int(_GROWTH * (len(live) + extra))), self._tokens.dtype)
        self._tokens[: len(live)] = live
        self._starts[: self._num_rows] = np.cumsum(rows.lengths) - rows.lengths
        self._used = len(live)


def _checked_tokens(tokens: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    if tokens.dtype == dtype:
        return tokens
    if tokens.size:
        limits = np.iinfo(dtype)
        smallest, largest = int(tokens.min()), int(tokens.max())
        if smallest < limits.min or largest > limits.max:
            raise ValueError(f"tokens span [{smallest}, {largest}]: {dtype} holds [{limits.min}, {limits.max}]")
    return tokens.astype(dtype)
