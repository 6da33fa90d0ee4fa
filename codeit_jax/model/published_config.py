"""`config.json` of published checkpoints: read, and compared with what a run wants."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeit_jax.config.errors import UserError, shown
from codeit_jax.config.input_files import read_json

_MAX_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class SpecialIds:
    """The token ids that a checkpoint and its tokenizer must agree on."""

    pad: int
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class PublishedTensor:
    """Where a parameter is in a published file.

    Attributes:
        path: of ours, `decoder/layers/attention/query`.
        names: published ones, one a layer where layers are stacked.
        shape: the published one: outputs first, all heads folded into one axis.
        is_table: rows by token or bucket, the same there as here.
    """

    path: str
    names: list[str]
    shape: tuple[int, ...]
    is_table: bool = False

    @property
    def is_stacked(self) -> bool:
        """Whether our parameter has the layers on its leading axis."""
        return "/layers/" in self.path


def read_config(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        UserError: the file can't be read, or holds something else.
    """
    stored = read_json(path, max_bytes=_MAX_BYTES)
    if not isinstance(stored, dict):
        raise UserError(f"{path}: holds no object, expected the checkpoint's configuration")
    return stored


def compare(
    path: Path, stored: Mapping[str, Any], defaults: Mapping[str, Any], wanted: Mapping[str, Any], where: str
) -> None:
    """Compare the values of a file with those wanted.

    Args:
        path: of the file, for the message.
        stored: its values.
        defaults: what it means where it leaves a value out.
        wanted: the values to find.
        where: who wants them, `as configured`.

    Raises:
        UserError: one differs; it names both.
    """
    for key, value in wanted.items():
        found = stored.get(key, defaults.get(key))
        if found != value:
            raise UserError(f"{path}: {key} is {shown(found)}, expected {value!r} {where}")
