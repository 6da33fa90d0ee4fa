"""Enumerative search: all programs up to a size, bottom-up, one of each behaviour."""

from codeit_jax.search.budget import Budget, parse_budget
from codeit_jax.search.enumeration import search_program
from codeit_jax.search.tasks import search_tasks

__all__ = ["Budget", "parse_budget", "search_program", "search_tasks"]
