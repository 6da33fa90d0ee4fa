"""A pool whose workers misbehave on demand (`misbehaving_worker`)."""

import dataclasses
import json
import sys
from pathlib import Path

import interpreter
from interpreter import InterpreterPool

FOLDER = str(Path(interpreter.__file__).resolve().parent.parent)
SCRIPT = str(Path(__file__).with_name("misbehaving_worker.py"))


def misbehaving_pool(num_workers, limits):
    command = [sys.executable, "-I", "-S", SCRIPT, FOLDER, json.dumps(dataclasses.asdict(limits))]
    return InterpreterPool(num_workers, limits, command=command)
