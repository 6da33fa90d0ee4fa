"""Exact tests of counts on a terminal: 80 columns, whatever the counts."""

from codeit_jax.evaluation import COLUMNS
from codeit_jax.reporting.score_table import score_sentence, score_table


def counts(*numbers):
    return dict(zip(COLUMNS, numbers, strict=True))


def test_a_table_of_reports_fits_80_columns():
    rows = {"sampled from the policy": counts(15, 12, 13, 11, 12, 400, 14), "unknown": counts(3, *[None] * 6)}
    assert score_table("tasks solved of 400", rows).splitlines() == [
        "tasks solved of 400        demos  pass@1  pass@3  vote@1  vote@2  vote@3  oracle",
        "sampled from the policy       15      12      13      11      12     400      14",
        "unknown                        3       -       -       -       -       -       -",
    ]


def test_one_report_is_a_sentence_that_breaks_between_counts():
    assert score_sentence(counts(400, 399, 398, 397, 396, 395, None)).splitlines() == [
        "tasks solved: demonstrations 400, pass@1 399, pass@3 398, vote@1 397,",
        "    vote@2 396, vote@3 395, oracle -",
    ]
