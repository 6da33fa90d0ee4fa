"""More training experiences: programs run again on their inputs turned, mirrored and in other colors.

Only inputs are transformed; the program itself makes the outputs, so that every example is exact, whether or not the
program treats the transformed input like the original.

Color 0 keeps its place, because almost every task has it as the background, and so do the colors that the program
names: what the program looks for is still there, and what it paints keeps its meaning. The other colors are permuted.
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

# By type, since True is an int too; names of larger numbers aren't colors, and neither are directions, which are pairs.
_COLOR_NAMES = {
    name: value
    for name, value in interpreter.CONSTANTS.items()
    if type(value) is int and BACKGROUND <= value < NUM_COLORS
}


@dataclass(frozen=True, slots=True)
class Transformation:
    """A symmetry of the square and a permutation of the colors.

    Attributes:
        symmetry: a name of SYMMETRIES.
        colors: what each of the ten colors becomes.
    """

    symmetry: str
    colors: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.symmetry}:{''.join(map(str, self.colors))}"

    def apply(self, grid: Grid) -> Grid:
        """Return the transformed grid."""
        # The primitives themselves: no second definition of what `rot90` means.
        turned: Grid = interpreter.PRIMITIVES[self.symmetry](grid)
        return tuple(tuple(self.colors[cell] for cell in row) for row in turned)


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
    # The outcomes come in the order of the jobs, whichever worker ran them.
    for (experience, move), grids, [outcomes] in zip(drawn, inputs, pool.run(jobs), strict=True):
        examples = tuple(_examples(grids, outcomes))
        if len(examples) < len(grids) or all(example.input == example.output for example in examples):
            continue
        # A transformation may change none of the inputs: a symmetric grid, or colors that it doesn't have.
        if grids != [example.input for example in experience.examples]:
            augmented.append(replace(experience, task_id=f"{experience.task_id}:{move}", examples=examples))
    return augmented


def draw_transformations(experience: Experience, copies: float, seed: int) -> Iterator[Transformation]:
    """Yield the transformations of an experience's copies, symmetries and permutations each uniformly.

    Args:
        experience: whose task and program decide, with the seed.
        copies: how many; a fraction is the probability of one more.
        seed: of the run.
    """
    # From the experience itself: another seed program or mutant in the list leaves this one's copies as they are.
    key = hashlib.blake2b(f"{experience.task_id}\n{experience.program}".encode(), digest_size=8).digest()
    rng = np.random.default_rng([seed, int.from_bytes(key, "little")])
    fixed = fixed_colors(interpreter.parse(experience.program))
    free = [color for color in range(NUM_COLORS) if color not in fixed]
    for _ in range(int(copies) + (rng.random() < copies % 1)):
        colors = list(range(NUM_COLORS))
        for color, image in zip(free, rng.permutation(free).tolist(), strict=True):
            colors[color] = image
        yield Transformation(SYMMETRIES[rng.integers(len(SYMMETRIES))], tuple(colors))


def fixed_colors(program: interpreter.Program) -> set[int]:
    """Return the colors that stay: the background, and those that the program names as constants."""
    # Slots below this bound are names that every program has; those above are its own lines.
    slots = {slot for line in program.lines for slot in line.arguments if slot < len(FIXED_NAMES)}
    named = {FIXED_NAMES[slot] for slot in slots} & _COLOR_NAMES.keys()
    return {BACKGROUND, *(_COLOR_NAMES[name] for name in named)}


def _examples(grids: Sequence[Grid], outcomes: Sequence[interpreter.Outcome]) -> Iterator[Example]:
    for grid, outcome in zip(grids, outcomes, strict=True):
        if outcome.grid is not None:
            yield Example(input=grid, output=outcome.grid)
