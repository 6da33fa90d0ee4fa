r"""The ARC DSL: its primitives, and an interpreter for programs written in it.

    program = parse("x1 = hmirror(I)\nO = vmirror(x1)")
    run(program, grid).grid
    with InterpreterPool(num_workers=2) as pool:
        results = pool.run([Job(texts, grids)])

Programs are data: they are parsed to a list of calls of table entries and never reach Python's own compiler. What they
may cost is bounded by deterministic budgets (`Limits`), so a verdict never depends on the machine. Needs the standard
library only.
"""

from interpreter.execution.batch_run import run_batch
from interpreter.execution.single_run import run
from interpreter.execution.type_inference import infer_types
from interpreter.language.constants import CONSTANTS
from interpreter.language.limits import Limits
from interpreter.language.outcome import Grid, Outcome, Status
from interpreter.language.program import Program, ProgramError, Reason, parse
from interpreter.language.signatures import SIGNATURES
from interpreter.language.slots import Instruction
from interpreter.pool.jobs import Job, Pending, PoolError
from interpreter.pool.pool import InterpreterPool
from interpreter.primitives import PRIMITIVES

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
    "parse",
    "run",
    "run_batch",
]
