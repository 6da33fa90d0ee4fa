"""The configurations that ship with the package: `smoke`, `tiny_cpu`, the paper's runs and ablations, sweeps."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from codeit_jax.config.errors import UserError, shown

_HARDWARE = re.compile(r"(Hardware\b.*?)(?: Expect\b|$)")


@dataclass(frozen=True)
class Preset:
    """A configuration that ships.

    Attributes:
        name: what `--config` takes: the file's name without suffix.
        file: its path as in the repository, `configs/...`.
        title: the first line of its head comment: what it is for.
        hardware: what its head comment says of hardware and time; "" if nothing.
    """

    name: str
    file: str
    title: str
    hardware: str


def presets() -> list[Preset]:
    """Return the presets, ablations last; sweeps, which are no configurations, are left out."""
    files = {file: path for file, path in _shipped_files() if file.parts[0] != "sweeps"}
    return [_describe(file, files[file]) for file in sorted(files, key=lambda file: (len(file.parts), file))]


def find_config_file(name: str | Path) -> Path:
    """Return the file of that path, or the preset or sweep that ships under that name.

    A file of the user's comes first. What ships is found by its name, with or without folder and suffix: `smoke`,
    `smoke.yaml`, `configs/smoke.yaml`.

    Raises:
        UserError: neither exists.
    """
    path = Path(os.path.expanduser(name))
    if os.path.isfile(path):  # unlike Path.is_file, False for a name that the system refuses
        return path
    wanted = path.relative_to("configs") if path.parts[:1] == ("configs",) else path
    for file, shipped in _shipped_files():
        if wanted == file or str(wanted) in (file.name, file.stem):
            return shipped
    known = ", ".join(preset.name for preset in presets())
    raise UserError(f"config file {shown(str(name))} not found; expected a YAML file or one of {known}")


def preset_folders() -> list[Path]:
    """Return where presets can be: inside the installed package, and beside it in a source checkout."""
    package = Path(__file__).parents[1]
    return [folder for folder in (package / "configs", package.parent / "configs") if folder.is_dir()]


def head_comment(path: Path) -> list[str]:
    """Return the lines of the comment that a file begins with, without their `# `."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").removeprefix(" "))
    return lines


def _shipped_files() -> Iterator[tuple[Path, Path]]:
    """Yield the path below `configs/`, and where the file lies, of all that ships."""
    for folder in preset_folders():
        for path in sorted(folder.rglob("*.yaml")):
            yield path.relative_to(folder), path


def _describe(file: Path, path: Path) -> Preset:
    title, *rest = head_comment(path) or [""]
    hardware = _HARDWARE.search(" ".join(rest))
    return Preset(path.stem, f"configs/{file}", title, hardware[1] if hardware else "")
