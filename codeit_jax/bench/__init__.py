"""Times of interpreter, sampling and training beside their peers; the replay has its own in `codeit_jax.replay`."""
