"""Programs made to be heavy: random higher-order ones that grow line by line, each line a call that works.

    PYTHONPATH=. python tests/interpreter/heavy_programs.py --number 20000             # what the slowest take
    PYTHONPATH=. python tests/interpreter/heavy_programs.py --number 20000 --first 9000 # later ones
    PYTHONPATH=. python tests/interpreter/heavy_programs.py --what samples             # or mutants: ordinary ones

Most random programs fail in their first lines. These are grown while they run: of some random calls the first that
gives something becomes the next line, mostly on the heaviest values so far. All 160 functions, closures as callees,
arguments of every type, grids of 1 to 900 cells; a program depends on its seed and on the limits alone.
"""

import argparse
import hashlib
import random
import time
from collections import Counter
from heapq import nlargest

import interpreter
from interpreter import CONSTANTS, SIGNATURES, Limits
from interpreter.execution.machine import Failure, Machine
from interpreter.language.slots import FIXED_SLOTS

LAPTOP = Limits(work_per_line=20_000, work_per_program=80_000)
"""Those of the configuration for a laptop."""
DEFAULT = Limits(work_per_line=400_000, work_per_program=2_000_000)
"""Those of a run that sets none."""

MOST_LINES = 40
ATTEMPTS = 6
SIDES = (1, 2, 3, 4, 5, 7, 10, 14, 20, 30)
BUILDERS = ("compose", "chain", "fork", "lbind", "matcher", "power", "rbind")
MULTIPLYING = (
    *("product", "combine", "astuple", "partition", "dedupe", "mapply", "apply", "prapply", "rapply", "papply"),
    *("upscale", "initset", "insert", "pair", "repeat", "totuple", "asobject", "asindices", "objects", "equality"),
    *("mpapply", "merge", "order", "argmax", "valmax", "mostcommon", "contained", "remove", "hperiod", "sfilter"),
)
SETS, BOTH = {frozenset}, {frozenset, tuple}
KINDS = {
    **dict.fromkeys(("Patch", "Object", "Objects", "Indices", "IntegerSet", "IndicesSet", "FrozenSet"), SETS),
    **dict.fromkeys(("Grid", "Tuple", "TupleTuple"), {tuple}),
    **dict.fromkeys(("Container", "ContainerContainer", "Piece", "Element"), BOTH),
}


def heavy_program(seed, limits=LAPTOP):
    """Return a program's text, its grid, and the processor time of each call that was tried, with the call."""
    rng = random.Random(seed)
    growth = Growth(rng, random_grid(rng), limits)
    return growth.grow(rng.randint(2, MOST_LINES)), growth.grid, growth.seconds


def random_grid(rng):
    height, width = rng.choice(SIDES), rng.choice(SIDES)
    colors = rng.sample(range(10), rng.randint(1, 4))
    return tuple(tuple(rng.choice(colors) for _ in range(width)) for _ in range(height))


class Growth:
    """A program that grows on a grid."""

    def __init__(self, rng, grid, limits):
        self.rng, self.grid, self.machine = rng, grid, Machine(limits)
        self.lines, self.seconds, self.variables = [], [], ["I"]
        # Values and their weights by name.
        self.known = {name: (self.machine.values[slot], 1) for name, slot in FIXED_SLOTS.items()}
        self.fixed = list(self.known)
        self.known["I"] = grid, 1 + len(grid) * (1 + len(grid[0]))

    def grow(self, num_lines):
        with self.machine.metered:
            for number in range(1, num_lines + 1):
                self.add_line("O" if number == num_lines else f"x{number}")
        return "\n".join(self.lines)

    def add_line(self, name):
        for _ in range(ATTEMPTS):
            callee, arguments = self.call()
            text = f"{callee}({', '.join(arguments)})"
            values, weights = zip(*[self.known[name] for name in (callee, *arguments)], strict=True)
            start = time.thread_time()
            result = self.machine.call(values[0], values[1:], weights)
            self.seconds.append((time.thread_time() - start, text))
            if not isinstance(result, Failure):
                self.known[name] = result[0], result[2]
                self.variables.append(name)
                break
        self.lines.append(f"{name} = {text}")

    def call(self):
        closures = self.closures()
        if closures and self.rng.random() < 0.3:
            callee = self.rng.choice(closures)
            return callee, [self.argument("Any") for _ in range(self.known[callee][0].arity)]
        callee = self.rng.choice(self.rng.choice((list(SIGNATURES), MULTIPLYING, BUILDERS)))
        return callee, [self.argument(parameter.type) for parameter in SIGNATURES[callee].parameters]

    def closures(self):
        return [name for name in self.variables if callable(self.known[name][0])]

    def argument(self, wanted):
        rng = self.rng
        if wanted == "Callable" and rng.random() < 0.95:
            closures = self.closures()
            return rng.choice(closures if closures and rng.random() < 0.6 else list(SIGNATURES))
        if wanted in ("Integer", "Boolean", "IntegerTuple", "Numerical") and rng.random() < 0.8:
            return rng.choice(list(CONSTANTS))
        if rng.random() < 0.1:
            return rng.choice(self.fixed)
        kinds = KINDS.get(wanted)
        fitting = [name for name in self.variables if kinds is None or type(self.known[name][0]) in kinds]
        chosen = rng.choices(fitting or self.variables, k=3)
        return max(chosen, key=lambda name: self.known[name][1]) if rng.random() < 0.7 else chosen[0]


class Slowest:
    """What the slowest calls and programs take, in seconds of processor time."""

    def __init__(self):
        self.calls, self.programs, self.statuses, self.num_calls = [], [], Counter(), 0
        self.digest = hashlib.sha256()

    def grow_and_run(self, seeds, limits):
        """Time programs with these seeds, singly and in a batch of one; both must have the same outcome."""
        for seed in seeds:
            text, grid, calls = heavy_program(seed, limits)
            program = interpreter.parse(text)
            start = time.thread_time()
            single = interpreter.run(program, grid, limits)
            between = time.thread_time()
            ((batch,),) = interpreter.run_batch([program], [grid], limits)
            took = max(between - start, time.thread_time() - between)
            assert single == batch, f"seed {seed}: {single} and in a batch {batch}"
            self.digest.update(repr(tuple(single)).encode())
            self.statuses[single.status.name] += 1
            self.num_calls += len(calls)
            self.calls = nlargest(10, self.calls + [(seconds, seed, call) for seconds, call in calls])
            self.programs = nlargest(10, [*self.programs, (took, seed, single.status.name)])

    def run(self, workloads, limits):
        """Time programs that are given."""
        from codeit_jax.bench.interpreter_calls import count_calls  # takes as long as some hundred heavy programs

        for number, workload in enumerate(workloads):
            counts = count_calls([workload], limits)
            self.num_calls += len(counts.alone)
            self.calls = nlargest(10, self.calls + [(seconds, number, "") for seconds in nlargest(10, counts.alone)])
            for program in workload.programs:
                for grid in workload.grids:
                    start = time.thread_time()
                    outcome = interpreter.run(program, grid, limits)
                    took = time.thread_time() - start
                    self.statuses[outcome.status.name] += 1
                    self.programs = nlargest(10, [*self.programs, (took, number, outcome.status.name)])

    def __str__(self):
        lines = [f"{self.statuses.total():,} runs, {self.num_calls:,} calls, {dict(self.statuses)}"]
        for what, slowest in (("call", self.calls), ("run", self.programs)):
            lines += [f"slowest {what}: {1000 * seconds:.1f} ms {rest}" for seconds, *rest in slowest[:5]]
        return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--what", choices=("heavy", "samples", "mutants"), default="heavy")
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--limits", choices=("laptop", "default"), default="laptop")
    arguments = parser.parse_args()
    limits = LAPTOP if arguments.limits == "laptop" else DEFAULT
    from codeit_jax.bench.interpreter_work import Workload, evaluation_inputs, mutants, sample_workloads

    slowest = Slowest()
    if arguments.what == "heavy":
        slowest.grow_and_run(range(arguments.first, arguments.first + arguments.number), limits)
    elif arguments.what == "samples":
        slowest.run(sample_workloads(), limits)
    else:
        slowest.run([Workload(mutants(arguments.number), evaluation_inputs(10))], limits)
    print(slowest)
    print(f"{time.process_time():.0f} s of processor time; outcomes {slowest.digest.hexdigest()[:16]}")


if __name__ == "__main__":
    main()
