"""The device mesh, axes `data`, `fsdp` and `tensor`, and arrays between this process and it."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from codeit_jax.config.errors import UserError
from codeit_jax.config.schema import HardwareConfig

AXES = ("data", "fsdp", "tensor")


def make_mesh(config: HardwareConfig, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """Arrange the devices; `data: -1` takes what the other axes leave.

    Raises:
        UserError: the axes don't multiply to the number of devices.
    """
    devices = jax.devices() if devices is None else devices
    inner = config.fsdp * config.tensor
    data = len(devices) // inner if config.data == -1 else config.data
    if data * inner != len(devices):
        raise UserError(
            f"hardware.data x fsdp x tensor is {config.data} x {config.fsdp} x {config.tensor}, "
            f"expected a product of {len(devices)}, the number of devices"
        )
    # `tensor` innermost: consecutive devices are near each other, and along it they exchange the most.
    grid = np.asarray(devices).reshape(data, config.fsdp, config.tensor)
    # Auto axes on purpose: jax.make_mesh gives Explicit ones, under which a contraction over a sharded axis raises.
    return Mesh(grid, AXES, axis_types=(AxisType.Auto,) * len(AXES))


def batch_sharding(mesh: Mesh) -> NamedSharding:
    """Split the leading axis over `data` and `fsdp`."""
    return NamedSharding(mesh, PartitionSpec(("data", "fsdp")))


def replicated(mesh: Mesh) -> NamedSharding:
    """Keep a whole copy on every device."""
    return NamedSharding(mesh, PartitionSpec())


def num_batch_shards(mesh: Mesh) -> int:
    """Return by what a batch's number of rows must be divisible."""
    return int(mesh.shape["data"] * mesh.shape["fsdp"])


def put(tree: Any, sharding: NamedSharding) -> Any:
    """Place arrays that every process has whole on the devices; each process sends only what its own devices hold.

    Args:
        tree: NumPy or JAX arrays, among them JAX keys; copied, not donated.
        sharding: of every leaf.
    """
    # Over several processes `jax.device_put` would first compare all of their values, and wait for that.
    if sharding.is_fully_addressable:
        return jax.device_put(tree, sharding)
    return jax.tree.map(lambda leaf: _put_leaf(leaf, sharding), tree)


def _put_leaf(leaf: Any, sharding: NamedSharding) -> jax.Array:
    # Arrays of keys can't be split by the host; the numbers under them can.
    if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        key_data: jax.Array = put(jax.device_get(jax.random.key_data(leaf)), sharding)
        keys: jax.Array = jax.random.wrap_key_data(key_data)
        return keys
    return jax.make_array_from_callback(leaf.shape, sharding, lambda index: leaf[index])


def fully_replicated(tree: Any, mesh: Mesh) -> Any:
    """Return the arrays so that every process can read them whole: in several, with a copy on every device.

    Every process has to call it, and the copies are made by one computation over the whole mesh.
    """
    if replicated(mesh).is_fully_addressable:
        return tree
    return jax.jit(_same, out_shardings=replicated(mesh))(tree)


def _same(tree: Any) -> Any:
    return tree  # a function of its own, not a lambda: it is traced once for all calls
