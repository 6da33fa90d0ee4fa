"""The generated pages: docs/configuration.md from the dataclasses and the texts below their fields, docs/recipes.md."""

import ast
import dataclasses
import inspect
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import TypeAdapter

from codeit_jax.config.loading import changeable_on_resume
from codeit_jax.config.recipes import DIFFERENCES, Difference
from codeit_jax.config.schema import Config

_HEAD = """\
# Configuration

Generated from the dataclasses in `codeit_jax/config/schema.py`: `codeit-jax config reference > docs/configuration.md`.

Settings come from YAML files and from `key=value` words of the command line, with dotted names:

```bash
codeit-jax train --config tiny_cpu --run-dir runs/warm sampling.temperature=1.2 hardware.platform=cpu
codeit-jax config show --config tiny_cpu --diff      # what differs from the defaults
codeit-jax config presets                            # the configurations that ship
```

```python
from codeit_jax.config.loading import load_config

config = load_config(["smoke"], ["sampling.temperature=1.2"])
assert config.sampling.temperature == 1.2
```

Later wins: defaults, the recipe's settings, base files (`base: FILE` in a file, relative to it), the files named by
`--config` in their order, `key=value` words. A run directory keeps its whole configuration. Only the settings marked
*resume* may change when it is resumed: they don't decide what the numbers mean.
"""

_RECIPE_HEAD = """\
## The recipe

Where the paper and its released code differ, `recipe: paper` or `recipe: released` sets what is in that column. A file
or a `key=value` word can still set each by itself; `codeit-jax config show --diff-recipe` prints where that is so. What
the paper says, what the released code does and what holds it is in [recipes.md](recipes.md).
"""

_RECIPES_HEAD = """\
# The paper and its released code

Generated from the table in `codeit_jax/config/recipes.py`: `codeit-jax config recipes > docs/recipes.md`.

Where Butt et al. (ICML 2024) and their released code differ, or one of them leaves something open: what each says or
does, the setting, and the test that holds it. `recipe: paper` (the default) and `recipe: released` set what is written
`paper / released`; the other settings named are set by hand or by a preset. A row without a setting says why.
"""


def reference_page() -> str:
    """Return docs/configuration.md."""
    config = Config()
    parts = {field.name: getattr(config, field.name) for field in dataclasses.fields(Config)}
    sections = [_section("The run", config, "")]
    sections += [
        _section(f"`{name}`", part, f"{name}.") for name, part in parts.items() if dataclasses.is_dataclass(part)
    ]
    return "\n".join([_HEAD, _RECIPE_HEAD, _recipe_table(), *sections])


def recipes_page() -> str:
    """Return docs/recipes.md."""
    head = ("", "topic", "paper", "released code", "setting", "here", "test")
    rows = [
        (
            str(row.number),
            row.topic,
            row.paper,
            row.released,
            "<br>".join(_setting_cells(row)),
            row.note,
            f"`{row.test.removeprefix('tests/')}`",
        )
        for row in DIFFERENCES
    ]
    return f"{_RECIPES_HEAD}\n{_table(head, rows)}"


def field_texts(section: type) -> dict[str, str]:
    """Return field -> the text below it in the source, for the fields of a section that have one."""
    [definition] = ast.parse(inspect.getsource(section)).body
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in itertools.pairwise(definition.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


def _recipe_table() -> str:
    rows = [
        (
            f"`{choice.setting}`",
            f"`{_shown(choice.paper)}`",
            f"`{_shown(choice.released)}`",
            f"{row.number}. {row.topic}",
        )
        for row in DIFFERENCES
        for choice in row.choices
    ]
    return _table(("setting", "paper", "released", "row of [recipes.md](recipes.md)"), rows)


def _setting_cells(row: Difference) -> Iterator[str]:
    for choice in row.choices:
        yield f"`{choice.setting}`: `{_shown(choice.paper)}` / `{_shown(choice.released)}`"
    for setting in row.settings:
        yield f"`{setting}`"


def _section(title: str, section: Any, prefix: str) -> str:
    """Return the heading, what the section is for, and the table of its own fields."""
    schemas: dict[str, Any] = TypeAdapter(type(section)).json_schema()["properties"]
    rows = [
        (
            f"`{prefix}{name}`",
            _type_in_words(schemas[name]),
            f"`{_shown(getattr(section, name))}`",
            text,
            "yes" if changeable_on_resume(prefix + name) else "",
        )
        for name, text in field_texts(type(section)).items()
    ]
    table = _table(("setting", "value", "default", "what it does", "resume"), rows)
    return f"## {title}\n\n{inspect.getdoc(section)}\n\n{table}"


def _type_in_words(field: dict[str, Any]) -> str:
    """Write a field's JSON schema for people."""
    match field:
        case {"anyOf": [value, {"type": "null"}]}:
            return f"{_type_in_words(value)}, or null"
        case {"enum": choices}:
            *others, last = [f"`{choice}`" for choice in choices]
            return f"{', '.join(others)} or {last}"
        case {"type": "boolean"}:
            return "true or false"
        case {"type": "string"}:
            return "text"
        case {"type": "array", "items": {"enum": _} as items}:
            return f"list, each item: {_type_in_words(items)}"
        case {"type": "array", "items": items}:
            return f"ascending list, each item: {_type_in_words(items)}"
        case {"type": "integer" | "number" as kind}:
            return ", ".join([kind, *_range_in_words(field)])
    raise NotImplementedError(f"no words for the JSON schema {field}")


def _range_in_words(field: dict[str, Any]) -> Iterator[str]:
    match field:
        case {"minimum": low, "maximum": high}:
            yield f"{low} to {high}"
        case {"minimum": low, "exclusiveMaximum": end}:
            yield f"{low} to {end - 1}"
        case {"exclusiveMinimum": low, "type": "integer"}:
            yield f"at least {low + 1}"
        case {"exclusiveMinimum": low}:
            yield f"above {low}"
        case {"minimum": low}:
            yield f"at least {low}"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
