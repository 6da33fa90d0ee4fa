"""Shortening programs: fewer lines for the same behavior, as far as grids can show it.

What the text alone allows goes first (`tidy`). Then local rewrites are proposed, and the first that behaves like the
program on every probe grid is kept, until none does. The probes are the task's inputs, variations of them, and inputs
of other tasks. Agreeing on them is not a proof of agreeing everywhere.
"""

from collections.abc import Iterator, Sequence

import interpreter
from codeit_jax.arc import NUM_COLORS, Grid, Task, TaskSet
from codeit_jax.programs.rewrites import merges, substitutions, tidy
from codeit_jax.programs.solver_file import SeedProgram

MIN_OTHER_GRIDS = 20
"""Probe grids, besides the task's inputs, on which a program must give a grid before a rewrite is believed."""

# The only probes unlike the task's own inputs; no more, because every proposal runs on each.
_OTHER_TASKS = 24


def shorten_programs(
    seeds: Sequence[SeedProgram], tasks: TaskSet, *, pool: interpreter.InterpreterPool
) -> list[SeedProgram]:
    """Shorten each program; one whose task isn't in the set is left as it is.

    Args:
        seeds: the programs.
        tasks: their tasks; only inputs are used.
        pool: runs the programs.

    Returns:
        The programs in the same order, none of them longer than before.
    """
    shortened = list(seeds)
    active = [k for k, seed in enumerate(seeds) if seed.task_id in tasks]
    probes = {k: _Probes(tasks[seeds[k].task_id], tasks) for k in active}
    jobs = [interpreter.Job([seeds[k].program], probes[k].grids) for k in active]
    for k, outcomes in zip(active, pool.run(jobs), strict=True):
        probes[k].expected = [outcome.grid for outcome in outcomes[0]]
    # Tidying is compared like any rewrite: without an unused line that fails, a program runs where it failed before.
    proposals = {k: [tidy(seeds[k].program)] for k in active}
    # All programs take their next step together, so that each round is two large batches for the workers.
    while proposals:
        accepted = _first_equal(proposals, probes, pool)
        for k, program in accepted.items():
            shortened[k] = SeedProgram(seeds[k].task_id, program)
        proposals = {k: _rewrites(program) for k, program in accepted.items() if probes[k].suffice}
        proposals = {k: programs for k, programs in proposals.items() if programs}
    return shortened


class _Probes:
    """The grids that a program is compared on: the task's inputs first.

    Attributes:
        grids: all of them.
        expected: what the program gives on each; None for a failure.
    """

    def __init__(self, task: Task, tasks: TaskSet) -> None:
        self._own = task.inputs
        self.grids = [*self._own, *_variations(self._own), *_inputs_of_others(task, tasks)]
        # Filled in when the program has run on all of them; it stays what the first program gave, however often it is
        # rewritten, so small differences can't add up.
        self.expected: list[Grid | None] = []

    @property
    def suffice(self) -> bool:
        """Whether the program runs on all of the task's inputs and on enough other grids."""
        own, others = self.expected[: len(self._own)], self.expected[len(self._own) :]
        return None not in own and sum(grid is not None for grid in others) >= MIN_OTHER_GRIDS

    def where_it_runs(self) -> tuple[list[Grid], list[Grid]]:
        """Return the grids on which the program gives a grid, and what it gives."""
        pairs = [(g, e) for g, e in zip(self.grids, self.expected, strict=True) if e is not None]
        return [grid for grid, _ in pairs], [output for _, output in pairs]


def _variations(grids: Sequence[Grid]) -> Iterator[Grid]:
    """Yield the grids mirrored, rotated, recolored and cropped: close to the task's, so most programs run on them."""
    for grid in grids:
        transposed = tuple(zip(*grid, strict=True))
        yield grid[::-1]
        yield transposed
        yield transposed[::-1]
        yield tuple(tuple(row[::-1]) for row in grid[::-1])
        # Colors once with another background, and once with 0 kept as the background of most tasks.
        yield tuple(tuple((cell + 1) % NUM_COLORS for cell in row) for row in grid)
        yield tuple(tuple(cell and cell % 9 + 1 for cell in row) for row in grid)
        # Cropped, a square grid isn't square any more, and objects touch the border.
        yield grid[1:] or grid
        yield tuple(row[:-1] or row for row in grid)


def _inputs_of_others(task: Task, tasks: TaskSet) -> list[Grid]:
    """Return the first inputs of other tasks, evenly spread over the set."""
    others = [other.demonstration_inputs[0] for other in tasks if other.id != task.id]
    # Evenly, not at random: the same file is shortened to the same programs.
    return others[:: max(1, len(others) // _OTHER_TASKS)]


def _first_equal(
    proposals: dict[int, list[interpreter.Program]], probes: dict[int, _Probes], pool: interpreter.InterpreterPool
) -> dict[int, interpreter.Program]:
    """Return, by position, the first proposal that behaves like the program; positions without one are left out."""
    # Most proposals differ on the first grid and stop there. A job that stops early expects grids, so those on which
    # the program itself fails are compared in a second pass, for the proposals that are left.
    screened = pool.run([_screening_job(programs, probes[k]) for k, programs in proposals.items()])
    alive = {
        k: [
            p
            for p, row in zip(programs, rows, strict=True)
            if not row or row[-1].status is not interpreter.Status.SKIPPED
        ]
        for (k, programs), rows in zip(proposals.items(), screened, strict=True)
    }
    compared = pool.run([interpreter.Job(programs, probes[k].grids) for k, programs in alive.items()])
    accepted = {}
    for (k, programs), rows in zip(alive.items(), compared, strict=True):
        equal = [p for p, row in zip(programs, rows, strict=True) if [o.grid for o in row] == probes[k].expected]
        if equal:
            accepted[k] = equal[0]
    return accepted


def _screening_job(programs: list[interpreter.Program], probes: _Probes) -> interpreter.Job:
    grids, outputs = probes.where_it_runs()
    return interpreter.Job(programs, grids, expected=outputs, stop_at_first_miss=True)


def _rewrites(program: interpreter.Program) -> list[interpreter.Program]:
    """List the shorter programs that one local rewrite gives, the shortest first."""
    # One at a time: of two rewrites that each hold, both together may not.
    candidates = [*substitutions(program), *merges(program)]
    shorter = {str(new): new for new in candidates if len(new) < len(program)}
    # Sorting is stable, so the choice among equals doesn't depend on the run.
    return sorted(shorter.values(), key=len)
