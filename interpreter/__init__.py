"""The ARC DSL: its primitives, and an interpreter for programs written in it.

    program = parse("x1 = hmirror(I)\\nO = vmirror(x1)")
    run(program, grid).grid
    with InterpreterPool(num_workers=2) as pool:
        results = pool.run([Job(texts, grids)])

Programs are data: they are parsed to a list of calls of table entries and never reach Python's own compiler. What they
may cost is bounded by deterministic budgets (`Limits`), so a verdict never depends on the machine. Needs the standard
library only.
"""

from interpreter.batch import run_batch
from interpreter.constants import CONSTANTS
from interpreter.execution import run
from interpreter.inference import infer_types, infer_types_batch
from interpreter.jobs import Job, Pending, PoolError
from interpreter.limits import Limits
from interpreter.outcome import Grid, Outcome, Status
from interpreter.pool import InterpreterPool
from interpreter.primitives import PRIMITIVES
from interpreter.program import Program, ProgramError, Reason, parse
from interpreter.signatures import SIGNATURES
from interpreter.slots import Instruction

__all__ = [
    "CONSTANTS",
    "PRIMITIVES",
    "SIGNATURES",
    "Grid",
    "Instruction",
    "InterpreterPool",
    "Job",
    "Limits",
    "Outcome",
    "Pending",
    "PoolError",
    "Program",
    "ProgramError",
    "Reason",
    "Status",
    "infer_types",
    "infer_types_batch",
    "parse",
    "run",
    "run_batch",
]
