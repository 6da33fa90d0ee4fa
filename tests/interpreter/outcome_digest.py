"""Print a digest of what the interpreter says of some hundred thousand runs, to compare two versions of it.

    PYTHONPATH=. python tests/interpreter/outcome_digest.py                # this tree
    PYTHONPATH=. python tests/interpreter/outcome_digest.py --every 20     # a twentieth of the programs, in a minute
    cd ../other && PYTHONPATH=. python ../this/tests/interpreter/outcome_digest.py

Status, grid, message and work of every outcome count. Programs are the seeds on their own
tasks and on odd grids, a trained policy's samples, mutants of the seeds, and random programs; each singly and in
batches, in both modes, with three sets of limits. A section's digest tells where two versions differ. Takes minutes.
"""

import argparse
import hashlib

import numpy as np

import interpreter
from codeit_jax.bench.interpreter_work import LIMITS, evaluation_inputs, mutants, sample_workloads, seed_workloads
from codeit_jax.mutation.drawing import random_program
from interpreter import Limits

MODES = ("native", "codeit")
SMALL = {"work_per_line": 3_000, "work_per_program": 8_000, "max_items": 1_500, "max_integer": 1_000}
MEDIUM = {"work_per_line": LIMITS.work_per_line, "work_per_program": LIMITS.work_per_program}

NUM_MUTANTS, NUM_MUTANT_INPUTS = 2_400, 6
NUM_RANDOM, NUM_RANDOM_INPUTS = 3_000, 2

ODD_GRIDS = [
    (),
    ((),),
    ((), ()),
    ((7,),),
    ((9, 8), (8, 9), (9, 10)),
    ((3, 12), (12, 3)),
    ((0, 300), (-1, 300)),
    tuple(tuple((i * j) % 11 for j in range(31)) for i in range(33)),
    tuple((k % 10,) for k in range(30)),
]


def sections():
    """Yield a name, programs in their text, and grids, for each group of runs."""
    for number, workload in enumerate(seed_workloads()):
        yield "seeds", [str(program) for program in workload.programs], [*workload.grids, ODD_GRIDS[number % 9]]
    for workload in sample_workloads():
        yield "samples", [str(program) for program in workload.programs], workload.grids
    texts = [str(program) for program in mutants(NUM_MUTANTS)]
    grids = evaluation_inputs(2 * NUM_MUTANT_INPUTS)
    for start in (0, 1):
        yield "mutants", texts[start::2], grids[start::2]
    drawn = [random_program(np.random.default_rng([0, k])) for k in range(NUM_RANDOM)]
    yield "random", [str(program) for program in drawn if program is not None], grids[:NUM_RANDOM_INPUTS]


def outcomes_of(texts, grids, limits):
    """Return the outcomes of all programs on all grids, singly and in one batch."""
    programs = []
    for text in texts:
        try:
            programs.append(interpreter.parse(text, limits.mode))
        except interpreter.ProgramError:
            continue  # the older grammar refuses a repeated call
    yield "singly", [[interpreter.run(program, grid, limits) for grid in grids] for program in programs]
    yield "batch", interpreter.run_batch(programs, grids, limits)


def settings(name):
    """Yield the limits that a section is run with; those by default let a few programs run for seconds."""
    for mode in MODES:
        yield "small", Limits(mode=mode, **SMALL)
        yield "medium", Limits(mode=mode, **MEDIUM)
        if name in ("seeds", "samples"):
            yield "default", Limits(mode=mode)


def main():
    """Run everything and print counts and digests."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--every", type=int, default=1, help="of so many programs in a row, run the first only")
    every = parser.parse_args().every
    digests, counts, num_seen = {}, {}, 0
    for name, texts, grids in sections():
        chosen = [text for number, text in enumerate(texts, num_seen) if number % every == 0]
        num_seen += len(texts)
        for size, limits in settings(name):
            for way, rows in outcomes_of(chosen, grids, limits):
                key = f"{name} {limits.mode} {size} {way}"
                digest = digests.setdefault(key, hashlib.sha256())
                for row in rows:
                    for outcome in row:
                        digest.update(repr(tuple(outcome)).encode())
                    counts[key] = counts.get(key, 0) + len(row)
    whole = hashlib.sha256()
    for key, digest in sorted(digests.items()):
        whole.update(digest.digest())
        print(f"{key:32} {counts[key]:8,} {digest.hexdigest()[:16]}")
    print(f"{'all':32} {sum(counts.values()):8,} {whole.hexdigest()}")


if __name__ == "__main__":
    main()
