"""Arrays between this process and a mesh that may span several processes."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding

from codeit_jax.parallel.mesh import replicated


def put(tree: Any, sharding: NamedSharding) -> Any:
    """Put arrays that are the same in every process on the devices; each process sends only what its own devices hold.

    `jax.device_put` would compare the processes' values first, and wait for it.
    """
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)
    return jax.tree.map(lambda leaf: _put_leaf(leaf, sharding), tree)


def _put_leaf(leaf: Any, sharding: NamedSharding) -> jax.Array:
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        key_data: jax.Array = put(jax.device_get(jax.random.key_data(leaf)), sharding)
        keys: jax.Array = jax.random.wrap_key_data(key_data)
        return keys
    return jax.make_array_from_callback(leaf.shape, sharding, lambda index: leaf[index])


def readable(tree: Any, mesh: Mesh) -> Any:
    """Return the arrays so that every process can read them whole; a copy on every device if there are several."""
    if replicated(mesh).is_fully_addressable:
        return tree
    return jax.jit(_same, out_shardings=replicated(mesh))(tree)


def _same(tree: Any) -> Any:
    return tree  # a function of its own, so that it is traced once
