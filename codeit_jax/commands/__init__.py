"""The verbs of `codeit-jax`: each module adds its parser and runs; heavy imports happen when a verb runs."""
