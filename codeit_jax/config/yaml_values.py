"""YAML as version 1.2 has it (the core schema), from files and command lines that may be hostile.

PyYAML reads version 1.1, in which `1:30` is 90, `010` is 8, `off` is false, `2024-01-01` a date and `1e-4` a text.
"""

import re
from pathlib import Path
from typing import Any

import yaml

from codeit_jax.config.errors import UserError, first_line, printable
from codeit_jax.config.input_files import read_text

MAX_CHARACTERS = 1 << 16
"""The longest text that is parsed: the parser takes a second for each 100,000, and all settings have 12,000."""

_MAX_NODES = 10_000
_MAX_DIGITS = 1000


class _Loader(yaml.SafeLoader):
    """Knows the scalars of YAML 1.2's core schema, and no others."""


class Dumper(yaml.SafeDumper):
    """Quotes what either version of YAML would read as something else than a text."""


_Loader.yaml_implicit_resolvers = {}  # not those of SafeLoader
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", list("-+.0123456789")),
    ("float", r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)", list("-+.")),
):
    for _class in (_Loader, Dumper):
        _class.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z", re.ASCII), _first)


class _Constructor(yaml.constructor.SafeConstructor):
    """Makes values of the core schema's types; dates, sets and bytes, which no setting has, are none of them."""


def _integer(constructor: _Constructor, node: yaml.ScalarNode) -> int:
    text = str(constructor.construct_scalar(node))
    if len(text) > _MAX_DIGITS:  # Python reads so many if they are hexadecimal, and then fails to print them
        raise ValueError(f"an integer of {len(text)} digits")
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


_Constructor.yaml_constructors = {
    tag: yaml.constructor.SafeConstructor.yaml_constructors[tag]
    for tag in (*(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "float", "str", "seq", "map")), None)
} | {"tag:yaml.org,2002:int": _integer}


def compose_file(path: Path) -> yaml.Node | None:
    """Return the syntax tree of a file, None if it holds nothing.

    Raises:
        UserError: it can't be read, is no YAML, or is too large.
    """
    text = read_text(path, max_bytes=4 * MAX_CHARACTERS)
    try:
        return compose(text)
    except ValueError as error:
        line = getattr(error, "line", None)
        raise UserError(f"{path}{f':{line}' if line else ''}: not valid YAML ({error})") from None


class YamlError(ValueError):
    """A text is no YAML, or too much of it.

    Attributes:
        line: where, counted from 1; None where it is a matter of the whole.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line


def compose(text: str) -> yaml.Node | None:
    """Return the syntax tree of a text, None if it holds nothing.

    Raises:
        YamlError: it is no YAML, or too large, also by repeating its parts; the message is one line.
    """
    if len(text) > MAX_CHARACTERS:
        raise YamlError(f"{len(text)} characters, expected at most {MAX_CHARACTERS}")
    try:
        root = yaml.compose(text, Loader=_Loader)
        size = 0 if root is None else _size(root, {})
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        # Without PyYAML's excerpts of the file.
        problem = getattr(error, "problem", None) or first_line(error)
        raise YamlError(printable(problem), mark.line + 1 if mark else None) from None
    except RecursionError:
        raise YamlError("nested too deep") from None
    if size > _MAX_NODES:
        raise YamlError(f"more than {_MAX_NODES} values, counting repeated ones")
    return root


def value_of(node: yaml.Node) -> Any:
    """Return the value of a part of a syntax tree.

    Raises:
        YamlError: it has none: a tag that isn't YAML's own, a key that is a list, an integer of thousands of digits.
    """
    try:
        return _Constructor().construct_document(node)
    except yaml.YAMLError as error:
        raise YamlError(printable(getattr(error, "problem", None) or first_line(error))) from None
    except (ValueError, OverflowError, RecursionError) as error:
        raise YamlError(first_line(error)) from None


def parse_yaml(text: str) -> Any:
    """Return the value of a text; None if it holds nothing.

    Raises:
        YamlError: see `compose` and `value_of`.
    """
    root = compose(text)
    return None if root is None else value_of(root)


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the values below a node as often as they are referred to, up to the bound; each node is walked once."""
    # An alias is the same object again: nine times nine times ... would be billions for a loop over the values.
    if id(node) in known:
        return known[id(node)]
    known[id(node)] = _MAX_NODES + 1  # for a node that holds itself
    parts: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        parts = [part for pair in node.value for part in pair]
    elif isinstance(node, yaml.SequenceNode):
        parts = node.value
    known[id(node)] = size = 1 + sum(_size(part, known) for part in parts)
    return size
