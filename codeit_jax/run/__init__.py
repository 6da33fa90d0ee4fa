"""A run: its state, the meta-iteration, saving and resuming, the summary."""
