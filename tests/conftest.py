"""Shared set-up: eight CPU devices for the sharding tests, and caches that live as long as the test run."""

import jax

# Through jax.config, not the environment: subprocesses started by tests should see the machine as users do.
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_num_cpu_devices", 8)
