"""Contract tests of the page of all settings: up to date, complete, in words."""

import dataclasses
from pathlib import Path

import pytest

from codeit_jax.config import reference
from codeit_jax.config.recipes import CHOICES, DIFFERENCES
from codeit_jax.config.schema import Config

PAGE = Path(__file__).resolve().parents[2] / "docs/configuration.md"
SECTIONS = [Config, *(type(part) for part in vars(Config()).values() if dataclasses.is_dataclass(part))]


def test_the_page_is_up_to_date():
    expected = reference.reference_page()
    assert PAGE.read_text(encoding="utf-8") == expected, "codeit-jax config reference > docs/configuration.md"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_field_has_a_text_that_is_a_sentence(section):
    names = [field.name for field in dataclasses.fields(section)]
    if section is Config:  # its sections have their classes' texts
        names = [name for name in names if not dataclasses.is_dataclass(getattr(Config(), name))]
    texts = reference.field_texts(section)
    assert list(texts) == names
    assert all(text.endswith(".") and "|" not in text for text in texts.values())


def test_each_kind_of_setting_has_its_row():
    rows = {
        line.split("`")[1]: line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")
    }
    assert "| integer, 0 to 4294967295 | `0` |" in rows["seed"]
    assert "| integer, at least -1 | `-1` |" in rows["hardware.data"]
    assert "| number, 0 to 1 | `0.1` |" in rows["model.dropout"]
    assert "| number, above 0 | `5e-05` |" in rows["training.learning_rate"]
    assert "| `d1`, `dinf` or `random` | `d1` |" in rows["mutation.method"]
    assert "| text, or null | `null` |" in rows["model.weights"]
    assert "| ascending list, each item: integer, at least 1 | `[32, 48," in rows["text.program_buckets"]
    assert rows["checkpoint.keep"].endswith("| yes |")
    assert rows["model.d_model"].endswith("|  |")


def test_the_recipes_table_has_every_difference():
    table = PAGE.read_text(encoding="utf-8").partition("## The recipe")[2].partition("\n## ")[0]
    assert all(f"| `{choice.setting}` |" in table for choice in CHOICES)


def test_the_page_of_recipes_is_up_to_date():
    page = (PAGE.parent / "recipes.md").read_text(encoding="utf-8")
    assert page == reference.recipes_page(), "codeit-jax config recipes > docs/recipes.md"
    rows = [line for line in page.splitlines() if line.startswith("| ")][2:]
    assert [line.split(" | ")[0].removeprefix("| ") for line in rows] == [str(row.number) for row in DIFFERENCES]
    assert {line.count(" | ") for line in rows} == {6}
