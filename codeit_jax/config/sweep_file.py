"""Sweeps: the product of some axes of settings, one run for each combination."""

import itertools
import json
import math
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeit_jax.config.errors import UserError, printable, shown
from codeit_jax.config.loading import load_config
from codeit_jax.config.presets import find_config_file
from codeit_jax.config.yaml_values import YamlError, compose_file, parse_yaml, value_of

MAX_RUNS = 1000
"""The largest sweep: each of its configurations is checked before the first run begins."""

_MAX_NAME_BYTES = 255  # of a file or folder, on every file system in use
_EXPECTED_AXES = "expected `axes:` with a mapping of labels to settings for each axis"


@dataclass(frozen=True)
class Point:
    """One run of a sweep, or what one value of an axis adds to it.

    Attributes:
        name: the labels of its values, which is also its run directory's name.
        files: configuration files.
        overrides: `key=value` settings on top of them.
    """

    name: str
    files: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()

    def command(self, runs: Path) -> list[str]:
        """Return the arguments of the `codeit-jax` command that does the run, or resumes it."""
        files = itertools.chain.from_iterable(("--config", file) for file in self.files)
        return ["train", *files, "--run-dir", str(runs / self.name), *self.overrides]


Axis = list[Point]
"""The values of which each run has one."""


def read_sweep(file: str | Path) -> tuple[list[str], list[Axis]]:
    """Read a sweep file.

    `base` is a configuration file or a list of them. `axes` has, by name, axes: mappings of labels to settings, among
    which a `base` may be. Files are relative to the sweep file.

    Raises:
        UserError: the file is missing or isn't built as a sweep.
    """
    path = find_config_file(file)
    root = compose_file(path)
    try:
        content = None if root is None else value_of(root)
    except YamlError as error:
        raise UserError(f"{path}: not valid YAML ({error})") from None
    if not isinstance(content, dict) or not content.keys() <= {"base", "axes"}:
        found = (
            f"the keys {', '.join(printable(str(key)) for key in content)}"
            if isinstance(content, dict)
            else "no mapping"
        )
        raise UserError(f"{path}: has {found}, expected `base:` and `axes:`")
    axes = content.get("axes", {})
    if not isinstance(axes, dict):
        raise UserError(f"{path}: axes is {shown(axes)}, {_EXPECTED_AXES}")
    return _files(path, content.get("base", [])), [_axis(path, name, values) for name, values in axes.items()]


def read_axis(override: str) -> Axis:
    """Read `key=value,value,...`; each value is its own label, and a single value has none.

    Raises:
        UserError: no key, no value, or values that aren't YAML.
    """
    key, equals, text = override.partition("=")
    try:
        values = parse_yaml(f"[{text}]")
    except YamlError:
        values = None
    if not (equals and key and values):
        raise UserError(f"{shown(override)} (command line), expected section.field=value,value,...")
    if len(values) == 1:
        return [Point("", overrides=(_override(key, values[0]),))]
    name = key.rpartition(".")[2]
    return [Point(f"{name}{_label(value)}", overrides=(_override(key, value),)) for value in values]


def expand(files: Sequence[str], axes: Sequence[Axis]) -> list[Point]:
    """Return a point for each combination of the axes' values; the last axis changes fastest.

    Raises:
        UserError: two points of one name, or a configuration that isn't valid.
    """
    num_points = math.prod(map(len, axes))
    if num_points > MAX_RUNS:
        raise UserError(f"the sweep has {num_points} runs, expected at most {MAX_RUNS}")
    points = [_combine(files, values) for values in itertools.product(*axes)]
    names = Counter(point.name for point in points)
    for point in points:
        if names[point.name] > 1:
            raise UserError(f"two runs of the sweep would be called {shown(point.name)}, expected labels that differ")
        if len(point.name.encode()) > _MAX_NAME_BYTES or not point.name.strip("."):
            raise UserError(f"a run of the sweep would be called {shown(point.name)}, expected the name of a folder")
        load_config(point.files, point.overrides)
    return points


def _combine(files: Sequence[str], values: Sequence[Point]) -> Point:
    return Point(
        name="-".join(value.name for value in values if value.name) or "run",
        files=(*files, *(file for value in values for file in value.files)),
        overrides=tuple(override for value in values for override in value.overrides),
    )


def _axis(path: Path, name: Any, values: Any) -> Axis:
    if not isinstance(values, dict) or not values or not all(isinstance(value, dict) for value in values.values()):
        raise UserError(f"{path}: axis {printable(str(name))} is {shown(values)}, {_EXPECTED_AXES}")
    return [_value(path, label, dict(settings)) for label, settings in values.items()]


def _value(path: Path, label: Any, settings: dict[str, Any]) -> Point:
    files = _files(path, settings.pop("base", []))
    return Point(_label(label), tuple(files), tuple(_overrides(settings)))


def _files(path: Path, base: Any) -> list[str]:
    names = base if isinstance(base, list) else [base]
    if not all(isinstance(name, str) for name in names):
        raise UserError(f"{path}: base is {shown(base)}, expected a file name or a list of them")
    return [os.path.normpath(path.parent / name) for name in names]


def _overrides(settings: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _overrides(value, f"{prefix}{key}.")
        else:
            yield _override(f"{prefix}{key}", value)


def _override(key: str, value: Any) -> str:
    return f"{key}={json.dumps(value)}"


def _label(value: Any) -> str:
    """Return a value as a part of a folder's name."""
    text = value if isinstance(value, str) else json.dumps(value)
    return "".join(char if char.isalnum() or char in "._" else "_" for char in text)
