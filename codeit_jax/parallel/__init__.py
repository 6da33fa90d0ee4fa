"""Device mesh, sharding rules, and the processes of a run."""

from codeit_jax.parallel.mesh import batch_sharding, make_mesh, replicated
from codeit_jax.parallel.sharding_rules import param_shardings

__all__ = ["batch_sharding", "make_mesh", "param_shardings", "replicated"]
