"""Regular grids of small colours seen as bytes and as integer bit masks, where one operation treats many cells.

A mask has one bit a cell, row-major, bit 0 the upper left cell, and one empty guard column at the right of the
grid, so that a shift by one never carries a cell into the next row.
"""

from functools import lru_cache
from itertools import compress

from interpreter.values import Value

GUARD = 255  # fills the guard column; no grid with a colour this high takes the fast path
MAX_CELLS = 4096  # beyond, masks lose to cell-by-cell code and index tables to memory

Index = tuple[int, int]

_SELECTORS = [bytes(colour) + b"\1" + bytes(GUARD - colour) for colour in range(GUARD)]
_DIGITS = [b"0" * colour + b"1" + b"0" * (GUARD - colour) for colour in range(GUARD)]
_BITS = _SELECTORS[ord("1")]


def flatten(grid: Value, separator: bytes = b"") -> bytes | None:
    """Return the cells row-major; None unless the grid is regular, of ordinary size, and of colours 0 to 254."""
    if not is_regular(grid) or not 0 < len(grid) * len(grid[0]) <= MAX_CELLS:
        return None
    try:
        cells = separator.join(map(bytes, grid))
    except (TypeError, ValueError):
        return None
    return cells if separator or GUARD not in cells else None


def padded(grid: Value) -> bytes | None:
    """Return the cells with the guard column (after every row but the last), or None as `flatten` does."""
    cells = flatten(grid, bytes([GUARD]))
    return cells if cells is not None and cells.count(GUARD) == len(grid) - 1 else None


def count_colors(cells: bytes) -> list[int] | None:
    """Count the cells of each colour 0 to 9, guard column aside; None if there are other colours."""
    counts = list(map(cells.count, range(10)))
    return counts if sum(counts) + cells.count(GUARD) == len(cells) else None


@lru_cache(maxsize=64)
def index_table(height: int, width: int) -> tuple[Index, ...]:
    """List the indices of a grid row-major."""
    return tuple([(row, column) for row in range(height) for column in range(width)])


@lru_cache(maxsize=64)
def padded_index_table(height: int, width: int) -> tuple[Index, ...]:
    """List the indices row-major with those of the guard column, which is never selected."""
    return index_table(height, width + 1)[:-1]


def is_regular(grid: Value) -> bool:
    """Tell whether the value is a tuple of equally long tuples, at least one."""
    return type(grid) is tuple and set(map(type, grid)) == {tuple} and len(set(map(len, grid))) == 1


def select(cells: bytes, colour: int, table: tuple[Index, ...]) -> "compress[Index]":
    """Iterate over the indices in `table` whose cell has the colour (0 to 254)."""
    return compress(table, cells.translate(_SELECTORS[colour]))


def mask_of(cells: bytes, colour: int) -> int:
    """Return the mask of the cells of one colour (0 to 254)."""
    return int(cells[::-1].translate(_DIGITS[colour]), 2)


def full_mask(height: int, width: int) -> int:
    """Return the mask of all cells of a grid, guard column excluded."""
    row = (1 << width) - 1
    return row * (((1 << (width + 1) * height) - 1) // ((1 << (width + 1)) - 1))


def selectors(mask: int) -> bytes:
    """Return one byte a bit, 0 or 1, lowest bit first."""
    return bin(mask)[:1:-1].encode().translate(_BITS)
