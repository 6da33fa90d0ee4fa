"""Counts of solved tasks as text for a terminal: one row as a sentence, several as a table, in 80 columns."""

import textwrap
from collections.abc import Mapping

from codeit_jax.evaluation import COLUMNS

Counts = Mapping[str, int | None]
"""A solve report; None where outputs of tests are unknown."""

_WIDTH = 80
_NAME_WIDTH = 24


def score_sentence(counts: Counts) -> str:
    """Return one solve report as text."""
    # Joined by no-break spaces: the name of a count and its value stay in one line.
    words = ", ".join(f"{name}\xa0{_shown(counts[name])}" for name in COLUMNS)
    return textwrap.fill(f"tasks solved: {words}", _WIDTH, subsequent_indent="    ").replace("\xa0", " ")


def score_table(title: str, rows: Mapping[str, Counts]) -> str:
    """Return solve reports as a table.

    Args:
        title: says what is counted, above the names.
        rows: reports by name.
    """
    # The one long name is shortened: with all seven columns the table still fits a terminal of 80.
    heads = ["demos" if name == "demonstrations" else name for name in COLUMNS]
    lines = [f"{title:<{_NAME_WIDTH}}" + "".join(f"{head:>8}" for head in heads)]
    for name, counts in rows.items():
        lines.append(f"{name:<{_NAME_WIDTH}}" + "".join(f"{_shown(counts[column]):>8}" for column in COLUMNS))
    return "\n".join(lines)


def _shown(count: int | None) -> str:
    return "-" if count is None else str(count)
