"""Build hook: in the repository, take the sources from where they are; a source distribution has them already."""

import runpy
from pathlib import Path

from setuptools import setup

PROJECT = Path(__file__).resolve().parent
HOOK = PROJECT.parent / "renamed_sources.py"

if HOOK.exists():
    runpy.run_path(str(HOOK))["assemble"](PROJECT)
setup()
