"""`python -m codeit_jax` is the console script `codeit-jax`."""

import sys

from codeit_jax.cli import main

if __name__ == "__main__":
    sys.exit(main())
