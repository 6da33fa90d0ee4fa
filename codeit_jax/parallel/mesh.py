"""The device mesh: axes `data`, `fsdp` and `tensor`."""

from collections.abc import Sequence

import jax
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
    return mesh.shape["data"] * mesh.shape["fsdp"]
