"""Twin tests: a shared batch against each program alone, over random programs, orders, dialects and table sizes."""

import random

import pytest

from codeit_jax.bench.plain import evaluate
from interpreter import Limits, Status, parse, run, run_batch
from interpreter.execution import batch_run as batch
from interpreter.execution.batch_run import Batch, Numbering
from interpreter.execution.machine import OUT_OF_MEMORY, Metered
from tests.interpreter.mutated_texts import mutants
from tests.interpreter.program_texts import program_text, random_program

GRIDS = [
    ((1, 0, 0), (0, 2, 0), (0, 0, 3)),
    ((0, 0, 5, 5), (0, 1, 1, 0), (3, 1, 0, 0)),
    ((7,),),
    tuple(tuple((i * i + j) % 4 for j in range(12)) for i in range(9)),
]
LIMITS = Limits()


class Growing:
    """A batch that takes programs one at a time."""

    def __init__(self, grids, limits=LIMITS):
        self.numbering = Numbering()
        self.batch, self.limits = Batch(grids, limits, self.numbering), limits

    def run(self, program):
        with Metered(self.limits):
            return self.batch.run(self.numbering.of(program))


def generated(number, seed):
    rng = random.Random(seed)
    return [parse(random_program(rng)) for _ in range(number)]


@pytest.mark.parametrize(
    "limits", [Limits(), Limits(mode="codeit"), Limits(work_per_line=300, work_per_program=800, max_items=500)]
)
def test_outcomes_are_those_of_each_program_alone(limits):
    programs = generated(500, 2)
    outcomes = run_batch(programs, GRIDS, limits)
    assert outcomes == [[run(program, grid, limits) for grid in GRIDS] for program in programs]
    statuses = {outcome.status for row in outcomes for outcome in row}
    assert {Status.OK, Status.ERROR, Status.INVALID} <= statuses
    if limits.work_per_line == 300:
        assert {Status.WORK, Status.SIZE} <= statuses


def test_mutants_on_foreign_inputs_are_as_if_alone_and_as_the_plain_implementation_has_it():
    programs = [parse(text) for text in mutants(250)]
    outcomes = run_batch(programs, GRIDS[1:], LIMITS)
    assert outcomes == [[run(program, grid, LIMITS) for grid in GRIDS[1:]] for program in programs]
    good = [
        (program, grid, outcome.grid)
        for program, row in zip(programs, outcomes, strict=True)
        for grid, outcome in zip(GRIDS[1:], row, strict=True)
        if outcome.status is Status.OK
    ]
    assert len(good) > 250
    assert all(evaluate(program, grid) == output for program, grid, output in good)


def test_the_order_of_programs_does_not_matter():
    programs = generated(300, 3)
    order = list(range(len(programs)))
    random.Random(4).shuffle(order)
    shuffled = run_batch([programs[k] for k in order], GRIDS)
    straight = run_batch(programs, GRIDS)
    assert [straight[k] for k in order] == shuffled


def test_emptying_the_tables_changes_nothing(monkeypatch):
    programs = generated(200, 5)
    outcomes = run_batch(programs, GRIDS)
    monkeypatch.setattr(batch, "TABLE_NODES", 4000)
    assert run_batch(programs, GRIDS) == outcomes


def test_equal_calls_are_made_once(monkeypatch):
    made = []
    shared = Growing(GRIDS[:1])
    machine = shared.batch.machine
    call = machine.call
    monkeypatch.setattr(machine, "call", lambda f, a, w: made.append(f) or call(f, a, w))
    texts = [
        "x1 = hmirror(I)\nO = vmirror(x1)",
        "x5 = hmirror(I)\nx6 = vmirror(x5)\nO = hmirror(x6)",
        "x1 = rot180(I)\nO = hmirror(x1)",
    ]
    outcomes = [shared.run(parse(text)) for text in texts]
    # Three calls for the first two programs; rot180 gives what the two mirrors gave, so what follows it is known.
    assert len(made) == 4
    assert outcomes == [[run(parse(text), GRIDS[0])] for text in texts]


@pytest.mark.parametrize(
    "text",
    [
        program_text("compose(size, size)", "compose(size, size)", "equality(x1, x2)", "canvas(@, UNITY)"),
        program_text(
            "lbind(add, ONE)",
            "lbind(add, TWO)",
            "initset(x2)",
            "insert(x1, x3)",
            "first(@)",
            "x5(FIVE)",
            "canvas(@, UNITY)",
        ),
        program_text(
            "lbind(lbind, add)", "palette(I)", "apply(x1, x2)", "rapply(@, ONE)", "maximum(@)", "canvas(@, UNITY)"
        ),
        program_text(
            "lbind(rbind, subtract)", "palette(I)", "apply(x1, x2)", "last(@)", "x4(NINE)", "canvas(@, UNITY)"
        ),
    ],
)
def test_closures_in_containers_are_as_if_alone(text):
    """Closures made for one program must not show in another: neither by being equal nor by their order."""
    reverse = program_text("lbind(add, TWO)", "lbind(add, ONE)", "compose(size, size)", "x1(ONE)", "canvas(@, UNITY)")
    programs = [parse(reverse), parse(text), parse(reverse), parse(text)]
    for grid in GRIDS:
        alone = [[run(program, grid)] for program in programs]
        assert run_batch(programs, [grid]) == alone
        assert alone[1] == alone[3]


def test_true_and_one_share_a_value_without_being_seen():
    text = "x1 = equality(I, I)\nx2 = astuple(x1, T)\nx3 = add(x2, ONE)\nx4 = first(x3)\nO = canvas(x4, x2)"
    other = "x1 = astuple(ONE, ONE)\nO = canvas(T, x1)"
    outcomes = run_batch([parse(text), parse(other), parse(text)], GRIDS[:1])
    assert [row[0].grid for row in outcomes] == [((2,),), ((1,),), ((2,),)]
    assert all(type(cell) is int for row in outcomes for line in row[0].grid for cell in line)


def test_a_miss_skips_the_remaining_grids():
    mirror, identity = parse("O = hmirror(I)"), parse("O = identity(I)")
    expected = [GRIDS[0], GRIDS[1][::-1], GRIDS[2]]
    outcomes = run_batch([identity, mirror], GRIDS[:3], expected=expected, stop_at_first_miss=True)
    assert [[outcome.status for outcome in row] for row in outcomes] == [
        [Status.OK, Status.OK, Status.SKIPPED],
        [Status.OK, Status.SKIPPED, Status.SKIPPED],
    ]
    with pytest.raises(ValueError, match="expected"):
        run_batch([identity], GRIDS, stop_at_first_miss=True)


def test_running_out_of_memory_is_not_remembered(monkeypatch):
    shared = Growing(GRIDS[:1])
    call = shared.batch.machine.call
    failures = iter([OUT_OF_MEMORY])
    monkeypatch.setattr(shared.batch.machine, "call", lambda *asked: next(failures, None) or call(*asked))
    program = parse("O = hmirror(I)")
    assert shared.run(program)[0].status is Status.DIED
    assert shared.run(program)[0] == run(program, GRIDS[0])


def test_nothing_to_do():
    assert run_batch([], GRIDS) == []
    assert run_batch([parse("O = hmirror(I)")], []) == [[]]
