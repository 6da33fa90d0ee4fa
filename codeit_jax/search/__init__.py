"""Enumerative search: all programs up to a size, bottom-up, one of each behavior."""

from codeit_jax.search.budget import Budget, parse_budget
from codeit_jax.search.enumeration import SearchResult, search_program
from codeit_jax.search.task_search import Round, TaskSearch, search_rounds

__all__ = ["Budget", "Round", "SearchResult", "TaskSearch", "parse_budget", "search_program", "search_rounds"]
