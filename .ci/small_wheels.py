"""Build the small wheels, install each into an empty environment and try it there: size, README, its own tests.

    python .ci/small_wheels.py [NAME ...]

Needs the package `build`, and an index for NumPy, pytest and hypothesis.
"""

import re
import runpy
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
HOOK = runpy.run_path(str(ROOT / "packaging" / "renamed_sources.py"))
INSTALLED = {"replay": {"numpy"}, "interpreter": set[str]()}
"""What may be there beside the wheel itself."""
CONFTEST = """from hypothesis import settings

settings.register_profile("fixed", derandomize=True)
settings.load_profile("fixed")
"""
TEST_TOOLS = ("pytest>=8", "pytest-timeout", "hypothesis", "numpy")


def main(names: list[str]) -> int:
    """Try the named libraries, default all; return 1 if one fails."""
    failed = [name for name in names or HOOK["LIBRARIES"] if not try_library(name)]
    print(f"failed: {' '.join(failed)}" if failed else "small wheels: ok")
    return 1 if failed else 0


def try_library(name: str) -> bool:
    """Build, install and try one library; return whether everything went well."""
    library = HOOK["LIBRARIES"][name]
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        project = ROOT / "packaging" / name
        run(sys.executable, "-m", "build", "-q", "--wheel", "--outdir", work / "dist", project)
        [wheel] = (work / "dist").glob("*.whl")
        run(sys.executable, "-m", "venv", work / "venv")
        python = work / "venv" / "bin" / "python"
        run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel)
        others = installed(python) - {library.name.replace("_", "-"), "pip", "setuptools"}
        size = size_of(python, library.name)
        beside = " ".join(others) or "nothing"
        print(f"{name}: {library.name}, {size:,} bytes installed; beside it: {beside}", flush=True)
        if others != INSTALLED[name]:
            return False
        # Before pytest is there, so that nothing but the wheel can help.
        blocks = run(python, ROOT / ".ci" / "code_blocks.py", project / "README.md", cwd=work, check=False)
        run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *TEST_TOOLS)
        copy_tests(name, library, work / "tried")
        tests = run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests", cwd=work / "tried", check=False)
        return blocks == tests == 0


def run(*command: object, cwd: Path | None = None, check: bool = True) -> int:
    """Run a command; return its exit status, or raise where that isn't 0 and has to be."""
    return subprocess.run([str(part) for part in command], cwd=cwd, check=check).returncode


def output(*command: object) -> str:
    """Return what a command prints."""
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


def installed(python: Path) -> set[str]:
    """Return the distributions of an environment."""
    lines = output(python, "-m", "pip", "list", "--format", "freeze", "--disable-pip-version-check").splitlines()
    return {re.split("==| @ ", line)[0].lower() for line in lines}


def size_of(python: Path, package: str) -> int:
    """Return the bytes of an installed package's files, without compiled copies."""
    code = f"import {package}; print({package}.__path__[0])"
    files = Path(output(python, "-c", code).strip()).rglob("*")
    return sum(path.stat().st_size for path in files if path.is_file() and path.suffix != ".pyc")


def copy_tests(name: str, library: Any, target: Path) -> None:
    """Copy the library's tests under its new name, without those that need the rest of this repository."""
    HOOK["copy_renamed"](ROOT / "tests" / name, target / "tests" / name, library)
    tests = {path.stem: path.read_text(encoding="utf-8") for path in (target / "tests" / name).glob("*.py")}
    others = {stem for stem, text in tests.items() if re.search(r"^\s*(?:from|import) codeit_jax", text, re.M)}
    while True:
        lost = re.compile(rf"tests\.{name}\.({'|'.join(others) or '!'})\b")
        more = {stem for stem, text in tests.items() if lost.search(text)}
        if more <= others:
            break
        others |= more
    for stem in others:
        (target / "tests" / name / f"{stem}.py").unlink()
    if others:
        print(f"{name}: need the whole repository, left to its own tests: {' '.join(sorted(others))}", flush=True)
    (target / "tests" / "__init__.py").write_text("")
    (target / "tests" / "conftest.py").write_text(CONFTEST)
    (target / "docs").mkdir()
    for page in (ROOT / "docs").glob(f"{name}*.md"):
        (target / "docs" / page.name).write_text(library.renamed(page.read_text(encoding="utf-8")), encoding="utf-8")
    shutil.copyfile(ROOT / "setup.cfg", target / "setup.cfg")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
