"""The types that settings have: numbers with their range, and words."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from codeit_jax.config import MAX_WORKERS


def _refuse_boolean(value: Any) -> Any:
    """Refuse booleans, which pydantic would take for the numbers 0 and 1."""
    if isinstance(value, bool):
        raise ValueError("a number")
    return value


def _check_ascending(lengths: tuple[int, ...]) -> tuple[int, ...]:
    if not lengths or list(lengths) != sorted(set(lengths)):
        raise ValueError("at least one length, in ascending order, each once")
    return lengths


_Number = BeforeValidator(_refuse_boolean)

PositiveInt = Annotated[int, Field(gt=0), _Number]
NumWorkers = Annotated[int, Field(ge=0, le=MAX_WORKERS), _Number]
NonNegativeInt = Annotated[int, Field(ge=0), _Number]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False), _Number]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False), _Number]
Probability = Annotated[float, Field(ge=0, le=1), _Number]

Seed = Annotated[int, Field(ge=0, lt=1 << 32), _Number]
"""`jax.random.key` would silently drop higher bits."""

AxisSize = Annotated[int, Field(ge=-1), _Number]
"""Devices along a mesh axis; -1 takes what the other axes leave."""

Buckets = Annotated[tuple[PositiveInt, ...], AfterValidator(_check_ascending)]
"""Padded lengths in ascending order; the last is the longest that there is."""

Grammar = Literal["off", "released", "syntax", "typed"]
