"""Exact tests of arrays on a mesh: what is put comes back, wherever its rows lie."""

import jax
import numpy as np
import pytest

from codeit_jax.config.schema import HardwareConfig
from codeit_jax.parallel import batch_sharding, make_mesh, replicated
from codeit_jax.parallel.mesh import fully_replicated, put


@pytest.fixture(params=["one process", "several"])
def mesh(request, monkeypatch):
    """Eight devices, all of this process, or as if there were others."""
    if request.param == "several":
        monkeypatch.setattr(jax.sharding.NamedSharding, "is_fully_addressable", False)
    return make_mesh(HardwareConfig(fsdp=2))


def test_what_is_put_is_sharded_as_asked_and_comes_back(mesh):
    tree = {"tokens": np.arange(32).reshape(16, 2), "keys": jax.random.split(jax.random.key(1), 16)}
    rows, whole = put(tree, batch_sharding(mesh)), put(np.float32(0.5), replicated(mesh))
    assert {array.sharding.spec for array in rows.values()} == {batch_sharding(mesh).spec}
    assert [shard.data.shape for shard in rows["tokens"].addressable_shards] == [(2, 2)] * 8
    back = fully_replicated(rows, mesh)
    np.testing.assert_array_equal(back["tokens"], tree["tokens"])
    np.testing.assert_array_equal(jax.random.key_data(back["keys"]), jax.random.key_data(tree["keys"]))
    assert float(whole) == 0.5
