"""Set-up of the benchmarks' tests."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _little_garbage() -> Iterator[None]:
    """Collect nothing that was there before: each timing starts with a collection, which walks all of JAX here."""
    gc.freeze()
    yield
    gc.unfreeze()
