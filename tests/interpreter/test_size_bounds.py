"""Property tests: no result weighs more than the bound that stands for its weight, and bounding ends."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interpreter import Status, parse, run, run_batch
from interpreter.execution import machine, single_run, size_bounds
from interpreter.execution.machine import Failure, Machine
from interpreter.execution.size_bounds import tree_size
from interpreter.language.limits import Limits
from interpreter.primitives import PRIMITIVES
from interpreter.values.meter import SizeExceeded
from tests.interpreter.mutated_texts import mutants
from tests.interpreter.primitive_arguments import arguments_of, odd_arguments_of, resolve
from tests.interpreter.program_texts import program_text

MACHINE = Machine(Limits())
HEAVY = tuple(range(100, 160))

# What is fixed in a closure is heavy, and is used by calls that charge nothing for it, however the closure is got.
CLOSURES = [
    program_text("asobject(I)", "asindices(I)", function, *ways, "apply(@, x2)", "hmirror(I)")
    for function in ("lbind(astuple, x1)", "rbind(astuple, x1)", "lbind(insert, x1)")
    for ways in (
        *([], ["identity(@)"], ["power(@, ONE)"], ["initset(@)", "first(@)"], ["branch(T, @, size)"]),
        *(["fork(astuple, @, @)"], ["compose(initset, @)"], ["initset(@)", "totuple(@)", "last(@)"]),
    )
]


def heavier(value):
    """Replace every 9 by a heavy tuple, so that what is repeated without a charge tips the scales."""
    if type(value) in (tuple, frozenset):
        return type(value)(map(heavier, value))
    return HEAVY if value == 9 else value


@pytest.mark.parametrize("name", PRIMITIVES)
@given(data=st.data())
@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_bound_is_never_below_the_weight(name, data):
    assert_bounded(name, data)


@pytest.mark.parametrize("name", size_bounds.KEEPING)
@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_tight_bound_is_never_below_the_weight(name, data):
    assert_bounded(name, data)


def assert_bounded(name, data):
    drawn = data.draw(st.one_of(arguments_of(name), odd_arguments_of(name)))
    arguments = [heavier(resolve(argument, PRIMITIVES)) for argument in drawn]
    with MACHINE.metered:
        result = MACHINE.call(PRIMITIVES[name], arguments, [1, *map(weight_with_fixed, arguments)])
    if not isinstance(result, Failure):
        value, _, weight = result
        assert weight >= tree_size(value)


def weight_with_fixed(value):
    """Weigh a closure with all that its builders were given."""
    return 1 + sum(map(weight_with_fixed, value.parts)) if callable(value) else tree_size(value)


def test_every_size_verdict_is_that_of_the_exact_weight(monkeypatch):
    programs = list(map(parse, [*CLOSURES, *mutants(150)]))
    grid = tuple(tuple((i * j) % 4 for j in range(9)) for i in range(7))
    limits = [Limits(work_per_line=20_000, max_items=most) for most in (20, 100, 300, 1000, 5000)]
    outcomes = [[run(program, grid, each) for each in limits] for program in programs]
    batches = [run_batch(programs, [grid], each) for each in limits]
    assert outcomes == [[batch[k][0] for batch in batches] for k in range(len(programs))]
    too_large = [Status.SIZE in [outcome.status for outcome in row] for row in outcomes]
    assert all(too_large[: len(CLOSURES)])
    assert 50 < sum(too_large) < len(programs)

    monkeypatch.setattr(machine, "bound", lambda *_: size_bounds.NO_BOUND)
    for each in limits:  # so that every result is weighed
        single_run.machine_for(each).factors = [0] * len(single_run.machine_for(each).factors)
        monkeypatch.setattr(single_run.machine_for(each), "usual_factors", {})
    assert outcomes == [[run(program, grid, each) for each in limits] for program in programs]


def test_a_long_program_is_run_without_weighing_more_than_one_of_its_results(monkeypatch):
    weighed = []
    monkeypatch.setattr(machine, "tree_size", lambda value, *limit: weighed.append(value) or tree_size(value, *limit))
    lines = ["x1 = asobject(I)", *[f"x{k} = shift(x{k - 1}, UNITY)" for k in range(2, 60)]]
    grid = tuple(tuple((i * j) % 3 for j in range(20)) for i in range(20))
    program = parse("\n".join([*lines, "O = paint(I, x59)"]))
    ((outcome,),) = run_batch([program], [grid])
    assert outcome.status is Status.OK
    assert len(weighed) < 2


def test_what_has_a_tight_bound_is_a_primitive():
    assert set(size_bounds.FACTORS) <= set(PRIMITIVES)


def test_bounding_a_tower_of_closures_ends():
    tower = PRIMITIVES["size"]
    for _ in range(50):
        tower = PRIMITIVES["fork"](PRIMITIVES["add"], tower, tower)
    with MACHINE.metered:
        assert MACHINE.call(PRIMITIVES["apply"], [tower, ()], [1, 1, 1]) == ((), 1, 1)


def test_weighing_stops_at_the_limit():
    value = HEAVY
    for _ in range(60):
        value = (value, value)
    with pytest.raises(SizeExceeded):
        tree_size(value, 1000)
    assert tree_size((HEAVY, frozenset({HEAVY}), 3)) == 1 + 61 + 1 + 61 + 1


@pytest.mark.parametrize("name", ["product", "upscale", "hupscale", "vupscale"])
@pytest.mark.parametrize("second", [1, (), (1, 1), ((1, 2), (3, 4)), None])
def test_bounding_changes_no_verdict_on_nothing(name, second):
    for empty in ((), frozenset()):
        with MACHINE.metered:
            result = MACHINE.call(PRIMITIVES[name], [empty, second], [1, 1, tree_size(second)])
        failure = None
        try:
            expected = PRIMITIVES[name](empty, second)
        except Exception as error:
            failure = type(error).__name__
        assert result.reason == failure if isinstance(result, Failure) else result[0] == expected
