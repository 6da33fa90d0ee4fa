"""More training experiences: programs run again on their inputs turned, mirrored and in other colours.

Only inputs are transformed; the program itself makes the outputs, so that every example is exact, whether or not the
program treats the transformed input like the original.

Colour 0 keeps its place, because almost every task has it as the background, and so do the colours that the program
names: what the program looks for is still there, and what it paints keeps its meaning. The other colours are permuted.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

import interpreter
from codeit_jax.arc import NUM_COLORS, Example, Grid
from codeit_jax.hindsight import Experience
from interpreter.language.slots import FIXED_NAMES

SYMMETRIES = ("identity", "rot90", "rot180", "rot270", "hmirror", "vmirror", "dmirror", "cmirror")
"""Primitives that are the eight symmetries of the square."""

BACKGROUND = 0

_COLOUR_NAMES = {
    name: value
    for name, value in interpreter.CONSTANTS.items()
    if type(value) is int and BACKGROUND <= value < NUM_COLORS
}


@dataclass(frozen=True, slots=True)
class Transformation:
    """A symmetry of the square and a permutation of the colours.

    Attributes:
        symmetry: a name of SYMMETRIES.
        colours: what each of the ten colours becomes.
    """

    symmetry: str
    colours: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.symmetry}:{''.join(map(str, self.colours))}"

    def apply(self, grid: Grid) -> Grid:
        """Return the transformed grid."""
        turned: Grid = interpreter.PRIMITIVES[self.symmetry](grid)
        return tuple(tuple(self.colours[cell] for cell in row) for row in turned)


def augment(
    experiences: Sequence[Experience], copies: float, *, seed: int, pool: interpreter.InterpreterPool
) -> list[Experience]:
    """Make experiences of what programs do on transformed inputs.

    A copy whose inputs are the original ones is left out, and so is one on which the program doesn't give a valid grid
    for every input, or gives back every input.

    Args:
        experiences: what to start from; each is transformed by itself, whatever else is in the list.
        copies: of each experience; a fraction is the probability of one more.
        seed: decides the transformations, with the experience's task and program.
        pool: runs the programs; the result doesn't depend on its number of workers.

    Returns:
        In the order of `experiences`, with the transformation appended to the task's id; the performance is that of
        the original.
    """
    drawn = [
        (experience, transformation)
        for experience in experiences
        for transformation in draw_transformations(experience, copies, seed)
    ]
    inputs = [[move.apply(example.input) for example in experience.examples] for experience, move in drawn]
    jobs = [interpreter.Job([experience.program], grids) for (experience, _), grids in zip(drawn, inputs, strict=True)]
    augmented = []
    for (experience, move), grids, [outcomes] in zip(drawn, inputs, pool.run(jobs), strict=True):
        examples = tuple(_examples(grids, outcomes))
        if len(examples) < len(grids) or all(example.input == example.output for example in examples):
            continue
        if grids != [example.input for example in experience.examples]:
            augmented.append(replace(experience, task_id=f"{experience.task_id}:{move}", examples=examples))
    return augmented


def draw_transformations(experience: Experience, copies: float, seed: int) -> Iterator[Transformation]:
    """Yield the transformations of an experience's copies, symmetries and permutations each uniformly."""
    key = hashlib.blake2b(f"{experience.task_id}\n{experience.program}".encode(), digest_size=8).digest()
    rng = np.random.default_rng([seed, int.from_bytes(key, "little")])
    fixed = fixed_colours(interpreter.parse(experience.program))
    free = [colour for colour in range(NUM_COLORS) if colour not in fixed]
    for _ in range(int(copies) + (rng.random() < copies % 1)):
        colours = list(range(NUM_COLORS))
        for colour, image in zip(free, rng.permutation(free).tolist(), strict=True):
            colours[colour] = image
        yield Transformation(SYMMETRIES[rng.integers(len(SYMMETRIES))], tuple(colours))


def fixed_colours(program: interpreter.Program) -> set[int]:
    """Return the colours that stay: the background, and those that the program names as constants."""
    slots = {slot for line in program.lines for slot in line.arguments if slot < len(FIXED_NAMES)}
    named = {FIXED_NAMES[slot] for slot in slots} & _COLOUR_NAMES.keys()
    return {BACKGROUND, *(_COLOUR_NAMES[name] for name in named)}


def _examples(grids: Sequence[Grid], outcomes: Sequence[interpreter.Outcome]) -> Iterator[Example]:
    for grid, outcome in zip(grids, outcomes, strict=True):
        if outcome.grid is not None:
            yield Example(input=grid, output=outcome.grid)
