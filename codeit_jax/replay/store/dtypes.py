"""Types of columns: which ones can be stored and come back as they were, their names in files, and exact casts."""

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt

_EXTENSIONS = "ml_dtypes"  # bfloat16 and its like, if the user has it: NumPy's own names for them are lost in a file


def checked_dtype(dtype: npt.DTypeLike) -> np.dtype[Any]:
    """Return a type that a column can hold; raises ValueError for one that would not come back from a file."""
    checked: np.dtype[Any] = np.dtype(dtype)
    if checked.hasobject:
        raise ValueError(f"dtype is {checked}: objects go into a column Payload()")
    if checked.itemsize == 0:
        raise ValueError(f"dtype is {checked}: has no length; name one, as in 'U20'")
    try:
        kept = dtype_from_state(dtype_state(checked)) == checked
    except (TypeError, ValueError, AttributeError):
        kept = False
    if not kept:
        raise ValueError(f"dtype is {checked}: would not come back from a file")
    return checked


def dtype_state(dtype: np.dtype[Any]) -> Any:
    """Return a type in JSON values: a string with the byte order, a list for fields, a list of one for extensions."""
    if dtype.names is not None:
        return _as_lists(np.lib.format.dtype_to_descr(dtype))
    # NumPy calls all types that it doesn't know raw bytes, "<V2".
    return dtype.str if dtype.type.__module__ == "numpy" else [dtype.name]


def _as_lists(state: Any) -> Any:
    return [_as_lists(part) for part in state] if isinstance(state, list | tuple) else state


def dtype_from_state(state: Any) -> np.dtype[Any]:
    """Return the type of a `dtype_state`; raises ValueError if the library that defines it is not installed."""
    if isinstance(state, str):
        return np.dtype(state)
    if len(state) == 1 and isinstance(state[0], str):
        try:
            extension: np.dtype[Any] = np.dtype(getattr(importlib.import_module(_EXTENSIONS), state[0]))
            return extension
        except (ImportError, AttributeError):
            raise ValueError(f"dtype is {state[0]}: needs the package {_EXTENSIONS}") from None
    fields: np.dtype[Any] = np.lib.format.descr_to_dtype(_as_descr(state))
    return fields


def _as_descr(state: Any) -> Any:
    """Return fields as tuples, which JSON has made lists."""
    if isinstance(state, str):
        return state
    if state and isinstance(state[0], list | tuple):
        return [_as_field(field) for field in state]
    return (_as_descr(state[0]), tuple(state[1]))  # a type and a shape


def _as_field(field: Any) -> tuple[Any, ...]:
    name, inner, *shape = field
    return (tuple(name) if isinstance(name, list) else name, _as_descr(inner), *(tuple(part) for part in shape))


def cast_exactly(array: npt.NDArray[Any], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """Return values as `dtype`; only floats may be rounded.

    Raises TypeError for another kind of value, and ValueError for what would be cut or overflow.
    """
    if array.dtype == dtype:
        return array
    integers = array.dtype.kind in "biu" and dtype.kind in "iu"
    # Extensions such as bfloat16 call themselves raw bytes, and every cast to them unsafe.
    extended = dtype.kind == "V" and dtype.names is None and array.dtype.kind in "biuf"
    # "same_kind" lets float64 become float32, but no float an integer: that would drop what is behind the point.
    if array.size and not (integers or extended) and not np.can_cast(array.dtype, dtype, "same_kind"):
        raise TypeError(f"values are {array.dtype}: the column holds {dtype}")
    out_of_range = ValueError(f"values are outside the range of {dtype}")
    try:
        # Else it wraps integers that are too large, cuts strings, makes floats infinite, without a word.
        with np.errstate(over="raise"):
            cast = array.astype(dtype)
    except FloatingPointError:
        raise out_of_range from None
    if extended:
        kept = np.array_equal(np.isfinite(cast.astype(np.float64)), np.isfinite(array))
    elif dtype.kind in "mM":
        # Taken back, as a comparison in the finer unit may overflow.
        kept = _same_times(cast.astype(array.dtype), array)
    else:
        kept = dtype.kind in "fc" or bool((cast == array).all())
    if not kept:
        raise out_of_range
    return cast


def plain_bounds(dtype: np.dtype[Any]) -> dict[type, tuple[float, float]]:
    """Return which of Python's types of numbers a type surely holds, and between which bounds."""
    if dtype.kind == "f" and dtype.type.__module__ == "numpy":
        largest = float(np.finfo(dtype).max)
        return {float: (-largest, largest), int: (-largest, largest)}
    if dtype.kind in "iu":
        return {int: (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))}
    return {bool: (False, True)} if dtype.kind == "b" else {}


def _same_times(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> bool:
    """Return whether times are equal, the undefined ones included, which equal nothing."""
    missing = np.isnat(second)
    return bool((np.isnat(first) == missing).all() and (first[~missing] == second[~missing]).all())
