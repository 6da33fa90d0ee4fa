"""The interpreter's limits as configured."""

from codeit_jax.config.schema import InterpreterConfig
from interpreter import Limits


def limits_from_config(config: InterpreterConfig) -> Limits:
    """Return the limits that a run's programs are held to."""
    return Limits(
        mode=config.mode,
        work_per_line=config.work_per_line,
        work_per_program=config.work_per_program,
        wall_seconds=config.wall_seconds,
    )
