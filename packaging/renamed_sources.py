"""The sources of the two small wheels: a package of this repository under another import name, nothing else changed.

The names in the repository would clash on an index: `interpreter` is the import name of other distributions, and
`codeit_jax.replay` can't be installed without the rest of its package. Imports are absolute here, so the build writes
the new name into a copy, which git ignores; a source distribution carries that copy.
"""

import re
import shutil
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]


class Library(NamedTuple):
    """A package here, and its import name as a distribution of its own."""

    package: str
    name: str

    @property
    def folder(self) -> Path:
        """Where its sources are."""
        return ROOT.joinpath(*self.package.split("."))

    def renamed(self, text: str) -> str:
        """Return a text in which the package has its new name, in imports and wherever it is named with a dot."""
        package = re.escape(self.package)
        imported = rf"(?<=from ){package}(?= import)|(?<=import ){package}(?=[\n;, ]|$)"
        return re.sub(rf"(?<![\w.]){package}(?=\.\w)|{imported}", self.name, text)


LIBRARIES = {
    "replay": Library("codeit_jax.replay", "exact_replay"),
    "interpreter": Library("interpreter", "arc_dsl_interpreter"),
}


def copy_renamed(source: Path, target: Path, library: Library) -> None:
    """Copy a folder of sources and data; Python and Markdown files get the new name."""
    for path in sorted(source.rglob("*")):
        if path.is_dir() or "__pycache__" in path.parts:
            continue
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in {".py", ".md"}:
            copy.write_text(library.renamed(path.read_text(encoding="utf-8")), encoding="utf-8")
        else:
            shutil.copyfile(path, copy)


def assemble(project: Path) -> None:
    """Write `src` and `LICENSE` of a project folder, which is named like its library here."""
    library = LIBRARIES[project.name]
    sources = project / "src"
    # Or a module that is gone from the repository would be in the wheel: setuptools packs all of `build`.
    for folder in (sources, project / "build"):
        shutil.rmtree(folder, ignore_errors=True)
    copy_renamed(library.folder, sources / library.name, library)
    shutil.copyfile(ROOT / "LICENSE", project / "LICENSE")
