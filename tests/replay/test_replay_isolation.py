"""Contract: the package needs NumPy alone, and its folders import one way."""

import json
import re
import subprocess
import sys
from pathlib import Path

from codeit_jax import replay

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
    assert roots - set(sys.stdlib_module_names) <= {"codeit_jax", "numpy", *cython}
    ours = {name for name in names if name.startswith("codeit_jax")}
    assert all(name == "codeit_jax" or name.startswith("codeit_jax.replay") for name in ours)


def test_tree_imports_only_itself_and_store_only_itself_and_tree():
    package = Path(replay.__file__).parent
    for folder, allowed in (("tree", {"tree"}), ("store", {"tree", "store"})):
        for path in (package / folder).glob("*.py"):
            imported = set(re.findall(r"^from codeit_jax\.replay\.?(\w*)", path.read_text(encoding="utf-8"), re.M))
            assert imported <= allowed, path.name
