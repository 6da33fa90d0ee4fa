"""Reading a configuration: YAML files with `base:` inheritance, then `key=value` overrides, each with its origin.

Order of precedence: defaults < the recipe's settings < base files < the files named, in order < overrides. The recipe
is itself read from files and overrides. An error names the value found, where it was given (file and line, or the
command line) and what was expected.
"""

import dataclasses
import difflib
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import TypeAdapter, ValidationError

from codeit_jax.config.errors import UserError, shown
from codeit_jax.config.presets import find_config_file
from codeit_jax.config.recipes import recipe_settings
from codeit_jax.config.schema import CHANGEABLE_ON_RESUME, Config, Recipe
from codeit_jax.config.yaml_values import Dumper, YamlError, compose_file, parse_yaml, value_of

_MAX_FILES = 64


@dataclass(frozen=True)
class _Setting:
    """One leaf value and where it was given."""

    value: Any
    origin: str


def load_config(files: Sequence[str | Path] = (), overrides: Sequence[str] = ()) -> Config:
    """Build the configuration from files and `key=value` overrides.

    Args:
        files: YAML files or names of presets; later ones win. A file may name `base: FILE` or `base: [FILES]`, relative
            to itself.
        overrides: `section.field=value`, the value read as YAML.

    Raises:
        UserError: a file or key that doesn't exist, a value of the wrong type or out of range, a cycle of bases.
    """
    settings: dict[str, _Setting] = {}
    for file in files:
        settings.update(_read_file(find_config_file(file), (), []))
    for override in overrides:
        settings.update(_read_override(override))
    return _validate(_settings_of_recipe(settings) | settings)


class _BlockDumper(Dumper):
    """Writes mappings as a tree and lists in one line, so that each setting has a line of its own."""


_BlockDumper.add_representer(
    list, lambda dumper, items: dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)
)


def to_yaml(config: Config) -> str:
    """Return the configuration as YAML, a setting a line, that `load_config` reads back to an equal value."""
    plain = TypeAdapter(Config).dump_python(config, mode="json")
    return yaml.dump(plain, Dumper=_BlockDumper, sort_keys=False, default_flow_style=False, width=sys.maxsize)


def from_yaml(text: str) -> Config:
    """Read what `to_yaml` returned."""
    return TypeAdapter(Config).validate_python(parse_yaml(text))


def changed_settings(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
    """Return dotted key -> (old value, new value) of every setting that differs."""
    before, after = dict(_leaves(old)), dict(_leaves(new))
    return {key: (before[key], after[key]) for key in before if before[key] != after[key]}


def changeable_on_resume(key: str) -> bool:
    """Return whether a run directory may be resumed with another value of this setting."""
    return any(key == allowed or key.startswith(allowed + ".") for allowed in CHANGEABLE_ON_RESUME)


def _settings_of_recipe(given: dict[str, _Setting]) -> dict[str, _Setting]:
    """Return what the recipe sets, be it given or the default; nothing where what is given isn't one."""
    recipe = given["recipe"].value if "recipe" in given else Config().recipe
    if recipe not in get_args(Recipe):
        return {}
    return {key: _Setting(value, f"recipe {recipe}") for key, value in recipe_settings(recipe).items()}


def _read_file(path: Path, below: tuple[Path, ...], read: list[Path]) -> dict[str, _Setting]:
    """Read a file and, first, its bases; `below` are the files that led here, `read` all that were read."""
    path = Path(os.path.realpath(path))  # unlike Path.resolve, which raises for links that form a loop
    if path in below:
        chain = " -> ".join(p.name for p in (*below, path))
        raise UserError(f"{path}: base files form a cycle ({chain}), expected none")
    read.append(path)
    # In all, not in depth: files that each name the next one twice would be read for years.
    if len(read) > _MAX_FILES:
        raise UserError(f"{path}: more than {_MAX_FILES} base files, expected fewer")
    own = _own_settings(path)
    settings: dict[str, _Setting] = {}
    for base in _bases(own.pop("base", None)):
        file = path.parent / base
        if not os.path.isfile(file):  # also for what the system refuses, such as a NUL
            raise UserError(f"{path}: base file {shown(base)} not found; expected a path relative to {path.parent}")
        settings.update(_read_file(file, (*below, path), read))
    settings.update(own)
    return settings


def _own_settings(path: Path) -> dict[str, _Setting]:
    """Read one file's settings, `base` among them, without those of its bases."""
    root = compose_file(path)
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise UserError(f"{path}:{root.start_mark.line + 1}: the file is no mapping, expected `key: value` lines")
    return dict(_flatten(root, prefix="", file=path, seen=set()))


def _bases(setting: _Setting | None) -> list[str]:
    if setting is None:
        return []
    bases = setting.value if isinstance(setting.value, list) else [setting.value]
    if not all(isinstance(base, str) for base in bases):
        raise UserError(f"base is {shown(setting.value)} ({setting.origin}), expected a file name or a list of them")
    return bases


def _flatten(node: yaml.MappingNode, *, prefix: str, file: Path, seen: set[str]) -> Iterator[tuple[str, _Setting]]:
    """Yield dotted key and setting for every leaf; refuses a key given twice, which YAML would let pass."""
    for key_node, value_node in node.value:
        place = f"{file}:{key_node.start_mark.line + 1}"
        if not isinstance(key_node, yaml.ScalarNode):
            raise UserError(f"{place}: a key is a list or a mapping, expected a name")
        key = f"{prefix}{key_node.value}"
        if key in seen:
            raise UserError(f"{place}: the key {shown(key)} is given twice, expected once")
        seen.add(key)
        is_section = not prefix and isinstance(value_node, yaml.MappingNode) and value_node.value
        if is_section:
            yield from _flatten(value_node, prefix=f"{key}.", file=file, seen=seen)
            continue
        try:
            value = value_of(value_node)
        except YamlError as error:
            raise UserError(f"{place}: the value of {shown(key)} can't be read ({error})") from None
        yield key, _Setting(value, place)


def _read_override(override: str) -> Iterator[tuple[str, _Setting]]:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise UserError(f"override {shown(override)} (command line), expected section.field=value")
    try:
        yield key, _Setting(parse_yaml(text), "command line")
    except YamlError as error:
        raise UserError(f"override {shown(override)} (command line): not valid YAML ({error})") from None


def _validate(settings: dict[str, _Setting]) -> Config:
    known = dict(_leaves(Config()))
    sections = {key.rpartition(".")[0] for key in known} - {""}
    nested: dict[str, Any] = {}
    for key, setting in settings.items():
        if key in sections:
            if setting.value in (None, {}):
                continue
            field = next(name for name in known if name.startswith(f"{key}."))
            found = f"{key} is {shown(setting.value)} ({setting.origin})"
            raise UserError(f"{found}, expected its fields one by one, such as {field}")
        if key not in known:
            close = _closest(key, known)
            hint = f"did you mean {close!r}?" if close else f"expected one of {', '.join(sorted(sections))}.FIELD"
            raise UserError(f"unknown key {shown(key)} ({setting.origin}); {hint}")
        target = nested
        *path, name = key.split(".")
        for part in path:
            target = target.setdefault(part, {})
        target[name] = setting.value
    try:
        return TypeAdapter(Config).validate_python(nested)
    except ValidationError as error:
        raise UserError(_explain(error, settings)) from None


def _closest(key: str, known: Collection[str]) -> str | None:
    """Return the setting that an unknown key likely means: one of that name in another section, or spelled alike."""
    name = key.rpartition(".")[2]
    same_name = [setting for setting in known if setting.rpartition(".")[2] == name]
    return next(iter(same_name or difflib.get_close_matches(key, known, n=1, cutoff=0.5)), None)


def _explain(error: ValidationError, settings: dict[str, _Setting]) -> str:
    """Return the first of pydantic's findings as `key is value (origin), expected ...`."""
    first = error.errors(include_url=False)[0]
    location = [str(part) for part in first["loc"]]
    # The location goes deeper than the setting where one item of a list is at fault.
    prefixes = (".".join(location[:length]) for length in range(len(location), 0, -1))
    key = next((prefix for prefix in prefixes if prefix in settings), ".".join(location))
    origin = settings[key].origin if key in settings else "default"
    expected = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
    return f"{key} is {shown(first['input'])} ({origin}), expected {expected}"


def _leaves(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for field in dataclasses.fields(node):
        value = getattr(node, field.name)
        if dataclasses.is_dataclass(value):
            yield from _leaves(value, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, value
