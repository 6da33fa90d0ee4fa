"""Contract tests of the documentation: links lead somewhere; the modules, tests and settings that it names exist."""

import dataclasses
import re
from pathlib import Path

import pytest

from codeit_jax.config.schema import Config

ROOT = Path(__file__).resolve().parents[1]
# The log tells of the past, with the names of then.
PAGES = sorted({ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")} - {ROOT / "docs/log.md"})
SECTIONS = {name: part for name, part in vars(Config()).items() if dataclasses.is_dataclass(part)}
SETTING = re.compile(rf"`({'|'.join(SECTIONS)})\.([a-z_0-9]+)[`=: ]")
# A path with a folder in it, written from the root, from a package, or from the tests.
NAMED_FILE = re.compile(r"`((?:[a-z_0-9.]+/)+[a-z_0-9]+\.(?:py|cfg|yaml|md))`")
NO_FILES = {"codeit_jax/commands/count.py"}  # what the reader is to make
NO_SETTINGS = {"interpreter.run", "model.safetensors"}


def text_of(page):
    return page.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#\s]+)", text_of(page))
    missing = [link for link in links if not link.startswith("https://") and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_files_it_names_exist(page):
    roots = (ROOT, ROOT / "codeit_jax", ROOT / "tests")
    names = set(NAMED_FILE.findall(text_of(page))) - NO_FILES
    assert sorted(name for name in names if not any((root / name).is_file() for root in roots)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_settings_it_names_exist(page):
    found = SETTING.findall(text_of(page))
    unknown = {f"{section}.{field}" for section, field in found if not hasattr(SECTIONS[section], field)}
    assert unknown - NO_SETTINGS == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_tests_it_names_exist(page):
    names = set(re.findall(r"`(test_[a-z_0-9]+)`", text_of(page)))
    files = (ROOT / "tests").rglob("test_*.py")
    there = {name for file in files for name in re.findall(r"def (test_\w+)", text_of(file))}
    assert names - there == set()


@pytest.mark.parametrize("picture", sorted((ROOT / "docs").glob("*.svg")), ids=lambda path: path.name)
def test_a_picture_is_text_for_light_and_dark_and_loads_nothing(picture):
    text = text_of(picture)
    assert "prefers-color-scheme: dark" in text
    assert "<title" in text
    assert re.findall(r"(?:href|src)=|url\((?!#)|<script|<image", text) == []
