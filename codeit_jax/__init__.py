"""CodeIt in JAX: a code language model that teaches itself to solve ARC tasks."""

__version__ = "0.1.0"
