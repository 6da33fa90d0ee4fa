"""Runs as one HTML page that needs nothing else: no network, no scripts; what a model wrote is never markup."""

from codeit_jax.report.page import build_page
from codeit_jax.report.reading import RunResult, SolvedTask, read_run_result

__all__ = ["RunResult", "SolvedTask", "build_page", "read_run_result"]
