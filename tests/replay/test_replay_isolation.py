"""Contract: the package needs NumPy alone, and its folders import one way."""

import json
import re
import subprocess
import sys
from pathlib import Path

import codeit_jax.replay as replay

PROBE = """
import json, sys
import numpy
before = set(sys.modules)
import codeit_jax.replay
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded() -> list[str]:
    environment = {"PYTHONPATH": ":".join(sys.path)}
    run = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, env=environment)
    return json.loads(run.stdout)


def test_only_numpy_and_the_standard_library_are_loaded():
    names = loaded()
    cython = {"cython_runtime", *(name for name in names if name.startswith("_cython_"))}  # numpy.random's
    roots = {name.split(".")[0] for name in names}
    home = replay.__name__.split(".")[0]
    assert roots - set(sys.stdlib_module_names) <= {home, "numpy", *cython}
    ours = {name for name in names if name.split(".")[0] == home}
    assert all(name == home or name.startswith(replay.__name__) for name in ours)


def test_tree_imports_only_itself_and_store_only_itself_and_tree():
    package = Path(replay.__file__).parent
    for folder, allowed in (("tree", {"tree"}), ("store", {"tree", "store"})):
        for path in (package / folder).glob("*.py"):
            text = path.read_text(encoding="utf-8")
            imported = set(re.findall(rf"^from {re.escape(replay.__name__)}\.?(\w*)", text, re.M))
            assert imported <= allowed, path.name
