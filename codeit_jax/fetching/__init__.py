"""Downloads of published files, pinned by commit and digest; with `prediction` the only room that uses the network."""

from codeit_jax.fetching.pinned_files import Fetched, fetch
from codeit_jax.fetching.publishers import PUBLISHED

__all__ = ["PUBLISHED", "Fetched", "fetch"]
