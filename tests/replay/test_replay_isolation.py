"""Contract: the package needs NumPy alone, and importing it is cheap."""

import json
import subprocess
import sys

PROBE = """
import json, sys, time
import numpy
before = set(sys.modules)
start = time.process_time()
import codeit_jax.replay
seconds = time.process_time() - start
print(json.dumps({"loaded": sorted(set(sys.modules) - before), "seconds": seconds}))
"""


def probe() -> dict:
    environment = {"PYTHONPATH": ":".join(sys.path)}
    run = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True, env=environment)
    return json.loads(run.stdout)


def test_only_numpy_and_the_standard_library_are_loaded():
    cython = {"cython_runtime", *(name for name in probe()["loaded"] if name.startswith("_cython_"))}  # numpy.random's
    roots = {name.split(".")[0] for name in probe()["loaded"]}
    assert roots - set(sys.stdlib_module_names) <= {"codeit_jax", "numpy", *cython}
    ours = {name for name in probe()["loaded"] if name.startswith("codeit_jax")}
    assert all(name == "codeit_jax" or name.startswith("codeit_jax.replay") for name in ours)


def test_importing_takes_less_than_50_ms_of_cpu():
    assert min(probe()["seconds"] for _ in range(3)) < 0.05
