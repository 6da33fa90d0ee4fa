"""Times of the interpreter, of sampling and of training beside their peers; replay has its own in `codeit_jax.replay`."""
