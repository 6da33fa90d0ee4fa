"""Jobs for a pool at random, and their outcomes in this process, each program alone."""

import random

from interpreter import Job, Outcome, ProgramError, Status, parse, run
from tests.interpreter.program_texts import random_program

GRIDS = [
    ((1, 0, 0), (0, 2, 0), (0, 0, 3)),
    ((0, 0, 5, 5), (0, 1, 1, 0), (3, 1, 0, 0)),
    ((7,),),
]


def alone(job, limits):
    def outcomes(text):
        try:
            program = parse(str(text), limits.mode)
        except ProgramError as error:
            return [Outcome(Status.SYNTAX, None, str(error))] * len(job[1])
        return [run(program, grid, limits) for grid in job[1]]

    return [outcomes(text) for text in job[0]]


def random_jobs(seed, number=30):
    rng = random.Random(seed)
    jobs = []
    for _ in range(number):
        texts = [random_program(rng) for _ in range(rng.randrange(30))]
        texts += rng.choices(["", "O = nonsense(I)", "O = hmirror(I)", "é"], k=rng.randrange(3))
        jobs.append(Job(texts, rng.sample(GRIDS, rng.randrange(4))))
    return jobs
